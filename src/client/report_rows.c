/* Counts and reports as rows. */
#include <errno.h>

#include "client/report_rows.h"

int report_count_add(struct db *db, const struct report_count *c)
{
	return db_run(db,
	              "INSERT INTO report_count (kind, day, domain, policy, detail, count)"
	              " VALUES ($1, $2, $3, $4, $5, $6)"
	              " ON CONFLICT (kind, day, domain, policy, detail)"
	              " DO UPDATE SET count = count + excluded.count",
	              "iittti", (int64_t)c->kind, c->day, c->domain, c->policy, c->detail,
	              c->count);
}

int report_count_raise(struct db *db, const struct report_count *c)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed,
	                   "UPDATE report_count SET count = count + $6 WHERE kind = $1"
	                   " AND day = $2 AND domain = $3 AND policy = $4 AND detail = $5",
	                   "iittti", (int64_t)c->kind, c->day, c->domain, c->policy, c->detail,
	                   c->count);
	return rc < 0 ? rc : changed > 0;
}

int report_count_rows(struct db *db, enum report_kind kind, int64_t day, struct slice domain,
                      int64_t limit, int64_t *count_out)
{
	if (domain.len == 0)
		return db_get_int(db, count_out,
		                  "SELECT count(*) FROM (SELECT 1 FROM report_count"
		                  " WHERE kind = $1 AND day = $2 LIMIT $3)",
		                  "iii", (int64_t)kind, day, limit);
	return db_get_int(db, count_out,
	                  "SELECT count(*) FROM (SELECT 1 FROM report_count"
	                  " WHERE kind = $1 AND day = $2 AND domain = $3 LIMIT $4)",
	                  "iiti", (int64_t)kind, day, domain, limit);
}

int report_count_remove(struct db *db, enum report_kind kind, int64_t day, struct slice domain)
{
	return db_run(db, "DELETE FROM report_count WHERE kind = $1 AND day = $2 AND domain = $3",
	              "iit", (int64_t)kind, day, domain);
}

int report_count_next(struct db *db, struct arena *arena, enum report_kind kind, int64_t before_day,
                      int64_t *day, struct slice *domain)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT day, domain FROM report_count WHERE kind = $1"
	                  " AND (day, domain) > ($2, $3) AND day < $4"
	                  " ORDER BY day, domain LIMIT 1",
	                  "iiti", (int64_t)kind, *day, *domain, before_day);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*day = db_int(&rows, 0);
		*domain = arena_copy(arena, db_text(&rows, 1));
	}
	db_end(&rows);
	return rc;
}

int report_count_each(struct db *db, enum report_kind kind, int64_t day, struct slice domain,
                      report_count_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT policy, detail, count FROM report_count"
	                  " WHERE kind = $1 AND day = $2 AND domain = $3"
	                  " ORDER BY policy, detail LIMIT $4",
	                  "iiti", (int64_t)kind, day, domain, (int64_t)REPORT_ROWS_MAX);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		visit(db_text(&rows, 0), db_text(&rows, 1), db_int(&rows, 2), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- reports -------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
	"id, kind, sent, organization, contact, report_id, domain, begins_ms, ends_ms, successes," \
	" failures, at_ms, due_ms, attempts, peer, state, body"

int report_row_put(struct db *db, const struct report_row *r)
{
	const struct report_summary *s = &r->summary;
	return db_run(
		db,
		"INSERT INTO report (kind, sent, organization, contact, report_id, domain,"
		" begins_ms, ends_ms, successes, failures, at_ms, due_ms, attempts, peer, state,"
		" body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
		" $15, $16) ON CONFLICT (sent, report_id, peer) DO NOTHING",
		"iittttiiiiiiittt", (int64_t)r->kind, (int64_t)r->sent, s->organization, s->contact,
		s->report_id, s->domain, s->begins_ms, s->ends_ms, s->successes, s->failures,
		r->at_ms, r->due_ms, r->attempts, r->peer, r->state, r->body);
}

int report_row_update(struct db *db, const struct report_row *r)
{
	return db_run(db, "UPDATE report SET due_ms = $2, attempts = $3, state = $4 WHERE id = $1",
	              "iiit", r->id, r->due_ms, r->attempts, r->state);
}

int report_row_limit(struct db *db, enum report_kind kind)
{
	return db_run(db,
	              "DELETE FROM report WHERE kind = $1 AND sent = 0 AND id <= (SELECT id FROM"
	              " report WHERE kind = $1 AND sent = 0 ORDER BY id DESC LIMIT 1 OFFSET $2)",
	              "ii", (int64_t)kind, (int64_t)REPORT_RECEIVED_MAX);
}

int report_row_count(struct db *db, enum report_kind kind, struct slice peer, int64_t since_ms,
                     int64_t *count_out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT count(*) FROM report WHERE kind = $1 AND sent = 1 AND peer = $2"
	                  " AND at_ms >= $3",
	                  "iti", (int64_t)kind, peer, since_ms);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*count_out = db_int(&rows, 0);
	db_end(&rows);
	return rc;
}

int report_expire(struct db *db, enum report_kind kind, int64_t before_ms)
{
	return db_run(db, "DELETE FROM report WHERE kind = $1 AND at_ms < $2", "ii", (int64_t)kind,
	              before_ms);
}

static struct report_row read_row(const struct db_rows *rows)
{
	return (struct report_row){
		.id = db_int(rows, 0),
		.kind = (enum report_kind)db_int(rows, 1),
		.sent = db_int(rows, 2) != 0,
		.summary = { .organization = db_text(rows, 3),
		             .contact = db_text(rows, 4),
		             .report_id = db_text(rows, 5),
		             .domain = db_text(rows, 6),
		             .begins_ms = db_int(rows, 7),
		             .ends_ms = db_int(rows, 8),
		             .successes = db_int(rows, 9),
		             .failures = db_int(rows, 10) },
		.at_ms = db_int(rows, 11),
		.due_ms = db_int(rows, 12),
		.attempts = db_int(rows, 13),
		.peer = db_text(rows, 14),
		.state = db_text(rows, 15),
		.body = db_text(rows, 16),
	};
}

int report_row_each(struct db *db, enum report_kind kind, int64_t after, int64_t limit,
                    report_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS
	                  " FROM report WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3",
	                  "iii", (int64_t)kind, after, limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct report_row row = read_row(&rows);
		rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int report_row_due(struct db *db, struct arena *arena, enum report_kind kind, bool only_mail,
                   int64_t now_ms, struct report_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS " FROM report WHERE kind = $1 AND due_ms > 0 AND"
	                  " due_ms <= $2 AND ($3 = 0 OR lower(substr(peer, 1, 6)) <> 'https:')"
	                  " ORDER BY due_ms LIMIT 1",
	                  "iii", (int64_t)kind, now_ms, (int64_t)only_mail);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*out = read_row(&rows);
		out->peer = arena_copy(arena, out->peer);
		out->body = arena_copy(arena, out->body);
		out->state = arena_copy(arena, out->state);
		out->summary.organization = arena_copy(arena, out->summary.organization);
		out->summary.contact = arena_copy(arena, out->summary.contact);
		out->summary.report_id = arena_copy(arena, out->summary.report_id);
		out->summary.domain = arena_copy(arena, out->summary.domain);
	}
	db_end(&rows);
	return rc;
}

int report_row_hurry(struct db *db, enum report_kind kind, int64_t now_ms)
{
	return db_run(db, "UPDATE report SET due_ms = $2 WHERE kind = $1 AND due_ms > $2", "ii",
	              (int64_t)kind, now_ms);
}
