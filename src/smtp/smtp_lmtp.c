/* LMTP: RFC 2033. The same session, but that each recipient has a reply of its own behind the
 * message, in the order in which they were taken. So one that has no room makes no other wait. */
#include "smtp/smtp_session.h"

bool smtp_is_lmtp(const struct smtp_session *s) { return s->context->kind == LISTENER_LMTP; }

void smtp_say_outcome(struct smtp_session *s, enum smtp_answer answer)
{
	size_t count = smtp_is_lmtp(s) ? s->transaction->recipient_count : 1;
	smtp_say(s, answer);
	for (size_t i = 1; i < count && !s->end; i++)
		smtp_say_again(s, answer);
}

static bool is_same(const struct post_recipient *a, const struct post_recipient *b)
{
	return slice_equal(a->local, b->local) && slice_equal_nocase(a->domain, b->domain);
}

/* Whether it has the message by now is said by an earlier reply, which holds for it as well. */
static const struct post_recipient *find_same(const struct post_recipient *all, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (is_same(&all[i], &all[at]))
			return &all[i];
	}
	return NULL;
}

/* One alone, as if it were a message for nobody else. */
static enum post_result deliver_one(struct smtp_session *s, struct post_recipient *only,
                                    struct slice message, char queue_id[static 17])
{
	struct smtp_transaction *t = s->transaction, whole = *t;
	t->recipients = only;
	t->recipient_count = 1;
	smtp_dsn_narrow(t, only);
	enum post_result result = smtp_deliver(s, message, queue_id);
	t->recipients = whole.recipients;
	t->recipient_count = whole.recipient_count;
	t->told = whole.told;
	t->told_count = whole.told_count;
	return result;
}

struct lmtp_result {
	enum post_result result;
	char queue_id[17];
};

static void deliver_each(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	struct lmtp_result *results = ARENA_ARRAY(t->arena, t->recipient_count, struct lmtp_result);
	bool accepted = false;
	for (size_t i = 0; i < t->recipient_count && !s->end; i++) {
		struct lmtp_result *r = &results[i];
		const struct post_recipient *same = find_same(t->recipients, i);
		if (same)
			*r = results[same - t->recipients];
		else
			r->result = deliver_one(s, &t->recipients[i], message, r->queue_id);
		if (r->result == POST_ACCEPTED)
			smtp_say_accepted(s, r->queue_id);
		else if (r->result == POST_REFUSED)
			smtp_say_unwanted(s);
		else
			smtp_say(s, smtp_result_answer(s->config, r->result));
		accepted |= r->result == POST_ACCEPTED;
	}
	if (accepted)
		smtp_count_message(s, message.len);
}

void smtp_lmtp_finish(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	char queue_id[17];
	enum post_result result = smtp_deliver(s, message, queue_id);
	/* In one commit, if nobody objects; else each has its own. */
	if (t->recipient_count > 1 && (result == POST_QUOTA || result == POST_FAILED)) {
		deliver_each(s, message);
		return;
	}
	if (result == POST_REFUSED) {
		for (size_t i = 0; i < t->recipient_count && !s->end; i++)
			smtp_say_unwanted(s);
		return;
	}
	if (result != POST_ACCEPTED) {
		smtp_say_outcome(s, smtp_result_answer(s->config, result));
		return;
	}
	smtp_count_message(s, message.len);
	for (size_t i = 0; i < t->recipient_count && !s->end; i++)
		smtp_say_accepted(s, queue_id);
}
