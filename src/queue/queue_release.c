/* The end of a hold (FUTURERELEASE, RFC 4865).
 *
 * A message that is to wait is written into the queue for all of its recipients, those of ours too,
 * as they were asked for. When its time has come it goes through the post office like one that came
 * just now, in the commit that takes it out of the queue: so what aliases and mailboxes there are
 * is looked up then, and it is delivered whole, once, whenever the server stops. */
#include <errno.h>

#include "base/log.h"
#include "message/address.h"
#include "queue/queue_internal.h"
#include "route/post_parcel.h"

static struct smtp_outcome failed_outcome(enum post_verdict verdict)
{
	static const struct {
		struct smtp_enhanced status;
		const char *text;
	} failures[] = {
		[POST_NO_USER] = { { 5, 1, 1 }, "there is no such user here" },
		[POST_NO_RELAY] = { { 5, 7, 1 }, "its domain is no longer ours" },
		[POST_OVER_QUOTA] = { { 4, 2, 2 }, "the mailbox is full" },
		[POST_DISABLED] = { { 5, 2, 1 }, "the mailbox is disabled" },
		[POST_MOVED] = { { 5, 1, 6 }, "the user has moved" },
		[POST_ALIAS_LOOP] = { { 5, 4, 6 }, "the alias leads to itself" },
		[POST_UNVERIFIED] = { { 4, 1, 1 }, "its host can't be asked about it now" },
		[POST_TEMPORARY] = { { 4, 3, 0 }, "it can't be looked up now" },
	};
	bool final = failures[verdict].status.class == 5;
	return (struct smtp_outcome){ .verdict = final ? SMTP_PERMANENT : SMTP_TEMPORARY,
		                      .stage = SMTP_STAGE_ROUTE,
		                      .enhanced = failures[verdict].status,
		                      .text = slice_from_str(failures[verdict].text) };
}

/* What the sender hears, if asked for; a list is expanded, and that is all (RFC 3461 section
 * 5.2.7.3). */
static struct smtp_outcome good_outcome(enum post_verdict verdict)
{
	return (struct smtp_outcome){ .verdict = SMTP_OK,
		                      .stage = SMTP_STAGE_ROUTE,
		                      .enhanced = { 2, 1, 5 },
		                      .text = verdict == POST_LIST
		                                      ? SLICE("It stands for several addresses.")
		                                      : SLICE("It is in the mailbox.") };
}

/* Of NOTIFY what the way ahead has still to obey. */
static unsigned notify_left(unsigned notify, enum post_verdict verdict)
{
	bool ends_here = verdict == POST_LOCAL || verdict == POST_LIST;
	if (!ends_here || !(notify & NOTIFY_SUCCESS))
		return notify;
	notify &= ~(unsigned)NOTIFY_SUCCESS;
	return notify ? notify : NOTIFY_NEVER;
}

static bool judge_recipient(struct queue *q, struct queue_report *r, struct queue_job *job,
                            size_t i, struct post_recipient *out)
{
	struct smtp_client_recipient *wire = &job->wire[i];
	struct address to;
	enum post_verdict verdict = POST_NO_USER;
	if (address_parse(r->arena, wire->path, ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL, &to))
		verdict = post_check_recipient(q->config.post, &r->client, to.local, to.domain,
		                               job->size_bytes);
	bool good = verdict <= POST_REMOTE;
	wire->outcome = good ? good_outcome(verdict) : failed_outcome(verdict);
	job->targets[i].verdict = verdict;
	if (good)
		*out = (struct post_recipient){ .local = to.local,
			                        .domain = to.domain,
			                        .notify = notify_left(wire->notify, verdict),
			                        .orcpt = wire->orcpt };
	return good;
}

static struct envelope_options options_left(const struct queue_job *job)
{
	struct envelope_options options = job->options;
	options.hold_until_ms = 0;
	return options;
}

/* The ends of those that can't go now; the others wait for the commit. */
static void set_ends(struct queue_job *job)
{
	queue_job_judge(job, clock_wall_ms(), 0);
	for (size_t i = 0; i < job->count; i++) {
		if (job->targets[i].end == QUEUE_END_RELAYED)
			job->targets[i].end = QUEUE_END_RELEASED;
	}
}

/* The post office does not take it: a loop is one for ever, all else may pass. */
static int fail_all(struct queue_job *job, int error)
{
	enum post_verdict verdict = error == -ELOOP ? POST_ALIAS_LOOP : POST_TEMPORARY;
	log_warn("queue.release.failed", kv_str("queue_id", job->queue_id), kv_error(error));
	for (size_t i = 0; i < job->count; i++)
		job->wire[i].outcome = failed_outcome(verdict);
	set_ends(job);
	return 0;
}

static bool is_for_us(const struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		if (job->targets[i].verdict < POST_REMOTE)
			return true;
	}
	return false;
}

/* Binary data that may come into a mailbox is encoded, as route/post_binary.c does with what does
 * not wait, but for all recipients, as other hosts can have it so, too. What is signed lies there
 * as it is. */
static int choose_form(struct queue *q, struct queue_report *r, const struct queue_job *job)
{
	struct slice bytes = slice_from(r->view.bytes, job->skip_bytes);
	int rc = -EOPNOTSUPP;
	if (job->body_binary && is_for_us(job))
		rc = queue_message_form(q->config.config, job, SMTP_EXT_8BITMIME, bytes, &r->form);
	r->has_form = rc == 0;
	if (!r->has_form)
		r->form = (struct queue_message_form){ .bytes = bytes,
			                               .body_8bit = job->body_8bit,
			                               .body_binary = job->body_binary };
	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int make_parcel(struct queue *q, struct queue_report *r, struct queue_job *job)
{
	struct post_recipient *recipients = ARENA_ARRAY(r->arena, job->count,
	                                                struct post_recipient);
	size_t count = 0;
	r->client = (struct post_client){ .helo = "",
		                          .may_relay = true,
		                          .account = job->account.len > 0
		                                             ? arena_str(r->arena, job->account)
		                                             : NULL };
	for (size_t i = 0; i < job->count; i++)
		count += judge_recipient(q, r, job, i, &recipients[count]);
	set_ends(job);
	if (count == 0)
		return -ENODATA;
	int rc = choose_form(q, r, job);
	if (rc < 0)
		return rc;
	r->envelope = (struct post_envelope){
		.queue_id = job->queue_id,
		.continues = true,
		.reverse_path = job->reverse_path,
		.recipients = recipients,
		.recipient_count = count,
		.smtputf8 = job->smtputf8,
		.body_8bit = r->form.body_8bit,
		.body_binary = r->form.body_binary,
		.envid = job->envid,
		.ret = job->ret,
		.options = options_left(job),
	};
	return post_parcel_new(q->config.post, &r->client, &r->envelope, r->form.bytes, &r->parcel);
}

int queue_release_prepare(struct queue *q, struct queue_job *job, struct queue_report **out)
{
	struct arena *arena = arena_new();
	struct queue_report *r = ARENA_NEW(arena, struct queue_report);
	r->arena = arena;
	int rc = blob_open(q->config.store, job->blob_id, &r->view);
	if (rc < 0) {
		arena_free(arena);
		return fail_all(job, rc);
	}
	r->has_view = true;
	rc = make_parcel(q, r, job);
	if (rc == 0) {
		*out = r;
		return 0;
	}
	if (r->has_form)
		queue_message_form_end(&r->form);
	blob_close(&r->view);
	arena_free(arena);
	if (rc == -EAGAIN)
		return rc;
	/* Nobody is left to get it: their ends say why. */
	return rc == -ENODATA ? 0 : fail_all(job, rc);
}
