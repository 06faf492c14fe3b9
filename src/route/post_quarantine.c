#include "route/post_quarantine.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "message/header.h"
#include "route/post_delivery.h"
#include "route/post_parcel.h"

/* --- in ----------------------------------------------------------------------------------- */

static struct slice score_text(const struct post_envelope *e)
{
	for (size_t i = 0; i < e->note_count; i++) {
		if (e->notes[i].kind == POST_NOTE_SCORED)
			return e->notes[i].detail;
	}
	return SLICE_EMPTY;
}

static struct slice shown(struct delivery *d, struct slice value)
{
	return arena_copy(d->arena, header_decode(d->arena, value, QUARANTINE_TEXT_MAX));
}

void delivery_prepare_hold(struct delivery *d)
{
	const struct post_envelope *e = d->envelope;
	const char *reason = quarantine_reason_name(e->hold->reason);
	struct delivery_hold *h = ARENA_NEW(d->arena, struct delivery_hold);
	h->header_from = shown(d, d->summary.from);
	h->subject = shown(d, d->summary.subject);
	h->score_text = score_text(e);
	h->event = slice_from_str(
		arena_printf(d->arena, "%s: %.*s", reason, SLICE_ARG(e->hold->why)));
	d->hold = h;
}

int delivery_commit_hold(struct db *db, struct delivery *d, const struct batch *b, int64_t blob_id,
                         const struct drop *drop, struct slice *why_out)
{
	const struct config_quarantine *config = &d->post->config.config->quarantine;
	const struct post_envelope *e = d->envelope;
	struct delivery_hold *h = d->hold;
	const struct quarantine_row row = {
		.account_id = drop->target->account_id,
		.address = drop->target->address,
		.asked = drop->asked,
		.blob_id = blob_id,
		.skip_bytes = d->parts[0].len,
		.size_bytes = d->size_bytes,
		.at_ms = d->now_ms,
		.until_ms = d->now_ms + config->keep_ms,
		.reason = e->hold->reason,
		.why = e->hold->why,
		.scored = e->score.known,
		.score = e->score.total,
		.score_text = h->score_text,
		.queue_id = slice_of(b->queue_id, QUEUE_ID_LEN),
		.reverse_path = d->reverse_path,
		.client = slice_from_str(d->peer),
		.header_from = h->header_from,
		.subject = h->subject,
		.account = slice_from_str(d->client->account),
		.smtputf8 = e->smtputf8,
		.body = e->body_binary                             ? QUEUE_BODY_BINARY
		        : e->body_8bit || d->summary.has_8bit_body ? QUEUE_BODY_8BIT
		                                                   : QUEUE_BODY_7BIT,
		.notify = drop->recipient->notify,
		.orcpt = drop->recipient->orcpt,
		.envid = e->envid,
		.ret = e->ret,
		.options = d->options,
	};
	*why_out = h->event;
	return quarantine_add(db, config, &row, &h->dropped);
}

void delivery_tell_hold(const struct delivery *d)
{
	const struct delivery_hold *h = d->hold;
	log_info("quarantine.held", kv_str("queue_id", d->batches->queue_id),
	         kv_slice("why", h->event), kv_int("recipients", (int64_t)d->drop_count));
	if (h->dropped > 0)
		log_warn("quarantine.full", kv_str("queue_id", d->batches->queue_id),
		         kv_int("dropped", h->dropped));
}

/* --- out ---------------------------------------------------------------------------------- */

struct release {
	struct post *post;
	int64_t id;
	const char *by;
	struct arena *arena;
	struct quarantine_row row;
	struct post_client client;
	struct post_recipient recipient;
	struct post_envelope envelope;
	char queue_id[17];
	struct post_parcel *parcel, *report; /* report: for the sender; NULL: none */
	struct post_client reporter;
	struct post_recipient sender;
	struct post_envelope report_envelope;
	struct store_blob *blobs;
	int64_t now_ms;
};

static int read_row(struct db *db, void *arg)
{
	struct release *r = arg;
	return quarantine_get(db, r->arena, r->id, &r->row);
}

static bool read_address(struct release *r, struct slice text, struct address *out)
{
	return address_parse(r->arena, text, ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL, out);
}

/* 0, or why it can't have it now. */
static int judge(struct release *r)
{
	struct address to;
	if (!read_address(r, r->row.address, &to))
		return -EADDRNOTAVAIL;
	switch (post_check_recipient(r->post, &r->client, to.local, to.domain, r->row.size_bytes)) {
	case POST_LOCAL:
	case POST_FORWARDED:
	case POST_LIST:
	case POST_REMOTE:
		return 0;
	case POST_OVER_QUOTA:
		return -EDQUOT;
	case POST_TEMPORARY:
	case POST_UNVERIFIED:
		return -EAGAIN;
	default:
		return -EADDRNOTAVAIL;
	}
}

static void set_envelope(struct release *r)
{
	const struct quarantine_row *row = &r->row;
	memcpy(r->queue_id, row->queue_id.data,
	       row->queue_id.len < sizeof(r->queue_id) ? row->queue_id.len : 0);
	r->client = (struct post_client){ .helo = "",
		                          .may_relay = true,
		                          .account = row->account.len > 0
		                                             ? arena_str(r->arena, row->account)
		                                             : NULL };
	r->envelope = (struct post_envelope){
		.queue_id = r->queue_id,
		.continues = true,
		.reverse_path = row->reverse_path,
		.recipients = &r->recipient,
		.recipient_count = 1,
		.smtputf8 = row->smtputf8,
		.body_8bit = row->body == QUEUE_BODY_8BIT,
		.body_binary = row->body == QUEUE_BODY_BINARY,
		.envid = row->envid,
		.ret = row->ret,
	};
	envelope_options_parse(row->options, row->at_ms, &r->envelope.options);
	r->envelope.options.hold_until_ms = 0;
}

/* For whom it came if that still leads there, as scripts and aliases want to see it; else for the
 * mailbox itself. */
static int make_parcel(struct release *r, struct slice message)
{
	const struct slice names[] = { r->row.asked, r->row.address };
	struct address to;
	int rc = -EADDRNOTAVAIL;
	for (size_t i = 0; i < 2 && (rc == -EADDRNOTAVAIL || rc == -ENOENT || rc == -ENODATA);
	     i++) {
		if (!read_address(r, names[i], &to))
			continue;
		/* Into a mailbox here it is we who tell: make_report(). */
		unsigned notify = r->row.notify;
		if (r->row.account_id != 0 && (notify & NOTIFY_SUCCESS))
			notify = notify == NOTIFY_SUCCESS ? NOTIFY_NEVER
			                                  : notify & ~(unsigned)NOTIFY_SUCCESS;
		r->recipient = (struct post_recipient){ .local = to.local,
			                                .domain = to.domain,
			                                .notify = notify,
			                                .orcpt = r->row.orcpt };
		r->envelope.only = i == 0 ? r->row.address : SLICE_EMPTY;
		rc = post_parcel_new(r->post, &r->client, &r->envelope, message, &r->parcel);
	}
	return rc == -ENOENT || rc == -ENODATA ? -EADDRNOTAVAIL : rc;
}

/* NOTIFY=SUCCESS (RFC 3461 section 4.1): now it is in the mailbox. -EAGAIN; what else keeps the
 * sender from being told keeps nobody from his mail. */
static int make_report(struct release *r, struct slice message)
{
	const struct quarantine_row *row = &r->row;
	const struct post_config *c = &r->post->config;
	struct address to;
	bool is_8bit;
	bool wanted = row->account_id != 0 && (row->notify & NOTIFY_SUCCESS) && c->released;
	if (!wanted || row->reverse_path.len == 0 || !read_address(r, row->reverse_path, &to))
		return 0;
	struct slice text = c->released(r->arena, c->config, row, message, &is_8bit);
	r->reporter = (struct post_client){ .helo = "", .may_relay = true };
	r->sender = (struct post_recipient){ .local = to.local,
		                             .domain = to.domain,
		                             .notify = NOTIFY_NEVER };
	r->report_envelope = (struct post_envelope){ .recipients = &r->sender,
		                                     .recipient_count = 1,
		                                     .smtputf8 = row->smtputf8,
		                                     .body_8bit = is_8bit };
	int rc = post_parcel_new(r->post, &r->reporter, &r->report_envelope, text, &r->report);
	if (rc < 0 && rc != -EAGAIN)
		log_info("quarantine.report_failed", kv_str("queue_id", r->queue_id),
		         kv_slice("to", row->reverse_path), kv_error(rc));
	return rc == -EAGAIN ? rc : 0;
}

static int commit(struct db *db, void *arg)
{
	struct release *r = arg;
	int rc = quarantine_remove(db, &r->row, JOURNEY_RELEASED, slice_from_str(r->by), r->now_ms);
	if (rc == 0)
		rc = post_parcel_commit(db, r->parcel, r->blobs);
	if (rc == 0 && r->report)
		rc = post_parcel_commit(db, r->report,
		                        &r->blobs[post_parcel_blob_count(r->parcel)]);
	return rc;
}

static int deliver(struct release *r)
{
	size_t count = post_parcel_blob_count(r->parcel);
	size_t more = r->report ? post_parcel_blob_count(r->report) : 0;
	r->blobs = ARENA_ARRAY(r->arena, count + more + 1, struct store_blob);
	post_parcel_blobs(r->parcel, r->blobs);
	if (r->report)
		post_parcel_blobs(r->report, &r->blobs[count]);
	int rc = store_commit(r->post->config.store, r->blobs, count + more, commit, r);
	post_parcel_end(r->parcel, rc == 0);
	if (r->report)
		post_parcel_end(r->report, rc == 0);
	return rc;
}

static int release(struct release *r)
{
	struct blob_view view;
	set_envelope(r);
	int rc = judge(r);
	if (rc == 0)
		rc = blob_open(r->post->config.store, r->row.blob_id, &view);
	if (rc < 0)
		return rc;
	struct slice message = slice_from(view.bytes, (size_t)r->row.skip_bytes);
	rc = make_parcel(r, message);
	if (rc == 0) {
		rc = make_report(r, message);
		if (rc == 0)
			rc = deliver(r);
		else
			post_parcel_end(r->parcel, false);
	}
	blob_close(&view);
	return rc;
}

int post_release(struct post *p, int64_t id, const char *by)
{
	struct release r = {
		.post = p, .id = id, .by = by, .arena = arena_new(), .now_ms = clock_wall_ms()
	};
	int rc = store_read(p->config.store, read_row, &r);
	if (rc == 0)
		rc = release(&r);
	p->released += rc == 0;
	if (rc == 0)
		log_info("quarantine.released", kv_str("queue_id", r.queue_id),
		         kv_slice("to", r.row.address), kv_str("by", by));
	else if (rc != -ENOENT)
		log_warn("quarantine.release_failed", kv_str("queue_id", r.queue_id),
		         kv_slice("to", r.row.address), kv_error(rc));
	arena_free(r.arena);
	return rc;
}
