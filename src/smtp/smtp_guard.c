#include "smtp/smtp_guard.h"

#include <errno.h>

#include "base/log.h"
#include "route/post_quarantine.h"
#include "smtp/smtp_score.h"
#include "smtp/smtp_session.h"
#include "smtp/smtp_trust.h"
#include "trust/trust_spf.h"

/* Recipients that were refused by rules that a journey tells of. */
enum { REFUSED_MAX = 20, REFUSAL_TEXT_MAX = 1000 };

static struct guard *guard_of(const struct smtp_session *s) { return s->context->guard; }

/* Who has logged in may mistype; so may we ourselves and our relays. Who speaks LMTP is a server
 * of ours, and asks for users that others name. */
static bool is_watched(const struct smtp_session *s)
{
	return guard_of(s) && !s->client.account && s->context->kind != LISTENER_LMTP &&
	       !guard_is_exempt(guard_of(s), &s->client.address);
}

/* False when the session is to end. */
static bool smtp_guard_ok(struct smtp_session *s, int rc)
{
	if (rc == -EACCES)
		smtp_say(s, SMTP_ANSWER_SHUT_OUT);
	else if (rc < 0)
		smtp_end_on_error(s, rc);
	return rc == 0;
}

/* --- rules ------------------------------------------------------------------------------ */

static void remember_refused(struct smtp_transaction *t, const struct address *recipient,
                             const struct guard_decision *d)
{
	/* One more, at the end, for the tags. */
	if (!t->refused)
		t->refused = ARENA_ARRAY(t->arena, REFUSED_MAX + 1, struct post_note);
	t->refused[t->refused_count++] = (struct post_note){
		.kind = POST_NOTE_REFUSED,
		.address = address_text(t->arena, recipient),
		.detail = slice_from_str(arena_printf(t->arena, "by rule \"%s\": %d %s %s",
		                                      d->rule->name, d->reply.code,
		                                      d->reply.enhanced, d->reply.text)),
	};
}

/* ms: of guard_note(). What was answered before does not wait with the answer that must. */
static int smtp_pause(struct smtp_session *s, int64_t ms)
{
	if (ms <= 0)
		return (int)ms;
	int rc = conn_flush(s->base.conn, smtp_command_deadline(s));
	return rc < 0 ? rc : guard_pause(guard_of(s), ms);
}

static int smtp_weigh(struct smtp_session *s, enum guard_offence offence)
{
	return smtp_pause(s, guard_note(guard_of(s), &s->client.address, offence));
}

bool smtp_guard_is_proven(void *session)
{
	struct smtp_session *s = session;
	smtp_trust_prepare(s);
	const struct spf_answer *a = trust_spf_wait(s->transaction->spf, SPF_MAIL_FROM);
	return a && a->result == TRUST_PASS;
}

/* "alice@example.test", "alice@example.test and 2 more" */
static const char *recipients_text(const struct smtp_transaction *t)
{
	if (t->recipient_count == 0)
		return NULL;
	const struct address first = { .local = t->recipients[0].local,
		                       .domain = t->recipients[0].domain };
	struct slice text = address_text(t->arena, &first);
	return t->recipient_count == 1 ? arena_str(t->arena, text)
	                               : arena_printf(t->arena, "%.*s and %zu more",
	                                              SLICE_ARG(text), t->recipient_count - 1);
}

/* NULL: nothing; not all of what is long. */
static const char *text_or_null(struct arena *arena, struct slice text)
{
	return text.len > 0 ? arena_str(arena, slice_sub(text, 0, REFUSAL_TEXT_MAX)) : NULL;
}

void smtp_refuse(struct smtp_session *s, const char *by, int code, const char *enhanced,
                 const char *text)
{
	char ref[GUARD_CODE_LEN + 1], ip[NET_ADDRESS_TEXT_MAX];
	struct arena *arena = s->transaction->arena;
	struct config_reply reply = { code, enhanced, text };
	const struct guard_refusal refusal = {
		.at_ms = clock_wall_ms(),
		.stage = rule_stage_name(RULE_MESSAGE),
		.by = by,
		.client = net_address_ip(&s->client.address, ip),
		.helo = s->helo,
		.account = s->client.account,
		.sender = arena_str(arena, address_text(arena, &s->transaction->sender)),
		.recipient = recipients_text(s->transaction),
		.reply = arena_printf(arena, "%d %s %s", code, enhanced, text),
		.checked = s->transaction->trust
		                   ? text_or_null(arena, trust_text(s->transaction->trust, arena))
		                   : NULL,
		.scored = text_or_null(arena, smtp_score_text(s, arena)),
	};
	if (guard_of(s)) {
		guard_refuse(guard_of(s), &refusal, ref);
		reply.text = arena_printf(arena, "%s (ref %s)", text, ref);
		log_info("smtp.refused", kv_int("session", (int64_t)s->base.id),
		         kv_str("code", ref), kv_str("by", by));
	}
	smtp_say_refused(s, &reply);
}

bool smtp_guard_wait(struct smtp_session *s, int64_t ms)
{
	return smtp_guard_ok(s, smtp_pause(s, ms));
}

bool smtp_guard_allows(struct smtp_session *s, enum rule_stage stage, const struct address *sender,
                       const struct address *recipient)
{
	struct guard_speaker speaker = {
		.tls = s->client.tls_protocol != NULL,
		.account = s->client.account,
		.helo = s->client.helo,
		.sender = sender,
		.recipient = recipient,
	};
	struct guard_decision d;
	struct slice *found = NULL;
	if (!s->visit)
		return true;
	if (s->transaction) {
		speaker.is_proven = smtp_guard_is_proven;
		speaker.is_proven_arg = s;
	}
	if (stage == RULE_MESSAGE) {
		speaker.found_count = smtp_score_found(s, &found);
		speaker.add_score = smtp_score_tell;
		speaker.add_score_arg = s;
	}
	speaker.found = found;
	guard_judge(s->visit, stage, &speaker, &d);
	s->tags = d.tags;
	s->held_by = d.held_by ? d.held_by->name : NULL;
	s->held_for_one = recipient && d.held_by && d.held_by->recipient.count > 0;
	if (!smtp_guard_wait(s, d.delay_ms))
		return false;
	if (d.verdict == RULE_ALLOW)
		return true;
	if (recipient && s->transaction->refused_count < REFUSED_MAX)
		remember_refused(s->transaction, recipient, &d);
	smtp_say_refused(s, &d.reply);
	if (stage == RULE_CONNECT || d.reply.code == 421)
		smtp_end(s, "refused");
	return false;
}

/* --- who does not wait for his turn ----------------------------------------------------- */

/* False if the client was too early and that is not allowed. */
static bool smtp_misstep(struct smtp_session *s, int rule, enum guard_offence offence,
                         enum smtp_answer answer)
{
	if (rule == GUARD_MISSTEP_ALLOW)
		return true;
	if (!smtp_guard_ok(s, smtp_weigh(s, offence)))
		return false;
	if (rule == GUARD_MISSTEP_COUNT)
		return true;
	smtp_say(s, answer);
	return false;
}

/* RFC 5321 section 3.1 has the client wait for the greeting; who only wants to be rid of mail
 * often does not. */
static bool smtp_wait_to_greet(struct smtp_session *s)
{
	int64_t wait_ms = s->config->guard.greeting_wait_ms;
	if (wait_ms == 0 || s->context->kind != LISTENER_SMTP || !is_watched(s))
		return true;
	int rc = watch_wait(conn_watch(s->base.conn), FIBER_READ, deadline_in(wait_ms));
	if (rc == -ETIMEDOUT)
		return true;
	/* What makes it readable may be its end. */
	if (rc == 0)
		rc = conn_fill(s->base.conn, deadline_in(wait_ms));
	if (rc > 0)
		return smtp_misstep(s, s->config->guard.early_talkers, GUARD_EARLY_TALK,
		                    SMTP_ANSWER_TOO_EARLY);
	smtp_end_on_error(s, rc);
	return false;
}

static void begin_visit(struct smtp_session *s)
{
	s->visit = guard_visit_begin(guard_of(s), s->config, &s->client.address,
	                             service_config(s->base.service)->name, s->client.name);
}

bool smtp_guard_again(struct smtp_session *s)
{
	guard_visit_end(s->visit);
	begin_visit(s);
	if (guard_is_banned(guard_of(s), &s->client.address)) {
		smtp_say(s, SMTP_ANSWER_SHUT_OUT);
		return false;
	}
	return smtp_guard_allows(s, RULE_CONNECT, NULL, NULL);
}

bool smtp_guard_connect(struct smtp_session *s)
{
	begin_visit(s);
	return smtp_guard_allows(s, RULE_CONNECT, NULL, NULL) && smtp_wait_to_greet(s);
}

bool smtp_guard_command(struct smtp_session *s, bool ends_group, bool is_junk)
{
	unsigned max_junk = s->config->guard.max_junk_commands;
	/* Who said HELO was told of no pipelining: every answer must be waited for. */
	bool must_wait = ends_group || (s->helo && !s->esmtp);
	bool is_early = must_wait && conn_buffered(s->base.conn).len > 0;
	bool is_flood = is_junk && max_junk > 0 && ++s->junk > max_junk;
	if ((!is_early && !is_flood) || !is_watched(s))
		return true;
	if (is_early && !smtp_misstep(s, s->config->guard.bad_pipelining, GUARD_BAD_PIPELINING,
	                              SMTP_ANSWER_PIPELINED))
		return false;
	return !is_flood || smtp_guard_ok(s, smtp_weigh(s, GUARD_FLOOD));
}

bool smtp_guard_may_ask(struct smtp_session *s)
{
	return !is_watched(s) || guard_may_ask(guard_of(s), &s->client.address);
}

/* --- what answers say about a client ---------------------------------------------------- */

/* GUARD_OFFENCES: nothing. */
static enum guard_offence smtp_offence(enum smtp_answer answer)
{
	switch (answer) {
	case SMTP_ANSWER_AUTH_REFUSED:
	case SMTP_ANSWER_TOO_MANY_LOGINS:
		return GUARD_FAILED_LOGIN;
	case SMTP_ANSWER_NO_USER:
		return GUARD_UNKNOWN_USER;
	case SMTP_ANSWER_NO_RELAY:
		return GUARD_NO_RELAY;
	case SMTP_ANSWER_UNKNOWN_COMMAND:
	case SMTP_ANSWER_LINE_TOO_LONG:
	case SMTP_ANSWER_BARE_NEWLINE:
	case SMTP_ANSWER_CONTROL_CHARACTER:
	case SMTP_ANSWER_BAD_CHUNK:
	case SMTP_ANSWER_BARE_IN_MESSAGE:
		return GUARD_PROTOCOL_ERROR;
	default:
		return GUARD_OFFENCES;
	}
}

enum smtp_answer smtp_guard_weigh(struct smtp_session *s, enum smtp_answer answer)
{
	enum guard_offence offence = smtp_offence(answer);
	if (offence == GUARD_OFFENCES || !is_watched(s))
		return answer;
	/* That the server stops is told by the next wait. */
	int rc = smtp_weigh(s, offence);
	return rc == -EACCES ? SMTP_ANSWER_SHUT_OUT : answer;
}

void smtp_guard_keep(struct smtp_session *s, struct post_recipient *recipient)
{
	struct smtp_transaction *t = s->transaction;
	t->tags |= s->tags;
	if (t->held_by || !s->held_by)
		return;
	if (!s->held_for_one || !recipient) {
		t->held_by = s->held_by;
		return;
	}
	struct post_hold *hold = ARENA_NEW(t->arena, struct post_hold);
	*hold = (struct post_hold){ QUARANTINE_RULE, slice_from_str(s->held_by) };
	recipient->hold = hold;
}

/* --- the trace -------------------------------------------------------------------------- */

const char *smtp_guard_name(struct smtp_session *s) { return guard_visit_name(s->visit); }

struct slice smtp_guard_fields(const struct smtp_session *s, struct arena *arena)
{
	if (!s->visit || !s->transaction || s->transaction->tags == 0)
		return SLICE_EMPTY;
	const char *tags = guard_tags_text(&s->config->rules, arena, s->transaction->tags);
	return slice_from_str(
		arena_printf(arena, "X-Veredus-Tag: %s; %s\r\n", s->config->hostname, tags));
}

size_t smtp_guard_notes(const struct smtp_session *s, const struct post_note **out)
{
	struct smtp_transaction *t = s->transaction;
	size_t count = t->refused_count;
	if (t->tags != 0) {
		if (!t->refused)
			t->refused = ARENA_NEW(t->arena, struct post_note);
		t->refused[count++] = (struct post_note){
			.kind = POST_NOTE_TAGGED,
			.address = SLICE_EMPTY,
			.detail = slice_from_str(
				guard_tags_text(&s->config->rules, t->arena, t->tags)),
		};
	}
	*out = t->refused;
	return count;
}

void smtp_guard_end(struct smtp_session *s) { guard_visit_end(s->visit); }
