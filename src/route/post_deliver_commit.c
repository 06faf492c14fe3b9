/* The rows of a message: all in one commit, on the writer's thread. */
#include <errno.h>

#include "guard/guard_account.h"
#include "mailbox/mailbox.h"
#include "message/date.h"
#include "route/journey.h"
#include "route/post_delivery.h"
#include "route/post_parcel.h"
#include "route/post_quarantine.h"
#include "route/post_sieve.h"

static int commit_journey(struct db *db, const struct delivery *d, struct batch *b,
                          enum journey_kind kind, struct slice address, struct slice detail)
{
	struct journey_event event = {
		.at_ms = d->now_ms,
		.queue_id = slice_of(b->queue_id, QUEUE_ID_LEN),
		.message_id = kind == JOURNEY_RECEIVED ? d->summary.message_id : SLICE_EMPTY,
		.kind = kind,
		.address = address,
		.peer = kind == JOURNEY_RECEIVED ? slice_from_str(d->peer) : SLICE_EMPTY,
		.detail = detail,
	};
	return b->continues ? journey_note(db, &event) : journey_begin(db, &event, b->events++);
}

static int commit_words(struct db *db, struct delivery *d, struct batch *b, const struct drop *drop)
{
	int rc = 0;
	for (const struct post_word *w = drop->sorted->words; w && rc == 0; w = w->next)
		rc = commit_journey(db, d, b, JOURNEY_SORTED, drop->target->address, w->text);
	return rc;
}

/* Where scripts have put it. */
static int commit_sorted(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id,
                         struct drop *drop)
{
	int rc = commit_words(db, d, b, drop);
	if (rc == 0)
		rc = delivery_commit_filings(db, d, drop, blob_id);
	for (const struct post_filing *f = drop->sorted->filings; f && rc == 0; f = f->next) {
		/* Not what we have written ourselves: a complaint, a copy of an answer. */
		if (f->edition && f->edition->written)
			continue;
		rc = commit_journey(db, d, b, JOURNEY_DELIVERED, drop->target->address,
		                    f->filed_name);
	}
	return rc;
}

static int commit_local(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id,
                        struct drop *drop)
{
	const struct route_target *t = drop->target;
	int rc = 0;
	if (drop->sorted)
		return commit_sorted(db, d, b, blob_id, drop);
	drop->mailbox_id = drop->inbox_id;
	if (drop->mailbox_id == 0)
		rc = mailbox_get_inbox(db, t->account_id, &drop->mailbox_id);
	if (rc < 0)
		return rc;
	const struct mailbox_new_message message = {
		.blob_id = blob_id,
		.size_bytes = d->size_bytes,
		.internal_ms = d->now_ms,
		.envelope = d->summary.envelope,
		.bodystructure = d->summary.body_structure,
		.references = d->summary.references,
	};
	uint32_t uid;
	rc = mailbox_append(db, drop->mailbox_id, &message, &uid);
	if (rc < 0)
		return rc;
	struct slice detail = drop->folder;
	if (!slice_equal_nocase(drop->asked, t->address))
		detail = arena_concat(d->arena,
		                      (struct slice[]){ detail, SLICE(", for "), drop->asked }, 3);
	return commit_journey(db, d, b, JOURNEY_DELIVERED, t->address, detail);
}

/* Many clients say SMTPUTF8 to whoever offers it. Hosts that don't offer it can have what is ASCII
 * all the same; what the path of a recipient needs is for the delivery to that recipient to say. */
static bool delivery_needs_smtputf8(const struct delivery *d)
{
	return !slice_is_ascii(d->reverse_path) ||
	       (d->envelope->smtputf8 && d->summary.has_8bit_header);
}

static enum queue_body delivery_body(const struct delivery *d)
{
	if (d->envelope->body_binary)
		return QUEUE_BODY_BINARY;
	return d->envelope->body_8bit || d->summary.has_8bit_body ? QUEUE_BODY_8BIT
	                                                          : QUEUE_BODY_7BIT;
}

static struct slice delivery_hold_text(struct delivery *d)
{
	char date[DATE_TEXT_MAX];
	int64_t until_s = d->envelope->options.hold_until_ms / 1000;
	return slice_from_str(arena_printf(d->arena, "held until %.*s",
	                                   SLICE_ARG(date_format(date_local(until_s), date))));
}

/* "far.example, for team@example.test": where to, and the alias that led there. */
static struct slice delivery_queued_text(struct delivery *d, const struct drop *drop, bool held)
{
	if (held)
		return delivery_hold_text(d);
	if (d->on_hold)
		return SLICE("held, as its account sends too much");
	if (drop->target->alias.len == 0 || slice_equal_nocase(drop->asked, drop->target->address))
		return drop->target->domain;
	return arena_concat(d->arena,
	                    (struct slice[]){ drop->target->domain, SLICE(", for "), drop->asked },
	                    3);
}

/* Of one that sends like a program nothing goes out before somebody has looked. */
static int check_hold(struct db *db, struct delivery *d)
{
	enum account_standing standing = ACCOUNT_FREE;
	int rc = 0;
	if (d->client->account && d->client->account_id != 0)
		rc = account_find_standing(db, d->client->account_id, &standing);
	d->on_hold = standing == ACCOUNT_HELD;
	return rc;
}

static int commit_remote(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id)
{
	int rc = check_hold(db, d);
	bool held = delivery_is_held(d);
	bool leased = d->post->config.queued != NULL && !held && !d->on_hold;
	int64_t hold_ms = held ? d->envelope->options.hold_until_ms : d->now_ms;
	const struct queue_new_message message = {
		.queue_id = slice_of(b->queue_id, QUEUE_ID_LEN),
		.message_id = d->summary.message_id,
		.reverse_path = d->reverse_path,
		.account = slice_from_str(d->client->account),
		.blob_id = blob_id,
		.skip_bytes = d->parts[0].len,
		.size_bytes = d->size_bytes,
		.now_ms = d->now_ms,
		.due_ms = hold_ms,
		.held = held,
		.on_hold = d->on_hold,
		.lease_owner = leased ? d->post->owner : NULL,
		.expires_ms = hold_ms + d->post->config.config->queue.times.expire_ms,
		.smtputf8 = delivery_needs_smtputf8(d),
		.body = delivery_body(d),
		.envid = d->envelope->envid,
		.ret = d->envelope->ret,
		.options = d->options,
		.recipients = b->remote,
		.recipient_count = b->remote_count,
	};
	if (rc == 0)
		rc = queue_add_message(db, &message);
	for (size_t i = 0; i < b->drop_count && rc == 0; i++) {
		const struct drop *drop = &b->drops[i];
		if (drop->target->account_id == 0)
			rc = commit_journey(db, d, b, JOURNEY_QUEUED, drop->target->address,
			                    delivery_queued_text(d, drop, held));
	}
	return rc;
}

static enum journey_kind note_kind(const struct post_note *n)
{
	static const enum journey_kind kinds[] = {
		[POST_NOTE_REFUSED] = JOURNEY_REFUSED,   [POST_NOTE_TAGGED] = JOURNEY_TAGGED,
		[POST_NOTE_CHECKED] = JOURNEY_CHECKED,   [POST_NOTE_SCORED] = JOURNEY_SCORED,
		[POST_NOTE_FILTERED] = JOURNEY_FILTERED,
	};
	return kinds[n->kind];
}

static int commit_notes(struct db *db, const struct delivery *d, struct batch *b)
{
	int rc = 0;
	for (size_t i = 0; i < d->envelope->note_count && rc == 0; i++) {
		const struct post_note *n = &d->envelope->notes[i];
		rc = commit_journey(db, d, b, note_kind(n), n->address, n->detail);
	}
	return rc;
}

static int commit_received(struct db *db, const struct delivery *d, struct batch *b)
{
	int rc = commit_journey(db, d, b, JOURNEY_RECEIVED, d->envelope->reverse_path,
	                        slice_from_str(d->received));
	return rc < 0 ? rc : commit_notes(db, d, b);
}

static int commit_held(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id)
{
	int rc = 0;
	for (size_t i = 0; i < b->drop_count && rc == 0; i++) {
		const struct drop *drop = &b->drops[i];
		struct slice why;
		rc = delivery_commit_hold(db, d, b, blob_id, drop, &why);
		if (rc == 0)
			rc = commit_journey(db, d, b, JOURNEY_QUARANTINED, drop->target->address,
			                    why);
	}
	return rc;
}

static int commit_batch(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id)
{
	b->events = 0;
	int rc = b->continues ? journey_note_late(db, slice_of(b->queue_id, QUEUE_ID_LEN))
	                      : commit_received(db, d, b);
	if (d->hold)
		return rc == 0 ? commit_held(db, d, b, blob_id) : rc;
	for (size_t i = 0; i < b->drop_count && rc == 0; i++) {
		if (b->drops[i].target->account_id != 0)
			rc = commit_local(db, d, b, blob_id, &b->drops[i]);
	}
	if (rc == 0 && b->remote_count > 0)
		rc = commit_remote(db, d, b, blob_id);
	return rc;
}

/* On the writer's thread. */
int delivery_commit(struct db *db, void *arg)
{
	struct delivery *d = arg;
	size_t i = 0;
	if (d->hold)
		d->hold->dropped = 0;
	for (struct batch *b = d->batches; b; b = b->next) {
		int rc = commit_batch(db, d, b, d->blobs[i++].id);
		if (rc < 0)
			return rc;
	}
	return delivery_commit_sorted(db, d, &d->blobs[d->batch_count]);
}

/* Not for reports of the queue: those have nobody who could try again. */
static int delivery_check_quotas(struct db *db, const struct delivery *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->drop_count && rc == 0 && !d->hold; i++) {
		const struct drop *drop = &d->drops[i];
		bool kept = !drop->sorted || drop->sorted->filings;
		if (kept && drop->is_only && drop->target->limited)
			rc = mailbox_check_quota(db, drop->target->account_id, d->size_bytes);
	}
	return rc;
}

static int delivery_commit_reports(struct db *db, const struct delivery *d)
{
	const struct store_blob *blobs = &d->blobs[d->batch_count + delivery_sorted_blobs(d)];
	int rc = 0;
	for (size_t i = 0; i < d->envelope->report_count && rc == 0; i++) {
		struct post_parcel *report = d->envelope->reports[i];
		rc = post_parcel_commit(db, report, blobs);
		blobs += post_parcel_blob_count(report);
	}
	return rc;
}

static int delivery_commit_sent(struct db *db, struct delivery *d)
{
	if (!d->sent)
		return 0;
	size_t blob = d->sent->own_blob ? d->blob_count - 1 : 0;
	int rc = post_sent_commit(db, d->sent, d->blobs[blob].id);
	if (rc < 0 || d->sent->mailbox_id == 0)
		return rc;
	return commit_journey(db, d, d->batches, JOURNEY_DELIVERED, d->sent->address,
	                      d->sent->name);
}

/* What users send is counted (guard/guard_account.h). */
static int delivery_note_account(struct db *db, const struct delivery *d)
{
	const struct post_client *c = d->client;
	const struct config_account *limits = &d->post->config.config->account;
	if (!c->account || c->account_id == 0 || d->envelope->continues || !limits->enabled)
		return 0;
	const struct account_place place = { &c->address, c->country };
	return account_note_sent(db, limits, c->account_id, &place, d->envelope->recipient_count,
	                         d->now_ms);
}

int delivery_check_and_commit(struct db *db, void *arg)
{
	struct delivery *d = arg;
	int rc = delivery_check_quotas(db, d);
	if (rc == 0 && !d->last_try)
		rc = delivery_check_memories(db, d);
	if (rc == 0)
		rc = delivery_commit(db, d);
	if (rc == 0)
		rc = delivery_commit_sent(db, d);
	if (rc == 0)
		rc = delivery_note_account(db, d);
	if (rc == 0)
		rc = post_bounce_commit(db, d->bounce, slice_of(d->batches->queue_id, QUEUE_ID_LEN),
		                        d->now_ms);
	return rc == 0 ? delivery_commit_reports(db, d) : rc;
}
