/* Which domains mail waits for: one seek of the index for each, not a look at every row. At the
 * start, and when somebody says that rows were changed, but not which. */
#include <errno.h>

#include "queue/queue_internal.h"

#define PAGE_DOMAINS 500
/* Walks take this part of the feeder's time at most, however often one is asked for. */
#define SHARE 10

struct page {
	struct queue *queue;
	struct arena *arena;
	struct slice after; /* in and out */
	struct slice names[PAGE_DOMAINS];
	int64_t due_ms[PAGE_DOMAINS], corrected_ms[PAGE_DOMAINS];
	size_t count;
	int64_t now_ms, latest_due_ms;
	bool over;
};

static int read_next(struct db *db, struct page *p)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT domain, due_ms FROM queue_recipient WHERE lease_owner IS NULL"
	                  " AND domain > $1 ORDER BY domain, due_ms LIMIT 1",
	                  "t", p->after);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		p->after = arena_copy(p->arena, db_text(&rows, 0));
		p->names[p->count] = p->after;
		p->due_ms[p->count] = db_int(&rows, 1);
	}
	db_end(&rows);
	return rc;
}

static int read_page(struct db *db, void *arg)
{
	struct page *p = arg;
	int rc = 0;
	while (rc == 0 && p->count < PAGE_DOMAINS) {
		rc = read_next(db, p);
		p->count += rc == 0;
	}
	p->over = rc == -ENODATA;
	return p->over ? 0 : rc;
}

/* No row of it is due before the latest date that can be? */
static bool is_late(const struct page *p, size_t i)
{
	return p->latest_due_ms < p->due_ms[i] && p->due_ms[i] < QUEUE_NEVER_MS;
}

static int correct_page(struct db *db, void *arg)
{
	struct page *p = arg;
	int rc = 0;
	for (size_t i = 0; i < p->count && rc == 0; i++) {
		if (is_late(p, i))
			rc = queue_table_correct(db, p->names[i], p->latest_due_ms, p->now_ms,
			                         &p->corrected_ms[i]);
	}
	return rc;
}

static int correct(struct page *p)
{
	bool any = false;
	for (size_t i = 0; i < p->count; i++) {
		any |= is_late(p, i);
		p->corrected_ms[i] = p->due_ms[i];
	}
	return any ? store_commit(p->queue->config.store, NULL, 0, correct_page, p) : 0;
}

void queue_scan_begin(struct queue *q)
{
	struct queue_scan *s = &q->scan;
	if (clock_monotonic_ms() < s->not_before_ms)
		return;
	/* Before the look, so that what is written meanwhile counts. */
	atomic_store(&q->scan_due_ms, QUEUE_NEVER_MS);
	free(s->after);
	s->after = mem_str(SLICE_EMPTY);
	s->active = true;
	s->began_ms = clock_monotonic_ms();
}

static void end(struct queue_scan *s)
{
	int64_t now_ms = clock_monotonic_ms();
	s->active = s->corrects = false;
	s->not_before_ms = now_ms + (now_ms - s->began_ms) * SHARE;
}

int queue_scan_go_on(struct queue *q)
{
	struct queue_scan *s = &q->scan;
	struct arena *arena = arena_new();
	struct page *p = ARENA_NEW(arena, struct page);
	p->queue = q;
	p->arena = arena;
	p->after = arena_copy(arena, slice_from_str(s->after));
	p->now_ms = clock_wall_ms();
	p->latest_due_ms = s->corrects ? queue_clock_latest_due(q) : QUEUE_NEVER_MS;
	int rc = store_read(q->config.store, read_page, p);
	if (rc == 0)
		rc = correct(p);
	for (size_t i = 0; i < p->count && rc == 0; i++)
		queue_agenda_note(q->agenda, p->names[i], p->corrected_ms[i]);
	if (rc == 0) {
		free(s->after);
		s->after = mem_str(p->after);
	}
	if (rc == 0 && p->over)
		end(s);
	arena_free(arena);
	return rc;
}
