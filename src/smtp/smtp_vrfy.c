/* VRFY and EXPN: RFC 5321 section 3.5.
 *
 * Both tell strangers who is here, which is what harvesters of addresses look for: who may ask is
 * the configuration's to say, and everybody else learns nothing (VRFY: 252) or less (EXPN: 530). */
#include "base/log.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

struct question {
	struct smtp_vrfy_command asked;
	enum post_verdict verdict;
	struct post_members members;
};

bool smtp_may_ask(const struct smtp_session *s, enum config_who who)
{
	switch (who) {
	case CONFIG_WHO_EVERYBODY:
		return true;
	case CONFIG_WHO_TRUSTED:
		return s->client.may_relay;
	case CONFIG_WHO_NOBODY:
		break;
	}
	return false;
}

/* A name alone is that of whoever has it in one of our domains. True if several do, who have been
 * told then. */
static bool smtp_is_ambiguous(struct smtp_session *s, struct arena *arena, struct address *a)
{
	struct post_members all;
	struct address found;
	if (a->domain.len > 0 || slice_equal_nocase(a->local, SLICE("postmaster")))
		return false;
	int rc = post_find_local_part(s->context->post, a->local, arena, &all);
	if (rc < 0)
		log_error("smtp.vrfy.failed", kv_error(rc));
	if (rc < 0 || all.count == 0)
		return false;
	if (all.count > 1) {
		smtp_say_ambiguous(s, all.addresses, all.count);
		return true;
	}
	if (address_parse(arena, all.addresses[0], ADDRESS_ALLOW_UTF8, &found))
		*a = found;
	return false;
}

/* RECIPIENT_OK, or why there is nothing to tell. */
static enum smtp_answer smtp_ask(struct smtp_session *s, struct arena *arena, struct question *q)
{
	const struct address *a = &q->asked.address;
	q->verdict = post_expand(s->context->post, &s->client, a->local, a->domain, arena,
	                         &q->members);
	if (q->verdict == POST_REMOTE)
		return SMTP_ANSWER_VRFY_UNTOLD;
	if (q->verdict != POST_MOVED &&
	    smtp_verdict_answer(s->config, q->verdict) != SMTP_ANSWER_RECIPIENT_OK)
		return smtp_verdict_answer(s->config, q->verdict);
	/* RFC 6531 section 3.7.4.2. */
	for (size_t i = 0; i < q->members.count && !q->asked.smtputf8; i++) {
		if (!slice_is_ascii(q->members.addresses[i]))
			return SMTP_ANSWER_NOT_IN_ASCII;
	}
	return SMTP_ANSWER_RECIPIENT_OK;
}

/* One address is the user; of a list only its name is told, which EXPN is there to open. */
static void smtp_tell_vrfy(struct smtp_session *s, struct arena *arena, const struct question *q)
{
	if (q->verdict == POST_MOVED)
		smtp_say_moved(s, q->members.addresses[0]);
	else if (q->members.hidden)
		smtp_say(s, SMTP_ANSWER_VRFY_UNTOLD);
	else if (q->verdict == POST_FORWARDED)
		smtp_say_forwarded(s, q->members.addresses[0]);
	else if (q->members.count == 1)
		smtp_say_address(s, q->members.addresses[0], true);
	else
		smtp_say_address(s, address_text(arena, &q->asked.address), true);
}

static void smtp_tell_expn(struct smtp_session *s, struct arena *arena, const struct question *q)
{
	(void)arena;
	if (q->verdict == POST_MOVED) {
		smtp_say_moved(s, q->members.addresses[0]);
		return;
	}
	if (q->members.hidden) {
		smtp_say(s, SMTP_ANSWER_LIST_HIDDEN);
		return;
	}
	for (size_t i = 0; i < q->members.count; i++)
		smtp_say_address(s, q->members.addresses[i], i + 1 == q->members.count);
}

static void smtp_answer_question(struct smtp_session *s, struct slice argument,
                                 void (*tell)(struct smtp_session *s, struct arena *arena,
                                              const struct question *q))
{
	struct arena *arena = arena_new();
	struct question q = { .members = { .count = 0 } };
	struct address *asked = &q.asked.address;
	if (smtp_parse_vrfy(arena, argument, &q.asked) != SMTP_PARSED) {
		smtp_say(s, SMTP_ANSWER_BAD_RECIPIENT);
	} else if (asked->is_utf8 && !q.asked.smtputf8) {
		smtp_say(s, SMTP_ANSWER_NEEDS_UTF8);
	} else if (!smtp_guard_may_ask(s)) {
		smtp_say(s, SMTP_ANSWER_TOO_MANY_QUESTIONS);
	} else if (!smtp_is_ambiguous(s, arena, asked)) {
		enum smtp_answer answer = smtp_ask(s, arena, &q);
		if (answer == SMTP_ANSWER_RECIPIENT_OK && q.members.count > 0)
			tell(s, arena, &q);
		else
			smtp_say(s, answer);
	}
	arena_free(arena);
}

/* Whom a stranger may not send to he is not told about either. */
void smtp_vrfy(struct smtp_session *s, struct slice argument)
{
	if (smtp_may_ask(s, s->config->smtp.vrfy))
		smtp_answer_question(s, argument, smtp_tell_vrfy);
	else
		smtp_say(s, SMTP_ANSWER_VRFY_UNTOLD);
}

void smtp_expn(struct smtp_session *s, struct slice argument)
{
	if (smtp_may_ask(s, s->config->smtp.expn))
		smtp_answer_question(s, argument, smtp_tell_expn);
	else
		smtp_say(s, SMTP_ANSWER_LOGIN_FIRST);
}
