/* Ends of recipients, recorded: rows, journeys, bounces. */
#include <errno.h>

#include "queue/queue_row.h"
#include "route/bounce_rows.h"
#include "route/journey.h"
#include "route/suppression.h"

static int note_event(struct db *db, const struct queue_job *job, size_t i, enum journey_kind kind)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	struct slice detail = o->text;
	if (kind == JOURNEY_RELAYED && (job->tls.len > 0 || job->from.len > 0))
		detail = slice_from_str(arena_printf(job->arena, "%.*s (%.*s%s%.*s)",
		                                     SLICE_ARG(o->text), SLICE_ARG(job->tls),
		                                     job->from.len == 0 ? ""
		                                     : job->tls.len > 0 ? ", from "
		                                                        : "from ",
		                                     SLICE_ARG(job->from)));
	struct journey_event event = {
		.at_ms = job->ended_ms,
		.queue_id = slice_from_str(job->queue_id),
		.kind = kind,
		.address = job->wire[i].path,
		.peer = job->peer,
		.detail = detail,
	};
	return journey_note(db, &event);
}

/* A report that can't be delivered is no news of its recipient. */
static int note_bounce(struct db *db, const struct queue_job *job, size_t i)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	char status[SMTP_ENHANCED_TEXT_MAX] = "";
	if (job->reverse_path.len == 0)
		return 0;
	if (o->enhanced.class != 0)
		smtp_enhanced_text(o->enhanced, status);
	struct bounce_row row = { .at_ms = job->ended_ms,
		                  .queue_id = slice_from_str(job->queue_id),
		                  .sender = job->reverse_path,
		                  .account = job->account,
		                  .recipient = job->wire[i].path,
		                  .source = BOUNCE_SOURCE_REPLY,
		                  .status = slice_from_str(status),
		                  .reporter = job->peer,
		                  .text = o->text };
	row.class = bounce_class_of(row.status, row.text);
	int rc = bounce_row_add(db, &row);
	return rc == 0 ? suppression_note(db, job->suppression, &row) : rc;
}

static int record_gone(struct db *db, const struct queue_job *job, size_t i,
                       struct queue_recorded *out)
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "DELETE FROM queue_recipient"
	                   " WHERE queue_message_id = $1 AND position = $2",
	                   "ii", job->message, job->targets[i].position);
	if (rc < 0)
		return rc;
	out->gone += (size_t)changed;
	/* What becomes of it now is said by the post office. */
	if (job->targets[i].end == QUEUE_END_RELEASED)
		return 0;
	bool relayed = job->targets[i].end == QUEUE_END_RELAYED;
	int noted = note_event(db, job, i, relayed ? JOURNEY_RELAYED : JOURNEY_BOUNCED);
	return noted < 0 || relayed ? noted : note_bounce(db, job, i);
}

/* When a row is due again, but for what the operator wished meanwhile. $4 is never. */
#define DUE_AGAIN " due_ms = CASE held WHEN 1 THEN $4 ELSE $3 END,"

/* The operator wanted it back or tried again, or sent it another way than the one it was on: it is
 * due at once. */
static int record_wish(struct db *db, const struct queue_job *job, size_t i,
                       struct queue_recorded *out)
{
	const struct queue_target *t = &job->targets[i];
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE queue_recipient SET due_ms = $3,"
	                   " asked = CASE asked WHEN 3 THEN 1 ELSE asked END"
	                   " WHERE queue_message_id = $1 AND position = $2"
	                   " AND lease_owner IS NULL AND (asked = 2 OR (held = 0 AND (asked = 3 OR"
	                   " CASE reroute WHEN '' THEN domain ELSE reroute END <> $4)))",
	                   "iiit", job->message, t->position, job->ended_ms, t->way);
	out->due_now |= rc == 0 && changed > 0;
	return rc;
}

static int record_deferred(struct db *db, const struct queue_job *job, size_t i,
                           struct queue_recorded *out)
{
	const struct queue_target *t = &job->targets[i];
	char status[SMTP_ENHANCED_TEXT_MAX];
	int rc = db_run(db,
	                "UPDATE queue_recipient SET lease_owner = NULL," DUE_AGAIN
	                " asked = CASE WHEN asked >= 2 THEN asked ELSE 0 END, attempts = $5,"
	                " last_ms = $6, last_text = $7, delay_told = $8, last_status = $9,"
	                " last_peer = $10 WHERE queue_message_id = $1 AND position = $2"
	                " AND coalesce(lease_owner, '') = $11",
	                "iiiiiitists", job->message, t->position, t->due_ms, QUEUE_NEVER_MS,
	                (int64_t)t->attempts + 1, job->ended_ms, job->wire[i].outcome.text,
	                (int64_t)(t->delay_told || t->tell_delay),
	                queue_row_status(job->wire[i].outcome.enhanced, status), job->peer,
	                job->lease);
	if (rc == 0)
		rc = record_wish(db, job, i, out);
	return rc < 0 ? rc : note_event(db, job, i, JOURNEY_DEFERRED);
}

static int record_returned(struct db *db, const struct queue_job *job, size_t i,
                           struct queue_recorded *out)
{
	const struct queue_target *t = &job->targets[i];
	char status[SMTP_ENHANCED_TEXT_MAX];
	int rc = db_run(db,
	                "UPDATE queue_recipient SET lease_owner = NULL," DUE_AGAIN
	                " last_status = CASE WHEN $5 = '' THEN last_status ELSE $6 END,"
	                " last_text = CASE WHEN $5 = '' THEN last_text ELSE $5 END"
	                " WHERE queue_message_id = $1 AND position = $2"
	                " AND coalesce(lease_owner, '') = $7",
	                "iiiitss", job->message, t->position, t->due_ms, QUEUE_NEVER_MS,
	                job->wire[i].outcome.text,
	                queue_row_status(job->wire[i].outcome.enhanced, status), job->lease);
	return rc < 0 ? rc : record_wish(db, job, i, out);
}

static int record_one(struct db *db, const struct queue_job *job, size_t i,
                      struct queue_recorded *out)
{
	switch (job->targets[i].end) {
	case QUEUE_END_RELAYED:
	case QUEUE_END_FAILED:
	case QUEUE_END_EXPIRED:
	case QUEUE_END_RELEASED:
		return record_gone(db, job, i, out);
	case QUEUE_END_DEFERRED:
		return record_deferred(db, job, i, out);
	default:
		return record_returned(db, job, i, out);
	}
}

int queue_table_clean(struct db *db, int64_t message)
{
	int64_t blob_id;
	int rc = db_get_int(db, &blob_id,
	                    "SELECT blob_id FROM queue_message WHERE id = $1 AND NOT EXISTS"
	                    " (SELECT 1 FROM queue_recipient WHERE queue_message_id = $1)",
	                    "i", message);
	if (rc < 0)
		return rc == -ENODATA ? 0 : rc;
	rc = db_run(db, "DELETE FROM queue_message WHERE id = $1", "i", message);
	return rc < 0 ? rc : blob_release(db, blob_id, 1);
}

int queue_table_record(struct db *db, const struct queue_job *job, struct queue_recorded *out)
{
	*out = (struct queue_recorded){ 0 };
	for (size_t i = 0; i < job->count; i++) {
		int rc = record_one(db, job, i, out);
		if (rc < 0)
			return rc;
	}
	return out->gone > 0 ? queue_table_clean(db, job->message) : 0;
}
