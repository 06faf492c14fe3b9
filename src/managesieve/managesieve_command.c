/* The table of commands, and the small ones. */
#include "managesieve/managesieve_session.h"

static void capability(struct managesieve_session *s, const struct managesieve_command *c)
{
	(void)c;
	managesieve_say_capabilities(s);
}

/* RFC 5804 section 2.13: the word that came with it goes back. */
static void noop(struct managesieve_session *s, const struct managesieve_command *c)
{
	if (c->count == 0) {
		managesieve_ok(s, NULL, "Done.");
		return;
	}
	managesieve_write(s, SLICE("OK (TAG "));
	managesieve_write_string(s, c->arguments[0].text);
	managesieve_write(s, SLICE(") \"Done.\"\r\n"));
}

static void logout(struct managesieve_session *s, const struct managesieve_command *c)
{
	(void)c;
	managesieve_ok(s, NULL, "Good-bye.");
	managesieve_end(s, "logout");
}

enum { BEFORE_LOGIN = 1, AFTER_LOGIN = 2, ANYWHERE = BEFORE_LOGIN | AFTER_LOGIN };

static const struct {
	const char *keyword;
	managesieve_handler handler;
	unsigned where;
	/* Its arguments: s a string, n a number; what is behind ? may be missing. */
	const char *arguments;
} commands[] = {
	{ "AUTHENTICATE", managesieve_authenticate, BEFORE_LOGIN, "s?s" },
	{ "STARTTLS", managesieve_starttls, BEFORE_LOGIN, "" },
	{ "LOGOUT", logout, ANYWHERE, "" },
	{ "CAPABILITY", capability, ANYWHERE, "" },
	{ "NOOP", noop, ANYWHERE, "?s" },
	{ "UNAUTHENTICATE", managesieve_unauthenticate, AFTER_LOGIN, "" },
	{ "HAVESPACE", managesieve_have_space, AFTER_LOGIN, "sn" },
	{ "PUTSCRIPT", managesieve_put_script, AFTER_LOGIN, "ss" },
	{ "CHECKSCRIPT", managesieve_check_script, AFTER_LOGIN, "s" },
	{ "LISTSCRIPTS", managesieve_list_scripts, AFTER_LOGIN, "" },
	{ "GETSCRIPT", managesieve_get_script, AFTER_LOGIN, "s" },
	{ "SETACTIVE", managesieve_set_active, AFTER_LOGIN, "s" },
	{ "DELETESCRIPT", managesieve_delete_script, AFTER_LOGIN, "s" },
	{ "RENAMESCRIPT", managesieve_rename_script, AFTER_LOGIN, "ss" },
};

static bool arguments_fit(const struct managesieve_command *c, const char *wanted)
{
	size_t given = 0;
	bool optional = false;
	for (; *wanted; wanted++) {
		if (*wanted == '?') {
			optional = true;
			continue;
		}
		if (given == c->count)
			return optional;
		if (c->arguments[given++].is_number != (*wanted == 'n'))
			return false;
	}
	return given == c->count;
}

void managesieve_run(struct managesieve_session *s, const struct managesieve_command *c)
{
	size_t i = 0, count = sizeof(commands) / sizeof(commands[0]);
	while (i < count && !slice_equal_nocase(c->keyword, slice_from_str(commands[i].keyword)))
		i++;
	if (i == count)
		managesieve_no(s, NULL, "There is no such command.");
	else if (!(commands[i].where & (s->account ? AFTER_LOGIN : BEFORE_LOGIN)))
		managesieve_no(s, NULL, s->account ? "You have logged in." : "Log in first.");
	else if (!arguments_fit(c, commands[i].arguments))
		managesieve_no(s, NULL, "These are not the arguments of the command.");
	else
		commands[i].handler(s, c);
}
