/* Replies and troubles as outcomes. */
#include <errno.h>

#include "client/smtp_client_internal.h"

const char *smtp_stage_name(enum smtp_stage stage)
{
	static const char *const names[] = {
		[SMTP_STAGE_ROUTE] = "route",       [SMTP_STAGE_CONNECT] = "connect",
		[SMTP_STAGE_GREETING] = "greeting", [SMTP_STAGE_EHLO] = "EHLO",
		[SMTP_STAGE_TLS] = "STARTTLS",      [SMTP_STAGE_AUTH] = "AUTH",
		[SMTP_STAGE_MAIL] = "MAIL",         [SMTP_STAGE_RCPT] = "RCPT",
		[SMTP_STAGE_DATA] = "DATA",         [SMTP_STAGE_MESSAGE] = "end of message",
	};
	return names[stage];
}

static const char *trouble_text(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return "connection refused";
	case -ETIMEDOUT:
		return "no answer in time";
	case -ECONNRESET:
	case -EPIPE:
		return "the connection was lost";
	case -EHOSTUNREACH:
		return "no route to the host";
	case -ENETUNREACH:
		return "no route to the network";
	case -ECANCELED:
		return "the server is stopping";
	case -EPROTO:
		return "the other side does not speak SMTP";
	case -EBADMSG:
		return "it replied before it was asked";
	case -EMSGSIZE:
		return "a reply was longer than any should be";
	default:
		return strerrordesc_np(-error);
	}
}

struct smtp_outcome smtp_outcome_trouble(struct arena *arena, enum smtp_stage stage, int error,
                                         const char *enhanced, const char *where)
{
	struct smtp_outcome o = { .verdict = enhanced[0] == '5' ? SMTP_PERMANENT : SMTP_TEMPORARY,
		                  .stage = stage,
		                  .error = error,
		                  .host = enhanced[0] != '5' };
	smtp_enhanced_parse(slice_from_str(enhanced), &o.enhanced);
	const char *text = trouble_text(error);
	o.text = slice_from_str(arena_printf(arena, "%s: %s (%s)", where, text ? text : "failed",
	                                     smtp_stage_name(stage)));
	return o;
}

/* RFC 3463 section 3.5: 4.4.1 no answer from the host, 4.4.2 bad connection, 4.5.0 protocol. */
int smtp_client_broken(struct smtp_client *c, enum smtp_stage stage, int error, struct arena *arena,
                       struct smtp_outcome *outcome)
{
	const char *enhanced = "4.4.2";
	if (error == -EPROTO || error == -EBADMSG || error == -EMSGSIZE)
		enhanced = "4.5.0";
	else if (stage <= SMTP_STAGE_GREETING)
		enhanced = "4.4.1";
	c->usable = false;
	*outcome = smtp_outcome_trouble(arena, stage, error, enhanced, c->host);
	/* What breaks while a message is on its way may be the message's fault. */
	outcome->host = stage < SMTP_STAGE_DATA;
	return error;
}

int smtp_client_refused(struct smtp_client *c, enum smtp_stage stage, struct arena *arena,
                        struct smtp_outcome *outcome)
{
	const struct smtp_reply *r = &c->reply;
	int class = r->code / 100;
	bool before_mail = stage < SMTP_STAGE_MAIL;
	/* 421 means that the server closes; RFC 5321 section 3.8. */
	if (r->code == 421)
		c->usable = false;
	/* A host that will not talk to us at all, with whatever code, may be mended, or another
	 * MX may be kinder: mail is not returned for it before it expires. */
	bool permanent = class == 5 && !before_mail;
	*outcome = (struct smtp_outcome){ .verdict = permanent ? SMTP_PERMANENT : SMTP_TEMPORARY,
		                          .stage = stage,
		                          .code = r->code,
		                          .host = before_mail || r->code == 421,
		                          .enhanced = r->enhanced };
	if (outcome->enhanced.class == 0)
		outcome->enhanced.class = class == 5 ? 5 : 4;
	struct slice text = smtp_reply_text(r, arena, SMTP_OUTCOME_TEXT_MAX);
	outcome->text = slice_from_str(arena_printf(arena, "%d %.*s", r->code, SLICE_ARG(text)));
	return -EREMOTEIO;
}
