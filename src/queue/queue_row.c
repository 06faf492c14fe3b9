/* A row of the table, as what it is in memory: a job with a recipient. */
#include "queue/queue_row.h"

struct envelope_options queue_row_options(const struct db_rows *rows)
{
	struct envelope_options options = { .solicit = SLICE_EMPTY };
	struct slice text = db_text(rows, COL_OPTIONS);
	if (text.len > 0)
		envelope_options_parse(text, db_int(rows, COL_ARRIVED), &options);
	return options;
}

/* The domain whose way it goes. */
static struct slice way_of(const struct db_rows *rows)
{
	struct slice reroute = db_text(rows, COL_REROUTE);
	return reroute.len > 0 ? reroute : db_text(rows, COL_DOMAIN);
}

struct client_errand queue_row_errand(const struct db_rows *rows)
{
	return (struct client_errand){ .domain = way_of(rows),
		                       .sender = db_text(rows, COL_REVERSE_PATH),
		                       .account = db_text(rows, COL_ACCOUNT) };
}

/* Mail that its sender wants to go later has as long as was said when it came: its time begins
 * then.
 */
static struct queue_schedule schedule_of(const struct db_rows *rows, const struct config *config,
                                         const struct config_smarthost *way)
{
	struct queue_schedule s = queue_schedule_of(config, way);
	if (s.expire_ms > 0 && queue_row_options(rows).hold_until_ms != 0)
		s.expire_ms = 0;
	return s;
}

int64_t queue_row_limit(const struct db_rows *rows, const struct queue_page *p,
                        const struct config_smarthost *way, const struct envelope_options *options)
{
	struct queue_schedule schedule = schedule_of(rows, p->config, way);
	const int64_t arrived_ms = db_int(rows, COL_ARRIVED);
	struct queue_job_dates dates = { .options = options,
		                         .schedule = &schedule,
		                         .notify = (unsigned)db_int(rows, COL_NOTIFY),
		                         .delay_told = db_int(rows, COL_DELAY_TOLD) != 0,
		                         .arrived_ms = arrived_ms,
		                         .expires_ms = QUEUE_NEVER_MS };
	/* No delay is told of then either. */
	if (p->dates_are_doubtful)
		schedule.delay_notice_ms = 0;
	else
		dates.expires_ms = queue_schedule_expiry(&schedule, arrived_ms,
		                                         db_int(rows, COL_EXPIRES));
	return queue_job_limit(&dates);
}

struct queue_job *queue_row_job(const struct db_rows *rows, const struct queue_reading *r,
                                struct slice key)
{
	const struct config *config = r->page->config;
	const struct client_errand errand = queue_row_errand(rows);
	struct queue_job *job = queue_job_new();
	struct arena *a = job->arena;
	struct slice queue_id = slice_sub(db_text(rows, COL_QUEUE_ID), 0,
	                                  sizeof(job->queue_id) - 1);
	struct slice ret = db_text(rows, COL_RET);
	job->message = db_int(rows, COL_MESSAGE);
	job->lease = arena_str(a, slice_from_str(r->lease[0] ? r->lease : r->page->taken.text));
	job->era = r->page->taken.era;
	memcpy(job->queue_id, queue_id.data, queue_id.len);
	job->message_id = arena_copy(a, db_text(rows, COL_MESSAGE_ID));
	job->reverse_path = arena_copy(a, db_text(rows, COL_REVERSE_PATH));
	job->blob_id = db_int(rows, COL_BLOB);
	job->place = (struct blob_place){ .segment = (uint32_t)db_int(rows, COL_SEGMENT),
		                          .position = (uint64_t)db_int(rows, COL_BLOB_POSITION),
		                          .length = (uint64_t)db_int(rows, COL_LENGTH) };
	job->skip_bytes = (uint64_t)db_int(rows, COL_SKIP);
	job->size_bytes = (uint64_t)db_int(rows, COL_SIZE);
	job->arrived_ms = db_int(rows, COL_ARRIVED);
	envelope_options_parse(arena_copy(a, db_text(rows, COL_OPTIONS)), job->arrived_ms,
	                       &job->options);
	job->smtputf8 = db_int(rows, COL_UTF8) != 0;
	job->body_8bit = db_int(rows, COL_8BIT) != QUEUE_BODY_7BIT;
	job->body_binary = db_int(rows, COL_8BIT) == QUEUE_BODY_BINARY;
	job->ret = ret.len > 0 ? ret.data[0] : 0;
	job->envid = arena_copy(a, db_text(rows, COL_ENVID));
	job->prefix = arena_copy(a, db_text(rows, COL_PREFIX));
	job->domain = arena_copy(a, errand.domain);
	job->account = arena_copy(a, errand.account);
	job->way = client_choose(config, &errand);
	job->schedule = schedule_of(rows, config, job->way);
	job->expires_ms = queue_schedule_expiry(&job->schedule, job->arrived_ms,
	                                        db_int(rows, COL_EXPIRES));
	job->key = arena_copy(a, key);
	job->tls_need = queue_tls_need(&job->options, job->reverse_path);
	return job;
}

/* Mostly that of the others. */
static struct slice copy_domain(struct queue_job *job, struct slice domain)
{
	return slice_equal(domain, job->domain) ? job->domain : arena_copy(job->arena, domain);
}

void queue_row_add(struct queue_job *job, const struct db_rows *rows)
{
	size_t i = queue_job_add(job);
	job->wire[i].path = arena_copy(job->arena, db_text(rows, COL_PATH));
	job->wire[i].notify = (unsigned)db_int(rows, COL_NOTIFY);
	job->wire[i].orcpt = arena_copy(job->arena, db_text(rows, COL_ORCPT));
	job->targets[i] = (struct queue_target){
		.position = db_int(rows, COL_POSITION),
		.domain = copy_domain(job, db_text(rows, COL_DOMAIN)),
		.way = copy_domain(job, way_of(rows)),
		.attempts = (unsigned)db_int(rows, COL_ATTEMPTS),
		.asked = db_int(rows, COL_ASKED) == QUEUE_ASKED_NOW ||
		         db_int(rows, COL_ASKED) == QUEUE_ASKED_AGAIN,
		.delay_told = db_int(rows, COL_DELAY_TOLD) != 0,
	};
}

const char *queue_row_status(struct smtp_enhanced e, char out[static SMTP_ENHANCED_TEXT_MAX])
{
	return e.class == 0 ? "" : smtp_enhanced_text(e, out);
}
