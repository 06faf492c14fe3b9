#include "queue/queue_feedback_internal.h"

#include <errno.h>

#include "base/hash.h"
#include "base/log.h"
#include "fiber/sync.h"

#define FLUSH_MS (5 * 1000)
#define LOOK_MS  (60 * 1000)
/* What is in memory at most; then it is written at once, or lost. */
enum { COUNTS_MAX = 20000 };

struct counts {
	struct arena *arena;
	struct hash *by_key; /* struct report_count */
};

struct queue_feedback {
	struct queue *queue;
	/* Who writes counts, makes reports of them and sends these. Two at once would report the
	 * same twice, and forget what the one counts while the other has read. */
	struct fiber_mutex *turn;
	int64_t told_day[REPORT_KINDS]; /* when it was last told that there are too many */
	pthread_mutex_t lock;
	struct counts counts;
};

static struct counts new_counts(void)
{
	return (struct counts){ .arena = arena_new(), .by_key = hash_new() };
}

static void free_counts(struct counts *c)
{
	hash_free(c->by_key);
	arena_free(c->arena);
}

struct queue_feedback *queue_feedback_new(struct queue *q)
{
	struct queue_feedback *f = mem_zero(1, sizeof(*f));
	f->queue = q;
	f->turn = fiber_mutex_new();
	f->counts = new_counts();
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void queue_feedback_free(struct queue_feedback *f)
{
	if (!f)
		return;
	free_counts(&f->counts);
	fiber_mutex_free(f->turn);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct feedback_kind *const kinds[REPORT_KINDS] = {
	[REPORT_TLS] = &feedback_kind_tls,
	[REPORT_DMARC] = &feedback_kind_dmarc,
	[REPORT_DMARC_FAILURE] = &feedback_kind_failure,
};

const struct feedback_kind *feedback_kind_of(enum report_kind kind) { return kinds[kind]; }

enum report_kind feedback_kind_number(const struct feedback_kind *kind)
{
	enum report_kind number = 0;
	while (number < REPORT_KINDS && kinds[number] != kind)
		number++;
	return number;
}

/* --- counting ------------------------------------------------------------------------- */

void feedback_count(struct queue *q, const struct feedback_kind *kind, struct slice domain,
                    struct slice policy, struct slice detail)
{
	struct queue_feedback *f = q->feedback;
	const struct report_count one = { .kind = feedback_kind_number(kind),
		                          .day = clock_wall_ms() / FEEDBACK_DAY_MS,
		                          .count = 1 };
	struct arena *arena = arena_new();
	const char *begin = arena_printf(arena, "%d %lld ", (int)one.kind, (long long)one.day);
	struct slice key = arena_concat(
		arena,
		(struct slice[]){ slice_from_str(begin), domain, SLICE(" "), policy, detail }, 5);
	pthread_mutex_lock(&f->lock);
	struct report_count *known = hash_find(f->counts.by_key, key);
	if (known) {
		known->count++;
	} else if (hash_count(f->counts.by_key) < COUNTS_MAX) {
		known = ARENA_NEW(f->counts.arena, struct report_count);
		*known = one;
		known->domain = arena_copy(f->counts.arena, domain);
		known->policy = arena_copy(f->counts.arena, policy);
		known->detail = arena_copy(f->counts.arena, detail);
		hash_put(f->counts.by_key, key, known);
	}
	pthread_mutex_unlock(&f->lock);
	arena_free(arena);
}

bool feedback_tells_full(struct queue_feedback *f, enum report_kind kind, int64_t day)
{
	pthread_mutex_lock(&f->lock);
	bool first = f->told_day[kind] != day;
	f->told_day[kind] = day;
	pthread_mutex_unlock(&f->lock);
	return first;
}

/* --- into the store ------------------------------------------------------------------- */

static int flush(struct queue_feedback *f)
{
	pthread_mutex_lock(&f->lock);
	struct counts taken = f->counts;
	bool any = hash_count(taken.by_key) > 0;
	if (any)
		f->counts = new_counts();
	pthread_mutex_unlock(&f->lock);
	if (!any)
		return 0;
	int rc = feedback_put_counts(f->queue, taken.by_key);
	if (rc < 0)
		log_error("report.counts.lost", kv_error(rc));
	free_counts(&taken);
	return rc;
}

/* --- the day -------------------------------------------------------------------------- */

struct kind_at {
	enum report_kind kind;
	int64_t at_ms;
};

static int expire(struct db *db, void *arg)
{
	const struct kind_at *before = arg;
	return report_expire(db, before->kind, before->at_ms);
}

static void look(struct queue *q, const struct feedback_kind *kind)
{
	const struct config_feedback *c = kind->config(q->config.config);
	int64_t now_ms = clock_wall_ms();
	struct kind_at before = { feedback_kind_number(kind), now_ms - c->keep_ms };
	int rc = 0;
	if (kind->compose)
		rc = feedback_make(q, kind, now_ms / FEEDBACK_DAY_MS, now_ms, c->spread_ms);
	if (rc == 0 && kind->compose)
		rc = feedback_send_due(q, kind);
	if (rc == 0)
		rc = store_commit(q->config.store, NULL, 0, expire, &before);
	if (rc < 0 && rc != -ECANCELED)
		log_error("report.failed", kv_str("kind", kind->name), kv_error(rc));
}

static void look_at_all(struct queue_feedback *f, int64_t *next_ms)
{
	flush(f);
	if (clock_monotonic_ms() < *next_ms)
		return;
	for (enum report_kind kind = 0; kind < REPORT_KINDS; kind++) {
		if (feedback_kind_of(kind)->config(f->queue->config.config)->enabled)
			look(f->queue, feedback_kind_of(kind));
	}
	*next_ms = clock_monotonic_ms() + LOOK_MS;
}

static void run(void *arg)
{
	struct queue_feedback *f = arg;
	int64_t next_ms = 0;
	while (fiber_sleep(deadline_in(FLUSH_MS)) == 0 &&
	       fiber_mutex_lock(f->turn, DEADLINE_NEVER) == 0) {
		look_at_all(f, &next_ms);
		fiber_mutex_unlock(f->turn);
	}
	flush(f);
}

void queue_feedback_start(struct queue_feedback *f) { fiber_start(-1, "reports", run, f); }

static int hurry(struct db *db, void *arg)
{
	const struct kind_at *now = arg;
	return report_row_hurry(db, now->kind, now->at_ms);
}

static int send_all(struct queue *q, enum report_kind number)
{
	const struct feedback_kind *kind = feedback_kind_of(number);
	struct kind_at now = { number, clock_wall_ms() };
	int rc = flush(q->feedback);
	if (rc == 0)
		rc = feedback_make(q, kind, now.at_ms / FEEDBACK_DAY_MS + 1, now.at_ms, 0);
	if (rc == 0)
		rc = store_commit(q->config.store, NULL, 0, hurry, &now);
	return rc == 0 ? feedback_send_due(q, kind) : rc;
}

int queue_feedback_send(struct queue *q, enum report_kind kind)
{
	int rc = fiber_mutex_lock(q->feedback->turn, DEADLINE_NEVER);
	if (rc < 0)
		return rc;
	rc = send_all(q, kind);
	fiber_mutex_unlock(q->feedback->turn);
	return rc;
}
