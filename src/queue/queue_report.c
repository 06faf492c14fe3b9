/* Who is told what about a job that is about to be recorded.
 *
 * A report is a message like any other: it enters by the post office, in the same commit that
 * records what it reports (invariant 1), and goes to a mailbox of ours or into the queue again,
 * with the null reverse-path, so that nothing ever answers it (invariant 5). */
#include <errno.h>

#include "base/log.h"
#include "message/address.h"
#include "queue/queue_dsn.h"
#include "queue/queue_internal.h"
#include "route/journey.h"
#include "route/post_parcel.h"

static bool wants_delay(const struct queue_job *job, size_t i)
{
	const struct queue_job_dates dates = queue_job_dates(job, i);
	return !job->dates_are_doubtful && job->ended_ms >= queue_job_delay_at(&dates);
}

/* BY=...;N. A time that was over when the message came has been told of by who let it pass. */
static bool wants_lateness(const struct queue_job *job, unsigned notify)
{
	const struct envelope_options *o = &job->options;
	return o->by_mode == 'N' && o->by_ms > job->arrived_ms && job->ended_ms >= o->by_ms &&
	       (notify == 0 || (notify & NOTIFY_DELAY));
}

/* A remote that knows DSN tells by itself. */
static bool wants_relay(const struct queue_job *job, unsigned notify)
{
	return (notify & NOTIFY_SUCCESS) && !job->remote_does_dsn;
}

/* RFC 2852: T wants to hear of each host; and of one that does not know of its time, with which the
 * promise ends, the sender hears in any case. */
static bool wants_trace(const struct queue_job *job, unsigned notify)
{
	const struct envelope_options *o = &job->options;
	bool ends = o->by_mode == 'N' && !job->remote_does_by;
	return !(notify & NOTIFY_NEVER) && o->by_mode && (o->by_trace || ends);
}

/* NOTIFY says when the sender wants to hear; without it, of failures (RFC 3461 section 4.1). */
static bool wants(const struct queue_job *job, size_t i, enum queue_dsn_action action)
{
	unsigned notify = job->wire[i].notify;
	const struct queue_target *t = &job->targets[i];
	switch (action) {
	case DSN_FAILED:
		return (t->end == QUEUE_END_FAILED || t->end == QUEUE_END_EXPIRED) &&
		       (notify == 0 || (notify & NOTIFY_FAILURE));
	case DSN_DELAYED:
		return t->end == QUEUE_END_DEFERRED && !t->delay_told &&
		       (wants_delay(job, i) || wants_lateness(job, notify));
	case DSN_RELAYED:
		return t->end == QUEUE_END_RELAYED &&
		       (wants_relay(job, notify) || wants_trace(job, notify));
	case DSN_DELIVERED:
	case DSN_EXPANDED:
		break;
	}
	return t->end == QUEUE_END_RELEASED && (notify & NOTIFY_SUCCESS) &&
	       t->verdict == (action == DSN_EXPANDED ? POST_LIST : POST_LOCAL);
}

/* A report of ours, or of another host that says NOTIFY=NEVER, which its sender never hears of. Not
 * one that came to us for postmaster: see address_report(). */
static bool is_lost(const struct queue_job *job, size_t i)
{
	const struct queue_target *t = &job->targets[i];
	return job->reverse_path.len == 0 && (job->wire[i].notify & NOTIFY_NEVER) &&
	       (t->end == QUEUE_END_FAILED || t->end == QUEUE_END_EXPIRED);
}

static struct queue_dsn_recipient describe(struct queue_report *r, const struct queue_job *job,
                                           size_t i, const char *remote)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	struct queue_dsn_recipient out = {
		.address = job->wire[i].path,
		.orcpt = job->wire[i].orcpt,
		.status = o->enhanced,
		.remote = slice_from_str(remote),
		.reply = o->code ? o->text : SLICE_EMPTY,
		.text = o->text,
	};
	bool late = queue_job_is_late(job, job->ended_ms);
	if (job->targets[i].end == QUEUE_END_EXPIRED && late) {
		out.status = (struct smtp_enhanced){ 5, 4, 7 };
		out.text = slice_from_str(arena_printf(
			r->arena, "It was not delivered in the time that you gave. Last: %.*s",
			SLICE_ARG(o->text)));
	} else if (job->targets[i].end == QUEUE_END_EXPIRED) {
		out.status = (struct smtp_enhanced){ 4, 4, 7 };
		out.text = slice_from_str(
			arena_printf(r->arena, "It was tried until its time was over. Last: %.*s",
		                     SLICE_ARG(o->text)));
	}
	/* What a host refused for good, and is tried again all the same, is a delay. */
	if (job->targets[i].end == QUEUE_END_DEFERRED)
		out.status.class = 4;
	if (out.status.class == 0)
		out.status.class = job->targets[i].end == QUEUE_END_RELAYED ? 2 : 5;
	return out;
}

/* The name in front of "mx.example.test (192.0.2.1:25)". */
static const char *remote_name(struct arena *arena, const struct queue_job *job)
{
	struct slice rest = job->peer;
	return arena_str(arena, slice_split(&rest, ' '));
}

static struct slice postmaster(const struct queue *q, struct arena *arena)
{
	return slice_from_str(arena_printf(arena, "postmaster@%s", q->config.config->hostname));
}

static struct slice compose(struct queue *q, struct queue_report *r, const struct queue_job *job,
                            enum queue_dsn_action action, bool is_double, struct slice message,
                            bool *is_8bit)
{
	struct queue_dsn dsn = {
		.action = action,
		.is_double = is_double,
		.hostname = q->config.config->hostname,
		.reverse_path = is_double ? postmaster(q, r->arena) : job->reverse_path,
		.queue_id = slice_from_str(job->queue_id),
		.envid = job->envid,
		.original_id = job->message_id,
		.message = message,
		.smtputf8 = job->smtputf8,
		/* RFC 8689 section 5: what was to be kept from others does not come back whole. */
		/* Binary data would make the report binary. */
		.ret = job->options.requiretls || job->body_binary || is_double ? 'H' : job->ret,
		.arrived_ms = job->arrived_ms,
		.now_ms = job->ended_ms,
		.expires_ms = job->expires_ms,
		.by_ms = job->options.by_ms,
	};
	const char *remote = remote_name(r->arena, job);
	struct queue_dsn_recipient *recipients = ARENA_ARRAY(r->arena, job->count,
	                                                     struct queue_dsn_recipient);
	for (size_t i = 0; i < job->count; i++) {
		if (wants(job, i, action) || (is_double && is_lost(job, i)))
			recipients[dsn.recipient_count++] = describe(r, job, i, remote);
	}
	dsn.recipients = recipients;
	return queue_dsn_compose(r->arena, &dsn, is_8bit);
}

/* The report is lost if nobody is there to get it: a double bounce, which the operator sees. */
static int give_up(struct queue_report *r, const struct queue_job *job, int rc)
{
	if (rc == -ENOENT || rc == -ELOOP || rc == -EINVAL) {
		log_warn("queue.dsn.undeliverable", kv_str("queue_id", job->queue_id),
		         kv_slice("to", job->reverse_path), kv_error(rc));
		rc = 0;
	}
	arena_free(r->arena);
	return rc;
}

/* What goes to postmaster has another NOTIFY: should it fail, nobody is told of that. */
static int address_report(struct queue_report *r, const struct queue_job *job, bool is_double,
                          bool is_8bit)
{
	struct address to = { .local = SLICE("postmaster"), .domain = SLICE_EMPTY };
	unsigned allow = ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL;
	if (!is_double && !address_parse(r->arena, job->reverse_path, allow, &to))
		return -EINVAL;
	struct post_recipient *recipient = ARENA_NEW(r->arena, struct post_recipient);
	*recipient = (struct post_recipient){ .local = to.local,
		                              .domain = to.domain,
		                              .notify = is_double ? NOTIFY_FAILURE : NOTIFY_NEVER };
	r->client = (struct post_client){ .helo = "", .may_relay = true };
	r->envelope = (struct post_envelope){ .reverse_path = SLICE_EMPTY,
		                              .recipients = recipient,
		                              .recipient_count = 1,
		                              .smtputf8 = job->smtputf8,
		                              .options = envelope_options_of_report(&job->options),
		                              .body_8bit = is_8bit };
	return 0;
}

static int prepare_report(struct queue *q, const struct queue_job *job,
                          enum queue_dsn_action action, bool is_double, struct slice message,
                          struct queue_report **out)
{
	struct arena *arena = arena_new();
	struct queue_report *r = ARENA_NEW(arena, struct queue_report);
	bool is_8bit = false;
	r->arena = arena;
	struct slice text = compose(q, r, job, action, is_double, message, &is_8bit);
	int rc = address_report(r, job, is_double, is_8bit);
	if (rc == 0)
		rc = post_parcel_new(q->config.post, &r->client, &r->envelope, text, &r->parcel);
	if (rc < 0)
		return give_up(r, job, rc);
	r->about = job;
	r->action = action;
	r->next = *out;
	*out = r;
	return 0;
}

static bool allows_double(struct queue *q)
{
	const struct config_queue *c = &q->config.config->queue;
	return c->double_bounces &&
	       queue_notices_allow(q->notices, SLICE("<>"), c->max_double_bounces,
	                           clock_monotonic_ms());
}

/* A delay that is not told of is no loss: only failures are kept for later. */
static void withhold(struct queue_job *job, enum queue_dsn_action action)
{
	for (size_t i = 0; action == DSN_FAILED && i < job->count; i++)
		job->targets[i].withheld = wants(job, i, action);
}

/* To the sender; or if there is none to postmaster, of what failed. */
static int prepare_one(struct queue *q, struct queue_job *job, enum queue_dsn_action action,
                       struct slice message, struct queue_report **out)
{
	const struct config_queue *c = &q->config.config->queue;
	struct queue_report *before = *out;
	int rc = 0;
	bool is_double = job->reverse_path.len == 0;
	if (!is_double) {
		if (!queue_notices_allow(q->notices, job->reverse_path, c->max_reports_per_sender,
		                         clock_monotonic_ms())) {
			withhold(job, action);
			return 0;
		}
		rc = prepare_report(q, job, action, false, message, out);
	}
	if (rc < 0 || *out != before || action != DSN_FAILED || !allows_double(q))
		return rc;
	return prepare_report(q, job, action, true, message, out);
}

static unsigned wanted_actions(struct queue_job *job)
{
	unsigned actions = 0;
	for (size_t i = 0; i < job->count; i++) {
		if (is_lost(job, i))
			actions |= 1U << DSN_FAILED;
		if (job->reverse_path.len == 0)
			continue;
		for (int action = DSN_FAILED; action <= DSN_EXPANDED; action++) {
			if (wants(job, i, action))
				actions |= 1U << action;
		}
	}
	return actions;
}

static void note_told(struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		job->targets[i].tell_delay = wants(job, i, DSN_DELAYED);
}

int queue_report_prepare(struct queue *q, struct queue_job *job, struct queue_report **out)
{
	*out = NULL;
	job->suppression = config_suppression_find(q->config.config, job->arena, job->account,
	                                           job->reverse_path);
	if (job->is_release && queue_release_prepare(q, job, out) < 0)
		return -EAGAIN;
	unsigned actions = wanted_actions(job);
	if (actions == 0)
		return 0;
	struct blob_view view = { .bytes = SLICE_EMPTY };
	/* A report without the message is better than none. */
	bool has_bytes = blob_open(q->config.store, job->blob_id, &view) == 0;
	struct slice message = has_bytes ? slice_from(view.bytes, job->skip_bytes) : SLICE_EMPTY;
	int rc = 0;
	for (int action = DSN_FAILED; action <= DSN_EXPANDED && rc == 0; action++) {
		if (actions & 1U << action)
			rc = prepare_one(q, job, action, message, out);
	}
	if (has_bytes)
		blob_close(&view);
	if (rc < 0) {
		queue_report_end(*out, false);
		*out = NULL;
		return -EAGAIN;
	}
	note_told(job);
	return 0;
}

size_t queue_report_blob_count(const struct queue_report *r)
{
	size_t count = 0;
	for (; r; r = r->next)
		count += post_parcel_blob_count(r->parcel);
	return count;
}

void queue_report_blobs(const struct queue_report *r, struct store_blob *out)
{
	for (; r; r = r->next) {
		post_parcel_blobs(r->parcel, out);
		out += post_parcel_blob_count(r->parcel);
	}
}

/* In the journey of what it is about. */
static int note_told_of(struct db *db, const struct queue_report *r)
{
	static const char *const what[] = { [DSN_FAILED] = "failed",
		                            [DSN_DELAYED] = "delayed",
		                            [DSN_RELAYED] = "relayed",
		                            [DSN_DELIVERED] = "delivered",
		                            [DSN_EXPANDED] = "expanded" };
	char detail[64];
	snprintf(detail, sizeof(detail), "%s: %s", what[r->action],
	         post_parcel_queue_id(r->parcel));
	const struct journey_event event = { .at_ms = r->about->ended_ms,
		                             .queue_id = slice_from_str(r->about->queue_id),
		                             .kind = JOURNEY_TOLD,
		                             .address = r->about->reverse_path,
		                             .detail = slice_from_str(detail) };
	return journey_note(db, &event);
}

int queue_report_commit(struct db *db, struct queue_report *r, const struct store_blob *blobs)
{
	int rc = 0;
	for (; r && rc == 0; r = r->next) {
		rc = post_parcel_commit(db, r->parcel, blobs);
		if (rc == 0 && r->about)
			rc = note_told_of(db, r);
		blobs += post_parcel_blob_count(r->parcel);
	}
	return rc;
}

void queue_report_end(struct queue_report *r, bool committed)
{
	while (r) {
		struct queue_report *next = r->next;
		post_parcel_end(r->parcel, committed);
		if (r->has_form)
			queue_message_form_end(&r->form);
		if (r->has_view)
			blob_close(&r->view);
		arena_free(r->arena);
		r = next;
	}
}
