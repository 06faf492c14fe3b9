/* A connection that was turned round: what waits for some domains goes over it, as any attempt
 * does, but by the order of rows and whether it is due or not.
 *
 * Each row is taken once in a turn: what the other side puts off is not offered to it again. */
#include <errno.h>

#include "base/log.h"
#include "queue/queue_internal.h"

enum { PAGE_ROWS = 1000, BEHIND_MS = 20 };

struct turn {
	struct queue *queue;
	struct queue_turn *asked;
	struct smtp_client *client;
	struct slice peer, tls;
	bool over; /* nothing more goes over the connection */
};

/* --- what waits ----------------------------------------------------------------------- */

struct look {
	const char *owner;
	struct queue_lease_name taken;
	const struct slice *domains;
	size_t count;
	bool found;
};

static int look_in_read(struct db *db, void *arg)
{
	struct look *l = arg;
	l->found = false;
	for (size_t i = 0; i < l->count && !l->found; i++) {
		int64_t one;
		int rc = db_get_int(db, &one, QUEUE_TABLE_WAITS, "tss", l->domains[i], l->owner,
		                    l->taken.text);
		if (rc < 0 && rc != -ENODATA)
			return rc;
		l->found = rc == 0;
	}
	return 0;
}

int queue_turn_waits(struct queue *q, const struct slice *domains, size_t count, bool *waits_out)
{
	struct look l = { .owner = q->leases.owner,
		          .taken = queue_lease_name(&q->leases),
		          .domains = domains,
		          .count = count };
	int rc = store_read(q->config.store, look_in_read, &l);
	if (rc == 0)
		*waits_out = l.found;
	return rc;
}

/* --- sending it ----------------------------------------------------------------------- */

/* While outcomes can't be recorded, mail must not go out either (queue.h, invariant 4). */
static void wait_for_recorder(struct turn *t)
{
	while (!t->over && queue_record_is_behind(t->queue))
		t->over = fiber_sleep(deadline_in(BEHIND_MS)) == -ECANCELED;
}

static void send_one(struct turn *t, struct queue_job *job)
{
	struct queue *q = t->queue;
	struct smtp_outcome outcome = { .verdict = SMTP_OK };
	int rc = queue_deliver_one(q, t->client, t->peer, t->tls, job, &outcome);
	job->dates_are_doubtful = queue_clock_is_doubtful(q);
	queue_job_judge(job, clock_wall_ms(), 0);
	t->asked->sent += rc == 0;
	t->over |= !smtp_client_is_usable(t->client) || (rc < 0 && outcome.error == -ECANCELED);
}

static void end_one(struct turn *t, struct queue_job *job)
{
	wait_for_recorder(t);
	if (t->over || !queue_lease_covers(&t->queue->leases, job))
		queue_job_return(job, clock_wall_ms(), clock_wall_ms(), NULL);
	else
		send_one(t, job);
	queue_record_put(t->queue, job);
}

static int send_domain(struct turn *t, struct slice domain)
{
	struct queue_page page = { .full = true, .seen_position = -1 };
	while (page.full && !t->over) {
		page = (struct queue_page){
			.ready = t->queue->ready,
			.config = t->queue->config.config,
			.owner = t->queue->leases.owner,
			.taken = queue_lease_name(&t->queue->leases),
			.now_ms = clock_wall_ms(),
			.max_rows = PAGE_ROWS,
			.seen_message = page.seen_message,
			.seen_position = page.seen_position,
		};
		int rc = queue_table_turn(t->queue->config.store, domain, &page);
		if (rc < 0)
			return rc;
		LIST_EACH (&page.jobs, link, following) {
			struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
			list_remove(&job->link);
			end_one(t, job);
		}
	}
	return 0;
}

static void describe(struct turn *t, struct arena *arena)
{
	char address[NET_ADDRESS_TEXT_MAX];
	struct conn_tls_info tls = smtp_client_tls(t->client);
	net_address_text(smtp_client_peer(t->client), address);
	t->peer = slice_from_str(
		arena_printf(arena, "%s (%s), turned round", t->asked->host, address));
	if (tls.protocol)
		t->tls = slice_from_str(arena_printf(arena, "%s %s", tls.protocol, tls.cipher));
}

static int send_all(struct turn *t, struct arena *arena)
{
	int rc = 0;
	describe(t, arena);
	for (size_t i = 0; i < t->asked->domain_count && !t->over && rc == 0; i++)
		rc = send_domain(t, t->asked->domains[i]);
	smtp_client_quit(t->client);
	return rc;
}

int queue_turn(struct queue *q, struct queue_turn *asked)
{
	const struct config *c = q->config.config;
	const struct smtp_client_config config = {
		.helo = c->hostname,
		.tls = TLS_RULE_NONE,
		.timeouts = { .command_ms = c->queue.command_timeout_ms,
		              .block_ms = c->queue.command_timeout_ms,
		              .data_end_ms = c->queue.data_timeout_ms,
		              .message_ms = c->queue.message_timeout_ms,
		              .min_data_rate = c->queue.min_data_rate },
	};
	struct turn t = { .queue = q, .asked = asked };
	struct smtp_outcome outcome = { .verdict = SMTP_OK };
	struct arena *arena = arena_new();
	/* The recorder is not to end before this has. */
	atomic_fetch_add(&q->carriers, 1);
	int rc = smtp_client_turn(&config, asked->conn, asked->host, arena, &t.client, &outcome);
	if (rc < 0)
		log_info("queue.turn.failed", kv_str("host", asked->host),
		         kv_slice("why", outcome.text));
	else
		rc = send_all(&t, arena);
	atomic_fetch_sub(&q->carriers, 1);
	fiber_wake(q->recorder.fiber);
	arena_free(arena);
	return rc;
}
