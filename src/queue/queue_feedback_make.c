/* The counts of a day as reports. */
#include <errno.h>

#include "base/codec.h"
#include "queue/queue_feedback_internal.h"

/* How long a domain whose DNS does not answer is asked again. */
enum { GIVE_UP_DAYS = 3 };

static void take_count(struct slice policy, struct slice detail, int64_t count, void *arg)
{
	struct feedback_making *m = arg;
	m->counts[m->count_count++] = (struct report_count){ .policy = arena_copy(m->arena, policy),
		                                             .detail = arena_copy(m->arena, detail),
		                                             .count = count };
}

static int find_next(struct db *db, void *arg)
{
	struct feedback_making *m = arg;
	enum report_kind kind = feedback_kind_number(m->kind);
	int rc = report_count_next(db, m->arena, kind, m->before_day, &m->day, &m->domain);
	m->counts = ARENA_ARRAY(m->arena, REPORT_ROWS_MAX, struct report_count);
	m->count_count = 0;
	return rc == 0 ? report_count_each(db, kind, m->day, m->domain, take_count, m) : rc;
}

/* RFC 9990 section 3.5.1 has the form of a Report-ID; RFC 8460 allows any. */
struct report_row *feedback_begin_report(struct feedback_making *m)
{
	const struct config *c = m->queue->config.config;
	const struct config_feedback *feedback = m->kind->config(c);
	if (m->report_count == FEEDBACK_REPORTS_MAX)
		return NULL;
	struct report_row *row = &m->reports[m->report_count++];
	*row = (struct report_row){ .kind = feedback_kind_number(m->kind),
		                    .sent = true,
		                    .at_ms = clock_wall_ms(),
		                    .state = SLICE("waits") };
	struct report_summary *s = &row->summary;
	s->begins_ms = m->day * FEEDBACK_DAY_MS;
	s->ends_ms = s->begins_ms + FEEDBACK_DAY_MS - 1000;
	s->organization = slice_from_str(feedback->organization ? feedback->organization
	                                                        : c->hostname);
	s->contact = slice_from_str(feedback_from(m->queue, m->arena, m->kind));
	s->domain = m->domain;
	s->report_id = slice_from_str(arena_printf(m->arena, "%lld.%016llx@%s",
	                                           (long long)(s->begins_ms / 1000),
	                                           (unsigned long long)random_u64(), c->hostname));
	return row;
}

static int keep_report(struct db *db, const struct feedback_making *m, struct report_row row)
{
	int rc = 0;
	for (size_t i = 0; i < m->uri_count && rc == 0; i++) {
		row.peer = m->uris[i];
		rc = report_row_put(db, &row);
	}
	return rc;
}

static int keep(struct db *db, void *arg)
{
	const struct feedback_making *m = arg;
	int rc = 0;
	for (size_t i = 0; i < m->report_count && rc == 0; i++)
		rc = keep_report(db, m, m->reports[i]);
	return rc == 0 ? report_count_remove(db, feedback_kind_number(m->kind), m->day, m->domain)
	               : rc;
}

static int make_one(struct feedback_making *m)
{
	int64_t wait_ms = m->spread_ms > 0 ? (int64_t)random_below((uint64_t)m->spread_ms) : 0;
	m->uri_count = m->report_count = 0;
	int rc = m->kind->find_uris(m);
	if (rc == -EAGAIN)
		return m->day < m->before_day - GIVE_UP_DAYS
		               ? store_commit(m->queue->config.store, NULL, 0, keep, m)
		               : 0;
	if (rc < 0)
		return rc;
	if (m->uri_count > 0)
		m->kind->compose(m);
	for (size_t i = 0; i < m->report_count; i++)
		m->reports[i].due_ms = m->due_ms + wait_ms;
	return store_commit(m->queue->config.store, NULL, 0, keep, m);
}

int feedback_make(struct queue *q, const struct feedback_kind *kind, int64_t before_day,
                  int64_t due_ms, int64_t spread_ms)
{
	struct feedback_making m = { .queue = q,
		                     .kind = kind,
		                     .before_day = before_day,
		                     .due_ms = due_ms,
		                     .spread_ms = spread_ms };
	struct arena *place = arena_new();
	int rc = 0;
	while (rc == 0) {
		m.arena = arena_new();
		rc = store_read(q->config.store, find_next, &m);
		if (rc == 0)
			rc = make_one(&m);
		arena_reset(place);
		m.domain = arena_copy(place, m.domain);
		arena_free(m.arena);
	}
	arena_free(place);
	return rc == -ENODATA ? 0 : rc;
}
