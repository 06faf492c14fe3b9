/* Reports on their way: by mail, or those on TLS by HTTPS (RFC 8460 section 5.4). */
#include <errno.h>

#include "base/codec.h"
#include "base/log.h"
#include "message/build.h"
#include "net/http.h"
#include "queue/queue_feedback_internal.h"
#include "route/post_parcel.h"

/* Section 5.4 has one try again for up to 24 hours. */
#define GIVE_UP_MS (24 * 3600 * 1000LL)
#define PAUSE_MS   (15 * 60 * 1000LL)
/* A collector may take its time to hold up all others: what there is no time for is posted in the
 * next minute's look, and mail does not wait for it. */
#define POST_MS  (20 * 1000)
#define POSTS_MS (120 * 1000)
enum { REPLY_BYTES_MAX = 64 * 1024, LINE_BYTES = 57 /* 76 in base64 */ };

struct sending {
	struct queue *queue;
	const struct feedback_kind *kind;
	int64_t posts_until_ms; /* monotonic: then by mail only */
	struct arena *arena;
	struct report_row row;
	struct post_parcel *parcel; /* or NULL */
	struct store_blob *blobs;
};

const char *feedback_from(struct queue *q, struct arena *arena, const struct feedback_kind *kind)
{
	struct slice domain;
	const struct config_feedback *c = kind->config(q->config.config);
	if (c->from)
		return c->from;
	if (post_first_domain(q->config.post, arena, &domain) < 0)
		domain = slice_from_str(q->config.config->hostname);
	return arena_printf(arena, "postmaster@%.*s", SLICE_ARG(domain));
}

static int record(struct db *db, void *arg)
{
	struct sending *s = arg;
	int rc = s->parcel ? post_parcel_commit(db, s->parcel, s->blobs) : 0;
	return rc == 0 ? report_row_update(db, &s->row) : rc;
}

static int end(struct sending *s, const char *state)
{
	s->row.due_ms = 0;
	s->row.state = slice_from_str(state);
	return store_commit(s->queue->config.store, NULL, 0, record, s);
}

static int try_later(struct sending *s, const char *why)
{
	int64_t now_ms = clock_wall_ms();
	s->row.attempts++;
	if (now_ms - s->row.at_ms >
	    GIVE_UP_MS + s->kind->config(s->queue->config.config)->spread_ms)
		return end(s, arena_printf(s->arena, "given up: %s", why));
	s->row.due_ms = now_ms + PAUSE_MS * s->row.attempts;
	s->row.state = slice_from_str(arena_printf(s->arena, "tried: %s", why));
	return store_commit(s->queue->config.store, NULL, 0, record, s);
}

/* --- by HTTPS ------------------------------------------------------------------------- */

static int post(struct sending *s, struct slice packed)
{
	struct http_reply reply;
	const struct http_request request = {
		.url = arena_str(s->arena, s->row.peer),
		.ca_path = s->kind->config(s->queue->config.config)->ca,
		.body = packed,
		.body_type = s->kind->media_type,
		.timeout_ms = POST_MS,
		.max_bytes = REPLY_BYTES_MAX,
	};
	int rc = http_ask(&request, s->arena, &reply);
	if (rc < 0)
		return try_later(s, reply.why);
	const char *status = arena_printf(s->arena, "the server answers %ld", reply.status);
	return reply.status / 100 == 2 ? end(s, "sent") : try_later(s, status);
}

/* --- by mail -------------------------------------------------------------------------- */

static void put_base64(struct buf *out, struct slice bytes)
{
	for (size_t at = 0; at < bytes.len; at += LINE_BYTES) {
		size_t left = bytes.len - at;
		base64_encode(slice_sub(bytes, at, left < LINE_BYTES ? left : LINE_BYTES), out);
		buf_append(out, SLICE("\r\n"));
	}
}

static void put_header(struct sending *s, struct buf *out, const char *from, struct slice to,
                       const char *boundary)
{
	const struct report_summary *r = &s->row.summary;
	const char *submitter = s->queue->config.config->hostname;
	char date[DATE_TEXT_MAX];
	struct slice now = date_format(date_local(clock_wall_ms() / 1000), date);
	struct slice id = draft_message_id(s->arena, slice_from_str(submitter));
	buf_printf(out, "Date: %.*s\r\nFrom: <%s>\r\nTo: <%.*s>\r\n", SLICE_ARG(now), from,
	           SLICE_ARG(to));
	buf_printf(out,
	           "Subject: Report Domain: %.*s\r\n\tSubmitter: %s\r\n\tReport-ID: <%.*s>\r\n",
	           SLICE_ARG(r->domain), submitter, SLICE_ARG(r->report_id));
	buf_printf(out, "Message-ID: %.*s\r\n", SLICE_ARG(id));
	if (s->kind->put_fields)
		s->kind->put_fields(out, &s->row, submitter);
	buf_printf(out,
	           "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: "
	           "%s;\r\n\tboundary=\"%s\"\r\n",
	           s->kind->multipart, boundary);
}

static struct slice compose(struct sending *s, const char *from, struct slice to,
                            struct slice packed)
{
	const struct report_summary *r = &s->row.summary;
	const char *submitter = s->queue->config.config->hostname;
	const char *boundary = arena_printf(s->arena, "=_%016llx%016llx",
	                                    (unsigned long long)random_u64(),
	                                    (unsigned long long)random_u64());
	struct buf out = buf_make(2 * packed.len + 8192);
	put_header(s, &out, from, to, boundary);
	buf_printf(&out,
	           "\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	           "This is a report of %s about %s\r\n%.*s: %lld succeeded, %lld failed.\r\n",
	           boundary, submitter, s->kind->about, SLICE_ARG(r->domain),
	           (long long)r->successes, (long long)r->failures);
	buf_printf(&out,
	           "\r\n--%s\r\nContent-Type: %s\r\n"
	           "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
	           "\tfilename=\"%s!%.*s!%lld!%lld.%s\"\r\n\r\n",
	           boundary, s->kind->media_type, submitter, SLICE_ARG(r->domain),
	           (long long)r->begins_ms / 1000, (long long)r->ends_ms / 1000,
	           s->kind->extension);
	put_base64(&out, packed);
	buf_printf(&out, "\r\n--%s--\r\n", boundary);
	struct slice text = arena_copy(s->arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

/* Into the queue, in the commit that says so. */
static int submit(struct sending *s, const struct post_client *client,
                  const struct post_envelope *envelope, struct slice text)
{
	struct post *post = s->queue->config.post;
	int rc = post_parcel_new(post, client, envelope, text, &s->parcel);
	if (rc == -ENOENT || rc == -ELOOP)
		return end(s, "nobody has the address");
	if (rc < 0)
		return try_later(s, strerrordesc_np(-rc));
	size_t count = post_parcel_blob_count(s->parcel);
	s->blobs = ARENA_ARRAY(s->arena, count, struct store_blob);
	post_parcel_blobs(s->parcel, s->blobs);
	s->row.due_ms = 0;
	s->row.state = slice_from_str(
		arena_printf(s->arena, "in the queue as %s", envelope->queue_id));
	rc = store_commit(s->queue->config.store, s->blobs, count, record, s);
	post_parcel_end(s->parcel, rc == 0);
	s->parcel = NULL;
	return rc;
}

static int mail(struct sending *s, struct slice to, struct slice packed)
{
	struct address address;
	char queue_id[17];
	const char *from = feedback_from(s->queue, s->arena, s->kind);
	if (!address_parse(s->arena, to, 0, &address))
		return end(s, "there is no such address");
	struct post_recipient recipient = { .local = address.local, .domain = address.domain };
	const struct post_client client = { .helo = "", .may_relay = true };
	post_new_id(s->queue->config.post, queue_id);
	const struct post_envelope envelope = { .queue_id = queue_id,
		                                .reverse_path = slice_from_str(from),
		                                .recipients = &recipient,
		                                .recipient_count = 1 };
	return submit(s, &client, &envelope, compose(s, from, to, packed));
}

/* --- all ------------------------------------------------------------------------------ */

static int find_due(struct db *db, void *arg)
{
	struct sending *s = arg;
	enum report_kind kind = feedback_kind_number(s->kind);
	bool only_mail = clock_monotonic_ms() >= s->posts_until_ms;
	return report_row_due(db, s->arena, kind, only_mail, clock_wall_ms(), &s->row);
}

static int send_one(struct sending *s)
{
	struct slice packed, to;
	int rc = report_pack(s->arena, s->row.body, &packed);
	if (rc < 0)
		return end(s, "it can't be packed");
	if (slice_starts_with_nocase(s->row.peer, SLICE("https:")))
		return post(s, packed);
	if (!tlsrpt_mail_address(s->arena, s->row.peer, &to))
		return end(s, "there is no such address");
	return mail(s, to, packed);
}

int feedback_send_due(struct queue *q, const struct feedback_kind *kind)
{
	int rc = 0;
	int64_t posts_until_ms = deadline_in(POSTS_MS);
	while (rc == 0) {
		struct sending s = { .queue = q,
			             .kind = kind,
			             .posts_until_ms = posts_until_ms,
			             .arena = arena_new() };
		rc = store_read(q->config.store, find_due, &s);
		if (rc == 0)
			rc = send_one(&s);
		if (rc == 0)
			log_info("report.sent", kv_str("kind", kind->name),
			         kv_slice("domain", s.row.summary.domain),
			         kv_slice("to", s.row.peer), kv_slice("state", s.row.state));
		arena_free(s.arena);
	}
	return rc == -ENODATA ? 0 : rc;
}
