/* Counts into the store, as many as there may be in a day. Who sends from ever new addresses, in
 * ever new names, makes a row each time: without a bound a stranger could fill the disk. */
#include <errno.h>

#include "base/hash.h"
#include "base/log.h"
#include "queue/queue_feedback_internal.h"

struct putting {
	struct queue *queue;
	struct hash *counts; /* struct report_count */
	/* Made anew each time that the closure runs. */
	struct arena *arena;
	struct hash *room; /* int64_t: rows that a day, or a domain of it, has still room for */
	int64_t dropped[REPORT_KINDS];
};

/* What there is room for is asked once a commit. */
static int find_room(struct db *db, struct putting *p, const struct report_count *c,
                     struct slice domain, int64_t limit, int64_t **out)
{
	const char *key = arena_printf(p->arena, "%d %lld %.*s", (int)c->kind, (long long)c->day,
	                               SLICE_ARG(domain));
	int64_t rows;
	*out = hash_find(p->room, slice_from_str(key));
	if (*out)
		return 0;
	int rc = report_count_rows(db, c->kind, c->day, domain, limit, &rows);
	*out = ARENA_NEW(p->arena, int64_t);
	**out = limit - rows;
	hash_put(p->room, slice_from_str(key), *out);
	return rc;
}

static int put_one(struct db *db, struct putting *p, const struct report_count *c)
{
	const struct config_feedback *config = feedback_kind_of(c->kind)->config(
		p->queue->config.config);
	int64_t *day = NULL, *domain = NULL;
	int rc = report_count_raise(db, c);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = find_room(db, p, c, SLICE_EMPTY, config->max_rows, &day);
	if (rc == 0)
		rc = find_room(db, p, c, c->domain, REPORT_ROWS_MAX, &domain);
	if (rc != 0)
		return rc;
	if (*day <= 0 || *domain <= 0) {
		p->dropped[c->kind]++;
		return 0;
	}
	--*day;
	--*domain;
	return report_count_add(db, c);
}

static int put_counts(struct db *db, void *arg)
{
	struct putting *p = arg;
	struct slice key;
	void *value;
	size_t position = 0;
	int rc = 0;
	hash_free(p->room);
	p->room = hash_new();
	memset(p->dropped, 0, sizeof(p->dropped));
	while (rc == 0 && hash_next(p->counts, &position, &key, &value))
		rc = put_one(db, p, value);
	return rc;
}

/* Once a day is enough: a flood goes on. */
static void tell_dropped(struct queue *q, enum report_kind kind, int64_t dropped)
{
	int64_t today = clock_wall_ms() / FEEDBACK_DAY_MS;
	if (dropped == 0 || !feedback_tells_full(q->feedback, kind, today))
		return;
	log_warn("report.counts.full", kv_str("kind", feedback_kind_of(kind)->name),
	         kv_int("dropped", dropped));
}

int feedback_put_counts(struct queue *q, struct hash *counts)
{
	struct putting p = { .queue = q, .counts = counts, .arena = arena_new() };
	int rc = store_commit(q->config.store, NULL, 0, put_counts, &p);
	for (enum report_kind kind = 0; kind < REPORT_KINDS && rc == 0; kind++)
		tell_dropped(q, kind, p.dropped[kind]);
	hash_free(p.room);
	arena_free(p.arena);
	return rc;
}
