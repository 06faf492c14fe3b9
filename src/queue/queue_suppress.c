/* Recipients that their sender's mail is not sent to any more (route/suppression.h): RCPT has
 * refused those that were named; here are those that an alias led to, and what came into the queue
 * before. */
#include <errno.h>

#include "base/log.h"
#include "message/date.h"
#include "queue/queue_internal.h"
#include "route/suppression.h"

struct screening {
	struct queue_job *job;
	const struct config_suppression *section;
	size_t at;
	struct suppression found;
	bool is;
};

static int find_one(struct db *db, void *arg)
{
	struct screening *s = arg;
	struct arena *arena = s->job->arena;
	struct slice recipient = arena_lower(arena, s->job->wire[s->at].path);
	int rc = suppression_find(db, arena, slice_from_str(s->section->scope), recipient,
	                          clock_wall_ms(), &s->found);
	s->is = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

/* 5.7.1, and not 5.1.1: that would count as one more hard bounce, and have it go on for ever. */
static void refuse(const struct screening *s, struct smtp_outcome *outcome)
{
	char date[DATE_TEXT_MAX];
	struct slice since = date_format(date_local(s->found.since_ms / 1000), date);
	*outcome = (struct smtp_outcome){ .verdict = SMTP_PERMANENT,
		                          .stage = SMTP_STAGE_ROUTE,
		                          .error = -EPERM,
		                          .enhanced = { 5, 7, 1 } };
	outcome->text = slice_from_str(arena_printf(
		s->job->arena, "suppressed: no mail of this sender goes to it since %.*s: %.*s",
		SLICE_ARG(since), SLICE_ARG(s->found.reason)));
	s->job->wire[s->at].outcome = *outcome;
}

static void swap(struct queue_job *job, size_t a, size_t b)
{
	struct smtp_client_recipient wire = job->wire[a];
	struct queue_target target = job->targets[a];
	job->wire[a] = job->wire[b];
	job->targets[a] = job->targets[b];
	job->wire[b] = wire;
	job->targets[b] = target;
}

/* Whose aliases send it on is nobody of ours: they may use the name of anybody. */
static const struct config_suppression *section_of(const struct queue *q, struct queue_job *job)
{
	const struct config *c = q->config.config;
	if (c->suppression_count == 0 || job->reverse_path.len == 0 ||
	    (job->account.len == 0 && job->prefix.len > 0))
		return NULL;
	return config_suppression_find(c, job->arena, job->account, job->reverse_path);
}

size_t queue_suppress(struct queue *q, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct screening s = { .job = job, .section = section_of(q, job) };
	size_t count = 0;
	if (!s.section)
		return 0;
	for (s.at = 0; s.at < job->count; s.at++) {
		int rc = store_read(q->config.store, find_one, &s);
		if (rc < 0)
			log_error("queue.suppression.failed", kv_error(rc));
		if (rc < 0 || !s.is)
			continue;
		refuse(&s, outcome);
		swap(job, s.at, count++);
	}
	return count;
}
