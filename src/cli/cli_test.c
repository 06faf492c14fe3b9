#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/cli_commands.h"

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ "to", 't', "ADDRESS", "a recipient" },
	{ 0 },
};
static int nothing(struct cli *cli)
{
	(void)cli;
	return CLI_OK;
}
static const struct cli_verb verbs[] = {
	{ "add", "ADDRESS", "Add one.", 1, 2, nothing },
	{ "list", "", "List them.", 0, 0, nothing },
	{ 0 },
};
const struct cli_command cmd_help = {
	.name = "help", .summary = "", .usage = "", .max_words = 1, .run = nothing
};
const struct cli_command cmd_version = {
	.name = "version", .summary = "", .usage = "", .run = nothing
};
const struct cli_command cmd_user = {
	.name = "user", .summary = "", .options = options, .verbs = verbs
};
const struct cli_command cmd_send = { .name = "send",
	                              .summary = "",
	                              .usage = "",
	                              .options = options,
	                              .max_words = 1,
	                              .run = nothing };
const struct cli_heading cli_headings[] = { { 0 } };
const struct cli_command *const cli_commands[] = { &cmd_help, &cmd_version, &cmd_user, &cmd_send,
	                                           NULL };

struct fixture {
	struct arena *arena;
	struct cli cli;
	const char *why;
	int rc;
};

static void parse(struct fixture *f, const char *const *words)
{
	char *argv[16] = { (char *)(uintptr_t) "veredus" };
	int argc = 1;
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	f->why = NULL;
	f->rc = cli_parse(f->arena, argc, argv, &f->cli, &f->why);
}

#define PARSE(f, ...) parse((f), (const char *const[]){ __VA_ARGS__, NULL })

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(f->arena);
	free(f);
	return 0;
}

static void finds_command_and_directory(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "-d", "/srv/mail", "send", "-j", "FILE");
	assert_int_equal(f->rc, 0);
	assert_ptr_equal(f->cli.command, &cmd_send);
	assert_string_equal(f->cli.dir, "/srv/mail");
	assert_true(cli_has(&f->cli, "json"));
	assert_false(cli_has(&f->cli, "to"));
	assert_int_equal(f->cli.word_count, 1);
	assert_string_equal(f->cli.words[0], "FILE");
	PARSE(f, "--dir=/x", "send");
	assert_string_equal(f->cli.dir, "/x");
	PARSE(f, "send");
	assert_string_equal(f->cli.dir, "/var/lib/veredus");
}

static void relative_directory_becomes_absolute(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "-d", "demo", "send");
	assert_int_equal(f->cli.dir[0], '/');
	assert_true(slice_ends_with(slice_from_str(f->cli.dir), SLICE("/demo")));
}

static void takes_options_in_every_form(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "send", "--to", "a", "--to=b", "-t", "c", "-jtd");
	assert_int_equal(f->rc, 0);
	const char *expected[] = { "a", "b", "c", "d" };
	size_t position = 0;
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(cli_next_text(&f->cli, "to", &position), expected[i]);
	assert_null(cli_next_text(&f->cli, "to", &position));
	assert_string_equal(cli_text(&f->cli, "to"), "d");
	assert_true(cli_has(&f->cli, "json"));
}

static void two_dashes_end_options(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "send", "--", "--json");
	assert_int_equal(f->rc, 0);
	assert_false(cli_has(&f->cli, "json"));
	assert_string_equal(f->cli.words[0], "--json");
	PARSE(f, "send", "-");
	assert_string_equal(f->cli.words[0], "-");
}

static void finds_verbs(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "user", "--json", "add", "a@b");
	assert_int_equal(f->rc, 0);
	assert_ptr_equal(f->cli.verb, &verbs[0]);
	assert_string_equal(f->cli.words[0], "a@b");
}

static void help_option_becomes_command(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "user", "add", "--help", "--nonsense");
	assert_int_equal(f->rc, 0);
	assert_ptr_equal(f->cli.command, &cmd_help);
	assert_string_equal(f->cli.words[0], "user");
	PARSE(f, "--help");
	assert_ptr_equal(f->cli.command, &cmd_help);
	PARSE(f, "--version");
	assert_ptr_equal(f->cli.command, &cmd_version);
}

static void wrong_lines_say_why(void **state)
{
	struct fixture *f = *state;
	PARSE(f, "usr");
	assert_int_equal(f->rc, -EINVAL);
	assert_string_equal(f->why, "there is no command 'usr'; did you mean 'user'?");
	PARSE(f, "frobnicate");
	assert_string_equal(f->why, "there is no command 'frobnicate'; `veredus help` lists them");
	PARSE(f, "send", "--jsn");
	assert_string_equal(f->why, "send has no option --jsn; did you mean --json?");
	PARSE(f, "send", "--to");
	assert_string_equal(f->why, "--to needs an argument");
	PARSE(f, "send", "--json=1");
	assert_string_equal(f->why, "--json takes no argument");
	PARSE(f, "send", "a", "b");
	assert_string_equal(f->why, "'b' is one word too many");
	PARSE(f, "user", "add");
	assert_string_equal(f->why, "something is missing behind 'add'");
	PARSE(f, "user", "ad", "x");
	assert_string_equal(f->why, "there is no 'user ad'; did you mean 'user add'?");
	PARSE(f, "user");
	assert_string_equal(f->why, "user needs a second word; see `veredus help user`");
	PARSE(f, "-x", "user");
	assert_string_equal(f->why, "there is no option -x before a command");
}

static void nothing_is_no_error(void **state)
{
	struct fixture *f = *state;
	parse(f, (const char *const[]){ NULL });
	assert_int_equal(f->rc, 0);
	assert_null(f->cli.command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_command_and_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(relative_directory_becomes_absolute, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(takes_options_in_every_form, setup, teardown),
		cmocka_unit_test_setup_teardown(two_dashes_end_options, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_verbs, setup, teardown),
		cmocka_unit_test_setup_teardown(help_option_becomes_command, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_lines_say_why, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_no_error, setup, teardown),
	};
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
