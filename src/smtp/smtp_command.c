/* The table of commands, what it enforces, and the small ones. */
#include "smtp/smtp_bdat.h"
#include "smtp/smtp_parse.h"

enum smtp_command_flags {
	AFTER_HELLO = 1,     /* 503 before HELO or EHLO */
	IN_MAIL = 2,         /* 503 outside of a transaction */
	NOT_IN_MAIL = 4,     /* 503 inside of one */
	NEEDS_LOGIN = 8,     /* 530 on a submission listener before AUTH */
	NO_ARGUMENT = 16,    /* 501 with one */
	NEEDS_ARGUMENT = 32, /* 501 without */
	ENDS_GROUP = 64,     /* its answer is waited for: RFC 2920 section 3.1 */
	JUNK = 128,          /* too many of them are a flood */
	OWN_PROTOCOL = 256,  /* where it is off it is none: RFC 2033 section 4.1 */
};

struct smtp_command {
	struct slice verb;
	smtp_handler run;
	unsigned flags;
	/* False: 502, or 500 (OWN_PROTOCOL). NULL: always. */
	bool (*enabled)(const struct smtp_session *s);
};

/* Who was refused by name may try another. */
static void smtp_forget_hello(struct smtp_session *s)
{
	free(s->helo);
	s->helo = NULL;
	smtp_update_client(s);
}

static void smtp_hello(struct smtp_session *s, struct slice argument, bool esmtp)
{
	struct slice host;
	bool tolerant = s->config->smtp.bad_helo == BAD_HELO_TOLERATE;
	if (!smtp_parse_hello(argument, &host) || (!tolerant && !smtp_hello_is_valid(host))) {
		smtp_say(s, SMTP_ANSWER_BAD_HOST);
		return;
	}
	smtp_drop_transaction(s);
	free(s->helo);
	s->helo = mem_str(host);
	s->esmtp = esmtp;
	smtp_update_client(s);
	if (smtp_guard_allows(s, RULE_HELO, NULL, NULL))
		smtp_say_hello(s);
	else
		smtp_forget_hello(s);
}

static void smtp_helo(struct smtp_session *s, struct slice argument)
{
	smtp_hello(s, argument, false);
}

static void smtp_ehlo(struct smtp_session *s, struct slice argument)
{
	smtp_hello(s, argument, true);
}

static void smtp_lhlo(struct smtp_session *s, struct slice argument)
{
	smtp_hello(s, argument, true);
}

static void smtp_rset(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	smtp_drop_transaction(s);
	smtp_say(s, SMTP_ANSWER_RESET);
}

static void smtp_noop(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	smtp_say(s, SMTP_ANSWER_OK);
}

static void smtp_quit(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	smtp_say(s, SMTP_ANSWER_BYE);
}

static bool smtp_has_tls(const struct smtp_session *s)
{
	return service_config(s->base.service)->tls;
}

static bool smtp_has_auth(const struct smtp_session *s) { return s->context->auth; }

static bool smtp_is_not_lmtp(const struct smtp_session *s) { return !smtp_is_lmtp(s); }

static bool smtp_has_trust(const struct smtp_session *s) { return s->is_trusted_proxy; }

static bool smtp_has_expn(const struct smtp_session *s)
{
	return s->config->smtp.expn != CONFIG_WHO_NOBODY;
}

static bool smtp_has_etrn(const struct smtp_session *s)
{
	return s->config->smtp.etrn != CONFIG_WHO_NOBODY;
}

bool smtp_has_terminals(const struct smtp_session *s)
{
	return smtp_may_ask(s, s->config->smtp.terminals) && smtp_takes_mail(s) && !smtp_is_lmtp(s);
}

#define VERB(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* clang-format off */
static const struct smtp_command commands[] = {
	{ VERB("HELO"), smtp_helo, NEEDS_ARGUMENT | ENDS_GROUP | JUNK | OWN_PROTOCOL,
	  smtp_is_not_lmtp },
	{ VERB("EHLO"), smtp_ehlo, NEEDS_ARGUMENT | ENDS_GROUP | JUNK | OWN_PROTOCOL,
	  smtp_is_not_lmtp },
	{ VERB("LHLO"), smtp_lhlo, NEEDS_ARGUMENT | ENDS_GROUP | JUNK | OWN_PROTOCOL,
	  smtp_is_lmtp },
	{ VERB("STARTTLS"), smtp_starttls, NO_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | ENDS_GROUP,
	  smtp_has_tls },
	{ VERB("AUTH"), smtp_auth, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL, smtp_has_auth },
	{ VERB("MAIL"), smtp_mail, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | NEEDS_LOGIN, smtp_takes_mail },
	{ VERB("RCPT"), smtp_rcpt, NEEDS_ARGUMENT | IN_MAIL | NEEDS_LOGIN, smtp_takes_mail },
	{ VERB("DATA"), smtp_data, NO_ARGUMENT | IN_MAIL | NEEDS_LOGIN | ENDS_GROUP, smtp_takes_mail },
	/* No flags: whatever is answered, the chunk must be read. */
	{ VERB("BDAT"), smtp_bdat, 0, NULL },
	{ VERB("BURL"), smtp_burl, NEEDS_ARGUMENT | IN_MAIL | NEEDS_LOGIN, smtp_has_burl },
	{ VERB("RSET"), smtp_rset, NO_ARGUMENT | JUNK, NULL },
	{ VERB("NOOP"), smtp_noop, JUNK, NULL },
	{ VERB("VRFY"), smtp_vrfy, NEEDS_ARGUMENT | NEEDS_LOGIN | JUNK, NULL },
	{ VERB("EXPN"), smtp_expn, NEEDS_ARGUMENT | JUNK, smtp_has_expn },
	{ VERB("ETRN"), smtp_etrn, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | JUNK, smtp_has_etrn },
	{ VERB("ATRN"), smtp_atrn, AFTER_HELLO | NOT_IN_MAIL | NEEDS_LOGIN | ENDS_GROUP,
	  smtp_has_atrn },
	{ VERB("TURN"), smtp_turn, NO_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | ENDS_GROUP,
	  smtp_has_turn },
	{ VERB("SEND"), smtp_send_command, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | NEEDS_LOGIN,
	  smtp_has_terminals },
	{ VERB("SOML"), smtp_soml, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | NEEDS_LOGIN,
	  smtp_has_terminals },
	{ VERB("SAML"), smtp_saml, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL | NEEDS_LOGIN,
	  smtp_has_terminals },
	{ VERB("VERB"), smtp_verb, 0, smtp_has_sendmail },
	{ VERB("ONEX"), smtp_onex, 0, smtp_has_sendmail },
	{ VERB("XUSR"), smtp_xusr, 0, smtp_has_sendmail },
	{ VERB("HELP"), smtp_help, JUNK, NULL },
	{ VERB("XCLIENT"), smtp_xclient, NEEDS_ARGUMENT | NOT_IN_MAIL, smtp_has_trust },
	{ VERB("XFORWARD"), smtp_xforward, NEEDS_ARGUMENT | AFTER_HELLO | NOT_IN_MAIL, smtp_has_trust },
	{ VERB("QUIT"), smtp_quit, NO_ARGUMENT, NULL },
};
/* clang-format on */

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))
#define ROW_OTHER     COMMAND_COUNT
_Static_assert(COMMAND_COUNT < SMTP_VERB_MAX, "each row is counted, and the unknown ones too");

static size_t smtp_find_command(struct slice verb)
{
	size_t row = 0;
	while (row < COMMAND_COUNT && !slice_equal_nocase(commands[row].verb, verb))
		row++;
	return row;
}

const char *smtp_command_name(size_t row, char out[static 16])
{
	if (row > ROW_OTHER)
		return NULL;
	struct slice verb = row == ROW_OTHER ? SLICE("other") : commands[row].verb;
	size_t len = 0;
	for (; len < verb.len && len < 15; len++)
		out[len] = byte_lower(verb.data[len]);
	out[len] = 0;
	return out;
}

static bool is_enabled(const struct smtp_session *s, const struct smtp_command *c)
{
	return !c->enabled || c->enabled(s);
}

bool smtp_command_is_enabled(const struct smtp_session *s, struct slice verb)
{
	size_t row = smtp_find_command(verb);
	return row < COMMAND_COUNT && is_enabled(s, &commands[row]);
}

bool smtp_needs_login(const struct smtp_session *s)
{
	return s->context->kind != LISTENER_SMTP && !smtp_is_lmtp(s) && !smtp_is_local(s) &&
	       !s->client.account;
}

/* True if the command may stand here; otherwise *why says why not. */
static bool smtp_may_run(const struct smtp_session *s, const struct smtp_command *c,
                         struct slice argument, enum smtp_answer *why)
{
	if (!is_enabled(s, c))
		*why = c->flags & OWN_PROTOCOL ? SMTP_ANSWER_UNKNOWN_COMMAND
		                               : SMTP_ANSWER_NOT_IMPLEMENTED;
	else if ((c->flags & NO_ARGUMENT) && argument.len > 0)
		*why = SMTP_ANSWER_NO_ARGUMENT;
	else if ((c->flags & NEEDS_ARGUMENT) && argument.len == 0)
		*why = SMTP_ANSWER_NEEDS_ARGUMENT;
	else if ((c->flags & AFTER_HELLO) && !s->helo)
		*why = SMTP_ANSWER_HELLO_FIRST;
	else if ((c->flags & NEEDS_LOGIN) && smtp_needs_login(s))
		*why = SMTP_ANSWER_LOGIN_FIRST;
	else if ((c->flags & IN_MAIL) && !s->transaction)
		*why = SMTP_ANSWER_MAIL_FIRST;
	else if ((c->flags & NOT_IN_MAIL) && s->transaction)
		*why = SMTP_ANSWER_NOT_NOW;
	else
		return true;
	return false;
}

void smtp_run_command(struct smtp_session *s, struct slice text)
{
	struct smtp_line line;
	enum smtp_answer why = SMTP_ANSWER_UNKNOWN_COMMAND;
	size_t row = ROW_OTHER;
	s->last_code = 0;
	if (!smtp_parse_line(text, &line))
		why = SMTP_ANSWER_CONTROL_CHARACTER;
	else
		row = smtp_find_command(line.verb);
	if (row == ROW_OTHER || !smtp_may_run(s, &commands[row], line.argument, &why))
		smtp_say(s, why);
	else if (smtp_guard_command(s, commands[row].flags & ENDS_GROUP,
	                            commands[row].flags & JUNK))
		commands[row].run(s, line.argument);
	s->counts[row].tried++;
	s->counts[row].done += s->last_code >= 200 && s->last_code < 400;
}
