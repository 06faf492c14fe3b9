#include "route/post_bounce.h"

#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "message/bounce.h"
#include "route/bounce_rows.h"
#include "route/journey.h"
#include "route/suppression.h"
#include "store/store.h"

/* A message that is larger is read on the thread pool: others wait for this worker. */
#define OFFLOAD_BYTES (256 * 1024)

/* One recipient of the report and of the message. */
struct match {
	const struct bounce_recipient *said;
	struct slice recipient; /* as the message was sent to it */
};

struct post_bounce {
	struct post *post;
	struct arena *arena;
	struct slice message;
	struct bounce report;
	/* Of the message that it is about. */
	struct slice queue_id, sender, account;
	const struct config_suppression *suppression;
	struct match *matches;
	size_t count;
};

/* --- finding the message ------------------------------------------------------------------ */

static int note_received(const struct journey_event *event, void *arg)
{
	struct post_bounce *b = arg;
	if (event->kind != JOURNEY_RECEIVED)
		return 1;
	b->sender = arena_copy(b->arena, event->address);
	b->account = arena_copy(b->arena, journey_account(event));
	b->queue_id = arena_copy(b->arena, event->queue_id);
	return 1;
}

static bool is_queue_id(struct slice id)
{
	bool good = id.len == QUEUE_ID_LEN;
	for (size_t i = 0; i < id.len && good; i++)
		good = byte_is_alnum(id.data[i]);
	return good;
}

static int find_message(struct db *db, struct post_bounce *b)
{
	int rc = 0;
	for (size_t i = 0; i < b->report.id_count && b->queue_id.len == 0 && rc >= 0; i++) {
		if (is_queue_id(b->report.ids[i]))
			rc = journey_find(db, b->report.ids[i], -1, 1, note_received, b);
	}
	return rc < 0 ? rc : 0;
}

/* Was it sent on to that address? As it was spelt then. */
static int find_sent(struct db *db, const struct post_bounce *b, struct slice address,
                     struct slice *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT address FROM journey WHERE queue_id = $1 AND kind = $2"
	                  " AND lower(address) = lower($3) LIMIT 1",
	                  "tit", b->queue_id, (int64_t)JOURNEY_QUEUED, address);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = arena_copy(b->arena, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* The one recipient elsewhere, if there is one: hosts behind that one may have sent it on, and
 * complaints often leave out whose they are. */
static int find_only(struct db *db, const struct post_bounce *b, struct slice *out)
{
	struct db_rows rows;
	size_t count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT DISTINCT lower(address) FROM journey"
	                  " WHERE queue_id = $1 AND kind = $2 LIMIT 2",
	                  "ti", b->queue_id, (int64_t)JOURNEY_QUEUED);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		count++;
		*out = arena_copy(b->arena, db_text(&rows, 0));
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	return count == 1 ? 0 : -ENOENT;
}

static int match_one(struct db *db, struct post_bounce *b, const struct bounce_recipient *r)
{
	struct slice recipient;
	int rc = -ENOENT;
	if (r->original.len > 0)
		rc = find_sent(db, b, r->original, &recipient);
	if (rc == -ENOENT && r->address.len > 0)
		rc = find_sent(db, b, r->address, &recipient);
	if (rc == -ENOENT && b->report.count <= 1)
		rc = find_only(db, b, &recipient);
	if (rc == 0)
		b->matches[b->count++] = (struct match){ r, recipient };
	return rc == -ENOENT ? 0 : rc;
}

static int find_in_read(struct db *db, void *arg)
{
	static const struct bounce_recipient complained = { .action = BOUNCE_COMPLAINED,
		                                            .address = SLICE_EMPTY };
	struct post_bounce *b = arg;
	b->count = 0;
	b->queue_id = SLICE_EMPTY;
	int rc = find_message(db, b);
	if (rc < 0 || b->queue_id.len == 0)
		return rc;
	for (size_t i = 0; i < b->report.count && rc == 0; i++)
		rc = match_one(db, b, &b->report.recipients[i]);
	if (rc == 0 && b->report.form == BOUNCE_COMPLAINT && b->report.count == 0)
		rc = match_one(db, b, &complained);
	return rc;
}

static void parse(void *arg)
{
	struct post_bounce *b = arg;
	if (!bounce_parse(b->arena, b->message, &b->post->config.config->message, &b->report))
		b->report.id_count = 0;
}

struct post_bounce *post_bounce_new(struct post *p, struct arena *arena,
                                    const struct post_envelope *envelope, struct slice message)
{
	if (!bounce_may_be(message, envelope->reverse_path.len > 0))
		return NULL;
	struct post_bounce *b = ARENA_NEW(arena, struct post_bounce);
	b->post = p;
	b->arena = arena;
	b->message = message;
	if (message.len > OFFLOAD_BYTES)
		fiber_offload(parse, b);
	else
		parse(b);
	if (b->report.id_count == 0)
		return NULL;
	b->matches = ARENA_ARRAY(arena, b->report.count + 1, struct match);
	int rc = store_read(p->config.store, find_in_read, b);
	b->suppression = config_suppression_find(p->config.config, arena, b->account, b->sender);
	if (rc < 0)
		log_error("route.report.failed", kv_error(rc));
	return rc == 0 && b->count > 0 ? b : NULL;
}

/* --- noting it ---------------------------------------------------------------------------- */

static struct bounce_row row_of(const struct post_bounce *b, const struct match *m,
                                struct slice report_id, int64_t now_ms)
{
	bool complaint = m->said->action == BOUNCE_COMPLAINED;
	return (struct bounce_row){
		.at_ms = now_ms,
		.queue_id = b->queue_id,
		.sender = b->sender,
		.account = b->account,
		.recipient = m->recipient,
		.class = complaint ? BOUNCE_CLASS_COMPLAINT
		                   : bounce_class_of(m->said->status, m->said->diagnostic),
		.source = complaint ? BOUNCE_SOURCE_COMPLAINT : BOUNCE_SOURCE_REPORT,
		.status = m->said->status,
		.reporter = b->report.reporter,
		.text = complaint ? b->report.complaint : m->said->diagnostic,
		.report_id = report_id,
	};
}

static const char *what_happened(const struct bounce_row *row, enum bounce_action action)
{
	if (action == BOUNCE_DELAYED)
		return "delayed";
	return action == BOUNCE_GOOD ? "delivered" : bounce_class_name(row->class);
}

static int note(struct db *db, const struct post_bounce *b, const struct match *m,
                const struct bounce_row *row)
{
	const struct journey_event event = {
		.at_ms = row->at_ms,
		.queue_id = b->queue_id,
		.kind = JOURNEY_REPORTED,
		.address = m->recipient,
		.peer = row->reporter,
		.detail = slice_from_str(arena_printf(
			b->arena, "%s%s%.*s%s%.*s (in %.*s)", what_happened(row, m->said->action),
			row->status.len > 0 ? " " : "", SLICE_ARG(row->status),
			row->text.len > 0 ? ": " : "", SLICE_ARG(row->text),
			SLICE_ARG(row->report_id))),
	};
	return journey_note(db, &event);
}

int post_bounce_commit(struct db *db, const struct post_bounce *b, struct slice report_id,
                       int64_t now_ms)
{
	int rc = 0;
	for (size_t i = 0; b && i < b->count && rc == 0; i++) {
		const struct match *m = &b->matches[i];
		const struct bounce_row row = row_of(b, m, report_id, now_ms);
		rc = note(db, b, m, &row);
		bool is_end = m->said->action == BOUNCE_FAILED ||
		              m->said->action == BOUNCE_COMPLAINED;
		if (rc == 0 && is_end)
			rc = bounce_row_add(db, &row);
		if (rc == 0 && is_end)
			rc = suppression_note(db, b->suppression, &row);
	}
	return rc;
}
