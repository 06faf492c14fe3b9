/* Binary messages (RFC 3030). What goes to other hosts stays as it came: the next one may take it
 * so, and the queue makes it anew for one that doesn't. In a mailbox it would be in nobody's reach,
 * as neither IMAP nor POP3 can show a NUL (RFC 3501 section 4.3.1 says to encode), so it lies there
 * in base64. Both enter in one commit. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "message/recode.h"
#include "route/post_internal.h"
#include "route/post_parcel.h"
#include "store/spool.h"

/* A message that is larger is made anew on the thread pool. */
#define OFFLOAD_BYTES (64 * 1024)
#define GROWTH        4 /* quoted-printable at its worst */
#define MORE_BYTES    (64 * 1024)

struct text_form {
	struct slice message;
	const struct message_limits *limits;
	struct spool spool;
	int changes; /* or a negative errno */
};

static void text_form_make(void *arg)
{
	struct text_form *f = arg;
	struct arena *arena = arena_new();
	struct recode *plan;
	f->changes = recode_plan(arena, f->message, f->limits, RECODE_BINARY, &plan);
	if (f->changes > 0 && recode_write(plan, NULL, NULL, spool_add, &f->spool) < 0)
		f->changes = -EIO;
	arena_free(arena);
}

static enum post_result result_of(int rc) { return rc == -ELOOP ? POST_LOOP : POST_FAILED; }

/* The mailboxes get `text`, and other hosts the message. */
static enum post_result deliver_both(struct post *p, const struct post_client *client,
                                     const struct post_envelope *envelope, struct slice trace,
                                     struct slice message, struct slice text,
                                     char queue_id_out[static 17])
{
	struct arena *arena = arena_new();
	struct post_envelope elsewhere = *envelope, here = *envelope;
	struct post_parcel *parcel = NULL;
	struct post_parcel **reports = ARENA_ARRAY(arena, envelope->report_count + 1,
	                                           struct post_parcel *);
	elsewhere.queue_id = NULL;
	int rc = post_parcel_to(p, client, &elsewhere, trace, message, POST_ELSEWHERE, &parcel);
	here.body_binary = false;
	here.body_8bit = true;
	for (size_t i = 0; i < envelope->report_count; i++)
		reports[i] = envelope->reports[i];
	if (rc == 0)
		reports[here.report_count++] = parcel;
	here.reports = reports;
	enum post_result result = rc < 0 && rc != -ENODATA
	                                  ? result_of(rc)
	                                  : post_deliver_to(p, client, &here, trace, text,
	                                                    POST_MAILBOXES, queue_id_out);
	if (rc == 0)
		post_parcel_end(parcel, result == POST_ACCEPTED);
	arena_free(arena);
	return result;
}

/* Does the message go into any mailbox? 1, 0 or a negative errno. */
static int is_for_mailbox(struct post *p, const struct post_client *client,
                          const struct post_envelope *envelope, struct slice message)
{
	struct post_parcel *parcel;
	int rc = post_parcel_to(p, client, envelope, SLICE_EMPTY, message, POST_MAILBOXES, &parcel);
	if (rc == 0)
		post_parcel_end(parcel, false);
	return rc == -ENODATA ? 0 : rc == 0 ? 1 : rc;
}

static enum post_result deliver_text_form(struct post *p, const struct post_client *client,
                                          const struct post_envelope *envelope, struct slice trace,
                                          struct text_form *f, char queue_id_out[static 17])
{
	struct post_envelope plain = *envelope;
	struct slice text;
	/* Binary by name only, or sealed: it lies as it is. */
	if (f->changes == 0 || f->changes == -EOPNOTSUPP) {
		plain.body_binary = f->changes != 0;
		plain.body_8bit = true;
		return post_deliver_to(p, client, &plain, trace, f->message, POST_ALL,
		                       queue_id_out);
	}
	int rc = f->changes < 0 ? f->changes : spool_view(&f->spool, &text);
	if (rc < 0) {
		log_error("route.binary.failed", kv_error(rc));
		return rc == -ENOSPC ? POST_FULL : POST_FAILED;
	}
	/* Nobody knows yet where it goes; other hosts can have it so, too. */
	if (envelope->hold) {
		plain.body_binary = false;
		plain.body_8bit = true;
		return post_deliver_to(p, client, &plain, trace, text, POST_ALL, queue_id_out);
	}
	return deliver_both(p, client, envelope, trace, f->message, text, queue_id_out);
}

enum post_result post_deliver_binary(struct post *p, const struct post_client *client,
                                     const struct post_envelope *envelope, struct slice trace,
                                     struct slice message, char queue_id_out[static 17])
{
	const struct config *config = p->config.config;
	int rc = envelope->hold ? 1 : is_for_mailbox(p, client, envelope, message);
	if (rc < 0)
		return result_of(rc);
	if (rc == 0)
		return post_deliver_to(p, client, envelope, trace, message, POST_ALL, queue_id_out);
	struct text_form f = { .message = message, .limits = &config->message };
	spool_create(&f.spool, config->dir, (size_t)config->smtp.memory_bytes,
	             GROWTH * message.len + MORE_BYTES, 0);
	if (message.len > OFFLOAD_BYTES)
		fiber_offload(text_form_make, &f);
	else
		text_form_make(&f);
	enum post_result result = deliver_text_form(p, client, envelope, trace, &f, queue_id_out);
	spool_destroy(&f.spool);
	return result;
}
