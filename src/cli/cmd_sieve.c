/* veredus sieve: scripts, looked at without a server; sieve_keep.c has those of users. */
#include <errno.h>

#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_file.h"
#include "cli/sieve_keep.h"
#include "sieve/sieve.h"

/* --- check ------------------------------------------------------------------------------- */

static void print_errors(const struct cli *cli, const char *path, const struct sieve_errors *errors)
{
	bool json = cli_has(cli, "json");
	json_t *all = json_array();
	for (size_t i = 0; i < errors->count; i++) {
		const struct sieve_error *e = &errors->items[i];
		const char *kind = e->warning ? "warning" : "error";
		if (!json)
			printf("%s:%u:%u: %s: %s\n", path, e->line, e->column, kind, e->text);
		json_array_append_new(all, json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", path,
		                                     "line", (int)e->line, "column", (int)e->column,
		                                     "kind", kind, "text", e->text));
	}
	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(all);
}

static int compile_file(struct cli *cli, const char *path, const struct sieve_limits *limits,
                        struct sieve_program **out, struct sieve_errors *errors)
{
	struct slice script;
	int status = cli_map_file(path, &script);
	if (status != CLI_OK)
		return status;
	return sieve_compile(script, limits, cli->arena, out, errors) < 0 ? CLI_FOUND : CLI_OK;
}

static int check(struct cli *cli)
{
	const struct sieve_limits limits = SIEVE_LIMITS_DEFAULT;
	struct sieve_program *program;
	struct sieve_errors errors = { .count = 0 };
	int status = compile_file(cli, cli->words[0], &limits, &program, &errors);
	if (status != CLI_FAILED)
		print_errors(cli, cli->words[0], &errors);
	return status;
}

/* --- test, trace ------------------------------------------------------------------------- */

struct trial {
	struct cli *cli;
	const char *path; /* of the script */
	struct sieve_limits limits;
	json_t *steps; /* NULL: they are printed */
};

/* Only those that were named, and the INBOX. */
static int has_mailbox(void *arg, enum sieve_mailbox_test by, struct slice key, struct slice name)
{
	const struct trial *t = arg;
	const char *known;
	size_t position = 0;
	(void)name;
	if (by != SIEVE_BY_NAME)
		return 0;
	if (slice_equal_nocase(key, SLICE("INBOX")))
		return 1;
	while ((known = cli_next_text(t->cli, "mailbox", &position))) {
		if (slice_equal(key, slice_from_str(known)))
			return 1;
	}
	return 0;
}

/* Beside the script. */
static int get_script(void *arg, enum sieve_location where, struct slice name, struct arena *arena,
                      struct slice *out)
{
	const struct trial *t = arg;
	(void)where;
	struct slice dir = slice_from_str(t->path);
	ptrdiff_t slash = slice_find_last_byte(dir, '/');
	dir = slash < 0 ? SLICE_EMPTY : slice_sub(dir, 0, (size_t)slash + 1);
	const char *path = arena_printf(arena, "%.*s%.*s.sieve", SLICE_ARG(dir), SLICE_ARG(name));
	if (slice_find_byte(name, '/') >= 0 || slice_starts_with(name, SLICE(".")))
		return 0;
	return cli_map_file(path, out) == CLI_OK;
}

static void print_step(void *arg, const struct sieve_step *step)
{
	struct trial *t = arg;
	if (t->steps)
		json_array_append_new(t->steps,
		                      json_pack("{s:s, s:i, s:i, s:s%}", "script", step->script,
		                                "line", (int)step->line, "depth", (int)step->depth,
		                                "text", step->text.data, step->text.len));
	else if (step->line > 0)
		printf("%*s%s:%u: %.*s\n", (int)step->depth * 2, "", step->script, step->line,
		       SLICE_ARG(step->text));
	else
		printf("%.*s\n", SLICE_ARG(step->text));
}

static void print_message(const struct sieve_action *a)
{
	fwrite(a->header.data, 1, a->header.len, stdout);
	fwrite(a->body.data, 1, a->body.len, stdout);
}

static void print_result(struct trial *t, const struct sieve_result *result)
{
	json_t *actions = json_array();
	for (size_t i = 0; i < result->action_count; i++) {
		const struct sieve_action *a = &result->actions[i];
		struct slice text = sieve_action_text(t->cli->arena, a);
		if (cli_has(t->cli, "json"))
			json_array_append_new(actions,
			                      json_pack("{s:i, s:s%}", "line", (int)a->line, "text",
			                                text.data, text.len));
		else
			printf("%.*s\n", SLICE_ARG(text));
		if (a->edited && cli_has(t->cli, "message"))
			print_message(a);
	}
	if (cli_has(t->cli, "json")) {
		json_t *all = json_pack("{s:o, s:i, s:s?}", "actions", actions, "instructions",
		                        (int)result->instructions, "error",
		                        result->failed ? result->error.text : NULL);
		if (t->steps)
			json_object_set(all, "steps", t->steps);
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(all);
	} else {
		json_decref(actions);
	}
	if (result->failed)
		fprintf(stderr, "%s:%u: %s\n", t->path, result->error.line, result->error.text);
}

static struct slice option_text(const struct cli *cli, const char *option, const char *otherwise)
{
	const char *text = cli_text(cli, option);
	return slice_from_str(text ? text : otherwise);
}

static int run_file(struct trial *t, const struct sieve_program *program, struct slice message,
                    bool traced)
{
	const struct sieve_script script = { t->path, program };
	struct slice from = option_text(t->cli, "from", "sender@example.org");
	struct slice to = option_text(t->cli, "to", "recipient@example.org");
	struct sieve_result result;
	if (slice_equal(from, SLICE("<>")))
		from = SLICE_EMPTY;
	const struct sieve_job job = {
		.scripts = &script,
		.script_count = 1,
		.limits = &t->limits,
		.outside = { .arg = t,
		             .mailbox = has_mailbox,
		             .script = get_script,
		             .trace = traced ? print_step : NULL },
		.message = message,
		.envelope = { .from = from, .to = to },
		.now_ms = clock_wall_ms(),
		.detail_mark = '+',
		.owner = to,
		.environment = { .name = SLICE("Veredus"),
		                 .version = SLICE(VEREDUS_VERSION),
		                 .location = SLICE("MDA"),
		                 .phase = SLICE("during") },
	};
	sieve_run(&job, t->cli->arena, &result);
	print_result(t, &result);
	return result.failed ? CLI_FOUND : CLI_OK;
}

static int try_script(struct cli *cli, bool traced)
{
	struct trial t = { .cli = cli, .path = cli->words[0], .limits = SIEVE_LIMITS_DEFAULT };
	struct sieve_program *program;
	struct sieve_errors errors = { .count = 0 };
	struct slice message;
	int status = compile_file(cli, t.path, &t.limits, &program, &errors);
	if (status == CLI_FOUND)
		print_errors(cli, t.path, &errors);
	if (status == CLI_OK)
		status = cli_read_message(cli->arena, cli->words[1], &message);
	if (status != CLI_OK)
		return status;
	t.steps = traced && cli_has(cli, "json") ? json_array() : NULL;
	status = run_file(&t, program, message, traced);
	json_decref(t.steps);
	return status;
}

static int test(struct cli *cli) { return try_script(cli, false); }

static int trace(struct cli *cli) { return try_script(cli, true); }

static const struct cli_verb verbs[] = {
	{ "check", "FILE", "say what is wrong with a script, and where", 1, 1, check },
	{ "test", "FILE MESSAGE", "what a script comes to with a message", 2, 2, test },
	{ "trace", "FILE MESSAGE", "the same with each step", 2, 2, trace },
	{ "put", "USER NAME FILE", "give a user a script, if it has no errors", 3, 3, sieve_put },
	{ "get", "USER NAME", "print a script", 2, 2, sieve_get },
	{ "list", "USER", "what scripts there are, and which is active", 1, 1, sieve_list },
	{ "activate", "USER [NAME]", "sort mail by this one, or by none", 1, 2, sieve_activate },
	{ "delete", "USER NAME", "forget a script that is not active", 2, 2, sieve_delete },
	{ 0 },
};

static const struct cli_option options[] = {
	{ "from", 0, "ADDRESS", "the sender of the envelope; <> for a report (test, trace)" },
	{ "json", 0, NULL, "as JSON" },
	{ "mailbox", 0, "NAME", "there is such a mailbox; may be given again (test, trace)" },
	{ "message", 0, NULL, "print messages that the script has changed (test)" },
	{ "to", 0, "ADDRESS", "the recipient of the envelope (test, trace)" },
	{ 0 },
};

const struct cli_command cmd_sieve = {
	.name = "sieve",
	.summary = "Scripts that sort mail: check them, try them, give them to users.",
	.text = "Nothing is delivered or remembered by test and trace; scripts to include are "
		"looked\nfor beside the file. The exit status is 3 if the script has an error.\n",
	.options = options,
	.verbs = verbs,
};
