/* The table of commands, and the small ones. */
#include <errno.h>

#include "base/log.h"
#include "pop3/pop3_parse.h"
#include "pop3/pop3_session.h"

static void pop3_noop(struct pop3_session *s, struct slice argument)
{
	(void)argument;
	pop3_say(s, POP3_OK);
}

/* dele = "DELE" SP message                                    RFC 1939, section 5 */
static void pop3_dele(struct pop3_session *s, struct slice argument)
{
	uint32_t number;
	struct pop3_message *message = NULL;
	if (pop3_parse_message(argument, &number))
		message = pop3_maildrop_find(&s->maildrop, number);
	if (!message) {
		pop3_say(s, POP3_ERR_NO_MESSAGE);
		return;
	}
	pop3_maildrop_delete(&s->maildrop, message);
	pop3_say(s, POP3_OK_DELETED);
}

static void pop3_rset(struct pop3_session *s, struct slice argument)
{
	(void)argument;
	pop3_maildrop_reset(&s->maildrop);
	pop3_say(s, POP3_OK_RESET);
}

/* The only way into the UPDATE state (RFC 1939 section 6): the answer comes when what was deleted
 * is durably gone. */
static void pop3_quit(struct pop3_session *s, struct slice argument)
{
	struct pop3_maildrop *d = &s->maildrop;
	(void)argument;
	int rc = s->account ? pop3_maildrop_update(d, s->context) : 0;
	uint32_t deleted = d->count - d->left_count;
	if (rc < 0) {
		log_error("pop3.update", kv_str("account", s->account), kv_error(rc));
		pop3_say(s, rc == -EBADMSG ? POP3_ERR_BROKEN : POP3_ERR_NOT_REMOVED);
		deleted = 0;
	} else {
		pop3_say(s, deleted > 0 ? POP3_OK_UPDATED : POP3_OK_BYE);
	}
	s->deleted = deleted;
	pop3_maildrop_close(d, s->context);
	pop3_end(s, "quit");
}

enum {
	BEFORE_LOGIN = 1,
	AFTER_LOGIN = 2,
	ANYWHERE = BEFORE_LOGIN | AFTER_LOGIN,
	NO_ARGUMENT = 4,
	NEEDS_ARGUMENT = 8,
};

static const struct {
	const char *keyword;
	pop3_handler handler;
	unsigned flags;
} commands[] = {
	/* keyword  handler     where it may stand, and with what */
	{ "CAPA", pop3_capa, ANYWHERE | NO_ARGUMENT },
	{ "STLS", pop3_stls, BEFORE_LOGIN | NO_ARGUMENT },
	{ "UTF8", pop3_utf8, BEFORE_LOGIN | NO_ARGUMENT },
	{ "LANG", pop3_lang, ANYWHERE },
	{ "USER", pop3_user, BEFORE_LOGIN | NEEDS_ARGUMENT },
	{ "PASS", pop3_pass, BEFORE_LOGIN },
	{ "AUTH", pop3_auth, BEFORE_LOGIN | NEEDS_ARGUMENT },
	{ "STAT", pop3_stat, AFTER_LOGIN | NO_ARGUMENT },
	{ "LIST", pop3_list, AFTER_LOGIN },
	{ "UIDL", pop3_uidl, AFTER_LOGIN },
	{ "RETR", pop3_retr, AFTER_LOGIN | NEEDS_ARGUMENT },
	{ "TOP", pop3_top, AFTER_LOGIN | NEEDS_ARGUMENT },
	{ "DELE", pop3_dele, AFTER_LOGIN | NEEDS_ARGUMENT },
	{ "RSET", pop3_rset, AFTER_LOGIN | NO_ARGUMENT },
	{ "NOOP", pop3_noop, AFTER_LOGIN | NO_ARGUMENT },
	{ "QUIT", pop3_quit, ANYWHERE | NO_ARGUMENT },
};

static void pop3_run(struct pop3_session *s, const struct pop3_command *command, pop3_handler run,
                     unsigned flags)
{
	if (!s->account && !(flags & BEFORE_LOGIN))
		pop3_say(s, POP3_ERR_LOGIN_FIRST);
	else if (s->account && !(flags & AFTER_LOGIN))
		pop3_say(s, POP3_ERR_HAS_LOGIN);
	else if ((flags & NO_ARGUMENT && command->has_argument) ||
	         (flags & NEEDS_ARGUMENT && !command->has_argument))
		pop3_say(s, POP3_ERR_ARGUMENT);
	else
		run(s, command->argument);
}

void pop3_run_command(struct pop3_session *s, struct slice line)
{
	struct pop3_command command;
	if (!pop3_parse_command(line, &command)) {
		pop3_say(s, POP3_ERR_SYNTAX);
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (slice_equal_nocase(command.keyword, slice_from_str(commands[i].keyword))) {
			pop3_run(s, &command, commands[i].handler, commands[i].flags);
			return;
		}
	}
	pop3_say(s, POP3_ERR_UNKNOWN);
}
