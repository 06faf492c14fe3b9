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
#include "mailbox/mailbox_view.h"
#include "mailbox/note.h"
#include "route/journey.h"
#include "route/post_delivery.h"
#include "route/post_parcel.h"
#include "route/post_quarantine.h"
#include "route/post_sieve.h"
#include "route/post_sign.h"

/* A message that is larger is summarised on the thread pool: others wait for this worker. */
#define OFFLOAD_BYTES (256 * 1024)
/* So often scripts are run for a message while others do at the same time what they do once. */
enum { TRIES_MAX = 3 };

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

/* Copies that scripts have changed have notes of their own. */
static int delivery_note_sorted(struct batch *b, const struct drop *drop)
{
	int rc = 0;
	for (const struct post_filing *f = drop->sorted->filings; f && rc == 0; f = f->next) {
		if (!f->edition)
			rc = note_add_to(&b->note, drop->target->address,
			                 f->folder.len > 0 ? f->folder : drop->folder);
	}
	return rc;
}

static int delivery_note(const struct delivery *d, struct batch *b, const struct drop *drop)
{
	if (drop->sorted)
		return delivery_note_sorted(b, drop);
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
		b->remote_count += d->drops[i].target->account_id == 0 && !d->hold;
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
	if (alias.len == 0)
		alias = d->envelope->sent_on_by;
	struct slice fields = post_sign(d->post, d->arena, d->client, d->envelope, alias,
	                                d->message, &by);
	d->parts[1] = arena_concat(d->arena, (struct slice[]){ d->parts[1], fields }, 2);
	d->size_bytes += fields.len;
	d->received = arena_printf(d->arena, "%s%s", d->received, by);
}

static void delivery_gather_blobs(struct delivery *d)
{
	const struct post_envelope *e = d->envelope;
	d->blob_count = d->batch_count + delivery_sorted_blobs(d);
	for (size_t i = 0; i < e->report_count; i++)
		d->blob_count += post_parcel_blob_count(e->reports[i]);
	d->blob_count += d->sent && d->sent->own_blob;
	d->blobs = ARENA_ARRAY(d->arena, d->blob_count, struct store_blob);
	size_t at = 0;
	for (struct batch *b = d->batches; b; b = b->next)
		delivery_prepare_batch(d, b, &d->blobs[at++]);
	delivery_sorted_fill(d, &d->blobs[at]);
	at += delivery_sorted_blobs(d);
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

/* Reports of other hosts may name the message by it. */
static void delivery_note_envid(struct delivery *d)
{
	if (d->envelope->envid.len > 0)
		d->received = arena_printf(d->arena, "%s" JOURNEY_ENVID "%.*s", d->received,
		                           SLICE_ARG(d->envelope->envid));
}

/* All that can be done before the commit. */
enum post_result delivery_prepare(struct delivery *d, struct slice trace)
{
	delivery_begin(d, trace);
	if (d->summary.received_count >= d->post->config.config->smtp.max_received)
		return POST_LOOP;
	int rc = delivery_is_held(d) ? delivery_hold(d) : delivery_resolve(d);
	if (rc < 0 || d->lost)
		return POST_FAILED;
	if (d->loop)
		return POST_LOOP;
	/* What is done with it when it is released is for then. */
	if (d->envelope->hold)
		delivery_prepare_hold(d);
	else if ((rc = delivery_sort(d)) < 0)
		return rc == -EPERM ? POST_REFUSED : POST_FAILED;
	else
		delivery_sign(d);
	delivery_note_envid(d);
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
	d->stale = rc == -ESTALE;
	if (rc < 0 && !d->stale)
		log_error("route.deliver.failed", kv_error(rc));
	return rc < 0 ? POST_FAILED : POST_ACCEPTED;
}

static void delivery_tell_drop(const struct delivery *d, const struct drop *drop)
{
	struct mailboxes *mailboxes = d->post->config.mailboxes;
	if (!drop->sorted)
		mailboxes_changed(mailboxes, drop->mailbox_id);
	for (const struct post_filing *f = drop->sorted ? drop->sorted->filings : NULL; f;
	     f = f->next) {
		mailboxes_changed(mailboxes, f->filed_id);
		if (f->made_folder)
			mailboxes_names_changed(mailboxes, drop->target->account_id);
	}
}

void delivery_tell(struct delivery *d)
{
	bool queued = false;
	if (d->hold)
		delivery_tell_hold(d);
	for (size_t i = 0; i < d->drop_count && !d->hold; i++) {
		if (d->drops[i].target->account_id == 0)
			queued = true;
		else
			delivery_tell_drop(d, &d->drops[i]);
	}
	if (d->sent && d->sent->mailbox_id != 0)
		mailboxes_changed(d->post->config.mailboxes, d->sent->mailbox_id);
	const struct post_config *c = &d->post->config;
	if (queued && delivery_is_held(d)) {
		if (c->queued_until)
			c->queued_until(c->queued_arg, d->envelope->options.hold_until_ms);
	} else if (queued && !d->on_hold && c->queued) {
		c->queued(c->queued_arg);
	}
	delivery_sorted_end(d, true);
}

void delivery_end(struct delivery *d)
{
	for (struct batch *b = d->batches; b; b = b->next)
		buf_free(&b->note);
	post_sent_end(d->sent);
	delivery_sorted_end(d, false);
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
		if (d->hold)
			p->held++;
		else if (d->drops[i].target->account_id == 0)
			p->queued++;
		else
			p->mailboxes++;
	}
}

enum post_result post_deliver(struct post *p, const struct post_client *client,
                              const struct post_envelope *envelope, struct slice trace,
                              struct slice message, char queue_id_out[static 17])
{
	if (post_is_parted(envelope))
		return post_deliver_parted(p, client, envelope, trace, message, queue_id_out);
	if (envelope->body_binary)
		return post_deliver_binary(p, client, envelope, trace, message, queue_id_out);
	enum post_result result = post_deliver_to(p, client, envelope, trace, message, POST_ALL,
	                                          queue_id_out);
	if (result == POST_ACCEPTED && !envelope->hold)
		post_tell_report(p, envelope, trace, message);
	return result;
}

static enum post_result deliver_once(struct delivery *d, struct slice trace,
                                     char queue_id_out[static 17])
{
	enum post_result result = delivery_prepare(d, trace);
	if (result == POST_ACCEPTED && d->scope != POST_ELSEWHERE && !d->envelope->hold)
		d->bounce = post_bounce_new(d->post, d->arena, d->envelope, d->message);
	if (result == POST_ACCEPTED)
		result = delivery_store(d);
	if (result == POST_ACCEPTED) {
		delivery_tell(d);
		memcpy(queue_id_out, d->batches->queue_id, sizeof(d->batches->queue_id));
	}
	if (!d->stale)
		delivery_count(d, result);
	return result;
}

enum post_result post_deliver_to(struct post *p, const struct post_client *client,
                                 const struct post_envelope *envelope, struct slice trace,
                                 struct slice message, enum post_scope scope,
                                 char queue_id_out[static 17])
{
	enum post_result result = POST_FAILED;
	bool again = true;
	for (int tries = 1; again; tries++) {
		struct delivery d = {
			.post = p,
			.arena = arena_new(),
			.client = client,
			.envelope = envelope,
			.scope = scope,
			.message = message,
			.now_ms = clock_wall_ms(),
			.last_try = tries == TRIES_MAX,
		};
		result = deliver_once(&d, trace, queue_id_out);
		again = d.stale;
		delivery_end(&d);
	}
	return result;
}
