/* VERB, ONEX and XUSR, as sendmail has them.
 *
 * VERB has the steps of the next delivery told in lines of 050 before its 250. Members of lists are
 * told only to whom EXPN would tell them. XUSR says that the message is a submission, which is
 * believed of who may relay. ONEX (one message, then QUIT) changes nothing here. */
#include <stdio.h>

#include "smtp/smtp_session.h"

enum { TOLD_MAX = 100 }; /* recipients, and members of each */

bool smtp_has_sendmail(const struct smtp_session *s)
{
	return smtp_may_ask(s, s->config->smtp.sendmail_commands) && smtp_takes_mail(s) &&
	       !smtp_is_lmtp(s);
}

void smtp_verb(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	s->verbose = true;
	smtp_say(s, SMTP_ANSWER_VERBOSE);
}

void smtp_onex(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	smtp_say(s, SMTP_ANSWER_OK);
}

void smtp_xusr(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	s->submission = s->client.may_relay;
	smtp_say(s, SMTP_ANSWER_XUSR);
}

static void tell_members(struct smtp_session *s, const struct post_members *members)
{
	for (size_t i = 0; i < members->count && i < TOLD_MAX; i++)
		smtp_say_step(s, "  member", members->addresses[i], "");
}

static void tell_recipient(struct smtp_session *s, struct arena *arena,
                           const struct post_recipient *r)
{
	struct post_members members;
	const struct address a = { .local = r->local, .domain = r->domain };
	struct slice text = address_text(arena, &a);
	switch (post_expand(s->context->post, &s->client, r->local, r->domain, arena, &members)) {
	case POST_LOCAL:
		smtp_say_step(s, "recipient", text, " into the mailbox");
		break;
	case POST_REMOTE:
		smtp_say_step(s, "recipient", text, " queued for another host");
		break;
	case POST_FORWARDED:
	case POST_LIST:
		smtp_say_step(s, "recipient", text, " expanded");
		if (!members.hidden && s->config->smtp.expn != CONFIG_WHO_NOBODY &&
		    smtp_may_ask(s, s->config->smtp.expn))
			tell_members(s, &members);
		break;
	default:
		smtp_say_step(s, "recipient", text, "");
		break;
	}
}

void smtp_verbose_tell(struct smtp_session *s)
{
	const struct smtp_transaction *t = s->transaction;
	struct arena *arena = arena_new();
	smtp_say_step(s, "sender", address_text(arena, &t->sender), "");
	for (size_t i = 0; i < t->recipient_count && i < TOLD_MAX; i++)
		tell_recipient(s, arena, &t->recipients[i]);
	arena_free(arena);
}
