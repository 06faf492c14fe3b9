#include "route/post_bounce.h"

#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "message/bounce.h"
#include "route/bounce_rows.h"
#include "route/journey.h"
#include "route/post_bounce_find.h"
#include "route/suppression.h"

/* A message that is larger is read on the thread pool: others wait for this worker. */
#define OFFLOAD_BYTES (256 * 1024)

struct post_bounce {
	struct post *post;
	struct arena *arena;
	struct slice message;
	struct bounce report;
	struct bounce_origin found;
	const struct config_suppression *suppression;
};

/* --- reading it --------------------------------------------------------------------------- */

static void parse(void *arg)
{
	struct post_bounce *b = arg;
	if (!bounce_parse(b->arena, b->message, &b->post->config.config->message, &b->report))
		b->report.form = BOUNCE_NONE;
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
	if (b->report.form == BOUNCE_NONE)
		return NULL;
	int rc = post_bounce_find(p, arena, envelope, &b->report, &b->found);
	if (rc < 0)
		log_error("route.report.failed", kv_error(rc));
	if (rc < 0 || b->found.count == 0)
		return NULL;
	if (b->found.proven)
		b->suppression = config_suppression_find(p->config.config, arena, b->found.account,
		                                         b->found.sender);
	return b;
}

/* --- noting it ---------------------------------------------------------------------------- */

static struct bounce_row row_of(const struct post_bounce *b, const struct bounce_match *m,
                                struct slice report_id, int64_t now_ms)
{
	bool complaint = m->said->action == BOUNCE_COMPLAINED;
	return (struct bounce_row){
		.at_ms = now_ms,
		.queue_id = b->found.queue_id,
		.sender = b->found.sender,
		.account = b->found.account,
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

static int note(struct db *db, const struct post_bounce *b, const struct bounce_match *m,
                const struct bounce_row *row)
{
	const struct journey_event event = {
		.at_ms = row->at_ms,
		.queue_id = b->found.queue_id,
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
	for (size_t i = 0; b && i < b->found.count && rc == 0; i++) {
		const struct bounce_match *m = &b->found.matches[i];
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
