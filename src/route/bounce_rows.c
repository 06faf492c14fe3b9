#include "route/bounce_rows.h"

#include <errno.h>

static const char *const names[] = {
	[BOUNCE_SOURCE_REPLY] = "reply",
	[BOUNCE_SOURCE_REPORT] = "report",
	[BOUNCE_SOURCE_COMPLAINT] = "complaint",
};

const char *bounce_source_name(enum bounce_source source)
{
	return (size_t)source < sizeof(names) / sizeof(names[0]) ? names[source] : "unknown";
}

int bounce_row_add(struct db *db, const struct bounce_row *r)
{
	return db_run(db,
	              "INSERT INTO bounce (at_ms, queue_id, sender, account, recipient, class,"
	              " source, status, reporter, text, report_id)"
	              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	              "ittttiitttt", r->at_ms, r->queue_id, r->sender, r->account, r->recipient,
	              (int64_t)r->class, (int64_t)r->source, r->status, r->reporter, r->text,
	              r->report_id);
}

int bounce_row_expire(struct db *db, int64_t before_ms, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "DELETE FROM bounce WHERE id IN (SELECT id FROM"
	                 " (SELECT id, at_ms FROM bounce ORDER BY id LIMIT 1000) AS oldest"
	                 " WHERE at_ms < $1)",
	                 "i", before_ms);
}

int bounce_row_each(struct db *db, const struct bounce_filter *f, bounce_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT id, at_ms, queue_id, sender, account, recipient, class, source, status,"
		" reporter, text, report_id FROM bounce"
		" WHERE ($1 < 0 OR class = $1) AND at_ms >= $2 AND ($3 = 0 OR id < $3)"
		" AND ($4 = '' OR queue_id = $4)"
		" AND ($5 = '' OR lower(sender) = lower($5) OR account = lower($5)"
		" OR (substr($5, 1, 1) = '@'"
		" AND lower(substr(sender, length(sender) - length($5) + 1)) = lower($5)))"
		" AND ($6 = '' OR lower(recipient) = lower($6)"
		" OR (substr($6, 1, 1) = '@'"
		" AND lower(substr(recipient, length(recipient) - length($6) + 1)) = lower($6)))"
		" ORDER BY id DESC",
		"iiittt", (int64_t)f->class, f->since_ms, f->before_id, f->queue_id, f->sender,
		f->to);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct bounce_row row = {
			.id = db_int(&rows, 0),
			.at_ms = db_int(&rows, 1),
			.queue_id = db_text(&rows, 2),
			.sender = db_text(&rows, 3),
			.account = db_text(&rows, 4),
			.recipient = db_text(&rows, 5),
			.class = (enum bounce_class)db_int(&rows, 6),
			.source = (enum bounce_source)db_int(&rows, 7),
			.status = db_text(&rows, 8),
			.reporter = db_text(&rows, 9),
			.text = db_text(&rows, 10),
			.report_id = db_text(&rows, 11),
		};
		rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
