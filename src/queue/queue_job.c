#include "queue/queue_job.h"

#include <errno.h>

#include "base/codec.h"
#include "queue/queue_schedule.h"

struct queue_job *queue_job_new(void)
{
	struct arena *arena = arena_new();
	struct queue_job *job = ARENA_NEW(arena, struct queue_job);
	job->arena = arena;
	list_init(&job->link);
	return job;
}

void queue_job_free(struct queue_job *job)
{
	if (job)
		arena_free(job->arena);
}

size_t queue_job_add(struct queue_job *job)
{
	if (job->count == job->capacity) {
		size_t capacity = job->capacity > 0 ? job->capacity * 4 : 1;
		struct smtp_client_recipient *wire = ARENA_ARRAY(job->arena, capacity,
		                                                 struct smtp_client_recipient);
		struct queue_target *targets = ARENA_ARRAY(job->arena, capacity,
		                                           struct queue_target);
		if (job->count > 0) {
			memcpy(wire, job->wire, job->count * sizeof(*wire));
			memcpy(targets, job->targets, job->count * sizeof(*targets));
		}
		job->wire = wire;
		job->targets = targets;
		job->capacity = capacity;
	}
	return job->count++;
}

/* --- what is over before the rest ----------------------------------------------------------- */

static bool is_over(const struct queue_job *job, size_t i)
{
	return job->wire[i].outcome.verdict == SMTP_OK && !(job->wire[i].notify & NOTIFY_SUCCESS) &&
	       job->options.by_mode == 0;
}

/* The same message without recipients, in an arena of its own. */
static struct queue_job *copy(const struct queue_job *job)
{
	struct queue_job *out = queue_job_new();
	struct arena *a = out->arena;
	*out = *job;
	list_init(&out->link);
	out->arena = a;
	out->lease = arena_str(a, slice_from_str(job->lease));
	out->wire = NULL;
	out->targets = NULL;
	out->suppression = NULL;
	out->count = out->capacity = out->suppressed = out->part_from = out->part_count = 0;
	struct slice *const texts[] = {
		&out->message_id, &out->reverse_path, &out->envid,        &out->prefix,
		&out->domain,     &out->account,      &out->key,          &out->peer,
		&out->tls,        &out->from,         &out->options.auth, &out->options.solicit
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_copy(a, *texts[i]);
	return out;
}

static void copy_recipient(struct queue_job *out, const struct queue_job *job, size_t from)
{
	struct arena *a = out->arena;
	size_t i = queue_job_add(out);
	struct smtp_client_recipient *wire = &out->wire[i];
	struct queue_target *target = &out->targets[i];
	*wire = job->wire[from];
	wire->path = arena_copy(a, wire->path);
	wire->orcpt = arena_copy(a, wire->orcpt);
	wire->outcome.text = arena_copy(a, wire->outcome.text);
	*target = job->targets[from];
	target->domain = arena_copy(a, target->domain);
	target->way = arena_copy(a, target->way);
}

struct queue_job *queue_job_take_relayed(struct queue_job *job, size_t end)
{
	struct queue_job *out = NULL;
	size_t kept = 0;
	for (size_t i = 0; i < job->count; i++) {
		if (i < end && is_over(job, i)) {
			out = out ? out : copy(job);
			copy_recipient(out, job, i);
			continue;
		}
		job->wire[kept] = job->wire[i];
		job->targets[kept++] = job->targets[i];
	}
	job->count = kept;
	return out;
}

void queue_job_begin_anew(struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		job->wire[i].outcome = (struct smtp_outcome){ .verdict = SMTP_UNTRIED };
	job->part_from = job->part_count = job->suppressed = 0;
	job->peer = job->tls = job->from = SLICE_EMPTY;
	job->retried = false;
}

int64_t queue_job_delay_at(const struct queue_job_dates *d)
{
	bool wanted = d->notify ? d->notify & NOTIFY_DELAY : d->schedule->delay_unasked;
	if (!wanted || d->delay_told || d->schedule->delay_notice_ms == 0)
		return INT64_MAX;
	return d->arrived_ms + d->schedule->delay_notice_ms;
}

int64_t queue_job_limit(const struct queue_job_dates *d)
{
	const struct envelope_options *o = d->options;
	bool tells = o->by_mode == 'N' && !d->delay_told && o->by_ms > d->arrived_ms;
	int64_t limit = queue_job_delay_at(d);
	if ((o->by_mode == 'R' || tells) && o->by_ms < limit)
		limit = o->by_ms;
	return limit < d->expires_ms ? limit : d->expires_ms;
}

bool queue_job_is_late(const struct queue_job *job, int64_t now_ms)
{
	return job->options.by_mode == 'R' && now_ms >= job->options.by_ms;
}

static bool has_expired(const struct queue_job *job, int64_t now_ms)
{
	return queue_job_is_late(job, now_ms) ||
	       (now_ms >= job->expires_ms && !job->dates_are_doubtful);
}

struct queue_job_dates queue_job_dates(const struct queue_job *job, size_t i)
{
	return (struct queue_job_dates){ .options = &job->options,
		                         .schedule = &job->schedule,
		                         .notify = job->wire[i].notify,
		                         .delay_told = job->targets[i].delay_told,
		                         .arrived_ms = job->arrived_ms,
		                         .expires_ms = job->expires_ms };
}

/* When recipient i is to be looked at, at the latest. */
static int64_t limit_of(const struct queue_job *job, size_t i, int64_t now_ms)
{
	const struct queue_job_dates dates = queue_job_dates(job, i);
	int64_t limit = queue_job_limit(&dates);
	return limit > now_ms ? limit : job->expires_ms;
}

static void defer(struct queue_job *job, size_t i, int64_t now_ms, int64_t host_due_ms)
{
	struct queue_target *t = &job->targets[i];
	if (has_expired(job, now_ms)) {
		t->end = QUEUE_END_EXPIRED;
		return;
	}
	int64_t pause = queue_schedule_pause(&job->schedule, t->attempts + 1, random_u64());
	t->end = QUEUE_END_DEFERRED;
	t->due_ms = queue_schedule_due(now_ms, host_due_ms > 0 ? host_due_ms - now_ms : pause,
	                               limit_of(job, i, now_ms));
}

/* The server stopped before an answer was there. */
static void give_back(struct queue_target *t, int64_t now_ms)
{
	t->end = QUEUE_END_RETURNED;
	t->due_ms = now_ms;
}

void queue_job_judge(struct queue_job *job, int64_t now_ms, int64_t host_due_ms)
{
	job->ended_ms = now_ms;
	for (size_t i = 0; i < job->count; i++) {
		struct queue_target *t = &job->targets[i];
		struct smtp_outcome *o = &job->wire[i].outcome;
		if (o->verdict == SMTP_UNTRIED)
			o->text = SLICE("it was not tried");
		if (o->verdict == SMTP_OK)
			t->end = QUEUE_END_RELAYED;
		else if (o->verdict == SMTP_PERMANENT)
			t->end = QUEUE_END_FAILED;
		else if (o->error == -ECANCELED)
			give_back(t, now_ms);
		else
			defer(job, i, now_ms, host_due_ms);
	}
}

void queue_job_return(struct queue_job *job, int64_t now_ms, int64_t due_ms,
                      const struct smtp_outcome *why)
{
	job->ended_ms = now_ms;
	for (size_t i = 0; i < job->count; i++) {
		struct queue_target *t = &job->targets[i];
		t->end = has_expired(job, now_ms) ? QUEUE_END_EXPIRED : QUEUE_END_RETURNED;
		t->due_ms = queue_schedule_due(now_ms, due_ms - now_ms, limit_of(job, i, now_ms));
		if (!why)
			continue;
		job->wire[i].outcome = *why;
		job->wire[i].outcome.text = arena_copy(job->arena, why->text);
	}
}

void queue_job_end_untried(struct queue_job *job, int64_t now_ms)
{
	job->ended_ms = now_ms;
	for (size_t i = 0; i < job->count; i++) {
		if (job->is_sent_back)
			job->targets[i].end = QUEUE_END_FAILED;
		else
			defer(job, i, now_ms, 0);
	}
}
