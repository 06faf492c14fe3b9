#include "route/quarantine.h"

#include <errno.h>

#include "store/store.h"

enum { EXPIRE_ROWS = 200 };

#define COLUMNS                                                                                    \
	"id, account_id, address, asked, blob_id, skip_bytes, size_bytes, at_ms, until_ms,"        \
	" reason, why, score, score_text, queue_id, reverse_path, client, header_from, subject,"   \
	" account, smtputf8, body_8bit, notify, orcpt, envid, ret, options"

static const char *const reason_names[] = {
	[QUARANTINE_RULE] = "rule",
	[QUARANTINE_SCORE] = "score",
	[QUARANTINE_DMARC] = "dmarc",
	[QUARANTINE_FILTER] = "filter",
};

const char *quarantine_reason_name(enum quarantine_reason reason)
{
	return (unsigned)reason < QUARANTINE_REASONS ? reason_names[reason] : NULL;
}

/* --- rows --------------------------------------------------------------------------------- */

static struct quarantine_row row_of(const struct db_rows *r)
{
	struct slice ret = db_text(r, 24);
	return (struct quarantine_row){
		.id = db_int(r, 0),
		.account_id = db_int(r, 1),
		.address = db_text(r, 2),
		.asked = db_text(r, 3),
		.blob_id = db_int(r, 4),
		.skip_bytes = (uint64_t)db_int(r, 5),
		.size_bytes = (uint64_t)db_int(r, 6),
		.at_ms = db_int(r, 7),
		.until_ms = db_int(r, 8),
		.reason = (enum quarantine_reason)db_int(r, 9),
		.why = db_text(r, 10),
		.scored = !db_is_null(r, 11),
		.score = (int)db_int(r, 11),
		.score_text = db_text(r, 12),
		.queue_id = db_text(r, 13),
		.reverse_path = db_text(r, 14),
		.client = db_text(r, 15),
		.header_from = db_text(r, 16),
		.subject = db_text(r, 17),
		.account = db_text(r, 18),
		.smtputf8 = db_int(r, 19) != 0,
		.body = (enum queue_body)db_int(r, 20),
		.notify = (unsigned)db_int(r, 21),
		.orcpt = db_text(r, 22),
		.envid = db_text(r, 23),
		.ret = (char)(ret.len > 0 ? ret.data[0] : 0),
		.options = db_text(r, 25),
	};
}

static void keep(struct arena *arena, struct quarantine_row *row)
{
	struct slice *const texts[] = { &row->address,      &row->asked,    &row->why,
		                        &row->score_text,   &row->queue_id, &row->client,
		                        &row->reverse_path, &row->orcpt,    &row->header_from,
		                        &row->subject,      &row->account,  &row->envid,
		                        &row->options };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_copy(arena, *texts[i]);
}

static int insert(struct db *db, const struct quarantine_row *r)
{
	int64_t id;
	int rc = db_insert(
		db, &id,
		"INSERT INTO quarantine (account_id, address, asked, blob_id, skip_bytes,"
		" size_bytes, at_ms, until_ms, reason, why, score_text, queue_id, reverse_path,"
		" client, header_from, subject, account, smtputf8, body_8bit, notify, orcpt, envid,"
		" ret, options) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
		" $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
		"ittiiiiiitttttttt"
		"iiitttt",
		r->account_id, r->address, r->asked, r->blob_id, (int64_t)r->skip_bytes,
		(int64_t)r->size_bytes, r->at_ms, r->until_ms, (int64_t)r->reason, r->why,
		r->score_text, r->queue_id, r->reverse_path, r->client, r->header_from, r->subject,
		r->account, (int64_t)r->smtputf8, (int64_t)r->body, (int64_t)r->notify, r->orcpt,
		r->envid, slice_of(&r->ret, r->ret ? 1 : 0), r->options);
	if (rc == 0 && r->scored)
		rc = db_run(db, "UPDATE quarantine SET score = $1 WHERE id = $2", "ii",
		            (int64_t)r->score, id);
	return rc == 0 ? blob_retain(db, r->blob_id, 1) : rc;
}

int quarantine_get(struct db *db, struct arena *arena, int64_t id, struct quarantine_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT " COLUMNS " FROM quarantine WHERE id = $1", "i", id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*out = row_of(&rows);
		keep(arena, out);
	}
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int quarantine_remove(struct db *db, const struct quarantine_row *row, enum journey_kind kind,
                      struct slice detail, int64_t now_ms)
{
	const struct journey_event event = { .at_ms = now_ms,
		                             .queue_id = row->queue_id,
		                             .message_id = SLICE_EMPTY,
		                             .kind = kind,
		                             .address = row->address,
		                             .peer = SLICE_EMPTY,
		                             .detail = detail };
	int64_t changed = 0;
	int rc = db_change(db, &changed, "DELETE FROM quarantine WHERE id = $1", "i", row->id);
	if (rc == 0 && changed == 0)
		rc = -ENOENT;
	if (rc == 0)
		rc = blob_release(db, row->blob_id, 1);
	return rc == 0 ? journey_note(db, &event) : rc;
}

/* --- many --------------------------------------------------------------------------------- */

struct dropping {
	struct arena *arena;
	struct quarantine_row rows[EXPIRE_ROWS];
	size_t count;
};

/* Not while the query is open that has found them. */
static int drop_all(struct db *db, struct dropping *d, struct slice detail, int64_t now_ms)
{
	int rc = 0;
	for (size_t i = 0; i < d->count && rc == 0; i++)
		rc = quarantine_remove(db, &d->rows[i], JOURNEY_DROPPED, detail, now_ms);
	return rc;
}

static struct dropping *dropping_new(void)
{
	struct arena *arena = arena_new();
	struct dropping *d = ARENA_NEW(arena, struct dropping);
	d->arena = arena;
	return d;
}

static void take(struct dropping *d, const struct db_rows *rows)
{
	struct quarantine_row *row = &d->rows[d->count++];
	*row = row_of(rows);
	keep(d->arena, row);
}

int quarantine_expire(struct db *db, int64_t now_ms, int64_t *count_out)
{
	struct dropping *d = dropping_new();
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS
	                  " FROM quarantine WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2",
	                  "ii", now_ms, (int64_t)EXPIRE_ROWS);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		take(d, &rows);
	db_end(&rows);
	if (rc == -ENODATA)
		rc = drop_all(db, d, SLICE("nobody wanted it in time"), now_ms);
	*count_out = (int64_t)d->count;
	arena_free(d->arena);
	return rc;
}

int quarantine_remove_account(struct db *db, int64_t account_id)
{
	struct db_rows rows;
	int64_t blob = 0;
	int rc = 0;
	while (rc == 0) {
		rc = db_query(db, &rows,
		              "SELECT id, blob_id FROM quarantine WHERE account_id = $1 LIMIT 1",
		              "i", account_id);
		if (rc == 0)
			rc = db_next(&rows);
		int64_t id = rc == 0 ? db_int(&rows, 0) : 0;
		blob = rc == 0 ? db_int(&rows, 1) : 0;
		db_end(&rows);
		if (rc == 0)
			rc = db_run(db, "DELETE FROM quarantine WHERE id = $1", "i", id);
		if (rc == 0)
			rc = blob_release(db, blob, 1);
	}
	if (rc != -ENODATA)
		return rc;
	return db_run(db, "DELETE FROM quarantine_digest WHERE account_id = $1", "i", account_id);
}

/* --- room --------------------------------------------------------------------------------- */

static int count_of(struct db *db, struct slice address, int64_t *messages, int64_t *bytes)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT count(*), COALESCE(sum(size_bytes), 0) FROM quarantine"
	                  " WHERE address = $1",
	                  "t", address);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*messages = db_int(&rows, 0);
		*bytes = db_int(&rows, 1);
	}
	db_end(&rows);
	return rc;
}

static bool is_too_much(const struct config_quarantine *config, int64_t messages, int64_t bytes,
                        uint64_t more)
{
	return messages > 0 && (messages >= (int64_t)config->max_messages ||
	                        (uint64_t)bytes + more > config->max_bytes);
}

/* The oldest, as many as have to go for it, but only so many in one commit. */
static int find_oldest(struct db *db, struct dropping *d, const struct config_quarantine *config,
                       const struct quarantine_row *row, int64_t messages, int64_t bytes)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " COLUMNS " FROM quarantine WHERE address = $1"
	                  " ORDER BY id LIMIT $2",
	                  "ti", row->address, (int64_t)EXPIRE_ROWS);
	while (rc == 0 && is_too_much(config, messages, bytes, row->size_bytes) &&
	       (rc = db_next(&rows)) == 0) {
		take(d, &rows);
		messages--;
		bytes -= (int64_t)d->rows[d->count - 1].size_bytes;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int make_room(struct db *db, const struct config_quarantine *config,
                     const struct quarantine_row *row, int64_t *dropped_out)
{
	int64_t messages = 0, bytes = 0;
	int rc = count_of(db, row->address, &messages, &bytes);
	if (rc < 0 || !is_too_much(config, messages, bytes, row->size_bytes))
		return rc;
	if (config->full == QUARANTINE_FULL_LATER)
		return -EDQUOT;
	struct dropping *d = dropping_new();
	rc = find_oldest(db, d, config, row, messages, bytes);
	if (rc == 0)
		rc = drop_all(db, d, SLICE("the quarantine of this recipient is full"), row->at_ms);
	*dropped_out += (int64_t)d->count;
	arena_free(d->arena);
	return rc;
}

int quarantine_add(struct db *db, const struct config_quarantine *config,
                   const struct quarantine_row *row, int64_t *dropped_out)
{
	int rc = make_room(db, config, row, dropped_out);
	return rc == 0 ? insert(db, row) : rc;
}

/* --- looking ------------------------------------------------------------------------------ */

int quarantine_each(struct db *db, int64_t account_id, int64_t after, int64_t limit,
                    quarantine_visit visit, void *arg)
{
	struct db_rows rows;
	int64_t seen = 0;
	int rc = account_id != 0
	                 ? db_query(db, &rows,
	                            "SELECT " COLUMNS " FROM quarantine WHERE account_id = $1"
	                            " AND id > $2 ORDER BY id LIMIT $3",
	                            "iii", account_id, after, limit)
	                 : db_query(db, &rows,
	                            "SELECT " COLUMNS
	                            " FROM quarantine WHERE id > $1 ORDER BY id LIMIT $2",
	                            "ii", after, limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct quarantine_row row = row_of(&rows);
		seen++;
		rc = visit(&row, arg);
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	return seen == limit ? 1 : 0;
}

int quarantine_sum(struct db *db, struct quarantine_sums *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT count(*), COALESCE(sum(size_bytes), 0) FROM quarantine", "");
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = (struct quarantine_sums){ db_int(&rows, 0), db_int(&rows, 1) };
	db_end(&rows);
	return rc;
}
