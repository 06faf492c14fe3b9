/* MAIL and RCPT. */
#include "smtp/smtp_account.h"
#include "smtp/smtp_bounce.h"
#include "smtp/smtp_options.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"
#include "smtp/smtp_trust.h"

enum { RECIPIENTS_AT_FIRST = 4 };

static enum smtp_answer smtp_parse_answer(enum smtp_parsed parsed, enum smtp_answer bad_address)
{
	switch (parsed) {
	case SMTP_PARSED_ADDRESS:
		return bad_address;
	case SMTP_PARSED_PARAMETER:
		return SMTP_ANSWER_BAD_PARAMETER;
	case SMTP_PARSED_UNKNOWN:
		return SMTP_ANSWER_UNKNOWN_PARAMETER;
	default:
		return SMTP_ANSWER_SYNTAX;
	}
}

/* The address as its own bytes: the line it was read from goes with the next read. */
static struct address smtp_keep_address(struct arena *arena, const struct address *a)
{
	struct address kept = *a;
	kept.local = arena_copy(arena, a->local);
	kept.domain = arena_copy(arena, a->domain);
	return kept;
}

static enum smtp_answer smtp_judge_sender(struct smtp_session *s,
                                          const struct smtp_mail_command *mail)
{
	if (mail->size_bytes > s->config->smtp.max_message_bytes)
		return SMTP_ANSWER_TOO_BIG;
	if (s->client.account && !post_owns_sender(s->context->post, &s->client, mail->sender.local,
	                                           mail->sender.domain))
		return SMTP_ANSWER_NOT_YOUR_SENDER;
	if (!smtp_guard_allows(s, RULE_MAIL, &mail->sender, NULL))
		return SMTP_ANSWER_SAID;
	return SMTP_ANSWER_SENDER_OK;
}

/* The transaction, in an arena of its own. *lowered: with another priority than was asked for. */
static enum smtp_answer smtp_begin(struct smtp_session *s, struct arena *arena,
                                   struct slice argument, bool *lowered)
{
	struct smtp_mail_command mail;
	enum smtp_parsed parsed = smtp_parse_mail(arena, argument, smtp_local_allow(s), &mail);
	if (parsed != SMTP_PARSED)
		return smtp_parse_answer(parsed, SMTP_ANSWER_BAD_SENDER);
	if (mail.sender.is_utf8 && !mail.smtputf8)
		return SMTP_ANSWER_NEEDS_UTF8;
	if (!smtp_local_complete(s, arena, &mail.sender))
		return SMTP_ANSWER_TEMPORARY;
	/* Judging may park the fiber, but reads nothing from the client: the line stays. */
	enum smtp_answer answer = smtp_judge_sender(s, &mail);
	if (answer != SMTP_ANSWER_SENDER_OK)
		return answer;
	struct account_answer *account = ARENA_NEW(arena, struct account_answer);
	if (!smtp_account_may_send(s, account))
		return SMTP_ANSWER_SAID;
	struct envelope_options options;
	answer = smtp_options_judge(s, arena, &mail, &options);
	if (answer != SMTP_ANSWER_SENDER_OK)
		return answer;
	struct smtp_transaction *t = ARENA_NEW(arena, struct smtp_transaction);
	t->arena = arena;
	t->sender = smtp_keep_address(arena, &mail.sender);
	t->declared_bytes = mail.size_bytes;
	t->body_8bit = mail.body_8bit;
	t->body_binary = mail.body_binary;
	t->smtputf8 = mail.smtputf8;
	t->ret = mail.ret;
	t->envid = arena_copy(arena, mail.envid);
	t->options = options;
	t->account = account;
	s->transaction = t;
	smtp_guard_keep(s, NULL);
	s->transactions++;
	*lowered = options.priority != mail.priority;
	return answer;
}

void smtp_mail(struct smtp_session *s, struct slice argument)
{
	unsigned limit = s->config->smtp.max_transactions;
	if (limit > 0 && s->transactions >= limit) {
		smtp_say(s, SMTP_ANSWER_TOO_MANY_TRANSACTIONS);
		return;
	}
	struct arena *arena = arena_new();
	bool lowered = false;
	enum smtp_answer answer = smtp_begin(s, arena, argument, &lowered);
	if (answer != SMTP_ANSWER_SENDER_OK)
		arena_free(arena);
	if (lowered)
		smtp_say_priority(s, s->transaction->options.priority);
	else
		smtp_say(s, answer);
}

static enum smtp_answer full_answer(const struct config *config)
{
	return config->quota.full == QUOTA_FULL_REFUSE ? SMTP_ANSWER_QUOTA_REFUSED
	                                               : SMTP_ANSWER_OVER_QUOTA;
}

enum smtp_answer smtp_verdict_answer(const struct config *config, enum post_verdict verdict)
{
	switch (verdict) {
	case POST_LOCAL:
	case POST_FORWARDED:
	case POST_LIST:
	case POST_REMOTE:
		return SMTP_ANSWER_RECIPIENT_OK;
	case POST_NO_USER:
		return SMTP_ANSWER_NO_USER;
	case POST_NO_RELAY:
		return SMTP_ANSWER_NO_RELAY;
	case POST_OVER_QUOTA:
		return full_answer(config);
	case POST_DISABLED:
		return SMTP_ANSWER_DISABLED;
	case POST_UNVERIFIED:
		return SMTP_ANSWER_UNVERIFIED;
	case POST_ALIAS_LOOP:
		return SMTP_ANSWER_ALIAS_LOOP;
	case POST_MOVED:
		return SMTP_ANSWER_MOVED;
	case POST_TEMPORARY:
		break;
	}
	return SMTP_ANSWER_TEMPORARY;
}

enum smtp_answer smtp_nobody_answer(const struct smtp_session *s)
{
	/* RFC 2033 section 4.2 has 503 in any case. */
	return s->transaction->rcpt_refused && !smtp_is_lmtp(s) ? SMTP_ANSWER_NO_RECIPIENTS
	                                                        : SMTP_ANSWER_RCPT_FIRST;
}

struct post_recipient *smtp_new_recipient(struct smtp_transaction *t)
{
	if (t->recipient_count == t->recipient_capacity) {
		size_t capacity = t->recipient_capacity > 0 ? t->recipient_capacity * 2
		                                            : RECIPIENTS_AT_FIRST;
		struct post_recipient *grown = ARENA_ARRAY(t->arena, capacity,
		                                           struct post_recipient);
		if (t->recipient_count > 0)
			memcpy(grown, t->recipients, t->recipient_count * sizeof(*grown));
		t->recipients = grown;
		t->recipient_capacity = capacity;
	}
	return &t->recipients[t->recipient_count++];
}

static void smtp_add_recipient(struct smtp_transaction *t, const struct smtp_rcpt_command *rcpt,
                               enum post_verdict verdict)
{
	struct address kept = smtp_keep_address(t->arena, &rcpt->recipient);
	struct post_recipient *r = smtp_new_recipient(t);
	*r = (struct post_recipient){ .local = kept.local,
		                      .domain = kept.domain,
		                      .notify = rcpt->notify,
		                      .orcpt = arena_copy(t->arena, rcpt->orcpt) };
	/* What is held is reported when it is delivered. */
	if ((r->notify & NOTIFY_SUCCESS) && t->options.hold_until_ms == 0)
		smtp_dsn_note(t, r, verdict);
}

/* Where who has moved is now; empty if the store does not say. */
static struct slice smtp_moved_to(struct smtp_session *s, struct arena *scratch,
                                  const struct address *a)
{
	struct post_members now;
	enum post_verdict verdict = post_expand(s->context->post, &s->client, a->local, a->domain,
	                                        scratch, &now);
	return verdict == POST_MOVED && now.count > 0 ? now.addresses[0] : SLICE_EMPTY;
}

/* *moved_to is set for SMTP_ANSWER_MOVED. */
static enum smtp_answer smtp_judge_recipient(struct smtp_session *s, struct arena *scratch,
                                             struct slice argument, struct slice *moved_to)
{
	struct smtp_transaction *t = s->transaction;
	struct smtp_rcpt_command rcpt;
	enum smtp_parsed parsed = smtp_parse_rcpt(scratch, argument, smtp_local_allow(s), &rcpt);
	if (parsed != SMTP_PARSED)
		return smtp_parse_answer(parsed, SMTP_ANSWER_BAD_RECIPIENT);
	if ((rcpt.recipient.is_utf8 || !slice_is_ascii(rcpt.orcpt)) && !t->smtputf8)
		return SMTP_ANSWER_NEEDS_UTF8;
	if (!smtp_local_complete(s, scratch, &rcpt.recipient))
		return SMTP_ANSWER_TEMPORARY;
	/* First of all: who may not send here is not told who is here. */
	if (!smtp_guard_allows(s, RULE_RCPT, &t->sender, &rcpt.recipient))
		return SMTP_ANSWER_SAID;
	enum post_verdict verdict = post_check_recipient(s->context->post, &s->client,
	                                                 rcpt.recipient.local,
	                                                 rcpt.recipient.domain, t->declared_bytes);
	if (verdict == POST_MOVED)
		*moved_to = smtp_moved_to(s, scratch, &rcpt.recipient);
	enum smtp_answer answer = smtp_verdict_answer(s->config, verdict);
	struct config_reply reply = { .code = 550, .enhanced = "5.1.1" };
	if (verdict == POST_REMOTE &&
	    post_is_suppressed(s->context->post, &s->client, scratch, &t->sender, &rcpt.recipient,
	                       &reply.text)) {
		smtp_say_refused(s, &reply);
		return SMTP_ANSWER_SAID;
	}
	if (answer == SMTP_ANSWER_RECIPIENT_OK && t->terminal == SMTP_SEND &&
	    !smtp_terminal_is_there(s, &rcpt.recipient))
		answer = SMTP_ANSWER_NOT_LOGGED_IN;
	if (answer == SMTP_ANSWER_RECIPIENT_OK &&
	    (!smtp_account_has_room(s) || !smtp_bounce_allows(s, &rcpt.recipient)))
		return SMTP_ANSWER_SAID;
	if (answer == SMTP_ANSWER_RECIPIENT_OK) {
		smtp_add_recipient(t, &rcpt, verdict);
		smtp_trust_prepare(s);
		smtp_guard_keep(s, &t->recipients[t->recipient_count - 1]);
	}
	return answer;
}

void smtp_rcpt(struct smtp_session *s, struct slice argument)
{
	if (s->transaction->chunks) {
		smtp_say(s, SMTP_ANSWER_IN_CHUNKS);
		return;
	}
	if (s->transaction->recipient_count >= s->config->smtp.max_recipients) {
		smtp_say(s, SMTP_ANSWER_TOO_MANY_RECIPIENTS);
		return;
	}
	/* Not in the transaction's arena: refusals with 4xx are not counted, and would fill it. */
	struct arena *scratch = arena_new();
	struct slice moved_to = SLICE_EMPTY;
	enum smtp_answer answer = smtp_judge_recipient(s, scratch, argument, &moved_to);
	s->transaction->rcpt_refused |= answer != SMTP_ANSWER_RECIPIENT_OK;
	if (moved_to.len > 0)
		smtp_say_moved(s, moved_to);
	else
		smtp_say(s, answer);
	arena_free(scratch);
}
