/* Mail for commands and files: no connection, one recipient after the other. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"
#include "queue/queue_internal.h"

void queue_final_open(struct queue *q)
{
	const struct config *c = q->config.config;
	q->final_places = mem_zero(c->smarthost_count + 1, sizeof(struct semaphore *));
	for (size_t i = 0; i < c->smarthost_count; i++) {
		if (c->smarthosts[i].final != FINAL_NONE)
			q->final_places[i] = semaphore_new(c->smarthosts[i].max_deliveries);
	}
}

void queue_final_close(struct queue *q)
{
	for (size_t i = 0; q->final_places && i < q->config.config->smarthost_count; i++)
		semaphore_free(q->final_places[i]);
	free(q->final_places);
}

static int deliver_one(struct queue *q, struct queue_job *job, size_t i, struct slice bytes)
{
	const struct final_mail mail = { .way = job->way,
		                         .recipient = job->wire[i].path,
		                         .sender = job->reverse_path,
		                         .queue_id = slice_from_str(job->queue_id),
		                         .prefix = job->prefix,
		                         .message = bytes };
	struct semaphore *places = q->final_places[job->way - q->config.config->smarthosts];
	int rc = semaphore_take(places, DEADLINE_NEVER);
	if (rc < 0) {
		job->wire[i].outcome = smtp_outcome_trouble(job->arena, SMTP_STAGE_ROUTE, rc,
		                                            "4.3.2", job->way->title);
		return rc;
	}
	rc = final_deliver(q->config.final, &mail, job->arena, &job->wire[i].outcome);
	semaphore_post(places);
	return rc;
}

/* Programs and files take 8-bit text; binary they don't. */
static int deliver_all(struct queue *q, struct queue_job *job, struct slice bytes)
{
	struct queue_message_form form;
	int rc = queue_message_form(q->config.config, job, SMTP_EXT_8BITMIME, bytes, &form);
	bool whole = rc == 0;
	int worst = 0;
	if (rc < 0 && rc != -EOPNOTSUPP)
		return rc;
	for (size_t i = job->suppressed; i < job->count && worst != -ECANCELED;) {
		rc = deliver_one(q, job, i++, whole ? form.bytes : bytes);
		worst = rc < 0 ? rc : worst;
		if (i < job->count)
			i -= queue_record_part(q, job, i);
		/* The rest is for the server's next life. */
		if (i < job->count && runtime_stopping())
			worst = -ECANCELED;
	}
	if (whole)
		queue_message_form_end(&form);
	return worst;
}

int queue_final_carry(struct queue *q, struct queue_job *job, struct smtp_outcome *outcome)
{
	struct blob_view view;
	job->peer = slice_from_str(arena_printf(job->arena, "transport %s", job->way->title));
	/* It reports itself what it does: nobody behind it will. */
	int rc = blob_open_at(q->config.store, job->blob_id, &job->place, &view);
	if (rc == 0) {
		rc = deliver_all(q, job, slice_from(view.bytes, job->skip_bytes));
		blob_close(&view);
	}
	*outcome = job->wire[0].outcome;
	for (size_t i = 0; i < job->count; i++) {
		struct smtp_outcome *o = &job->wire[i].outcome;
		if (o->verdict != SMTP_UNTRIED)
			continue;
		*o = smtp_outcome_trouble(job->arena, SMTP_STAGE_DATA, rc, "4.3.0",
		                          rc == -ECANCELED ? job->way->title
		                                           : "our copy of the message");
		*outcome = *o;
	}
	outcome->host = false;
	return rc;
}
