/* Reports of other servers about us: RFC 8460 section 5. The message itself lies in a mailbox, so
 * that nothing is lost if it can't be read, or if there is no time for it. */
#include <errno.h>

#include "base/log.h"
#include "message/mime.h"
#include "queue/queue_tlsrpt_internal.h"

/* Each takes a few times the memory of its JSON. */
enum { READING_MAX = 4, MESSAGE_BYTES_MAX = 2 << 20 };

struct incoming {
	struct queue *queue;
	struct arena *arena;
	struct slice from, message;
	bool is_signed;
	/* out */
	struct tlsrpt_row row;
	int rc;
};

static bool is_packed(const struct mime_part *part)
{
	return mime_is(part, "application", "tlsrpt+gzip");
}

static const struct mime_part *find_part(const struct mime_part *part)
{
	const struct mime_part *found = NULL;
	if (is_packed(part) || mime_is(part, "application", "tlsrpt+json"))
		return part;
	if (part->kind != MIME_MULTIPART)
		return NULL;
	for (const struct mime_part *child = part->first; child && !found; child = child->next)
		found = find_part(child);
	return found;
}

static void read_message(void *arg)
{
	struct incoming *in = arg;
	const struct message_limits *limits = &in->queue->config.config->message;
	const struct mime_part *part = find_part(mime_parse(in->arena, in->message, limits));
	in->rc = -ENODATA;
	if (!part)
		return;
	struct slice json = mime_decode_all(in->arena, part->encoding, mime_body(part, in->message),
	                                    TLSRPT_GZIP_BYTES_MAX);
	in->rc = 0;
	if (is_packed(part))
		in->rc = tlsrpt_unpack(in->arena, json, TLSRPT_JSON_BYTES_MAX, &json);
	if (in->rc == 0)
		in->rc = tlsrpt_read(in->arena, json, &in->row.summary);
	in->row.json = json;
}

static int keep(struct db *db, void *arg)
{
	const struct incoming *in = arg;
	int rc = tlsrpt_row_put(db, &in->row);
	return rc == 0 ? tlsrpt_row_limit(db) : rc;
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
		log_info("tlsrpt.unread", kv_slice("from", in->from), kv_error(in->rc));
	else
		log_info("tlsrpt.received", kv_slice("from", in->from),
		         kv_slice("organization", in->row.summary.organization),
		         kv_int("failures", in->row.summary.failures));
	arena_free(in->arena);
	atomic_fetch_sub(&q->reports_read, 1);
}

void queue_tlsrpt_receive(struct queue *q, struct slice from, struct slice trace,
                          struct slice message)
{
	if (message.len > MESSAGE_BYTES_MAX ||
	    atomic_fetch_add(&q->reports_read, 1) >= READING_MAX) {
		if (message.len <= MESSAGE_BYTES_MAX)
			atomic_fetch_sub(&q->reports_read, 1);
		log_info("tlsrpt.unread", kv_slice("from", from), kv_str("why", "too much"));
		return;
	}
	struct arena *arena = arena_new();
	struct incoming *in = ARENA_NEW(arena, struct incoming);
	*in = (struct incoming){ .queue = q,
		                 .arena = arena,
		                 .from = arena_copy(arena, from),
		                 .message = arena_copy(arena, message),
		                 .is_signed = slice_find(trace, SLICE("dkim=pass")) >= 0 };
	if (fiber_start(-1, "tls report", read_and_keep, in))
		return;
	arena_free(arena);
	atomic_fetch_sub(&q->reports_read, 1);
}
