/* What MAIL asks of the way of a message: may it, what is made of it, and how that is announced. */
#include "smtp/smtp_options.h"

#include "base/codec.h"

/* --- REQUIRETLS: RFC 8689 -------------------------------------------------------------- */

bool smtp_options_offer_requiretls(const struct smtp_session *s)
{
	return smtp_takes_mail(s) && conn_is_tls(s->base.conn);
}

static enum smtp_answer judge_requiretls(const struct smtp_session *s)
{
	if (conn_is_tls(s->base.conn))
		return SMTP_ANSWER_SENDER_OK;
	return service_config(s->base.service)->tls ? SMTP_ANSWER_NEEDS_TLS
	                                            : SMTP_ANSWER_UNKNOWN_PARAMETER;
}

/* --- DELIVERBY: RFC 2852 --------------------------------------------------------------- */

void smtp_options_deliver_by(const struct smtp_session *s, struct buf *out)
{
	int64_t least_s = s->config->smtp.min_deliver_by_ms / 1000;
	if (least_s > 0)
		buf_printf(out, "%lld", (long long)least_s);
}

/* To return mail that had no chance is the sender's to do. */
static bool is_too_soon(const struct smtp_session *s, const struct smtp_mail_command *mail)
{
	return mail->by_mode == 'R' && mail->by_s * 1000 < s->config->smtp.min_deliver_by_ms;
}

/* --- FUTURERELEASE: RFC 4865 ----------------------------------------------------------- */

bool smtp_options_offer_future_release(const struct smtp_session *s)
{
	enum listener_kind kind = s->context->kind;
	return (kind == LISTENER_SUBMISSION || kind == LISTENER_SUBMISSIONS || smtp_is_local(s)) &&
	       s->config->smtp.max_hold_ms >= 1000;
}

void smtp_options_future_release(const struct smtp_session *s, struct buf *out)
{
	char date[DATE_TEXT_MAX];
	int64_t most_s = s->config->smtp.max_hold_ms / 1000;
	buf_printf(out, "%lld ", (long long)most_s);
	buf_append(out, date_format_internet(clock_wall_ms() / 1000 + most_s, date));
}

/* A date that has passed holds nothing up: the client's clock is ahead, or the mail was slow. */
static enum smtp_answer judge_hold(const struct smtp_session *s,
                                   const struct smtp_mail_command *mail,
                                   struct envelope_options *out)
{
	int64_t now_ms = clock_wall_ms();
	int64_t until_ms = mail->hold_until_s * 1000;
	if (mail->hold_until_s == 0)
		until_ms = now_ms + (int64_t)mail->hold_for_s * 1000;
	if (!smtp_options_offer_future_release(s))
		return SMTP_ANSWER_UNKNOWN_PARAMETER;
	if (until_ms > now_ms + s->config->smtp.max_hold_ms)
		return SMTP_ANSWER_HELD_TOO_LONG;
	if (out->by_mode == 'R' && out->by_ms <= until_ms)
		return SMTP_ANSWER_TOO_SOON;
	out->hold_until_ms = until_ms > now_ms ? until_ms : 0;
	return SMTP_ANSWER_SENDER_OK;
}

/* --- MT-PRIORITY: RFC 6710 ------------------------------------------------------------- */

/* Ahead of others comes who is trusted to say so; to stand back is everybody's right. */
static int priority_for(const struct smtp_session *s, int asked)
{
	enum priority_trust trust = s->config->smtp.priority;
	bool may_raise = trust == PRIORITY_FROM_ALL ||
	                 (trust == PRIORITY_FROM_TRUSTED && s->client.may_relay);
	return asked > 0 && !may_raise ? 0 : asked;
}

/* --- NO-SOLICITING: RFC 3865 ----------------------------------------------------------- */

static const char *unwanted_keywords(const struct smtp_session *s)
{
	const char *unwanted = s->config->smtp.no_soliciting;
	return unwanted && unwanted[0] ? unwanted : NULL;
}

static bool is_unwanted(struct slice unwanted, struct slice keyword)
{
	while (unwanted.len > 0) {
		struct slice one = slice_split(&unwanted, ',');
		if (slice_equal(one, SLICE("*")) || slice_equal_nocase(one, keyword))
			return true;
	}
	return false;
}

/* Are any of these keywords, with commas between them, unwanted here? */
static bool smtp_options_refuse_solicitation(const struct smtp_session *s, struct slice keywords)
{
	const char *unwanted = unwanted_keywords(s);
	while (unwanted && keywords.len > 0) {
		struct slice keyword = slice_trim(slice_split(&keywords, ','));
		if (keyword.len > 0 && is_unwanted(slice_from_str(unwanted), keyword))
			return true;
	}
	return false;
}

bool smtp_options_refuse_header(struct smtp_session *s, struct slice message)
{
	struct slice value;
	if (!unwanted_keywords(s) || !header_find(message, SLICE("Solicitation"), &value))
		return false;
	return smtp_options_refuse_solicitation(s, header_unfold(s->transaction->arena, value));
}

/* --- AUTH: RFC 4954 section 5 ---------------------------------------------------------- */

/* Who submitted the message first: for who has logged in one of their own addresses, and without
 * another word the account's; hosts that may relay are believed; all others say nothing. */

static enum smtp_answer judge_auth(const struct smtp_session *s, struct arena *arena,
                                   struct slice given, struct slice *out)
{
	struct slice text;
	struct address who;
	const char *account = s->client.account;
	*out = SLICE_EMPTY;
	if (given.len == 0 && account && slice_is_ascii(slice_from_str(account)))
		*out = xtext_encode(arena, slice_from_str(account));
	if (given.len == 0 || slice_equal(given, SLICE("<>")))
		return SMTP_ANSWER_SENDER_OK;
	if (!xtext_decode(arena, given, &text))
		return SMTP_ANSWER_BAD_PARAMETER;
	if (s->client.may_relay && slice_is_ascii(text) && address_parse(arena, text, 0, &who) &&
	    (!account || post_owns_sender(s->context->post, &s->client, who.local, who.domain)))
		*out = xtext_encode(arena, text);
	return SMTP_ANSWER_SENDER_OK;
}

/* --- MAIL ------------------------------------------------------------------------------ */

enum smtp_answer smtp_options_judge(const struct smtp_session *s, struct arena *arena,
                                    const struct smtp_mail_command *mail,
                                    struct envelope_options *out)
{
	*out = (struct envelope_options){ .auth = SLICE_EMPTY, .solicit = SLICE_EMPTY };
	if (mail->solicit.len > 0 && !unwanted_keywords(s))
		return SMTP_ANSWER_UNKNOWN_PARAMETER;
	if (smtp_options_refuse_solicitation(s, mail->solicit))
		return SMTP_ANSWER_SOLICITED;
	if (mail->requiretls && judge_requiretls(s) != SMTP_ANSWER_SENDER_OK)
		return judge_requiretls(s);
	enum smtp_answer auth = judge_auth(s, arena, mail->auth, &out->auth);
	if (auth != SMTP_ANSWER_SENDER_OK)
		return auth;
	out->requiretls = mail->requiretls;
	if (is_too_soon(s, mail))
		return SMTP_ANSWER_TOO_SOON;
	out->by_mode = mail->by_mode;
	out->by_trace = mail->by_trace;
	out->by_ms = mail->by_mode ? clock_wall_ms() + mail->by_s * 1000 : 0;
	out->solicit = arena_copy(arena, mail->solicit);
	out->priority = priority_for(s, mail->priority);
	return mail->has_hold ? judge_hold(s, mail, out) : SMTP_ANSWER_SENDER_OK;
}

/* --- EHLO ------------------------------------------------------------------------------ */

bool smtp_options_offer_no_soliciting(const struct smtp_session *s)
{
	return unwanted_keywords(s) != NULL;
}

void smtp_options_no_soliciting(const struct smtp_session *s, struct buf *out)
{
	struct slice unwanted = slice_from_str(unwanted_keywords(s));
	if (!slice_equal(unwanted, SLICE("*")))
		buf_append(out, unwanted);
}

/* RFC 9422: what a client would else find out by running into it. */
void smtp_options_limits(const struct smtp_session *s, struct buf *out)
{
	if (s->config->smtp.max_transactions > 0)
		buf_printf(out, "MAILMAX=%u ", s->config->smtp.max_transactions);
	buf_printf(out, "RCPTMAX=%u", s->config->smtp.max_recipients);
}
