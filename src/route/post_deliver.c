/* The receiving commit.
 *
 * Before it, on the fiber: the message is summarised once and its recipients are resolved, so
 * that the writer, which all of the server waits for, has only rows to write. */
#include <errno.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "mailbox/mailbox.h"
#include "mailbox/note.h"
#include "message/summary.h"
#include "route/journey.h"
#include "route/post_bounce.h"
#include "route/post_folder.h"
#include "route/post_internal.h"
#include "route/post_sent.h"
#include "route/post_sign.h"
#include "route/queue_rows.h"
#include "store/store.h"

/* A message that is larger is summarised on the thread pool: others wait for this worker. */
#define OFFLOAD_BYTES (256 * 1024)

/* Addresses that recipients lead to that are looked at in one go. */
#define TURN_TARGETS 256

#define INBOX SLICE("INBOX")

/* A mailbox or another host, and for whom the message came. */
struct drop {
	struct route_target *target;
	struct post_recipient *recipient;
	struct slice asked;  /* the recipient's address as text */
	bool is_only;        /* the recipient is this mailbox, and not a list that it is on */
	int64_t inbox_id;    /* 0: not there yet, the commit makes it */
	struct slice folder; /* what that is */
	int64_t mailbox_id;  /* where the commit put it */
};

/* What shares one blob. */
struct batch {
	struct batch *next;
	char queue_id[QUEUE_ID_LEN + 1];
	struct buf note;
	struct drop *drops;
	size_t drop_count;
	struct queue_new_recipient *remote;
	size_t remote_count;
	int64_t events; /* of the journey, by now */
	bool continues; /* a journey that has begun */
};

struct delivery {
	struct post *post;
	struct arena *arena;
	const struct post_client *client;
	const struct post_envelope *envelope;
	enum post_scope scope;
	struct slice message;
	int64_t now_ms;
	struct message_summary summary;
	struct slice parts[3];     /* Return-Path, trace, message */
	uint64_t size_bytes;       /* of all three */
	struct slice options;      /* for the queue */
	struct slice reverse_path; /* likewise */
	const char *received;      /* detail of the journey's first event */
	char peer[NET_ADDRESS_TEXT_MAX];

	size_t resolved;     /* recipients */
	size_t turn_targets; /* that they had in this turn */
	struct hash *seen;   /* addresses that have their drop; made for the second one */
	struct drop *drops;
	size_t drop_count, drop_capacity;
	struct batch *batches;
	size_t batch_count;
	struct post_bounce *bounce; /* it reports of another message; or NULL */
	struct post_sent *sent;     /* NULL: there is no copy for the sender */
	struct store_blob *blobs;   /* one a batch, those of the reports, that of the copy */
	size_t blob_count;
	bool loop, lost;
};

static bool delivery_is_held(const struct delivery *d)
{
	return d->envelope->options.hold_until_ms > d->now_ms;
}

/* --- who gets it --------------------------------------------------------------------- */

static bool delivery_is_seen(struct delivery *d, const struct route_target *target)
{
	if (d->drop_count == 0)
		return false;
	if (!d->seen) {
		d->seen = hash_new();
		hash_put(d->seen, d->drops[0].target->address, d);
	}
	return hash_put(d->seen, target->address, d) != NULL;
}

/* Looked up here and not by the commit, which then fails if the account is gone by that time. */
static int delivery_find_inbox(struct db *db, struct delivery *d, struct drop *drop)
{
	return post_find_folder(db, d->arena, drop->target->account_id, d->envelope->junk,
	                        &drop->folder, &drop->inbox_id);
}

static bool delivery_is_wanted(const struct delivery *d, const struct route_target *target)
{
	return d->scope == POST_ALL || (d->scope == POST_MAILBOXES) == (target->account_id != 0);
}

static int delivery_add(struct db *db, struct delivery *d, const struct drop *wanted)
{
	if (!delivery_is_wanted(d, wanted->target) || delivery_is_seen(d, wanted->target))
		return 0;
	if (d->drop_count == d->drop_capacity) {
		size_t capacity = d->drop_capacity > 0 ? d->drop_capacity * 2 : 4;
		struct drop *grown = ARENA_ARRAY(d->arena, capacity, struct drop);
		if (d->drop_count > 0)
			memcpy(grown, d->drops, d->drop_count * sizeof(*grown));
		d->drops = grown;
		d->drop_capacity = capacity;
	}
	struct drop *drop = &d->drops[d->drop_count++];
	*drop = *wanted;
	return drop->target->account_id != 0 ? delivery_find_inbox(db, d, drop) : 0;
}

/* An alias that sends out what it has sent out already is a loop through another host. */
static bool delivery_was_here(const struct delivery *d, const struct route_target *target)
{
	for (size_t i = 0; target->alias.len > 0 && i < d->summary.delivered_to_count; i++) {
		if (slice_equal_nocase(d->summary.delivered_to[i], target->alias))
			return true;
	}
	return false;
}

static int delivery_resolve_one(struct db *db, struct delivery *d, struct post_recipient *r)
{
	struct address address = { .local = r->local, .domain = r->domain };
	struct route_resolution found;
	int rc = route_resolve(db, d->arena, &d->post->limits, &address, 0, &found);
	if (rc < 0)
		return rc;
	d->turn_targets += 1 + found.count;
	if (found.loop || found.moved || found.count == 0 ||
	    (!found.local && !found.fetched && !d->client->may_relay)) {
		d->lost = true;
		return 0;
	}
	struct slice asked = address_text(d->arena, &address);
	for (struct route_target *t = found.targets; t && rc == 0; t = t->next) {
		const struct drop wanted = {
			.target = t, .recipient = r, .asked = asked, .is_only = found.count == 1
		};
		d->loop |= delivery_was_here(d, t);
		rc = delivery_add(db, d, &wanted);
	}
	return rc;
}

/* Until it is due it stays with who it is for, as they were named. */
static int delivery_hold(struct delivery *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->envelope->recipient_count && rc == 0; i++) {
		struct post_recipient *r = &d->envelope->recipients[i];
		const struct address asked = { .local = r->local, .domain = r->domain };
		struct route_target *target = ARENA_NEW(d->arena, struct route_target);
		target->address = address_text(d->arena, &asked);
		if (r->domain.len == 0 || !domain_canonical(d->arena, r->domain, &target->domain))
			target->domain = r->domain;
		const struct drop wanted = { .target = target,
			                     .recipient = r,
			                     .asked = target->address };
		rc = delivery_add(NULL, d, &wanted);
	}
	return rc;
}

static bool delivery_is_resolved(const struct delivery *d)
{
	return d->lost || d->resolved == d->envelope->recipient_count;
}

static int delivery_resolve_turn(struct db *db, void *arg)
{
	struct delivery *d = arg;
	int rc = 0;
	d->turn_targets = 0;
	while (rc == 0 && !delivery_is_resolved(d) && d->turn_targets < TURN_TARGETS)
		rc = delivery_resolve_one(db, d, &d->envelope->recipients[d->resolved++]);
	return rc;
}

/* Each of a thousand recipients may be a list of a thousand: others get a turn meanwhile. */
static int delivery_resolve(struct delivery *d)
{
	int rc = store_read(d->post->config.store, delivery_resolve_turn, d);
	while (rc == 0 && !delivery_is_resolved(d)) {
		if (fiber_self())
			fiber_yield();
		rc = store_read(d->post->config.store, delivery_resolve_turn, d);
	}
	return rc;
}

/* --- what shares a blob -------------------------------------------------------------- */

static struct batch *delivery_add_batch(struct delivery *d, struct batch ***tail)
{
	struct batch *b = ARENA_NEW(d->arena, struct batch);
	b->note = buf_make(STORE_NOTE_MAX);
	b->drops = &d->drops[d->drop_count];
	note_add_at(&b->note, d->now_ms);
	if (d->batch_count == 0 && d->envelope->queue_id)
		memcpy(b->queue_id, d->envelope->queue_id, sizeof(b->queue_id));
	else
		queue_id_next(&d->post->ids, d->now_ms, b->queue_id);
	b->continues = d->envelope->continues && d->batch_count == 0;
	**tail = b;
	*tail = &b->next;
	d->batch_count++;
	return b;
}

static int delivery_note(const struct delivery *d, struct batch *b, const struct drop *drop)
{
	if (drop->target->account_id != 0)
		return note_add_to(&b->note, drop->target->address, drop->folder);
	return note_add_relay(&b->note, d->envelope->reverse_path, drop->target->address);
}

/* One batch for all, unless the note of their record would get too long. */
static void delivery_make_batches(struct delivery *d)
{
	struct batch **tail = &d->batches;
	struct batch *b = NULL;
	for (size_t i = 0; i < d->drop_count; i++) {
		if (!b || delivery_note(d, b, &d->drops[i]) < 0) {
			b = delivery_add_batch(d, &tail);
			b->drops = &d->drops[i];
			if (delivery_note(d, b, &d->drops[i]) < 0)
				log_warn("route.note.failed",
				         kv_slice("to", d->drops[i].target->address));
		}
		b->drop_count++;
		b->remote_count += d->drops[i].target->account_id == 0;
	}
}

static struct queue_new_recipient delivery_remote(struct delivery *d, const struct drop *drop)
{
	const struct route_target *t = drop->target;
	const struct slice prefix[] = { SLICE("Delivered-To: "), t->alias, SLICE("\r\n") };
	return (struct queue_new_recipient){
		.forward_path = t->address,
		.domain = t->domain,
		.notify = drop->recipient->notify,
		.orcpt = drop->recipient->orcpt,
		.prefix = t->alias.len > 0 ? arena_concat(d->arena, prefix, 3) : SLICE_EMPTY,
	};
}

static void delivery_prepare_batch(struct delivery *d, struct batch *b, struct store_blob *blob)
{
	*blob = (struct store_blob){ .parts = d->parts,
		                     .part_count = 3,
		                     .note = buf_slice(&b->note) };
	if (b->remote_count == 0)
		return;
	b->remote = ARENA_ARRAY(d->arena, b->remote_count, struct queue_new_recipient);
	size_t n = 0;
	for (size_t i = 0; i < b->drop_count; i++) {
		if (b->drops[i].target->account_id == 0)
			b->remote[n++] = delivery_remote(d, &b->drops[i]);
	}
}

/* --- the commit ---------------------------------------------------------------------- */

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

static int commit_local(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id,
                        struct drop *drop)
{
	const struct route_target *t = drop->target;
	int rc = 0;
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
	if (drop->target->alias.len == 0 || slice_equal_nocase(drop->asked, drop->target->address))
		return drop->target->domain;
	return arena_concat(d->arena,
	                    (struct slice[]){ drop->target->domain, SLICE(", for "), drop->asked },
	                    3);
}

static int commit_remote(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id)
{
	bool held = delivery_is_held(d);
	bool leased = d->post->config.queued != NULL && !held;
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
		.due_ms = leased ? d->now_ms + POST_LEASE_MS : hold_ms,
		.held = held,
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
	int rc = queue_add_message(db, &message);
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
		[POST_NOTE_REFUSED] = JOURNEY_REFUSED,
		[POST_NOTE_TAGGED] = JOURNEY_TAGGED,
		[POST_NOTE_CHECKED] = JOURNEY_CHECKED,
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

static int commit_batch(struct db *db, struct delivery *d, struct batch *b, int64_t blob_id)
{
	b->events = 0;
	int rc = b->continues ? journey_note_late(db, slice_of(b->queue_id, QUEUE_ID_LEN))
	                      : commit_received(db, d, b);
	for (size_t i = 0; i < b->drop_count && rc == 0; i++) {
		if (b->drops[i].target->account_id != 0)
			rc = commit_local(db, d, b, blob_id, &b->drops[i]);
	}
	if (rc == 0 && b->remote_count > 0)
		rc = commit_remote(db, d, b, blob_id);
	return rc;
}

/* On the writer's thread. */
static int delivery_commit(struct db *db, void *arg)
{
	struct delivery *d = arg;
	size_t i = 0;
	for (struct batch *b = d->batches; b; b = b->next) {
		int rc = commit_batch(db, d, b, d->blobs[i++].id);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Not for reports of the queue: those have nobody who could try again. */
static int delivery_check_quotas(struct db *db, const struct delivery *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->drop_count && rc == 0; i++) {
		const struct drop *drop = &d->drops[i];
		if (drop->is_only && drop->target->limited)
			rc = mailbox_check_quota(db, drop->target->account_id, d->size_bytes);
	}
	return rc;
}

static int delivery_commit_reports(struct db *db, const struct delivery *d)
{
	const struct store_blob *blobs = &d->blobs[d->batch_count];
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

static int delivery_check_and_commit(struct db *db, void *arg)
{
	struct delivery *d = arg;
	int rc = delivery_check_quotas(db, d);
	if (rc == 0)
		rc = delivery_commit(db, d);
	if (rc == 0)
		rc = delivery_commit_sent(db, d);
	if (rc == 0)
		rc = post_bounce_commit(db, d->bounce, slice_of(d->batches->queue_id, QUEUE_ID_LEN),
		                        d->now_ms);
	return rc == 0 ? delivery_commit_reports(db, d) : rc;
}

/* --- the whole of it ----------------------------------------------------------------- */

static void delivery_summarise(void *arg)
{
	struct delivery *d = arg;
	message_summarise(d->message, &d->post->config.config->message, d->arena, &d->summary);
}

/* With its domain as A-labels where that makes it ASCII: hosts without SMTPUTF8 can have it then.
 */
static struct slice delivery_reverse_path(struct delivery *d)
{
	struct address given, canonical;
	struct slice path = d->envelope->reverse_path;
	if (slice_is_ascii(path) || !address_parse(d->arena, path, ADDRESS_ALLOW_UTF8, &given) ||
	    !slice_is_ascii(given.local) || !address_canonical(d->arena, &given, &canonical))
		return path;
	canonical.local = given.local;
	return address_text(d->arena, &canonical);
}

static void delivery_begin(struct delivery *d, struct slice trace)
{
	const struct post_client *c = d->client;
	const struct slice return_path[] = { SLICE("Return-Path: <"), d->envelope->reverse_path,
		                             SLICE(">\r\n") };
	if (d->message.len > OFFLOAD_BYTES)
		fiber_offload(delivery_summarise, d);
	else
		delivery_summarise(d);
	struct envelope_options options = d->envelope->options;
	options.tls_optional |= d->summary.tls_optional && !options.requiretls;
	d->options = envelope_options_text(d->arena, &options, d->now_ms);
	d->reverse_path = delivery_reverse_path(d);
	d->parts[0] = arena_concat(d->arena, return_path, 3);
	d->parts[1] = trace;
	d->parts[2] = d->message;
	d->size_bytes = d->parts[0].len + trace.len + d->message.len;
	if (c->address.len > 0)
		net_address_ip(&c->address, d->peer);
	const char *failed = "";
	if (c->failed_logins > 0)
		failed = arena_printf(d->arena, " (failed logins before: %u)", c->failed_logins);
	d->received = arena_printf(
		d->arena, "%s%s%s%s%s%s%s%s, %zu bytes%s%s", c->protocol ? c->protocol : "local",
		c->tls_protocol ? ", " : "", c->tls_protocol ? c->tls_protocol : "",
		c->account ? ", as " : "", c->account ? c->account : "", failed,
		c->local_user ? ", from " : "", c->local_user ? c->local_user : "", d->message.len,
		c->forwarded ? ", forwarded for " : "", c->forwarded ? c->forwarded : "");
}

/* What stays here needs no signature. */
static void delivery_sign(struct delivery *d)
{
	struct slice alias = SLICE_EMPTY;
	const char *by = "";
	bool leaves = false;
	for (size_t i = 0; i < d->drop_count && alias.len == 0; i++) {
		const struct route_target *t = d->drops[i].target;
		leaves |= t->account_id == 0;
		alias = t->account_id == 0 ? t->alias : alias;
	}
	if (!leaves)
		return;
	struct slice fields = post_sign(d->post, d->arena, d->client, d->envelope, alias,
	                                d->message, &by);
	d->parts[1] = arena_concat(d->arena, (struct slice[]){ d->parts[1], fields }, 2);
	d->size_bytes += fields.len;
	d->received = arena_printf(d->arena, "%s%s", d->received, by);
}

static void delivery_gather_blobs(struct delivery *d)
{
	const struct post_envelope *e = d->envelope;
	d->blob_count = d->batch_count;
	for (size_t i = 0; i < e->report_count; i++)
		d->blob_count += post_parcel_blob_count(e->reports[i]);
	d->blob_count += d->sent && d->sent->own_blob;
	d->blobs = ARENA_ARRAY(d->arena, d->blob_count, struct store_blob);
	size_t at = 0;
	for (struct batch *b = d->batches; b; b = b->next)
		delivery_prepare_batch(d, b, &d->blobs[at++]);
	for (size_t i = 0; i < e->report_count; i++) {
		post_parcel_blobs(e->reports[i], &d->blobs[at]);
		at += post_parcel_blob_count(e->reports[i]);
	}
	if (d->sent && d->sent->own_blob)
		d->blobs[at] = post_sent_blob(d->sent);
}

/* What recovery is to know of a copy that shares the first blob. */
static void delivery_note_sent(struct delivery *d)
{
	if (!d->sent || d->sent->own_blob)
		return;
	if (note_add_to(&d->batches->note, d->sent->address, d->sent->name) < 0)
		log_warn("route.note.failed", kv_slice("to", d->sent->address));
}

/* All that can be done before the commit. */
static enum post_result delivery_prepare(struct delivery *d, struct slice trace)
{
	delivery_begin(d, trace);
	if (d->summary.received_count >= d->post->config.config->smtp.max_received)
		return POST_LOOP;
	int rc = delivery_is_held(d) ? delivery_hold(d) : delivery_resolve(d);
	if (rc < 0 || d->lost)
		return POST_FAILED;
	if (d->loop)
		return POST_LOOP;
	delivery_sign(d);
	delivery_make_batches(d);
	d->sent = post_sent_new(d->post, d->arena, d->client, d->envelope, &d->summary, d->message,
	                        d->size_bytes, d->now_ms);
	delivery_note_sent(d);
	delivery_gather_blobs(d);
	return POST_ACCEPTED;
}

static enum post_result delivery_store(struct delivery *d)
{
	int rc = store_commit(d->post->config.store, d->blobs, d->blob_count,
	                      delivery_check_and_commit, d);
	if (rc == -ENOSPC)
		return POST_FULL;
	if (rc == -EDQUOT)
		return POST_QUOTA;
	if (rc < 0)
		log_error("route.deliver.failed", kv_error(rc));
	return rc < 0 ? POST_FAILED : POST_ACCEPTED;
}

static void delivery_tell(struct delivery *d)
{
	bool queued = false;
	for (size_t i = 0; i < d->drop_count; i++) {
		if (d->drops[i].target->account_id == 0)
			queued = true;
		else
			mailboxes_changed(d->post->config.mailboxes, d->drops[i].mailbox_id);
	}
	if (d->sent && d->sent->mailbox_id != 0)
		mailboxes_changed(d->post->config.mailboxes, d->sent->mailbox_id);
	const struct post_config *c = &d->post->config;
	if (queued && delivery_is_held(d)) {
		if (c->queued_until)
			c->queued_until(c->queued_arg, d->envelope->options.hold_until_ms);
	} else if (queued && c->queued) {
		c->queued(c->queued_arg);
	}
}

static void delivery_end(struct delivery *d)
{
	for (struct batch *b = d->batches; b; b = b->next)
		buf_free(&b->note);
	post_sent_end(d->sent);
	hash_free(d->seen);
	arena_free(d->arena);
}

static void delivery_count(const struct delivery *d, enum post_result result)
{
	struct post *p = d->post;
	p->results[result]++;
	if (result != POST_ACCEPTED)
		return;
	p->bytes += d->message.len;
	for (size_t i = 0; i < d->drop_count; i++) {
		if (d->drops[i].target->account_id == 0)
			p->queued++;
		else
			p->mailboxes++;
	}
}

enum post_result post_deliver(struct post *p, const struct post_client *client,
                              const struct post_envelope *envelope, struct slice trace,
                              struct slice message, char queue_id_out[static 17])
{
	if (envelope->body_binary)
		return post_deliver_binary(p, client, envelope, trace, message, queue_id_out);
	enum post_result result = post_deliver_to(p, client, envelope, trace, message, POST_ALL,
	                                          queue_id_out);
	if (result == POST_ACCEPTED)
		post_tell_report(p, envelope, trace, message);
	return result;
}

enum post_result post_deliver_to(struct post *p, const struct post_client *client,
                                 const struct post_envelope *envelope, struct slice trace,
                                 struct slice message, enum post_scope scope,
                                 char queue_id_out[static 17])
{
	struct delivery d = {
		.post = p,
		.arena = arena_new(),
		.client = client,
		.envelope = envelope,
		.scope = scope,
		.message = message,
		.now_ms = clock_wall_ms(),
	};
	enum post_result result = delivery_prepare(&d, trace);
	if (result == POST_ACCEPTED && scope != POST_ELSEWHERE)
		d.bounce = post_bounce_new(p, d.arena, envelope, message);
	if (result == POST_ACCEPTED)
		result = delivery_store(&d);
	if (result == POST_ACCEPTED) {
		delivery_tell(&d);
		memcpy(queue_id_out, d.batches->queue_id, sizeof(d.batches->queue_id));
	}
	delivery_count(&d, result);
	delivery_end(&d);
	return result;
}

/* --- in steps ------------------------------------------------------------------------ */

struct post_parcel {
	struct delivery delivery;
};

int post_parcel_new(struct post *p, const struct post_client *client,
                    const struct post_envelope *envelope, struct slice message,
                    struct post_parcel **out)
{
	return post_parcel_to(p, client, envelope, SLICE_EMPTY, message, POST_ALL, out);
}

int post_parcel_to(struct post *p, const struct post_client *client,
                   const struct post_envelope *envelope, struct slice trace, struct slice message,
                   enum post_scope scope, struct post_parcel **out)
{
	struct post_parcel *parcel = mem_alloc(sizeof(*parcel));
	struct delivery *d = &parcel->delivery;
	*d = (struct delivery){
		.post = p,
		.arena = arena_new(),
		.client = client,
		.envelope = envelope,
		.scope = scope,
		.message = message,
		.now_ms = clock_wall_ms(),
	};
	enum post_result result = delivery_prepare(d, trace);
	int rc = -EAGAIN;
	if (result == POST_ACCEPTED)
		rc = 0;
	else if (result == POST_LOOP)
		rc = -ELOOP;
	else if (d->lost)
		rc = -ENOENT;
	if (rc == 0 && d->drop_count == 0 && scope != POST_ALL)
		rc = -ENODATA;
	if (rc < 0)
		post_parcel_end(parcel, false);
	else
		*out = parcel;
	return rc;
}

const char *post_parcel_queue_id(const struct post_parcel *parcel)
{
	return parcel->delivery.batches ? parcel->delivery.batches->queue_id : "";
}

size_t post_parcel_blob_count(const struct post_parcel *parcel)
{
	return parcel->delivery.batch_count;
}

void post_parcel_blobs(const struct post_parcel *parcel, struct store_blob *out)
{
	const struct delivery *d = &parcel->delivery;
	memcpy(out, d->blobs, d->batch_count * sizeof(*out));
}

int post_parcel_commit(struct db *db, struct post_parcel *parcel, const struct store_blob *blobs)
{
	struct delivery *d = &parcel->delivery;
	for (size_t i = 0; i < d->batch_count; i++)
		d->blobs[i].id = blobs[i].id;
	return delivery_commit(db, d);
}

void post_parcel_end(struct post_parcel *parcel, bool committed)
{
	if (committed)
		delivery_tell(&parcel->delivery);
	delivery_end(&parcel->delivery);
	free(parcel);
}
