/* Counts and reports as rows. */
#include <errno.h>

#include "client/tlsrpt.h"

int tlsrpt_count_add(struct db *db, int64_t day, struct slice domain, struct slice policy,
                     struct slice failure, int64_t count)
{
	return db_run(db,
	              "INSERT INTO tlsrpt_count (day, domain, policy, failure, count)"
	              " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (day, domain, policy, failure)"
	              " DO UPDATE SET count = count + excluded.count",
	              "ittti", day, domain, policy, failure, count);
}

int tlsrpt_count_remove(struct db *db, int64_t day, struct slice domain)
{
	return db_run(db, "DELETE FROM tlsrpt_count WHERE day = $1 AND domain = $2", "it", day,
	              domain);
}

int tlsrpt_count_next(struct db *db, struct arena *arena, int64_t before_day, int64_t *day,
                      struct slice *domain)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT day, domain FROM tlsrpt_count WHERE (day, domain) > ($1, $2)"
	                  " AND day < $3 ORDER BY day, domain LIMIT 1",
	                  "iti", *day, *domain, before_day);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*day = db_int(&rows, 0);
		*domain = arena_copy(arena, db_text(&rows, 1));
	}
	db_end(&rows);
	return rc;
}

static json_t *load(struct slice text) { return json_loadb(text.data, text.len, 0, NULL); }

static void add_to(json_t *summary, const char *name, int64_t count)
{
	json_int_t sum = json_integer_value(json_object_get(summary, name)) + count;
	json_object_set_new(summary, name, json_integer(sum));
}

/* Rows of one policy stand one after the other. */
static json_t *policy_of(json_t *out, struct slice text)
{
	json_t *policy = load(text);
	json_t *last = json_array_get(out, json_array_size(out) - 1);
	if (last && json_equal(json_object_get(last, "policy"), policy)) {
		json_decref(policy);
		return last;
	}
	last = json_pack("{s:o, s:{s:i, s:i}}", "policy", policy, "summary",
	                 "total-successful-session-count", 0, "total-failure-session-count", 0);
	json_array_append_new(out, last);
	return last;
}

static void add_row(json_t *out, const struct db_rows *rows)
{
	struct slice failure = db_text(rows, 1);
	int64_t count = db_int(rows, 2);
	json_t *policy = policy_of(out, db_text(rows, 0));
	json_t *summary = json_object_get(policy, "summary");
	if (failure.len == 0) {
		add_to(summary, "total-successful-session-count", count);
		return;
	}
	add_to(summary, "total-failure-session-count", count);
	json_t *details = json_object_get(policy, "failure-details");
	if (!details) {
		details = json_array();
		json_object_set_new(policy, "failure-details", details);
	}
	json_t *detail = load(failure);
	json_object_set_new(detail, "failed-session-count", json_integer((json_int_t)count));
	json_array_append_new(details, detail);
}

int tlsrpt_count_policies(struct db *db, int64_t day, struct slice domain, json_t *out)
{
	struct db_rows rows;
	json_array_clear(out);
	int rc = db_query(db, &rows,
	                  "SELECT policy, failure, count FROM tlsrpt_count"
	                  " WHERE day = $1 AND domain = $2 ORDER BY policy, failure LIMIT $3",
	                  "iti", day, domain, (int64_t)TLSRPT_ROWS_MAX);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		add_row(out, &rows);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- reports -------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
	"id, sent, organization, contact, report_id, domain, begins_ms, ends_ms, successes,"       \
	" failures, at_ms, due_ms, attempts, peer, state, body"

int tlsrpt_row_put(struct db *db, const struct tlsrpt_row *r)
{
	const struct tlsrpt_summary *s = &r->summary;
	return db_run(
		db,
		"INSERT INTO tlsrpt_report (sent, organization, contact, report_id, domain,"
		" begins_ms, ends_ms, successes, failures, at_ms, due_ms, attempts, peer, state,"
		" body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
		" $15) ON CONFLICT (sent, report_id, peer) DO NOTHING",
		"ittttiiiiiiittt", (int64_t)r->sent, s->organization, s->contact, s->report_id,
		s->domain, s->begins_ms, s->ends_ms, s->successes, s->failures, r->at_ms, r->due_ms,
		r->attempts, r->peer, r->state, r->json);
}

int tlsrpt_row_update(struct db *db, const struct tlsrpt_row *r)
{
	return db_run(
		db, "UPDATE tlsrpt_report SET due_ms = $2, attempts = $3, state = $4 WHERE id = $1",
		"iiit", r->id, r->due_ms, r->attempts, r->state);
}

int tlsrpt_row_limit(struct db *db)
{
	return db_run(db,
	              "DELETE FROM tlsrpt_report WHERE sent = 0 AND id <= (SELECT id FROM"
	              " tlsrpt_report WHERE sent = 0 ORDER BY id DESC LIMIT 1 OFFSET $1)",
	              "i", (int64_t)TLSRPT_RECEIVED_MAX);
}

int tlsrpt_expire(struct db *db, int64_t before_ms)
{
	return db_run(db, "DELETE FROM tlsrpt_report WHERE at_ms < $1", "i", before_ms);
}

static struct tlsrpt_row read_row(const struct db_rows *rows)
{
	return (struct tlsrpt_row){
		.id = db_int(rows, 0),
		.sent = db_int(rows, 1) != 0,
		.summary = { .organization = db_text(rows, 2),
		             .contact = db_text(rows, 3),
		             .report_id = db_text(rows, 4),
		             .domain = db_text(rows, 5),
		             .begins_ms = db_int(rows, 6),
		             .ends_ms = db_int(rows, 7),
		             .successes = db_int(rows, 8),
		             .failures = db_int(rows, 9) },
		.at_ms = db_int(rows, 10),
		.due_ms = db_int(rows, 11),
		.attempts = db_int(rows, 12),
		.peer = db_text(rows, 13),
		.state = db_text(rows, 14),
		.json = db_text(rows, 15),
	};
}

int tlsrpt_row_each(struct db *db, int64_t after, int64_t limit, tlsrpt_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS
	                  " FROM tlsrpt_report WHERE id > $1 ORDER BY id LIMIT $2",
	                  "ii", after, limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct tlsrpt_row row = read_row(&rows);
		rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int tlsrpt_row_due(struct db *db, struct arena *arena, int64_t now_ms, struct tlsrpt_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS " FROM tlsrpt_report WHERE due_ms > 0 AND due_ms <= $1"
	                  " ORDER BY due_ms LIMIT 1",
	                  "i", now_ms);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*out = read_row(&rows);
		out->peer = arena_copy(arena, out->peer);
		out->json = arena_copy(arena, out->json);
		out->state = arena_copy(arena, out->state);
		out->summary.organization = arena_copy(arena, out->summary.organization);
		out->summary.contact = arena_copy(arena, out->summary.contact);
		out->summary.report_id = arena_copy(arena, out->summary.report_id);
		out->summary.domain = arena_copy(arena, out->summary.domain);
	}
	db_end(&rows);
	return rc;
}

int tlsrpt_row_hurry(struct db *db, int64_t now_ms)
{
	return db_run(db, "UPDATE tlsrpt_report SET due_ms = $1 WHERE due_ms > $1", "i", now_ms);
}
