#include "queue/queue_convert.h"

#include <errno.h>

#include "fiber/fiber.h"
#include "message/recode.h"

/* A message that is larger is made anew on the thread pool. */
#define OFFLOAD_BYTES (64 * 1024)
/* Quoted-printable at its worst, its line ends too, and headers that are added. */
#define GROWTH     4
#define MORE_BYTES (64 * 1024)

static unsigned goals_of(const struct queue_job *job, unsigned extensions)
{
	bool binary = (extensions & SMTP_EXT_BINARYMIME) && (extensions & SMTP_EXT_CHUNKING);
	unsigned goals = 0;
	if (job->body_binary && binary)
		return 0;
	if (job->body_binary)
		goals |= RECODE_BINARY;
	if ((job->body_8bit || job->body_binary) && !(extensions & SMTP_EXT_8BITMIME))
		goals |= RECODE_7BIT;
	return goals;
}

struct conversion {
	struct queue_message_form *form;
	const struct message_limits *limits;
	unsigned goals;
	int result;
};

static void convert(void *arg)
{
	struct conversion *c = arg;
	struct slice bytes = c->form->bytes;
	struct arena *arena;
	struct recode *plan;
	/* What is only declared to be more than it is stays as it is. */
	if (!(c->goals & RECODE_BINARY) && slice_is_ascii(bytes))
		return;
	arena = arena_new();
	c->result = recode_plan(arena, bytes, c->limits, c->goals, &plan);
	/* A DKIM-Signature is wrong from here on, which is as if there were none (RFC 6376 section
	 * 6.1); a report in place of the message would be worse. */
	if (c->result > 0)
		c->result = recode_write(plan, NULL, NULL, spool_add, &c->form->spool) < 0 ? -EIO
		                                                                           : 1;
	arena_free(arena);
}

int queue_message_form(const struct config *config, const struct queue_job *job,
                       unsigned extensions, struct slice bytes, struct queue_message_form *out)
{
	struct conversion c = { .form = out,
		                .limits = &config->message,
		                .goals = goals_of(job, extensions) };
	*out = (struct queue_message_form){ .bytes = bytes,
		                            .body_8bit = job->body_8bit,
		                            .body_binary = job->body_binary };
	spool_create(&out->spool, config->dir, (size_t)config->smtp.memory_bytes,
	             GROWTH * bytes.len + MORE_BYTES, 0);
	if (c.goals == 0)
		return 0;
	if (bytes.len > OFFLOAD_BYTES)
		fiber_offload(convert, &c);
	else
		convert(&c);
	if (c.result > 0)
		c.result = spool_view(&out->spool, &out->bytes);
	if (c.result < 0) {
		queue_message_form_end(out);
		return c.result;
	}
	out->body_8bit = !(c.goals & RECODE_7BIT);
	out->body_binary = false;
	return 0;
}

void queue_message_form_end(struct queue_message_form *form) { spool_destroy(&form->spool); }
