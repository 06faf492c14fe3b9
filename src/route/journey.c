#include "route/journey_sketch.h"

#include <errno.h>

#include "route/queue_id.h"

static const char *const kind_names[] = {
	[JOURNEY_RECEIVED] = "received",
	[JOURNEY_DELIVERED] = "delivered",
	[JOURNEY_QUEUED] = "queued",
	[JOURNEY_RELAYED] = "relayed",
	[JOURNEY_DEFERRED] = "deferred",
	[JOURNEY_BOUNCED] = "bounced",
	[JOURNEY_DROPPED] = "dropped",
	[JOURNEY_REFUSED] = "refused",
	[JOURNEY_TAGGED] = "tagged",
	[JOURNEY_HELD] = "held",
	[JOURNEY_RELEASED] = "released",
	[JOURNEY_REROUTED] = "rerouted",
	[JOURNEY_CHECKED] = "checked",
	[JOURNEY_REPORTED] = "reported",
	[JOURNEY_TOLD] = "told",
	[JOURNEY_SCORED] = "scored",
	[JOURNEY_SORTED] = "sorted",
	[JOURNEY_FILTERED] = "filtered",
	[JOURNEY_QUARANTINED] = "quarantined",
	[JOURNEY_LEARNED] = "learned",
};

const char *journey_kind_name(enum journey_kind kind)
{
	return (size_t)kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind]
	                                                                 : "unknown";
}

/* "ESMTPSA, TLSv1.3, as alice@example.test (failed logins before: 1), 1000 bytes" */
struct slice journey_account(const struct journey_event *received)
{
	ptrdiff_t at = slice_find(received->detail, SLICE(", as "));
	if (received->kind != JOURNEY_RECEIVED || at < 0)
		return SLICE_EMPTY;
	struct slice rest = slice_from(received->detail, (size_t)at + 5);
	size_t len = 0;
	while (len < rest.len && rest.data[len] != ',' && rest.data[len] != ' ')
		len++;
	return slice_sub(rest, 0, len);
}

int journey_note(struct db *db, const struct journey_event *e)
{
	return db_run(db,
	              "INSERT INTO journey (queue_id, position, at_ms, kind, message_id, address,"
	              " peer, detail) VALUES ($1, (SELECT COALESCE(MAX(position), -1) + 1"
	              " FROM journey WHERE queue_id = $1), $2, $3, $4, $5, $6, $7)",
	              "tiitttt", e->queue_id, e->at_ms, (int64_t)e->kind, e->message_id, e->address,
	              e->peer, e->detail);
}

/* Queue ids sort by time: the least id of a moment parts the older messages from the newer. */
int journey_expire(struct db *db, int64_t before_ms, int64_t *count_out)
{
	char least[QUEUE_ID_LEN + 1];
	queue_id_least(before_ms, least);
	int rc = db_change(db, count_out,
	                   "DELETE FROM journey WHERE queue_id IN"
	                   " (SELECT queue_id FROM journey WHERE queue_id < $1"
	                   " ORDER BY queue_id LIMIT 1000)",
	                   "s", least);
	return rc == 0 && *count_out == 0 ? journey_sketch_expire(db, least) : rc;
}

int journey_note_late(struct db *db, struct slice queue_id)
{
	return db_run(db,
	              "INSERT INTO journey_late (queue_id) VALUES ($1)"
	              " ON CONFLICT (queue_id) DO NOTHING",
	              "t", queue_id);
}

static bool journey_is_late(const struct journey_event *e)
{
	char least[QUEUE_ID_LEN + 1];
	queue_id_least(e->at_ms - JOURNEY_LATE_MS, least);
	return slice_compare(e->queue_id, slice_of(least, QUEUE_ID_LEN)) < 0;
}

int journey_begin(struct db *db, const struct journey_event *e, int64_t position)
{
	int rc = db_run(db,
	                "INSERT INTO journey (queue_id, position, at_ms, kind, message_id, address,"
	                " peer, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	                "tiiitttt", e->queue_id, position, e->at_ms, (int64_t)e->kind,
	                e->message_id, e->address, e->peer, e->detail);
	return rc < 0 || position > 0 || !journey_is_late(e) ? rc
	                                                     : journey_note_late(db, e->queue_id);
}

int journey_visit_rows(struct db_rows *rows, journey_visit visit, void *arg)
{
	int rc;
	while ((rc = db_next(rows)) == 0) {
		struct journey_event event = {
			.at_ms = db_int(rows, 0),
			.queue_id = db_text(rows, 1),
			.message_id = db_text(rows, 2),
			.kind = (enum journey_kind)db_int(rows, 3),
			.address = db_text(rows, 4),
			.peer = db_text(rows, 5),
			.detail = db_text(rows, 6),
			.position = db_int(rows, 7),
		};
		rc = visit(&event, arg);
		if (rc != 0)
			return rc;
	}
	return rc == -ENODATA ? 0 : rc;
}

int journey_find(struct db *db, struct slice queue_id, int64_t after, int64_t limit,
                 journey_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT at_ms, queue_id, message_id, kind, address, peer, detail, position"
		" FROM journey WHERE queue_id = $1 AND position > $2"
		" ORDER BY position LIMIT $3",
		"tii", queue_id, after, limit);
	if (rc == 0)
		rc = journey_visit_rows(&rows, visit, arg);
	db_end(&rows);
	return rc;
}
