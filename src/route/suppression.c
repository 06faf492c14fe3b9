#include "route/suppression.h"

#include <errno.h>

#include "message/date.h"

int suppression_put(struct db *db, const struct suppression *s)
{
	return db_run(db,
	              "INSERT INTO suppression (scope, recipient, since_ms, until_ms, reason)"
	              " VALUES ($1, lower($2), $3, $4, $5) ON CONFLICT (scope, recipient)"
	              " DO UPDATE SET since_ms = $3, until_ms = $4, reason = $5",
	              "ttiit", s->scope, s->recipient, s->since_ms, s->until_ms, s->reason);
}

int suppression_remove(struct db *db, struct slice scope, struct slice recipient)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed,
	                   "DELETE FROM suppression WHERE scope = $1 AND recipient = lower($2)",
	                   "tt", scope, recipient);
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -ENOENT;
}

int suppression_find(struct db *db, struct arena *arena, struct slice scope, struct slice recipient,
                     int64_t now_ms, struct suppression *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT since_ms, until_ms, reason FROM suppression"
	                  " WHERE scope = $1 AND recipient = lower($2)"
	                  " AND (until_ms = 0 OR until_ms > $3)",
	                  "tti", scope, recipient, now_ms);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = (struct suppression){ .scope = scope,
			                     .recipient = recipient,
			                     .since_ms = db_int(&rows, 0),
			                     .until_ms = db_int(&rows, 1),
			                     .reason = arena_copy(arena, db_text(&rows, 2)) };
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

const char *suppression_text(struct arena *arena, const struct suppression *s)
{
	char date[DATE_TEXT_MAX];
	char *out = arena_printf(arena, "No mail to it since %.*s: %.*s",
	                         SLICE_ARG(date_format(date_local(s->since_ms / 1000), date)),
	                         (int)(s->reason.len < 300 ? s->reason.len : 300), s->reason.data);
	for (char *c = out; *c; c++) {
		if (*c < 0x20 || *c >= 0x7f)
			*c = '?';
	}
	return out;
}

int suppression_expire(struct db *db, int64_t now_ms)
{
	return db_run(db, "DELETE FROM suppression WHERE until_ms > 0 AND until_ms <= $1", "i",
	              now_ms);
}

int suppression_each(struct db *db, struct slice scope, const struct suppression *after,
                     suppression_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT scope, recipient, since_ms, until_ms, reason FROM suppression"
	                  " WHERE ($1 = '' OR scope = $1) AND (scope, recipient) > ($2, $3)"
	                  " ORDER BY scope, recipient",
	                  "ttt", scope, after->scope, after->recipient);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct suppression s = { .scope = db_text(&rows, 0),
			                       .recipient = db_text(&rows, 1),
			                       .since_ms = db_int(&rows, 2),
			                       .until_ms = db_int(&rows, 3),
			                       .reason = db_text(&rows, 4) };
		rc = visit(&s, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int suppression_note(struct db *db, const struct config_suppression *section,
                     const struct bounce_row *row)
{
	bool wanted = row->class == BOUNCE_CLASS_HARD ||
	              (section && section->complaints && row->class == BOUNCE_CLASS_COMPLAINT);
	if (!section || !wanted)
		return 0;
	const struct suppression s = {
		.scope = slice_from_str(section->scope),
		.recipient = row->recipient,
		.since_ms = row->at_ms,
		.until_ms = section->for_ms > 0 ? row->at_ms + section->for_ms : 0,
		.reason = row->class == BOUNCE_CLASS_COMPLAINT ? SLICE("the recipient complained")
		                                               : row->text,
	};
	return suppression_put(db, &s);
}
