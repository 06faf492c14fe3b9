/* VRFY and EXPN: RFC 5321 section 3.5. */
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

struct question {
	struct smtp_vrfy_command asked;
	struct post_members members;
};

/* RECIPIENT_OK, or why there is nothing to tell. */
static enum smtp_answer smtp_ask(struct smtp_session *s, struct arena *arena, struct slice argument,
                                 struct question *q)
{
	enum smtp_parsed parsed = smtp_parse_vrfy(arena, argument, &q->asked);
	if (parsed != SMTP_PARSED)
		return smtp_parse_answer(parsed, SMTP_ANSWER_BAD_RECIPIENT);
	const struct address *a = &q->asked.address;
	if (a->is_utf8 && !q->asked.smtputf8)
		return SMTP_ANSWER_NEEDS_UTF8;
	enum post_verdict verdict = post_expand(s->context->post, &s->client, a->local, a->domain,
	                                        arena, &q->members);
	if (verdict == POST_REMOTE)
		return SMTP_ANSWER_VRFY_UNTOLD;
	enum smtp_answer answer = smtp_verdict_answer(verdict);
	/* RFC 6531 section 3.7.4.2. */
	for (size_t i = 0; i < q->members.count && !q->asked.smtputf8; i++) {
		if (!slice_is_ascii(q->members.addresses[i]))
			answer = SMTP_ANSWER_NOT_IN_ASCII;
	}
	return answer;
}

/* One address is the user; of a list only its name is told, which EXPN is there to open. */
static void smtp_tell_vrfy(struct smtp_session *s, struct arena *arena, const struct question *q)
{
	if (q->members.count == 1)
		smtp_say_address(s, q->members.addresses[0], true);
	else
		smtp_say_address(s, address_text(arena, &q->asked.address), true);
}

static void smtp_tell_expn(struct smtp_session *s, struct arena *arena, const struct question *q)
{
	(void)arena;
	for (size_t i = 0; i < q->members.count; i++)
		smtp_say_address(s, q->members.addresses[i], i + 1 == q->members.count);
}

static void smtp_answer_question(struct smtp_session *s, struct slice argument,
                                 void (*tell)(struct smtp_session *s, struct arena *arena,
                                              const struct question *q))
{
	struct arena *arena = arena_new();
	struct question q = { .members = { .count = 0 } };
	enum smtp_answer answer = smtp_ask(s, arena, argument, &q);
	if (answer == SMTP_ANSWER_RECIPIENT_OK && q.members.count > 0)
		tell(s, arena, &q);
	else
		smtp_say(s, answer);
	arena_free(arena);
}

/* Whom a stranger may not send to he is not told about either. */
void smtp_vrfy(struct smtp_session *s, struct slice argument)
{
	if (s->config->smtp.vrfy)
		smtp_answer_question(s, argument, smtp_tell_vrfy);
	else
		smtp_say(s, SMTP_ANSWER_VRFY_UNTOLD);
}

/* Members of a list are for those who have logged in, if for anybody. */
void smtp_expn(struct smtp_session *s, struct slice argument)
{
	if (!s->client.account)
		smtp_say(s, SMTP_ANSWER_LOGIN_FIRST);
	else
		smtp_answer_question(s, argument, smtp_tell_expn);
}
