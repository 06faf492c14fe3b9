/* The counts of a day as reports. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/codec.h"
#include "queue/queue_tlsrpt_internal.h"

/* All look-ups for one domain. */
#define LOOK_UP_MS (10 * 1000)
/* How long a domain whose DNS does not answer is asked again. */
enum { GIVE_UP_DAYS = 3 };

struct making {
	struct queue *queue;
	struct arena *arena;
	int64_t before_day, due_ms, spread_ms;
	/* The domain that it is about. */
	int64_t day;
	struct slice domain;
	json_t *policies;
	struct slice uris[TLSRPT_URIS_MAX];
	size_t uri_count;
	struct tlsrpt_row rows[TLSRPT_URIS_MAX];
};

static int find_next(struct db *db, void *arg)
{
	struct making *m = arg;
	int rc = tlsrpt_count_next(db, m->arena, m->before_day, &m->day, &m->domain);
	return rc == 0 ? tlsrpt_count_policies(db, m->day, m->domain, m->policies) : rc;
}

/* Several records that claim to be one are none (RFC 8460 section 3). -EAGAIN: not now. */
static int find_uris(struct making *m)
{
	struct dns_answer answer;
	size_t records = 0;
	const char *name = arena_printf(m->arena, "_smtp._tls.%.*s", SLICE_ARG(m->domain));
	m->uri_count = 0;
	int rc = dns_txt(m->queue->config.dns, m->arena, name, deadline_in(LOOK_UP_MS), &answer);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0)
		return rc == -ENOENT || rc == -ENODATA || rc == -EINVAL ? 0 : -EAGAIN;
	for (size_t i = 0; i < answer.count; i++) {
		if (!tlsrpt_record_is(answer.texts[i]))
			continue;
		records++;
		m->uri_count = tlsrpt_record_parse(answer.texts[i], m->uris);
	}
	if (records != 1)
		m->uri_count = 0;
	return 0;
}

static struct slice date_text(struct arena *arena, int64_t ms)
{
	time_t seconds = ms / 1000;
	struct tm tm;
	char text[32];
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return slice_from_str(arena_str(arena, slice_from_str(text)));
}

static const char *organization(const struct config *c)
{
	return c->tls_report.organization ? c->tls_report.organization : c->hostname;
}

static int64_t sum_of(const json_t *policies, const char *name)
{
	size_t i;
	json_t *one;
	int64_t sum = 0;
	json_array_foreach(policies, i, one)
		sum += json_integer_value(json_object_get(json_object_get(one, "summary"), name));
	return sum;
}

/* section 4.4 */
static void compose(struct making *m, struct tlsrpt_row *row)
{
	const struct config *c = m->queue->config.config;
	struct tlsrpt_summary *s = &row->summary;
	s->begins_ms = m->day * TLSRPT_DAY_MS;
	s->ends_ms = s->begins_ms + TLSRPT_DAY_MS - 1000;
	struct slice begins = date_text(m->arena, s->begins_ms);
	struct slice ends = date_text(m->arena, s->ends_ms);
	s->organization = slice_from_str(organization(c));
	s->contact = slice_from_str(queue_tlsrpt_from(m->queue, m->arena));
	s->domain = m->domain;
	s->report_id = slice_from_str(arena_printf(m->arena, "%.*s_%.*s_%016llx", SLICE_ARG(begins),
	                                           SLICE_ARG(m->domain),
	                                           (unsigned long long)random_u64()));
	s->successes = sum_of(m->policies, "total-successful-session-count");
	s->failures = sum_of(m->policies, "total-failure-session-count");
	json_t *report = json_pack("{s:s%, s:{s:s%, s:s%}, s:s%, s:s%, s:O}", "organization-name",
	                           s->organization.data, s->organization.len, "date-range",
	                           "start-datetime", begins.data, begins.len, "end-datetime",
	                           ends.data, ends.len, "contact-info", s->contact.data,
	                           s->contact.len, "report-id", s->report_id.data, s->report_id.len,
	                           "policies", m->policies);
	char *text = json_dumps(report, JSON_COMPACT);
	row->json = slice_from_str(arena_str(m->arena, slice_from_str(text)));
	free(text);
	json_decref(report);
}

static int keep(struct db *db, void *arg)
{
	const struct making *m = arg;
	int rc = 0;
	for (size_t i = 0; i < m->uri_count && rc == 0; i++)
		rc = tlsrpt_row_put(db, &m->rows[i]);
	return rc == 0 ? tlsrpt_count_remove(db, m->day, m->domain) : rc;
}

static int make_one(struct making *m)
{
	int rc = find_uris(m);
	int64_t wait_ms = m->spread_ms > 0 ? (int64_t)random_below((uint64_t)m->spread_ms) : 0;
	if (rc == -EAGAIN)
		return m->day < m->before_day - GIVE_UP_DAYS
		               ? store_commit(m->queue->config.store, NULL, 0, keep, m)
		               : 0;
	if (rc < 0)
		return rc;
	struct tlsrpt_row row = { .sent = true, .at_ms = clock_wall_ms() };
	row.due_ms = m->due_ms + wait_ms;
	if (m->uri_count > 0)
		compose(m, &row);
	for (size_t i = 0; i < m->uri_count; i++) {
		m->rows[i] = row;
		m->rows[i].peer = m->uris[i];
		m->rows[i].state = SLICE("waits");
	}
	return store_commit(m->queue->config.store, NULL, 0, keep, m);
}

int queue_tlsrpt_make(struct queue *q, int64_t before_day, int64_t due_ms, int64_t spread_ms)
{
	struct making m = { .queue = q,
		            .before_day = before_day,
		            .due_ms = due_ms,
		            .spread_ms = spread_ms,
		            .policies = json_array() };
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
	json_decref(m.policies);
	return rc == -ENODATA ? 0 : rc;
}
