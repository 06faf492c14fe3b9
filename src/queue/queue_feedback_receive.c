/* Reports of other servers about us. The message itself lies in a mailbox, so
 * that nothing is lost if it can't be read, or if there is no time for it. */
#include <errno.h>

#include "base/log.h"
#include "message/mime.h"
#include "queue/queue_feedback_internal.h"

/* Each takes a few times the memory of its JSON. */
enum { READING_MAX = 4, MESSAGE_BYTES_MAX = 2 << 20 };

struct incoming {
	struct queue *queue;
	struct arena *arena;
	struct slice from, message;
	bool is_signed;
	/* out */
	struct report_row row;
	int rc;
};

static const struct mime_part *find_part(const struct mime_part *part,
                                         const struct feedback_kind *kind)
{
	const struct mime_part *found = NULL;
	if (part->kind != MIME_MULTIPART)
		return kind->is_report(part) ? part : NULL;
	for (const struct mime_part *child = part->first; child && !found; child = child->next)
		found = find_part(child, kind);
	return found;
}

/* -ENODATA: there is none of the kind. */
static int read_kind(struct incoming *in, const struct mime_part *top,
                     const struct feedback_kind *kind)
{
	const struct mime_part *part = find_part(top, kind);
	struct slice text;
	if (!part)
		return -ENODATA;
	struct slice body = mime_decode_all(in->arena, part->encoding, mime_body(part, in->message),
	                                    kind->packed_bytes_max);
	int rc = report_unpack(in->arena, body, kind->text_bytes_max, &text);
	if (rc == -EINVAL)
		text = body;
	if (rc != -ENOBUFS)
		rc = kind->read(in->arena, text, &in->row.summary);
	in->row.kind = feedback_kind_number(kind);
	in->row.body = text;
	return rc;
}

static void read_message(void *arg)
{
	struct incoming *in = arg;
	const struct message_limits *limits = &in->queue->config.config->message;
	const struct mime_part *top = mime_parse(in->arena, in->message, limits);
	in->rc = -ENODATA;
	for (enum report_kind kind = 0; kind < REPORT_KINDS && in->rc == -ENODATA; kind++)
		in->rc = read_kind(in, top, feedback_kind_of(kind));
}

static int keep(struct db *db, void *arg)
{
	const struct incoming *in = arg;
	int rc = report_row_put(db, &in->row);
	return rc == 0 ? report_row_limit(db, in->row.kind) : rc;
}

static void read_and_keep(void *arg)
{
	struct incoming *in = arg;
	struct queue *q = in->queue;
	fiber_offload(read_message, in);
	in->row.at_ms = clock_wall_ms();
	in->row.peer = in->from;
	in->row.state = in->is_signed ? SLICE("its DKIM signature is good")
	                              : SLICE("not signed: anybody may have sent it");
	if (in->rc == 0)
		in->rc = store_commit(q->config.store, NULL, 0, keep, in);
	if (in->rc < 0)
		log_info("report.unread", kv_slice("from", in->from), kv_error(in->rc));
	else
		log_info("report.received", kv_str("kind", feedback_kind_of(in->row.kind)->name),
		         kv_slice("from", in->from),
		         kv_slice("organization", in->row.summary.organization),
		         kv_int("failures", in->row.summary.failures));
	arena_free(in->arena);
	atomic_fetch_sub(&q->reports_read, 1);
}

void queue_feedback_receive(struct queue *q, struct slice from, struct slice trace,
                            struct slice message)
{
	if (message.len > MESSAGE_BYTES_MAX ||
	    atomic_fetch_add(&q->reports_read, 1) >= READING_MAX) {
		if (message.len <= MESSAGE_BYTES_MAX)
			atomic_fetch_sub(&q->reports_read, 1);
		log_info("report.unread", kv_slice("from", from), kv_str("why", "too much"));
		return;
	}
	struct arena *arena = arena_new();
	struct incoming *in = ARENA_NEW(arena, struct incoming);
	*in = (struct incoming){ .queue = q,
		                 .arena = arena,
		                 .from = arena_copy(arena, from),
		                 .message = arena_copy(arena, message),
		                 .is_signed = slice_find(trace, SLICE("dkim=pass")) >= 0 };
	if (fiber_start(-1, "report", read_and_keep, in))
		return;
	arena_free(arena);
	atomic_fetch_sub(&q->reports_read, 1);
}
