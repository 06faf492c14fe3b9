/* ETRN: RFC 1985. Whoever was away asks for what waits for him; it goes to where the route says,
 * over a new connection, never back on this one (ATRN does that). Each costs attempts, so it is for
 * those whom the configuration lets ask. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

static enum post_run_kind smtp_run_kind(enum smtp_etrn_kind kind)
{
	switch (kind) {
	case SMTP_ETRN_SUBDOMAINS:
		return POST_RUN_SUBDOMAINS;
	case SMTP_ETRN_QUEUE:
		return POST_RUN_QUEUE;
	case SMTP_ETRN_NODE:
		break;
	}
	return POST_RUN_DOMAIN;
}

/* 253 tells how many are tried now; 252 that those that wait are being tried already; 250 that the
 * queue runs, which takes its time. */
static void smtp_say_run(struct smtp_session *s, const struct post_run *run)
{
	char pending[64];
	snprintf(pending, sizeof(pending), "OK, %lld pending messages", (long long)run->started);
	if (run->kind == POST_RUN_QUEUE)
		smtp_say_node(s, 250, "OK, queuing", run->name, " started");
	else if (run->started > 0)
		smtp_say_node(s, 253, pending, run->name, " started");
	else if (run->working > 0)
		smtp_say_node(s, 252, "OK, pending messages", run->name, " started");
	else
		smtp_say_node(s, 251, "OK, no messages waiting", run->name, "");
}

static void smtp_run_queue(struct smtp_session *s, const struct smtp_etrn_command *etrn)
{
	struct post_run run = { .kind = smtp_run_kind(etrn->kind), .name = etrn->name };
	int rc = post_run_queue(s->context->post, &run);
	if (rc == 0) {
		smtp_say_run(s, &run);
	} else if (rc == -ENOENT) {
		smtp_say(s, SMTP_ANSWER_NO_SUCH_QUEUE);
	} else {
		log_error("smtp.etrn.failed", kv_slice("node", etrn->name), kv_error(rc));
		smtp_say(s, SMTP_ANSWER_CANNOT_QUEUE);
	}
}

void smtp_etrn(struct smtp_session *s, struct slice argument)
{
	struct smtp_etrn_command etrn;
	struct arena *arena = arena_new();
	if (!smtp_parse_etrn(arena, argument, &etrn))
		smtp_say(s, SMTP_ANSWER_BAD_NODE);
	else if (!smtp_may_ask(s, s->config->smtp.etrn))
		smtp_say(s, SMTP_ANSWER_NODE_NOT_ALLOWED);
	else
		smtp_run_queue(s, &etrn);
	arena_free(arena);
}
