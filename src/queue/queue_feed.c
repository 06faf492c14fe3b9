/* The feeder: the fiber that takes what is due from the table into memory.
 *
 * New rows come first, in the order of their coming. What waited is taken by domain, as the agenda
 * says: no more than the domain's destination can do with, so that one with a million recipients
 * leaves room for all others, and no row is read before there is. */
#include <errno.h>

#include "base/log.h"
#include "client/client_choose.h"
#include "queue/queue_internal.h"

#define PAGE_ROWS    200
#define PAGE_DOMAINS 64
/* The wall clock, by which things are due, may jump: look at it this often. */
#define LOOK_AGAIN_MS    (30 * 1000)
#define STORE_TROUBLE_MS 2000

void queue_put(struct queue *q, struct queue_job *job, int64_t now_ms)
{
	struct queue_trouble trouble;
	int64_t due_ms;
	if (queue_ready_put(q->ready, job->key, job, now_ms, &due_ms, &trouble))
		return;
	const struct smtp_outcome why = { .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_CONNECT,
		                          .enhanced = trouble.status,
		                          .text = trouble.text };
	queue_job_return(job, now_ms, due_ms, &why);
	queue_record_put(q, job);
}

static void spread(struct queue *q, struct queue_page *page)
{
	LIST_EACH (&page->jobs, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_put(q, job, clock_wall_ms());
	}
	LIST_EACH (&page->expired, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_job_end_untried(job, page->now_ms);
		queue_record_put(q, job);
	}
	LIST_EACH (&page->released, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_record_put(q, job);
	}
	queue_ready_end_page(q->ready);
	queue_dispatch(q);
}

static struct queue_page make_page(struct queue *q)
{
	/* First, as it hears of a clock that was set. */
	bool doubtful = queue_clock_is_doubtful(q);
	return (struct queue_page){
		.ready = q->ready,
		.agenda = q->agenda,
		.groups = q->groups,
		.config = q->config.config,
		.owner = q->leases.owner,
		.taken = queue_lease_name(&q->leases),
		.now_ms = clock_wall_ms(),
		.latest_due_ms = queue_clock_latest_due(q),
		.dates_are_doubtful = doubtful,
		.max_rows = PAGE_ROWS,
		.seen_message = q->seen_message,
		.seen_position = q->seen_position,
	};
}

static int failed_page(struct queue *q, int rc)
{
	queue_ready_end_page(q->ready);
	log_error("queue.page.failed", kv_error(rc));
	return rc;
}

/* What was added since the last look. */
static int feed_new(struct queue *q)
{
	struct queue_page page;
	do {
		atomic_store(&q->added, false);
		page = make_page(q);
		int rc = queue_table_new(q->config.store, &page);
		if (rc < 0)
			return failed_page(q, rc);
		q->seen_message = page.seen_message;
		q->seen_position = page.seen_position;
		spread(q, &page);
	} while (page.full);
	return 0;
}

/* Destinations that have done what they had. */
static void refill(struct queue *q, struct arena *arena)
{
	struct slice key;
	size_t room;
	while (queue_ready_refill(q->ready, arena, &key, &room)) {
		if (queue_agenda_unpark(q->agenda, key, room > 0 ? room : 1))
			queue_ready_watch(q->ready, key);
	}
}

/* For how many recipients of the domain there is room; *key_out: the destination that all but those
 * go to who have a route of their own. */
static size_t room_for(struct queue *q, struct arena *arena, struct slice domain, int64_t now_ms,
                       struct slice *key_out)
{
	const struct config *c = q->config.config;
	const struct client_errand errand = { .domain = domain };
	const struct config_smarthost *way = client_choose(c, &errand);
	*key_out = queue_groups_find(q->groups, arena, client_choose_key(c, arena, way, domain));
	size_t room = queue_ready_room(q->ready, *key_out, now_ms);
	for (way = NULL; (way = client_choose_next(c, domain, way));) {
		if (way->sender.count + way->account.count == 0)
			continue;
		struct slice key = queue_groups_find(q->groups, arena,
		                                     client_choose_key(c, arena, way, domain));
		size_t other = queue_ready_room(q->ready, key, now_ms);
		room = other > room ? other : room;
	}
	return room;
}

/* The domains of a page, as many as its rows are sure to be enough for. */
static void choose_domains(struct queue *q, struct arena *arena, struct queue_page *page)
{
	size_t left = page->max_rows;
	struct slice name;
	while (left > 0 && page->domain_count < PAGE_DOMAINS && !queue_ready_is_full(q->ready) &&
	       queue_agenda_take(q->agenda, page->now_ms, arena, &name)) {
		struct slice key;
		size_t room = room_for(q, arena, name, page->now_ms, &key);
		if (room == 0) {
			queue_agenda_park(q->agenda, key, name);
			queue_ready_watch(q->ready, key);
			continue;
		}
		struct queue_page_domain *d = &page->domains[page->domain_count++];
		*d = (struct queue_page_domain){ .name = name,
			                         .max_rows = room < left ? room : left };
		left -= d->max_rows;
	}
}

/* A page of what waited; *done_out: nothing more is to be had now. */
static int feed_due(struct queue *q, bool *done_out)
{
	struct arena *arena = arena_new();
	struct queue_page page = make_page(q);
	int rc = 0;
	page.domains = ARENA_ARRAY(arena, PAGE_DOMAINS, struct queue_page_domain);
	refill(q, arena);
	choose_domains(q, arena, &page);
	*done_out = page.domain_count == 0;
	if (page.domain_count > 0)
		rc = queue_table_page(q->config.store, &page);
	if (rc < 0)
		failed_page(q, rc);
	else if (page.domain_count > 0)
		spread(q, &page);
	arena_free(arena);
	return rc;
}

static bool is_any(const struct queue_job *job, void *arg)
{
	(void)arg;
	return job != NULL;
}

/* Others have taken over what was leased: it is forgotten, and all that is left is looked for. */
static int begin_anew(struct queue *q)
{
	struct list jobs;
	int rc = queue_lease_renew(&q->leases);
	if (rc < 0)
		return rc;
	list_init(&jobs);
	queue_ready_withdraw(q->ready, is_any, NULL, &jobs);
	LIST_EACH (&jobs, link, following) {
		queue_job_free(LIST_ENTRY(link, struct queue_job, link));
	}
	queue_kick(q);
	return 0;
}

/* Mail that comes meanwhile does not wait until all that is old has been looked at. */
static int feed(struct queue *q)
{
	bool done = false;
	int rc = 0;
	while (rc == 0 && !done && !runtime_stopping()) {
		if (atomic_load(&q->leases.lost))
			rc = begin_anew(q);
		queue_withdraw_now(q);
		if (rc == 0)
			rc = feed_new(q);
		if (rc == 0 && atomic_load(&q->scan_due_ms) <= clock_wall_ms())
			queue_scan_begin(q);
		if (rc == 0 && q->scan.active)
			rc = queue_scan_go_on(q);
		if (rc == 0)
			rc = feed_due(q, &done);
		done = done && !q->scan.active;
	}
	return rc;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* With memory full, what is due waits until queue_ready calls. */
static int64_t time_to_wait(struct queue *q, int rc)
{
	if (rc < 0)
		return STORE_TROUBLE_MS;
	int64_t scan_ms = atomic_load(&q->scan_due_ms) - clock_wall_ms();
	int64_t pause_ms = q->scan.not_before_ms - clock_monotonic_ms();
	int64_t wait_ms = scan_ms > pause_ms ? scan_ms : pause_ms;
	if (!queue_ready_is_full(q->ready))
		wait_ms = sooner(wait_ms, queue_agenda_next_ms(q->agenda) - clock_wall_ms());
	if (wait_ms < 0 || atomic_load(&q->added))
		return 0;
	return sooner(wait_ms, LOOK_AGAIN_MS);
}

void queue_feed(void *arg)
{
	struct queue *q = arg;
	while (!runtime_stopping()) {
		int rc = queue_clock_follow(q);
		if (rc == 0)
			rc = feed(q);
		int64_t deadline = deadline_in(time_to_wait(q, rc));
		if (fiber_park("queue: nothing is due", deadline) == -ECANCELED)
			break;
	}
	queue_ready_stop(q->ready);
	atomic_store(&q->recorder.ended, true);
	fiber_wake(q->recorder.fiber);
}
