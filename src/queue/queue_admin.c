/* What the operator may do with the queue's rows. */
#include <errno.h>

#include "base/cursor.h"
#include "queue/queue.h"
#include "queue/queue_table.h"
#include "route/journey.h"

#define HELD_DUE_MS INT64_MAX

/* The filter as parameters: $1 queue id, $2 forward-path, $3 domain, $4 reverse-path, $5 whether
 * there is one. */
#define FILTER_SQL                                                                                 \
	" ($1 = '' OR m.queue_id = $1) AND ($2 = '' OR lower(r.forward_path) = lower($2))"         \
	" AND ($3 = '' OR r.domain = $3)"                                                          \
	" AND ($5 = 0 OR lower(m.reverse_path) = lower($4))"
#define FILTER_TYPES "tttti"

struct filter {
	struct slice queue_id, path, domain, from;
	int64_t has_from;
};

static struct filter filter_of(const struct queue_filter *f)
{
	struct filter out = { .queue_id = f->queue_id, .path = SLICE_EMPTY, .domain = SLICE_EMPTY };
	if (slice_starts_with(f->to, SLICE("@")))
		out.domain = slice_from(f->to, 1);
	else
		out.path = f->to;
	out.has_from = f->from.len > 0;
	out.from = slice_equal(f->from, SLICE("<>")) ? SLICE_EMPTY : f->from;
	return out;
}

static enum queue_state state_of(const struct db_rows *rows)
{
	if (db_int(rows, 7) == 1)
		return QUEUE_HELD;
	if (db_int(rows, 7) == 2 && db_is_null(rows, 8))
		return QUEUE_SCHEDULED;
	return db_is_null(rows, 8) ? QUEUE_WAITING : QUEUE_ACTIVE;
}

int queue_each(struct db *db, const struct queue_filter *filter, int64_t limit,
               int (*visit)(const struct queue_entry *entry, void *arg), void *arg)
{
	struct filter f = filter_of(filter);
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT m.queue_id, m.message_id, m.reverse_path, r.forward_path,"
		" m.size_bytes, m.arrived_ms, r.due_ms, r.held, r.lease_owner,"
		" m.expires_ms, r.attempts, r.last_text,"
		" m.blob_id, m.skip_bytes, m.id, r.position, m.options, m.account"
		" FROM queue_message m JOIN queue_recipient r ON r.queue_message_id = m.id"
		" WHERE" FILTER_SQL " AND m.id >= $6 AND (m.id > $6 OR r.position > $7)"
		" ORDER BY m.id, r.position LIMIT $8",
		FILTER_TYPES "iii", f.queue_id, f.path, f.domain, f.from, f.has_from,
		filter->after.message, filter->after.position, limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice id = db_text(&rows, 0);
		char queue_id[17];
		snprintf(queue_id, sizeof(queue_id), "%.*s", SLICE_ARG(id));
		struct queue_entry entry = {
			.place = { db_int(&rows, 14), db_int(&rows, 15) },
			.queue_id = queue_id,
			.message_id = db_text(&rows, 1),
			.reverse_path = db_text(&rows, 2),
			.forward_path = db_text(&rows, 3),
			.size_bytes = (uint64_t)db_int(&rows, 4),
			.arrived_ms = db_int(&rows, 5),
			.due_ms = db_int(&rows, 6),
			.expires_ms = db_int(&rows, 9),
			.attempts = (unsigned)db_int(&rows, 10),
			.state = state_of(&rows),
			.last = db_text(&rows, 11),
			.options = db_text(&rows, 16),
			.account = db_text(&rows, 17),
			.blob_id = db_int(&rows, 12),
			.skip_bytes = (uint64_t)db_int(&rows, 13),
		};
		rc = visit(&entry, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- acting --------------------------------------------------------------------------- */

#define THESE_SQL                                                                                  \
	" WHERE (queue_message_id, position) IN (SELECT r.queue_message_id, r.position"            \
	" FROM queue_message m JOIN queue_recipient r ON r.queue_message_id = m.id"                \
	" WHERE" FILTER_SQL ")"

/* A leased one is in the server's hands already: it only learns what is wished. */
static int act_retry(struct db *db, const struct filter *f, int64_t now_ms, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "UPDATE queue_recipient SET asked = 1,"
	                 " due_ms = CASE WHEN lease_owner IS NULL THEN $6 ELSE due_ms END" THESE_SQL
	                 " AND held = 0",
	                 FILTER_TYPES "i", f->queue_id, f->path, f->domain, f->from, f->has_from,
	                 now_ms);
}

static int act_hold(struct db *db, const struct filter *f, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "UPDATE queue_recipient SET held = 1,"
	                 " due_ms = CASE WHEN lease_owner IS NULL THEN $6 ELSE due_ms END" THESE_SQL
	                 " AND held <> 1",
	                 FILTER_TYPES "i", f->queue_id, f->path, f->domain, f->from, f->has_from,
	                 HELD_DUE_MS);
}

static int act_release(struct db *db, const struct filter *f, int64_t now_ms, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "UPDATE queue_recipient SET held = 0,"
	                 " due_ms = CASE WHEN lease_owner IS NULL THEN $6 ELSE due_ms END" THESE_SQL
	                 " AND held <> 0",
	                 FILTER_TYPES "i", f->queue_id, f->path, f->domain, f->from, f->has_from,
	                 now_ms);
}

struct dropped {
	struct dropped *next;
	int64_t message, position;
	struct slice queue_id, path;
};

static int find_dropped(struct db *db, const struct filter *f, struct arena *arena,
                        struct dropped **out)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT m.id, r.position, m.queue_id, r.forward_path"
		" FROM queue_message m JOIN queue_recipient r ON r.queue_message_id = m.id"
		" WHERE" FILTER_SQL,
		FILTER_TYPES, f->queue_id, f->path, f->domain, f->from, f->has_from);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct dropped *d = ARENA_NEW(arena, struct dropped);
		*d = (struct dropped){ .next = *out,
			               .message = db_int(&rows, 0),
			               .position = db_int(&rows, 1),
			               .queue_id = arena_copy(arena, db_text(&rows, 2)),
			               .path = arena_copy(arena, db_text(&rows, 3)) };
		*out = d;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int drop_one(struct db *db, const struct dropped *d, int64_t now_ms)
{
	int rc = db_run(db,
	                "DELETE FROM queue_recipient WHERE queue_message_id = $1 AND position = $2",
	                "ii", d->message, d->position);
	if (rc == 0)
		rc = queue_table_clean(db, d->message);
	if (rc < 0)
		return rc;
	struct journey_event event = { .at_ms = now_ms,
		                       .queue_id = d->queue_id,
		                       .kind = JOURNEY_DROPPED,
		                       .address = d->path,
		                       .detail = SLICE("by the operator") };
	return journey_note(db, &event);
}

static int act_drop(struct db *db, const struct filter *f, int64_t now_ms, int64_t *count_out)
{
	struct arena *arena = arena_new();
	struct dropped *all = NULL;
	int64_t count = 0;
	int rc = find_dropped(db, f, arena, &all);
	for (struct dropped *d = all; d && rc == 0; d = d->next) {
		rc = drop_one(db, d, now_ms);
		count++;
	}
	arena_free(arena);
	if (rc == 0)
		*count_out = count;
	return rc;
}

int queue_act(struct db *db, enum queue_action action, const struct queue_filter *filter,
              int64_t now_ms, int64_t *count_out)
{
	struct filter f = filter_of(filter);
	switch (action) {
	case QUEUE_RETRY:
		return act_retry(db, &f, now_ms, count_out);
	case QUEUE_HOLD:
		return act_hold(db, &f, count_out);
	case QUEUE_RELEASE:
		return act_release(db, &f, now_ms, count_out);
	case QUEUE_DROP:
		return act_drop(db, &f, now_ms, count_out);
	}
	return -EINVAL;
}
