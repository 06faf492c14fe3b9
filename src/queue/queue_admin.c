/* What the operator may do with the queue's rows. */
#include "queue/queue_admin.h"

#include <errno.h>

#include "client/client_choose.h"
#include "message/address.h"
#include "net/address.h"
#include "queue/queue_table.h"
#include "route/journey.h"

#define HELD_DUE_MS INT64_MAX

/* --- which are meant ------------------------------------------------------------------ */

bool queue_action_means(enum queue_action action, const struct queue_entry *e)
{
	switch (action) {
	case QUEUE_RETRY:
		return e->state == QUEUE_WAITING || e->state == QUEUE_ACTIVE;
	case QUEUE_HOLD:
		return e->state != QUEUE_HELD;
	case QUEUE_RELEASE:
		return e->state == QUEUE_HELD || e->state == QUEUE_SCHEDULED;
	case QUEUE_REROUTE:
		/* What is scheduled goes through the post office first, which knows the ways. */
		return e->state != QUEUE_SCHEDULED;
	case QUEUE_DROP:
	case QUEUE_BOUNCE:
		return true;
	}
	return false;
}

bool queue_reroute_parse(struct arena *arena, struct slice text, struct slice *out)
{
	struct slice host;
	uint16_t port;
	*out = SLICE_EMPTY;
	if (text.len == 0)
		return true;
	if (!client_choose_host_port(text, &host, &port))
		return domain_canonical(arena, text, out);
	struct net_address address;
	*out = arena_lower(arena, text);
	return net_address_parse(host, port, &address) == 0 || domain_is_valid(host);
}

/* --- one recipient -------------------------------------------------------------------- */

struct row {
	struct queue_place place;
	int64_t held;
	bool leased;
	struct slice queue_id, path; /* in the arena */
};

/* -ENODATA: it is gone. */
static int find_row(struct db *db, struct arena *arena, const struct queue_place *place,
                    struct row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT r.held, r.lease_owner, m.queue_id, r.forward_path"
	                  " FROM queue_recipient r JOIN queue_message m"
	                  " ON m.id = r.queue_message_id"
	                  " WHERE r.queue_message_id = $1 AND r.position = $2",
	                  "ii", place->message, place->position);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = (struct row){ .place = *place,
			             .held = db_int(&rows, 0),
			             .leased = !db_is_null(&rows, 1),
			             .queue_id = arena_copy(arena, db_text(&rows, 2)),
			             .path = arena_copy(arena, db_text(&rows, 3)) };
	db_end(&rows);
	return rc;
}

static int note(struct db *db, const struct queue_order *o, const struct row *row,
                enum journey_kind kind, struct slice detail)
{
	const struct journey_event event = { .at_ms = o->now_ms,
		                             .queue_id = row->queue_id,
		                             .kind = kind,
		                             .address = row->path,
		                             .detail = detail };
	return journey_note(db, &event);
}

#define BY_OPERATOR SLICE("by the operator")

/* A leased one keeps its lease's date: who has it gives it back, or records what became of it.
 */
#define THIS_ROW " WHERE queue_message_id = $1 AND position = $2"
#define DUE_SQL  " due_ms = CASE WHEN lease_owner IS NULL THEN $3 ELSE due_ms END"

static int retry(struct db *db, const struct queue_order *o, const struct row *row)
{
	return db_run(db,
	              "UPDATE queue_recipient SET asked = CASE WHEN asked = 2 THEN 2"
	              " WHEN lease_owner IS NULL THEN 1 ELSE 3 END," DUE_SQL THIS_ROW,
	              "iii", row->place.message, row->place.position, o->now_ms);
}

static int hold(struct db *db, const struct queue_order *o, const struct row *row)
{
	int rc = db_run(db, "UPDATE queue_recipient SET held = 1," DUE_SQL THIS_ROW, "iii",
	                row->place.message, row->place.position, HELD_DUE_MS);
	return rc < 0 ? rc : note(db, o, row, JOURNEY_HELD, BY_OPERATOR);
}

static int release(struct db *db, const struct queue_order *o, const struct row *row)
{
	int rc = db_run(db, "UPDATE queue_recipient SET held = 0," DUE_SQL THIS_ROW, "iii",
	                row->place.message, row->place.position, o->now_ms);
	return rc < 0 ? rc : note(db, o, row, JOURNEY_RELEASED, BY_OPERATOR);
}

static int drop(struct db *db, const struct queue_order *o, const struct row *row)
{
	int rc = db_run(db, "DELETE FROM queue_recipient" THIS_ROW, "ii", row->place.message,
	                row->place.position);
	if (rc == 0)
		rc = queue_table_clean(db, row->place.message);
	return rc < 0 ? rc : note(db, o, row, JOURNEY_DROPPED, BY_OPERATOR);
}

/* The server does it, which has the message and can make the report. */
static int bounce(struct db *db, const struct queue_order *o, const struct row *row)
{
	return db_run(db, "UPDATE queue_recipient SET held = 0, asked = $4," DUE_SQL THIS_ROW,
	              "iiii", row->place.message, row->place.position, o->now_ms,
	              (int64_t)QUEUE_ASKED_BACK);
}

static int reroute(struct db *db, const struct queue_order *o, const struct row *row)
{
	int64_t due_ms = row->held ? HELD_DUE_MS : o->now_ms;
	int rc = db_run(db, "UPDATE queue_recipient SET reroute = $4," DUE_SQL THIS_ROW, "iiit",
	                row->place.message, row->place.position, due_ms, o->reroute);
	struct slice detail = o->reroute.len > 0 ? o->reroute : SLICE("back to its usual way");
	return rc < 0 ? rc : note(db, o, row, JOURNEY_REROUTED, detail);
}

/* What means something to a row as it is now; queue_action_means() had an older look at it. */
static bool still_means(enum queue_action action, const struct row *row)
{
	switch (action) {
	case QUEUE_RETRY:
		return row->held == 0;
	case QUEUE_HOLD:
		return row->held != 1;
	case QUEUE_RELEASE:
		return row->held != 0;
	case QUEUE_REROUTE:
		return row->held != 2;
	default:
		return true;
	}
}

static int act_on(struct db *db, const struct queue_order *o, const struct row *row)
{
	static int (*const acts[])(struct db *, const struct queue_order *, const struct row *) = {
		[QUEUE_RETRY] = retry, [QUEUE_HOLD] = hold,     [QUEUE_RELEASE] = release,
		[QUEUE_DROP] = drop,   [QUEUE_BOUNCE] = bounce, [QUEUE_REROUTE] = reroute,
	};
	return acts[o->action](db, o, row);
}

static int act_on_place(struct db *db, struct arena *arena, struct queue_order *o,
                        const struct queue_place *place)
{
	struct row row = { .leased = false };
	int rc = find_row(db, arena, place, &row);
	if (rc == -ENODATA)
		return 0;
	if (rc < 0 || !still_means(o->action, &row))
		return rc;
	o->changed++;
	o->withdraw |= row.leased && o->action != QUEUE_RETRY && o->action != QUEUE_RELEASE;
	return act_on(db, o, &row);
}

int queue_act(struct db *db, struct queue_order *o)
{
	struct arena *arena = arena_new();
	int rc = 0;
	o->changed = 0;
	o->withdraw = false;
	for (size_t i = 0; i < o->count && rc == 0; i++)
		rc = act_on_place(db, arena, o, &o->places[i]);
	arena_free(arena);
	return rc;
}
