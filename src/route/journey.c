#include "route/journey.h"
#include "route/queue_id.h"

#include <errno.h>

#include "route/queue_id.h"

static const char *const kind_names[] = {
	[JOURNEY_RECEIVED] = "received", [JOURNEY_DELIVERED] = "delivered",
	[JOURNEY_QUEUED] = "queued",     [JOURNEY_RELAYED] = "relayed",
	[JOURNEY_DEFERRED] = "deferred", [JOURNEY_BOUNCED] = "bounced",
	[JOURNEY_DROPPED] = "dropped",   [JOURNEY_REFUSED] = "refused",
	[JOURNEY_TAGGED] = "tagged",     [JOURNEY_HELD] = "held",
	[JOURNEY_RELEASED] = "released", [JOURNEY_REROUTED] = "rerouted",
	[JOURNEY_CHECKED] = "checked",
};

const char *journey_kind_name(enum journey_kind kind)
{
	return (size_t)kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind]
	                                                                 : "unknown";
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
	struct queue_id_source source = { 0 };
	char least[QUEUE_ID_LEN + 1];
	queue_id_next(&source, before_ms, least);
	return db_change(db, count_out,
	                 "DELETE FROM journey WHERE queue_id IN"
	                 " (SELECT queue_id FROM journey WHERE queue_id < $1"
	                 " ORDER BY queue_id LIMIT 1000)",
	                 "s", least);
}

int journey_begin(struct db *db, const struct journey_event *e, int64_t position)
{
	return db_run(db,
	              "INSERT INTO journey (queue_id, position, at_ms, kind, message_id, address,"
	              " peer, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	              "tiiitttt", e->queue_id, position, e->at_ms, (int64_t)e->kind, e->message_id,
	              e->address, e->peer, e->detail);
}

/* Hands out all rows of a query whose columns are those of a journey_event, in order. */
static int journey_visit_rows(struct db_rows *rows, journey_visit visit, void *arg)
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

int journey_search(struct db *db, const struct journey_filter *filter, int64_t limit,
                   journey_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT at_ms, queue_id, message_id, kind, address, peer, detail, position"
		" FROM journey AS r WHERE kind = 0"
		" AND ($1 = '' OR lower(address) = lower($1))"
		" AND ($2 = '' OR EXISTS (SELECT 1 FROM journey AS d"
		" WHERE d.queue_id = r.queue_id AND d.kind <> 0"
		" AND (lower(d.address) = lower($2)"
		" OR lower(d.detail) LIKE '%, for ' || lower($2))))"
		" AND ($3 = '' OR message_id IN ($3, '<' || $3 || '>'))"
		" ORDER BY queue_id DESC, position DESC LIMIT $4",
		"ttti", filter->from, filter->to, filter->message_id, limit);
	if (rc == 0)
		rc = journey_visit_rows(&rows, visit, arg);
	db_end(&rows);
	return rc;
}
