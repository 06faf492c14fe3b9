/* What EHLO announces: one row an extension, offered exactly where a session may use it. */
#include "base/buf.h"
#include "smtp/smtp_attribute.h"
#include "smtp/smtp_bdat.h"
#include "smtp/smtp_options.h"

enum {
	ARGUMENTS_MAX = ENVELOPE_SOLICIT_MAX
}; /* of one extension; a reply line has room for that */

struct smtp_extension {
	struct slice keyword;
	/* NULL: always. */
	bool (*offered)(const struct smtp_session *s);
	/* What stands behind the keyword; NULL: nothing. */
	void (*arguments)(const struct smtp_session *s, struct buf *out);
};

static const char *smtp_mechanisms(const struct smtp_session *s)
{
	const struct smtp_context *c = s->context;
	if (!c->auth || s->client.account)
		return "";
	struct auth_client client = smtp_auth_client(s);
	return auth_mechanisms(c->auth, &client);
}

static bool smtp_offers_auth(const struct smtp_session *s) { return smtp_mechanisms(s)[0] != 0; }

static void smtp_auth_arguments(const struct smtp_session *s, struct buf *out)
{
	buf_append(out, slice_from_str(smtp_mechanisms(s)));
}

static bool smtp_offers_starttls(const struct smtp_session *s)
{
	return service_config(s->base.service)->tls && !conn_is_tls(s->base.conn);
}

static bool smtp_offers_expn(const struct smtp_session *s)
{
	return smtp_may_ask(s, s->config->smtp.expn);
}

static bool smtp_offers_etrn(const struct smtp_session *s)
{
	return smtp_may_ask(s, s->config->smtp.etrn);
}

static void smtp_size_arguments(const struct smtp_session *s, struct buf *out)
{
	buf_printf(out, "%llu", (unsigned long long)s->config->smtp.max_message_bytes);
}

static bool smtp_offers_proxy(const struct smtp_session *s) { return s->is_trusted_proxy; }

static void smtp_xclient_arguments(const struct smtp_session *s, struct buf *out)
{
	(void)s;
	buf_append(out, slice_from_str(smtp_attribute_names(SMTP_XCLIENT_ATTRIBUTES)));
}

static void smtp_xforward_arguments(const struct smtp_session *s, struct buf *out)
{
	(void)s;
	buf_append(out, slice_from_str(smtp_attribute_names(SMTP_XFORWARD_ATTRIBUTES)));
}

#define KEYWORD(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* clang-format off */
static const struct smtp_extension extensions[] = {
	{ KEYWORD("AUTH"), smtp_offers_auth, smtp_auth_arguments },
	{ KEYWORD("STARTTLS"), smtp_offers_starttls, NULL },
	{ KEYWORD("EXPN"), smtp_offers_expn, NULL },
	{ KEYWORD("ETRN"), smtp_offers_etrn, NULL },
	{ KEYWORD("ATRN"), smtp_has_atrn, NULL },
	{ KEYWORD("TURN"), smtp_has_turn, NULL },
	{ KEYWORD("SEND"), smtp_has_terminals, NULL },
	{ KEYWORD("SOML"), smtp_has_terminals, NULL },
	{ KEYWORD("SAML"), smtp_has_terminals, NULL },
	{ KEYWORD("VERB"), smtp_has_sendmail, NULL },
	{ KEYWORD("ONEX"), smtp_has_sendmail, NULL },
	{ KEYWORD("XUSR"), smtp_has_sendmail, NULL },
	{ KEYWORD("REQUIRETLS"), smtp_options_offer_requiretls, NULL },
	{ KEYWORD("DELIVERBY"), smtp_takes_mail, smtp_options_deliver_by },
	{ KEYWORD("FUTURERELEASE"), smtp_options_offer_future_release, smtp_options_future_release },
	{ KEYWORD("MT-PRIORITY"), smtp_takes_mail, NULL },
	{ KEYWORD("NO-SOLICITING"), smtp_options_offer_no_soliciting, smtp_options_no_soliciting },
	{ KEYWORD("LIMITS"), smtp_takes_mail, smtp_options_limits },
	{ KEYWORD("SIZE"), smtp_takes_mail, smtp_size_arguments },
	{ KEYWORD("PIPELINING"), NULL, NULL },
	{ KEYWORD("8BITMIME"), smtp_takes_mail, NULL },
	{ KEYWORD("DSN"), smtp_takes_mail, NULL },
	{ KEYWORD("SMTPUTF8"), smtp_takes_mail, NULL },
	{ KEYWORD("CHUNKING"), smtp_takes_mail, NULL },
	{ KEYWORD("BINARYMIME"), smtp_takes_mail, NULL },
	{ KEYWORD("BURL"), smtp_has_burl, smtp_burl_arguments },
	{ KEYWORD("XCLIENT"), smtp_offers_proxy, smtp_xclient_arguments },
	{ KEYWORD("XFORWARD"), smtp_offers_proxy, smtp_xforward_arguments },
	{ KEYWORD("HELP"), NULL, NULL },
	/* The last row ends the reply: it has no condition. */
	{ KEYWORD("ENHANCEDSTATUSCODES"), NULL, NULL },
};
/* clang-format on */

#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

static bool is_offered(const struct smtp_session *s, const struct smtp_extension *e)
{
	return !e->offered || e->offered(s);
}

struct slice smtp_extension_line(const struct smtp_session *s, size_t row, struct arena *arena)
{
	const struct smtp_extension *e = &extensions[row];
	if (!is_offered(s, e))
		return SLICE_EMPTY;
	struct buf arguments = buf_make(ARGUMENTS_MAX);
	if (e->arguments)
		e->arguments(s, &arguments);
	struct slice line = arena_concat(
		arena,
		(struct slice[]){ e->keyword, arguments.len > 0 ? SLICE(" ") : SLICE_EMPTY,
	                          buf_slice(&arguments) },
		3);
	buf_free(&arguments);
	return line;
}

size_t smtp_extension_count(void) { return EXTENSION_COUNT; }

bool smtp_extension_is_offered(const struct smtp_session *s, struct slice keyword)
{
	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (slice_equal_nocase(extensions[i].keyword, keyword))
			return is_offered(s, &extensions[i]);
	}
	return false;
}
