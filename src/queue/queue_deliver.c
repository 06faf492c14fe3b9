/* A delivery fiber: one connection to one destination, message after message. */
#include <errno.h>

#include "base/log.h"
#include "client/client_choose.h"
#include "net/conn_race.h"
#include "queue/queue_convert.h"
#include "queue/queue_feedback.h"
#include "queue/queue_internal.h"
#include "queue/queue_source.h"

/* An open connection waits so long for the next message. */
#define IDLE_MS 1000
/* Then it is closed, so that an MX that came back, or a better one, is found. */
#define CONNECTION_MAX_MS       (5 * 60 * 1000)
#define CONNECTION_MAX_MESSAGES 1000
/* All look-ups of a route together; each has the time that the configuration gives it. */
#define ROUTE_MS  (60 * 1000)
#define BEHIND_MS 20
/* Of a job, until its destination is taken for what it is. */
#define MOVES_MAX 3

struct delivery {
	struct queue *queue;
	struct queue_destination *destination;
	struct smtp_client *client; /* NULL: not connected */
	struct smtp_client_config config;
	struct tls_policy_domain domain;
	struct tls_policy policy; /* of the host */
	/* Of the connection. */
	struct arena *arena;
	const char *host;
	struct slice peer, tls, from;
	int64_t opened_ms; /* monotonic */
	unsigned era;      /* queue_ready_renew() */
	bool is_alone;     /* good for the job that it was opened for, no other */
	bool was_idle;
};

/* --- connecting ----------------------------------------------------------------------- */

void queue_client_configure(const struct queue *q, const struct client_route *route,
                            struct smtp_client_config *out)
{
	const struct config *c = q->config.config;
	const struct config_smarthost *s = route->smarthost;
	*out = (struct smtp_client_config){
		.tls_any = q->tls_any,
		.tls_verified = q->tls_verified,
		.lmtp = s && s->lmtp,
		.user = s ? s->user : NULL,
		.password = s ? s->password : NULL,
		.auth = s ? s->auth : AUTH_MECHANISM_ANY,
		/* The operator said so by `tls = none`. */
		.auth_in_clear = s && s->tls == TLS_RULE_NONE,
		.timeouts = { .connect_ms = c->queue.connect_timeout_ms,
		              .command_ms = c->queue.command_timeout_ms,
		              .block_ms = c->queue.command_timeout_ms,
		              .data_end_ms = c->queue.data_timeout_ms,
		              .message_ms = c->queue.message_timeout_ms,
		              .min_data_rate = c->queue.min_data_rate },
	};
}

/* The addresses of one host that are left to try. */
struct host {
	struct delivery *delivery;
	const struct config_smarthost *way;
	const struct client_hop *hops[CLIENT_ROUTE_HOPS_MAX];
	struct queue_source sources[CLIENT_ROUTE_HOPS_MAX];
	size_t count;
	size_t tried; /* of hops: that which was connected to, or could not be */
};

static int race_connect(void *arg, size_t which, struct conn **out)
{
	struct host *h = arg;
	return queue_source_connect(h->delivery->queue, h->way, h->hops[which],
	                            deadline_in(h->delivery->config.timeouts.connect_ms),
	                            &h->sources[which], out);
}

/* At several addresses, the first that answers. */
static int open_first(struct delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	struct conn *conn;
	if (h->count == 1)
		return queue_source_open(d->queue, h->way, &d->config, h->hops[0], d->arena,
		                         &d->client, outcome);
	int rc = conn_race(h->count, race_connect, h,
	                   d->queue->config.config->queue.connect_fallback_ms, &conn, &h->tried);
	if (rc < 0) {
		*outcome = queue_source_trouble(d->arena, rc, h->hops[0]->host);
		h->tried = 0;
		h->count = 1; /* all of them have been */
		return rc;
	}
	d->config.source = h->sources[h->tried].address;
	d->config.helo = h->sources[h->tried].helo;
	return smtp_client_start(&d->config, conn, h->hops[h->tried]->host, d->arena, &d->client,
	                         outcome);
}

/* A host that offers TLS and then can't is spoken to without, if nobody asked for TLS: mail that
 * went in clear anyway must not stop for it. */
static int open_host(struct delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	int rc = open_first(d, h, outcome);
	const struct client_hop *hop = h->hops[h->tried];
	if (rc == 0 || outcome->stage != SMTP_STAGE_TLS || rc == -ECANCELED ||
	    d->config.tls != TLS_RULE_OPPORTUNISTIC)
		return rc;
	log_info("queue.tls.failed", kv_str("host", hop->host), kv_slice("why", outcome->text));
	d->config.tls = TLS_RULE_NONE;
	rc = queue_source_open(d->queue, h->way, &d->config, hop, d->arena, &d->client, outcome);
	if (rc < 0)
		d->config.tls = TLS_RULE_OPPORTUNISTIC;
	return rc;
}

static void connected(struct delivery *d, const struct client_hop *hop)
{
	char address[NET_ADDRESS_TEXT_MAX];
	net_address_text(&hop->address, address);
	d->host = hop->host;
	d->peer = slice_from_str(hop->host);
	if (hop->address.any.sa_family != AF_UNIX)
		d->peer = slice_from_str(arena_printf(d->arena, "%s (%s)", hop->host, address));
	d->tls = queue_tls_text(&d->policy, d->client, d->arena);
	d->from = SLICE_EMPTY;
	if (d->config.source)
		d->from = slice_from_str(arena_str(
			d->arena, slice_from_str(net_address_ip(d->config.source, address))));
	d->opened_ms = clock_monotonic_ms();
	d->was_idle = false;
	atomic_fetch_add(&d->queue->connects, 1);
}

static void disconnect(struct delivery *d)
{
	smtp_client_quit(d->client);
	d->client = NULL;
}

/* As above, by the policy that holds for the host. */
static int open_by_policy(struct delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	h->tried = 0;
	int rc = tls_policy_find_host(&d->domain, h->hops[0], d->arena, deadline_in(ROUTE_MS),
	                              &d->policy, outcome);
	if (rc == 0) {
		d->config.tls = d->policy.rule;
		rc = open_host(d, h, outcome);
	}
	queue_feedback_note_tls(d->queue, &d->domain, &d->policy, h->hops[h->tried],
	                        rc == 0 ? d->client : NULL, outcome);
	if (rc < 0)
		queue_tls_explain(&d->policy, d->arena, outcome);
	return rc;
}

/* As above, and besides the host must be one that the message may go to. */
static int open_trusted(struct delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	int rc = open_by_policy(d, h, outcome);
	if (rc == 0)
		rc = queue_tls_check_host(d->client, d->arena, outcome);
	if (rc < 0)
		queue_tls_judge(outcome);
	if (rc < 0 && d->client)
		disconnect(d);
	return rc;
}

/* The addresses that stand together at i. Returns how many these are. */
static size_t gather_host(struct host *h, const struct client_route *route, size_t i)
{
	const struct client_hop *first = &route->hops[i];
	h->count = 0;
	while (i < route->count && route->hops[i].preference == first->preference &&
	       strcmp(route->hops[i].host, first->host) == 0)
		h->hops[h->count++] = &route->hops[i++];
	return h->count;
}

/* One address after the other that can be connected to. later: of several that fail, what may work
 * later counts. */
static int try_host(struct delivery *d, struct host *h, enum queue_tls_need need,
                    struct smtp_outcome *later, struct smtp_outcome *outcome)
{
	int rc = -EHOSTUNREACH;
	while (h->count > 0) {
		rc = need == QUEUE_TLS_NEEDED ? open_trusted(d, h, outcome)
		                              : open_by_policy(d, h, outcome);
		if (rc == 0)
			connected(d, h->hops[h->tried]);
		if (rc == 0 || rc == -ECANCELED)
			break;
		d->host = h->hops[h->tried]->host;
		if (outcome->verdict == SMTP_TEMPORARY)
			*later = *outcome;
		h->count--;
		for (size_t i = h->tried; i < h->count; i++)
			h->hops[i] = h->hops[i + 1];
	}
	return rc;
}

static int open_any(struct delivery *d, const struct client_route *route, enum queue_tls_need need,
                    struct smtp_outcome *outcome)
{
	struct smtp_outcome later = { .verdict = SMTP_PERMANENT };
	struct host host = { .delivery = d, .way = route->way };
	int rc = 0;
	for (size_t i = 0; i < route->count;) {
		i += gather_host(&host, route, i);
		rc = try_host(d, &host, need, &later, outcome);
		if (rc == 0 || rc == -ECANCELED)
			return rc;
	}
	if (rc < 0 && later.verdict == SMTP_TEMPORARY)
		*outcome = later;
	return rc;
}

/* No more connections in a time than are to be. */
static int wait_for_turn(struct delivery *d, const struct queue_job *job,
                         struct smtp_outcome *outcome)
{
	int64_t wait_ms;
	while ((wait_ms = queue_ready_connect_ms(d->queue->ready, d->destination, job)) > 0) {
		int rc = fiber_sleep(deadline_in(wait_ms));
		if (rc < 0 && rc != -ETIMEDOUT) {
			*outcome = smtp_outcome_trouble(d->arena, SMTP_STAGE_ROUTE, rc, "4.3.2",
			                                "queue");
			return rc;
		}
	}
	return 0;
}

/* Its hosts may be those of other domains: then the job is for the destination that these share, or
 * no longer for the one that it waited for. -EXDEV: it is to be moved there. found: what the DNS
 * said, or an error; its trouble is the domain's own. */
static int check_group(struct delivery *d, struct queue_job *job, const struct client_route *route,
                       int found)
{
	struct queue *q = d->queue;
	if (job->tls_need != QUEUE_TLS_USUAL || (job->way && !job->way->direct))
		return 0;
	struct slice base = client_choose_key(q->config.config, d->arena, job->way, job->domain);
	struct slice group = base;
	if (found == 0)
		group = queue_group_of(d->arena, base, job->domain, route, &d->domain);
	queue_groups_note(q->groups, base, group);
	d->is_alone = false;
	if (slice_equal(group, job->key))
		return 0;
	/* A DNS that says something else each time. */
	d->is_alone = ++job->moves > MOVES_MAX;
	if (d->is_alone)
		return 0;
	job->key = arena_copy(job->arena, group);
	return -EXDEV;
}

static int connect_to(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	const struct queue_config *c = &d->queue->config;
	struct client_route route;
	arena_reset(d->arena);
	d->era = queue_ready_era(d->queue->ready, d->destination);
	d->host = NULL;
	d->peer = d->tls = d->from = SLICE_EMPTY;
	int rc = client_route_find(c->dns, c->config, d->arena, job->way, job->domain,
	                           deadline_in(ROUTE_MS), &route, outcome);
	if (rc == 0)
		rc = queue_policy_find(d->queue, &route, job->domain, job->tls_need, d->arena,
		                       deadline_in(ROUTE_MS), &d->domain, outcome);
	if (rc != -ECANCELED && check_group(d, job, &route, rc) < 0)
		return -EXDEV;
	if (rc == 0)
		rc = wait_for_turn(d, job, outcome);
	if (rc < 0)
		return rc;
	queue_client_configure(d->queue, &route, &d->config);
	d->config.wish = &d->policy.wish;
	return open_any(d, &route, job->tls_need, outcome);
}

/* --- one message ---------------------------------------------------------------------- */

/* All that have not been in a transaction, this one included. */
static void set_rest(struct queue_job *job, const struct smtp_outcome *o)
{
	for (size_t i = job->part_from; i < job->count; i++) {
		job->wire[i].outcome = *o;
		job->wire[i].outcome.text = arena_copy(job->arena, o->text);
	}
}

/* An ASCII message may be for an address that isn't. */
static bool needs_smtputf8(const struct queue_job *job)
{
	for (size_t i = 0; i < job->part_count; i++) {
		if (!slice_is_ascii(job->wire[job->part_from + i].path))
			return true;
	}
	return job->smtputf8;
}

/* What an alias put its Delivered-To before goes on in our name, if that is wanted. */
static struct slice sender_of(const struct delivery *d, struct queue_job *job)
{
	if (job->prefix.len == 0)
		return job->reverse_path;
	return post_forward_sender(d->queue->config.post, job->arena, job->reverse_path);
}

static int send_form(struct delivery *d, struct queue_job *job,
                     const struct queue_message_form *form, struct smtp_outcome *outcome)
{
	struct slice parts[] = { job->prefix, form->bytes };
	struct smtp_client_mail mail = {
		.reverse_path = sender_of(d, job),
		.recipients = &job->wire[job->part_from],
		.recipient_count = job->part_count,
		.body_8bit = form->body_8bit,
		.body_binary = form->body_binary,
		.by_chunks = d->queue->config.config->queue.chunking,
		.smtputf8 = needs_smtputf8(job),
		.envid = job->envid,
		.ret = job->ret,
		.options = &job->options,
		.size_bytes = parts[0].len + parts[1].len,
		.parts = parts,
		.part_count = 2,
	};
	int rc = smtp_client_send(d->client, &mail, job->arena, outcome);
	job->peer = arena_copy(job->arena, d->peer);
	job->tls = arena_copy(job->arena, d->tls);
	job->from = arena_copy(job->arena, d->from);
	job->remote_does_dsn = smtp_client_extensions(d->client) & SMTP_EXT_DSN;
	job->remote_does_by = smtp_client_extensions(d->client) & SMTP_EXT_DELIVERBY;
	return rc;
}

static int not_sendable(const struct delivery *d, struct queue_job *job, int rc,
                        struct smtp_outcome *outcome)
{
	if (rc == -EOPNOTSUPP) {
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_MAIL, rc, "5.6.3", d->host);
		outcome->verdict = SMTP_PERMANENT;
		outcome->text = slice_from_str(arena_printf(
			job->arena,
			"%s takes no %s data, and the message can't be converted: it is signed, "
			"or beyond our understanding",
			d->host, job->body_binary ? "binary" : "8-bit"));
	} else {
		log_error("queue.convert", kv_str("queue_id", job->queue_id), kv_error(rc));
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_DATA, rc, "4.3.0",
		                                "converting the message");
	}
	outcome->host = false;
	set_rest(job, outcome);
	return rc;
}

/* In the form that the other side takes. */
static int send_bytes(struct delivery *d, struct queue_job *job, struct slice bytes,
                      struct smtp_outcome *outcome)
{
	struct queue_message_form form;
	int rc = queue_message_form(d->queue->config.config, job, smtp_client_extensions(d->client),
	                            slice_from(bytes, job->skip_bytes), &form);
	if (rc < 0)
		return not_sendable(d, job, rc, outcome);
	rc = send_form(d, job, &form, outcome);
	queue_message_form_end(&form);
	return rc;
}

static int send_job(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct blob_view view;
	int rc = blob_open_at(d->queue->config.store, job->blob_id, &job->place, &view);
	if (rc < 0) {
		log_error("queue.blob", kv_str("queue_id", job->queue_id), kv_error(rc));
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_DATA, rc, "4.3.0",
		                                "our copy of the message");
		outcome->host = false;
		set_rest(job, outcome);
		return rc;
	}
	rc = send_bytes(d, job, view.bytes, outcome);
	blob_close(&view);
	return rc;
}

/* A connection that was used before may have been closed by the other side just now: that is no
 * failed attempt, as long as no byte of the message was sent. */
static bool was_stale(const struct delivery *d, const struct queue_job *job,
                      const struct smtp_outcome *outcome)
{
	return !job->retried && (d->was_idle || smtp_client_sent(d->client) > 0) &&
	       !smtp_client_is_usable(d->client) && outcome->stage <= SMTP_STAGE_MAIL &&
	       outcome->error != -ECANCELED && outcome->error != -ETIMEDOUT;
}

/* BY=...;R: whoever gets it now gets it too late. */
static int come_too_late(struct queue_job *job, struct smtp_outcome *outcome)
{
	*outcome = (struct smtp_outcome){
		.verdict = SMTP_PERMANENT,
		.stage = SMTP_STAGE_ROUTE,
		.error = -ETIME,
		.enhanced = { 5, 4, 7 },
		.text = SLICE("the time that the sender gave for its delivery is over")
	};
	set_rest(job, outcome);
	return -ETIME;
}

/* The other side may limit what it takes in a transaction, and in a session. */
static int choose_part(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	size_t left = job->count - job->part_from;
	const struct smtp_client_recipient *from = &job->wire[job->part_from];
	bool open = d->client && smtp_client_is_usable(d->client);
	job->part_count = open ? smtp_client_fit(d->client, from, left) : 0;
	if (job->part_count > 0)
		return 0;
	disconnect(d);
	int rc = connect_to(d, job, outcome);
	if (rc == 0)
		job->part_count = smtp_client_fit(d->client, from, left);
	/* One that has room for nothing does not mean it. */
	if (rc == 0 && job->part_count == 0)
		job->part_count = 1;
	return rc;
}

static int carry_part(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	for (;;) {
		int rc = choose_part(d, job, outcome);
		if (rc == 0 && job->part_from == 0 && !queue_lease_covers(&d->queue->leases, job))
			rc = -EXDEV;
		if (rc == -EXDEV)
			return rc;
		if (rc < 0) {
			set_rest(job, outcome);
			if (d->host)
				job->peer = arena_copy(job->arena, slice_from_str(d->host));
			return rc;
		}
		rc = send_job(d, job, outcome);
		if (rc == 0 || !was_stale(d, job, outcome))
			return rc;
		job->retried = true;
		disconnect(d);
	}
}

/* The part is over. Who was one too many in it begins the next one: it goes on as long as each
 * takes somebody. */
static void end_part(struct queue_job *job, int rc)
{
	size_t at = job->part_from, end = at + job->part_count;
	for (size_t i = at; rc == 0 && i < end; i++) {
		if (job->wire[i].outcome.too_many)
			continue;
		struct smtp_client_recipient wire = job->wire[at];
		struct queue_target target = job->targets[at];
		job->wire[at] = job->wire[i];
		job->targets[at++] = job->targets[i];
		job->wire[i] = wire;
		job->targets[i] = target;
	}
	job->part_from = rc == 0 ? at : end;
}

static int carry(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	int rc = 0;
	bool any = false;
	if (queue_job_is_late(job, clock_wall_ms()))
		return come_too_late(job, outcome);
	if (!queue_lease_covers(&d->queue->leases, job))
		return -EXDEV;
	if (job->way && job->way->final != FINAL_NONE)
		return queue_final_carry(d->queue, job, outcome);
	if (d->client && (queue_ready_era(d->queue->ready, d->destination) != d->era ||
	                  (d->was_idle && smtp_client_has_input(d->client))))
		disconnect(d);
	while (job->part_from < job->count) {
		rc = carry_part(d, job, outcome);
		if (rc == -EXDEV)
			return rc;
		any |= rc == 0;
		/* What broke here would do so for the others. */
		end_part(job, rc);
		if (rc < 0 && (!d->client || !smtp_client_is_usable(d->client))) {
			set_rest(job, outcome);
			return rc;
		}
	}
	return any ? 0 : rc;
}

/* A connection that is not ours to open anew: what its LIMITS leave no room for waits. */
static int no_room(struct delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_MAIL, -EBUSY, "4.5.3", d->host);
	outcome->host = false;
	set_rest(job, outcome);
	return -EBUSY;
}

int queue_deliver_one(struct queue *q, struct smtp_client *client, struct slice peer,
                      struct slice tls, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct delivery d = { .queue = q,
		              .client = client,
		              .host = smtp_client_host(client),
		              .peer = peer,
		              .tls = tls };
	int rc = 0;
	bool any = false;
	if (queue_job_is_late(job, clock_wall_ms()))
		return come_too_late(job, outcome);
	while (job->part_from < job->count && smtp_client_is_usable(client)) {
		job->part_count = smtp_client_fit(client, &job->wire[job->part_from],
		                                  job->count - job->part_from);
		if (job->part_count == 0)
			return no_room(&d, job, outcome);
		rc = send_job(&d, job, outcome);
		any |= rc == 0;
		end_part(job, rc);
	}
	if (rc == 0 && job->part_from < job->count)
		return no_room(&d, job, outcome);
	set_rest(job, outcome);
	return any ? 0 : rc;
}

/* --- what follows from it ------------------------------------------------------------- */

static int64_t begin_pause(struct delivery *d, const struct queue_job *job, int64_t now_ms,
                           const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	struct list returned;
	unsigned attempts = 0;
	list_init(&returned);
	for (size_t i = 0; i < job->count; i++) {
		if (job->targets[i].attempts > attempts)
			attempts = job->targets[i].attempts;
	}
	int64_t until_ms = queue_ready_pause(q->ready, d->destination, &job->schedule, now_ms,
	                                     attempts, outcome->text, &returned);
	LIST_EACH (&returned, link, following) {
		struct queue_job *other = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&other->link);
		other->dates_are_doubtful = job->dates_are_doubtful;
		queue_job_return(other, now_ms, until_ms, outcome);
		queue_record_put(q, other);
	}
	return until_ms;
}

/* A message that was put off may have been so for our haste: what is said of one recipient rather
 * is for them (greylisting, a full mailbox). */
static bool is_hurried(const struct smtp_outcome *o)
{
	return o->verdict == SMTP_TEMPORARY && o->error != -ECANCELED &&
	       (o->error == -ETIMEDOUT ||
	        (o->code > 0 && o->stage >= SMTP_STAGE_MAIL && o->stage != SMTP_STAGE_RCPT));
}

static void note_pace(struct delivery *d, int rc, const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	queue_ready_works(q->ready, d->destination);
	if (rc == 0 && queue_ready_faster(q->ready, d->destination))
		queue_dispatch(q);
	else if (rc < 0 && is_hurried(outcome))
		queue_ready_slower(q->ready, d->destination);
}

/* A connection that was not to be had, while others are: the job is for them. */
static bool is_one_too_many(struct delivery *d, struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		enum smtp_verdict verdict = job->wire[i].outcome.verdict;
		if (verdict == SMTP_OK || verdict == SMTP_PERMANENT)
			return false;
	}
	return queue_ready_one_less(d->queue->ready, d->destination, job);
}

static void finish(struct delivery *d, struct queue_job *job, int rc,
                   const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	int64_t host_due_ms = 0;
	bool cancelled = rc < 0 && outcome->error == -ECANCELED;
	/* First, as it hears of a clock that was set, and moves the pauses that there are. */
	job->dates_are_doubtful = queue_clock_is_doubtful(q);
	int64_t now_ms = clock_wall_ms();
	bool trouble = rc < 0 && !cancelled && outcome->host && outcome->verdict == SMTP_TEMPORARY;
	if (trouble && is_one_too_many(d, job))
		return;
	if (trouble)
		host_due_ms = begin_pause(d, job, now_ms, outcome);
	else if (!cancelled && outcome->stage > SMTP_STAGE_CONNECT)
		note_pace(d, rc, outcome);
	queue_job_judge(job, now_ms, host_due_ms);
	queue_record_put(q, job);
}

static bool is_worn(const struct delivery *d)
{
	return d->is_alone || !smtp_client_is_usable(d->client) || smtp_client_is_full(d->client) ||
	       smtp_client_sent(d->client) >= CONNECTION_MAX_MESSAGES ||
	       clock_monotonic_ms() - d->opened_ms > CONNECTION_MAX_MS;
}

/* As fast as it is to be served; while that takes long the other side need not keep a connection.
 */
static struct queue_job *take_job(struct delivery *d)
{
	struct queue_ready *r = d->queue->ready;
	struct queue_job *job;
	int64_t wait_ms;
	while (!(job = queue_ready_take(r, d->destination)) &&
	       (wait_ms = queue_ready_pace_ms(r, d->destination)) > 0) {
		if (wait_ms > IDLE_MS)
			disconnect(d);
		d->was_idle = true;
		if (fiber_sleep(deadline_in(wait_ms)) == -ECANCELED)
			return NULL;
	}
	return job;
}

static struct queue_job *next_job(struct delivery *d)
{
	struct queue *q = d->queue;
	while (queue_record_is_behind(q) || !queue_lease_holds(&q->leases)) {
		if (fiber_sleep(deadline_in(BEHIND_MS)) == -ECANCELED)
			return NULL;
	}
	struct queue_job *job = take_job(d);
	if (job || !d->client)
		return job;
	d->was_idle = true;
	return queue_ready_wait(q->ready, d->destination, IDLE_MS);
}

/* Others of its domain have been moved. */
static bool is_elsewhere(struct delivery *d, struct queue_job *job)
{
	struct queue *q = d->queue;
	if (d->client || job->moves > 0 || job->tls_need != QUEUE_TLS_USUAL)
		return false;
	struct slice key = queue_groups_find(q->groups, job->arena, job->key);
	bool moved = !slice_equal(key, job->key);
	job->key = key;
	job->moves += moved;
	return moved;
}

/* It goes back to the lists; or is forgotten, if somebody else has it now. */
static void move(struct delivery *d, struct queue_job *job)
{
	if (queue_lease_is_over(&d->queue->leases, job)) {
		queue_job_free(job);
		return;
	}
	job->dates_are_doubtful = queue_clock_is_doubtful(d->queue);
	queue_put(d->queue, job, clock_wall_ms());
	queue_dispatch(d->queue);
}

void queue_deliver(void *arg)
{
	struct queue_carrier *carrier = arg;
	struct delivery d = { .queue = carrier->queue, .destination = carrier->destination };
	struct queue_job *job;
	free(carrier);
	d.arena = arena_new();
	while ((job = next_job(&d))) {
		struct smtp_outcome outcome = { .verdict = SMTP_OK };
		int rc = is_elsewhere(&d, job) ? -EXDEV : carry(&d, job, &outcome);
		if (rc == -EXDEV)
			move(&d, job);
		else
			finish(&d, job, rc, &outcome);
		if (d.client && is_worn(&d))
			disconnect(&d);
		if (rc < 0 && outcome.error == -ECANCELED)
			break;
	}
	disconnect(&d);
	arena_free(d.arena);
	queue_ready_leave(d.queue->ready, d.destination);
	queue_dispatch(d.queue);
	atomic_fetch_sub(&d.queue->carriers, 1);
	fiber_wake(d.queue->recorder.fiber);
}
