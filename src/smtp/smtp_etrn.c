/* ETRN: RFC 1985. Whoever was away asks for what waits for him; it goes to where the route says,
 * never back on this connection. Each costs attempts, so it is for those who may relay. */
#include <errno.h>

#include "base/log.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

static enum smtp_answer smtp_run_queue(struct smtp_session *s, struct arena *arena,
                                       struct slice argument, int64_t *count)
{
	struct smtp_etrn_command etrn;
	if (!smtp_parse_etrn(arena, argument, &etrn))
		return SMTP_ANSWER_BAD_NODE;
	if (!s->client.may_relay || etrn.kind != SMTP_ETRN_NODE)
		return SMTP_ANSWER_NODE_NOT_ALLOWED;
	int rc = post_run_queue(s->context->post, etrn.name, count);
	if (rc == 0)
		return *count > 0 ? SMTP_ANSWER_OK : SMTP_ANSWER_NOTHING_WAITS;
	log_error("smtp.etrn.failed", kv_slice("domain", etrn.name), kv_error(rc));
	return SMTP_ANSWER_CANNOT_QUEUE;
}

void smtp_etrn(struct smtp_session *s, struct slice argument)
{
	struct arena *arena = arena_new();
	int64_t count = 0;
	enum smtp_answer answer = smtp_run_queue(s, arena, argument, &count);
	if (answer == SMTP_ANSWER_OK)
		smtp_say_started(s, count);
	else
		smtp_say(s, answer);
	arena_free(arena);
}
