/* Sending one message: in parts as the other side wants them, over one connection or several. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "queue/queue_convert.h"
#include "queue/queue_delivery.h"
#include "route/post_batv.h"

/* All that have not been in a transaction, this one included. */
static void set_rest(struct queue_job *job, const struct smtp_outcome *o)
{
	for (size_t i = job->part_from; i < job->count; i++) {
		job->wire[i].outcome = *o;
		job->wire[i].outcome.text = arena_copy(job->arena, o->text);
	}
}

/* An ASCII message may be for an address that isn't. */
static bool needs_smtputf8(const struct queue_job *job)
{
	for (size_t i = 0; i < job->part_count; i++) {
		if (!slice_is_ascii(job->wire[job->part_from + i].path))
			return true;
	}
	return job->smtputf8;
}

/* What an alias put its Delivered-To before goes on in our name, if that is wanted. */
static struct slice sender_of(const struct queue_delivery *d, struct queue_job *job)
{
	struct post *post = d->queue->config.post;
	struct slice path = job->reverse_path;
	if (job->prefix.len > 0)
		path = post_forward_sender(post, job->arena, path);
	for (size_t i = 0; i < job->part_count; i++) {
		if (post_wants_plain_sender(post, job->wire[job->part_from + i].path))
			return path;
	}
	return post_tag_sender(post, job->arena, path);
}

static bool is_whole(const void *view) { return blob_is_whole(view); }

static int send_form(struct queue_delivery *d, struct queue_job *job, const struct blob_view *view,
                     const struct queue_message_form *form, struct smtp_outcome *outcome)
{
	struct slice parts[] = { job->prefix, form->bytes };
	struct smtp_client_mail mail = {
		.reverse_path = sender_of(d, job),
		.recipients = &job->wire[job->part_from],
		.recipient_count = job->part_count,
		.body_8bit = form->body_8bit,
		.body_binary = form->body_binary,
		.by_chunks = d->queue->config.config->queue.chunking,
		.smtputf8 = needs_smtputf8(job),
		.envid = job->envid,
		.ret = job->ret,
		.options = &job->options,
		.size_bytes = parts[0].len + parts[1].len,
		.parts = parts,
		.part_count = 2,
		.is_whole = is_whole,
		.whole_arg = view,
	};
	int rc = smtp_client_send(d->dial.client, &mail, job->arena, outcome);
	job->peer = arena_copy(job->arena, d->peer);
	job->tls = arena_copy(job->arena, d->tls);
	job->from = arena_copy(job->arena, d->from);
	job->remote_does_dsn = smtp_client_extensions(d->dial.client) & SMTP_EXT_DSN;
	job->remote_does_by = smtp_client_extensions(d->dial.client) & SMTP_EXT_DELIVERBY;
	return rc;
}

static int not_sendable(const struct queue_delivery *d, struct queue_job *job, int rc,
                        struct smtp_outcome *outcome)
{
	if (rc == -EOPNOTSUPP) {
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_MAIL, rc, "5.6.3",
		                                d->dial.host);
		outcome->verdict = SMTP_PERMANENT;
		outcome->text = slice_from_str(arena_printf(
			job->arena,
			"%s takes no %s data, and the message can't be converted: it is signed, "
			"or beyond our understanding",
			d->dial.host, job->body_binary ? "binary" : "8-bit"));
	} else {
		log_error("queue.convert", kv_str("queue_id", job->queue_id), kv_error(rc));
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_DATA, rc, "4.3.0",
		                                "converting the message");
	}
	outcome->host = false;
	set_rest(job, outcome);
	return rc;
}

/* In the form that the other side takes. */
static int send_bytes(struct queue_delivery *d, struct queue_job *job, const struct blob_view *view,
                      struct smtp_outcome *outcome)
{
	struct queue_message_form form;
	int rc = queue_message_form(d->queue->config.config, job,
	                            smtp_client_extensions(d->dial.client),
	                            slice_from(view->bytes, job->skip_bytes), &form);
	if (rc < 0)
		return not_sendable(d, job, rc, outcome);
	rc = send_form(d, job, view, &form, outcome);
	queue_message_form_end(&form);
	return rc;
}

static int send_job(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct blob_view view;
	int rc = blob_open_at(d->queue->config.store, job->blob_id, &job->place, &view);
	if (rc < 0) {
		log_error("queue.blob", kv_str("queue_id", job->queue_id), kv_error(rc));
		*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_DATA, rc, "4.3.0",
		                                "our copy of the message");
		outcome->host = false;
		set_rest(job, outcome);
		return rc;
	}
	rc = send_bytes(d, job, &view, outcome);
	blob_close(&view);
	return rc;
}

/* A connection that was used before may have been closed by the other side just now: that is no
 * failed attempt, as long as no byte of the message was sent. */
static bool was_stale(const struct queue_delivery *d, const struct queue_job *job,
                      const struct smtp_outcome *outcome)
{
	return !job->retried && (d->was_idle || smtp_client_sent(d->dial.client) > 0) &&
	       !smtp_client_is_usable(d->dial.client) && outcome->stage <= SMTP_STAGE_MAIL &&
	       outcome->error != -ECANCELED && outcome->error != -ETIMEDOUT;
}

/* BY=...;R: whoever gets it now gets it too late. */
static int come_too_late(struct queue_job *job, struct smtp_outcome *outcome)
{
	*outcome = (struct smtp_outcome){
		.verdict = SMTP_PERMANENT,
		.stage = SMTP_STAGE_ROUTE,
		.error = -ETIME,
		.enhanced = { 5, 4, 7 },
		.text = SLICE("the time that the sender gave for its delivery is over")
	};
	set_rest(job, outcome);
	return -ETIME;
}

/* The other side may limit what it takes in a transaction, and in a session. */
static int choose_part(struct queue_delivery *d, struct queue_job *job,
                       struct smtp_outcome *outcome)
{
	size_t left = job->count - job->part_from;
	const struct smtp_client_recipient *from = &job->wire[job->part_from];
	bool open = d->dial.client && smtp_client_is_usable(d->dial.client);
	job->part_count = open ? smtp_client_fit(d->dial.client, from, left) : 0;
	if (job->part_count > 0)
		return 0;
	queue_disconnect(d);
	int rc = queue_connect(d, job, outcome);
	if (rc == 0)
		job->part_count = smtp_client_fit(d->dial.client, from, left);
	/* One that has room for nothing does not mean it. */
	if (rc == 0 && job->part_count == 0)
		job->part_count = 1;
	return rc;
}

static int carry_part(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	for (;;) {
		int rc = choose_part(d, job, outcome);
		if (rc == 0 && job->part_from == job->suppressed &&
		    !queue_lease_covers(&d->queue->leases, job))
			rc = -EXDEV;
		if (rc == -EXDEV)
			return rc;
		if (rc < 0) {
			set_rest(job, outcome);
			if (d->dial.host)
				job->peer = arena_copy(job->arena, slice_from_str(d->dial.host));
			return rc;
		}
		rc = send_job(d, job, outcome);
		if (rc == 0 || !was_stale(d, job, outcome))
			return rc;
		job->retried = true;
		queue_disconnect(d);
	}
}

/* The part is over. Who was one too many in it begins the next one: it goes on as long as each
 * takes somebody. Who has it is recorded first. */
static void end_part(struct queue *q, struct queue_job *job, int rc)
{
	size_t at = job->part_from, end = at + job->part_count;
	for (size_t i = at; rc == 0 && i < end; i++) {
		if (job->wire[i].outcome.too_many)
			continue;
		struct smtp_client_recipient wire = job->wire[at];
		struct queue_target target = job->targets[at];
		job->wire[at] = job->wire[i];
		job->targets[at++] = job->targets[i];
		job->wire[i] = wire;
		job->targets[i] = target;
	}
	job->part_from = rc == 0 ? at : end;
	if (job->part_from < job->count)
		job->part_from -= queue_record_part(q, job, job->part_from);
}

/* Who is to get it at all: nobody if it is late, and none that its sender's mail does not go to. */
static int begin(struct queue *q, struct queue_job *job, struct smtp_outcome *outcome)
{
	if (queue_job_is_late(job, clock_wall_ms()))
		return come_too_late(job, outcome);
	if (job->part_from == 0)
		job->part_from = job->suppressed = queue_suppress(q, job, outcome);
	return job->part_from == job->count ? -EPERM : 0;
}

/* What goes in no further transaction waits for another time. */
static int put_off(struct queue_delivery *d, struct queue_job *job, int error, const char *status,
                   struct smtp_outcome *outcome)
{
	*outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_MAIL, error, status, d->dial.host);
	outcome->host = false;
	set_rest(job, outcome);
	return error;
}

/* The transaction that there was has come to its end; the next one is for the server's next life.
 */
static bool must_stop(const struct queue_job *job)
{
	return job->part_from < job->count && runtime_stopping();
}

int queue_send(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	bool any = false;
	if (!queue_lease_covers(&d->queue->leases, job))
		return -EXDEV;
	int rc = begin(d->queue, job, outcome);
	if (rc < 0)
		return rc;
	if (job->way && job->way->final != FINAL_NONE)
		return queue_final_carry(d->queue, job, outcome);
	if (d->dial.client && (queue_ready_era(d->queue->ready, d->destination) != d->era ||
	                       (d->was_idle && smtp_client_has_input(d->dial.client))))
		queue_disconnect(d);
	while (job->part_from < job->count) {
		rc = carry_part(d, job, outcome);
		if (rc == -EXDEV)
			return rc;
		any |= rc == 0;
		/* What broke here would do so for the others. */
		end_part(d->queue, job, rc);
		if (rc < 0 && (!d->dial.client || !smtp_client_is_usable(d->dial.client))) {
			set_rest(job, outcome);
			return rc;
		}
		if (must_stop(job))
			return put_off(d, job, -ECANCELED, "4.3.2", outcome);
	}
	return any ? 0 : rc;
}

/* A connection that is not ours to open anew: what its LIMITS leave no room for waits. */
static int no_room(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	return put_off(d, job, -EBUSY, "4.5.3", outcome);
}

int queue_deliver_one(struct queue *q, struct smtp_client *client, struct slice peer,
                      struct slice tls, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct queue_delivery d = { .queue = q,
		                    .dial = { .client = client, .host = smtp_client_host(client) },
		                    .peer = peer,
		                    .tls = tls };
	bool any = false;
	int rc = begin(q, job, outcome);
	if (rc < 0)
		return rc;
	while (job->part_from < job->count && smtp_client_is_usable(client)) {
		job->part_count = smtp_client_fit(client, &job->wire[job->part_from],
		                                  job->count - job->part_from);
		if (job->part_count == 0)
			return no_room(&d, job, outcome);
		rc = send_job(&d, job, outcome);
		any |= rc == 0;
		end_part(q, job, rc);
		if (rc == 0 && must_stop(job))
			return put_off(&d, job, -ECANCELED, "4.3.2", outcome);
	}
	if (rc == 0 && job->part_from < job->count)
		return no_room(&d, job, outcome);
	set_rest(job, outcome);
	return any ? 0 : rc;
}
