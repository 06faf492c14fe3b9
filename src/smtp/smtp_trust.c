#include "smtp/smtp_trust.h"

#include <errno.h>

#include "base/log.h"
#include "message/header.h"
#include "trust/trust_spf.h"

/* Who has logged in, and our relays, are known; who speaks LMTP has checked it himself. */
static bool is_stranger(const struct smtp_session *s)
{
	return s->context->trust && s->context->kind == LISTENER_SMTP && !s->client.account &&
	       !s->client.may_relay;
}

/* --- fields in our name ------------------------------------------------------------------ */

static void clean(const struct smtp_session *s, struct slice message, struct smtp_cleaned *out)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	struct slice our_id = trust_authserv_id(s->context->trust);
	struct arena *scratch = arena_new();
	spool_create(&out->spool, s->config->dir, (size_t)s->config->smtp.memory_bytes, message.len,
	             message.len);
	out->made = true;
	const char *kept = message.data; /* from here on all goes on, until a forged one */
	while (header_next(&walk, &field)) {
		if (!trust_is_forged_field(scratch, field.name, field.value, our_id))
			continue;
		spool_add(&out->spool, slice_of(kept, (size_t)(field.whole.data - kept)));
		kept = field.whole.data + field.whole.len;
	}
	spool_add(&out->spool, slice_of(kept, (size_t)(message.data + message.len - kept)));
	arena_free(scratch);
}

static bool take_forged_out(struct smtp_session *s, struct slice message, struct smtp_cleaned *out)
{
	clean(s, message, out);
	int rc = spool_view(&out->spool, &out->message);
	if (rc < 0) {
		log_error("smtp.trust.failed", kv_error(rc));
		smtp_say_outcome(s, rc == -ENOSPC ? SMTP_ANSWER_DISK_FULL : SMTP_ANSWER_TEMPORARY);
	}
	return rc == 0;
}

void smtp_cleaned_end(struct smtp_cleaned *cleaned)
{
	if (cleaned->made)
		spool_destroy(&cleaned->spool);
}

/* --- checks ------------------------------------------------------------------------------ */

static bool check(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	struct trust_question question = {
		.client = &s->client.address,
		.helo = s->helo,
		.sender = &t->sender,
		.message = message,
	};
	if (!t->spf)
		t->spf = trust_spf_begin(s->context->trust, &question);
	question.spf = t->spf;
	struct trust_results *results = ARENA_NEW(t->arena, struct trust_results);
	int rc = trust_check(s->context->trust, t->arena, &question, results);
	if (rc < 0) {
		smtp_end_on_error(s, rc);
		return false;
	}
	t->trust = results;
	bool allowed = smtp_guard_allows(s, RULE_MESSAGE, &t->sender, NULL);
	t->tags |= s->tags;
	return allowed;
}

bool smtp_trust(struct smtp_session *s, struct slice message, struct smtp_cleaned *out)
{
	out->message = message;
	out->made = false;
	if (!is_stranger(s))
		return true;
	if (s->config->trust.verify && !check(s, message))
		return false;
	return !trust_is_forged(s->context->trust, message) || take_forged_out(s, message, out);
}

struct slice smtp_trust_field(const struct smtp_session *s)
{
	const struct smtp_transaction *t = s->transaction;
	if (!t->trust)
		return SLICE_EMPTY;
	struct slice fields[] = { trust_field(t->trust, t->arena), SLICE_EMPTY };
	if (s->config->trust.received_spf)
		fields[1] = trust_received_spf(t->spf, t->arena);
	return arena_concat(t->arena, fields, 2);
}

void smtp_trust_note(const struct smtp_session *s, const struct post_note **notes, size_t *count)
{
	const struct smtp_transaction *t = s->transaction;
	if (!t->trust)
		return;
	struct post_note *all = ARENA_ARRAY(t->arena, *count + 1, struct post_note);
	if (*count > 0)
		memcpy(all, *notes, *count * sizeof(*all));
	all[(*count)++] = (struct post_note){ .kind = POST_NOTE_CHECKED,
		                              .address = SLICE_EMPTY,
		                              .detail = trust_text(t->trust, t->arena) };
	*notes = all;
}
