#include "smtp/smtp_trust.h"

#include <errno.h>

#include "base/log.h"
#include "guard/attachment.h"
#include "message/header.h"
#include "queue/queue_failure.h"
#include "queue/queue_feedback.h"
#include "smtp/smtp_score.h"
#include "trust/trust_spf.h"

/* RFC 5321 section 4.5.3.1.5, with room for the codes. */
enum { REPLY_TEXT_MAX = 470 };

/* Who has logged in, and our relays, are known; who speaks LMTP has checked it himself. */
static bool is_stranger(const struct smtp_session *s)
{
	return s->context->trust && s->context->kind == LISTENER_SMTP && !s->client.account &&
	       !s->client.may_relay;
}

/* --- fields in our name ------------------------------------------------------------------ */

/* What our rules and scores write begins with our name. */
static bool is_our_own(const struct smtp_session *s, const struct header_field *f)
{
	struct slice host = slice_from_str(s->config->hostname), value = slice_trim(f->value);
	return (slice_equal_nocase(f->name, SLICE("X-Veredus-Score")) ||
	        slice_equal_nocase(f->name, SLICE("X-Veredus-Tag"))) &&
	       slice_equal_nocase(slice_trim(slice_split(&value, ';')), host);
}

static bool is_forged(const struct smtp_session *s, struct arena *scratch,
                      const struct header_field *f)
{
	return is_our_own(s, f) || trust_is_forged_field(scratch, f->name, f->value,
	                                                 trust_authserv_id(s->context->trust));
}

static bool has_forged(const struct smtp_session *s, struct slice message)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	struct arena *scratch = arena_new();
	bool found = false;
	while (!found && header_next(&walk, &field))
		found = is_forged(s, scratch, &field);
	arena_free(scratch);
	return found;
}

static void clean(const struct smtp_session *s, struct slice message, struct smtp_cleaned *out)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	struct arena *scratch = arena_new();
	spool_create(&out->spool, s->config->dir, (size_t)s->config->smtp.memory_bytes, message.len,
	             message.len);
	out->made = true;
	const char *kept = message.data; /* from here on all goes on, until a forged one */
	while (header_next(&walk, &field)) {
		if (!is_forged(s, scratch, &field))
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

/* The envelope as it is asked about; the message may not be there yet. */
static struct trust_question question_of(const struct smtp_session *s, struct slice message)
{
	return (struct trust_question){
		.client = &s->client.address,
		.helo = s->helo,
		.sender = &s->transaction->sender,
		.message = message,
		.spf = s->transaction->spf,
	};
}

/* The answers are there before the message is. */
void smtp_trust_prepare(struct smtp_session *s)
{
	const struct trust_question question = question_of(s, SLICE_EMPTY);
	if (is_stranger(s) && s->config->trust.verify && !question.spf)
		s->transaction->spf = trust_spf_begin(s->context->trust, &question);
}

static bool check(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	smtp_trust_prepare(s);
	const struct trust_question question = question_of(s, message);
	struct trust_results *results = ARENA_NEW(t->arena, struct trust_results);
	int rc = trust_check(s->context->trust, t->arena, &question, results);
	if (rc < 0) {
		smtp_end_on_error(s, rc);
		return false;
	}
	smtp_score_iprev(s, results);
	t->trust = results;
	bool allowed = smtp_guard_allows(s, RULE_MESSAGE, &t->sender, NULL);
	smtp_guard_keep(s, NULL);
	return allowed;
}

/* --- what the author's domain asks for --------------------------------------------------- */

static enum dmarc_policy policy_of(const struct smtp_session *s)
{
	return trust_policy(s->transaction->trust, s->config->trust.dmarc_policy);
}

bool smtp_trust_is_junk(const struct smtp_session *s)
{
	return policy_of(s) == DMARC_QUARANTINE || smtp_score_is_junk(s);
}

struct slice smtp_trust_held_for(const struct smtp_session *s)
{
	return s->config->trust.dmarc_hold && policy_of(s) == DMARC_QUARANTINE
	               ? s->transaction->trust->policy_domain
	               : SLICE_EMPTY;
}

/* Why SPF failed, in the words of the domain that says so (RFC 7208 section 6.2). */
static const char *explanation(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	const struct spf_answer *a = trust_spf_wait(t->spf, SPF_MAIL_FROM);
	if (!a || a->result != TRUST_FAIL || a->explanation.len == 0)
		return "";
	struct slice domain = trust_spf_domain(t->spf, SPF_MAIL_FROM);
	return arena_printf(t->arena, "; %.*s explains: %.*s", SLICE_ARG(domain),
	                    SLICE_ARG(a->explanation));
}

static bool is_refused(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	if (policy_of(s) != DMARC_REJECT)
		return false;
	struct slice domain = t->trust->policy_domain;
	const char *text = arena_printf(t->arena,
	                                "Mail from %.*s is not taken from here: neither SPF nor "
	                                "DKIM show it to be its own, "
	                                "and its DMARC policy is reject%s",
	                                SLICE_ARG(domain), explanation(s));
	log_info("smtp.dmarc.refused", kv_int("session", (int64_t)s->base.id),
	         kv_slice("domain", domain), kv_slice("checked", trust_text(t->trust, t->arena)));
	smtp_refuse(s, "dmarc", 550, "5.7.1", arena_printf(t->arena, "%.*s", REPLY_TEXT_MAX, text));
	return true;
}

/* Domains want to know (RFC 9990, 9991) what came of all mail in their name, also of what is
 * refused. */
static void tell_domains(const struct smtp_session *s, struct slice message)
{
	const struct trust_question question = question_of(s, message);
	if (!s->context->queue)
		return;
	queue_feedback_note_dmarc(s->context->queue, s->transaction->trust, &question,
	                          policy_of(s));
	queue_failure_note(s->context->queue, s->transaction->trust, &question, policy_of(s));
}

static bool look_at_files(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	if (!attachment_is_wanted(s->config))
		return true;
	t->files = ARENA_NEW(t->arena, struct attachment_facts);
	int rc = attachment_look(guard_files(s->context->guard), t->arena, message, s->config,
	                         t->files);
	if (rc < 0)
		smtp_end_on_error(s, rc);
	return rc == 0;
}

bool smtp_trust(struct smtp_session *s, struct slice message, struct smtp_cleaned *out)
{
	out->message = message;
	out->made = false;
	if (!is_stranger(s))
		return true;
	guard_look_into(s->visit, message);
	s->transaction->content = message;
	if (!look_at_files(s, message))
		return false;
	if (s->config->trust.verify) {
		if (!check(s, message))
			return false;
		tell_domains(s, message);
		if (is_refused(s))
			return false;
	}
	if (!smtp_score(s))
		return false;
	return !has_forged(s, message) || take_forged_out(s, message, out);
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
	struct slice score = smtp_score_text(s, t->arena);
	struct post_note *all = ARENA_ARRAY(t->arena, *count + 2, struct post_note);
	if (*count > 0)
		memcpy(all, *notes, *count * sizeof(*all));
	if (t->trust)
		all[(*count)++] = (struct post_note){ .kind = POST_NOTE_CHECKED,
			                              .address = SLICE_EMPTY,
			                              .detail = trust_text(t->trust, t->arena) };
	if (score.len > 0)
		all[(*count)++] = (struct post_note){ .kind = POST_NOTE_SCORED,
			                              .address = SLICE_EMPTY,
			                              .detail = score };
	*notes = all;
}
