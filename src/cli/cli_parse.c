/* From argv to struct cli. */
#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

#include "config/nearest.h"

#define DEFAULT_DIR "/var/lib/veredus"

struct parse {
	struct cli *cli;
	int argc;
	char **argv;
	int at;
	const char **why;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct parse *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char text[512];
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*p->why = arena_str(p->cli->arena, slice_from_str(text));
	return -EINVAL;
}

const struct cli_command *cli_find(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		if (slice_equal(slice_from_str(cli_commands[i]->name), slice_from_str(name)))
			return cli_commands[i];
	}
	return NULL;
}

static const char *absolute(struct arena *arena, const char *path)
{
	if (path[0] == '/')
		return path;
	char *here = getcwd(NULL, 0);
	if (!here)
		return path;
	bool same = slice_equal(slice_from_str(path), SLICE("."));
	const char *whole = same ? arena_printf(arena, "%s", here)
	                         : arena_printf(arena, "%s/%s", here, path);
	free(here);
	return whole;
}

static int take_argument(struct parse *p, const char *name, const char **out)
{
	if (p->at >= p->argc)
		return wrong(p, "%s needs an argument", name);
	*out = p->argv[p->at++];
	return 0;
}

static void add_value(struct cli *cli, const struct cli_option *option, const char *text)
{
	cli->values[cli->value_count++] = (struct cli_value){ option, text };
}

/* The nearest of the command's options, for the message. */
static int wrong_option(struct parse *p, const struct cli_command *command, struct slice given)
{
	const char *nearest = NULL;
	struct nearest best = nearest_begin(given);
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (nearest_offer(&best, o->name))
			nearest = o->name;
	}
	if (nearest)
		return wrong(p, "%s has no option --%.*s; did you mean --%s?", command->name,
		             SLICE_ARG(given), nearest);
	return wrong(p, "%s has no option --%.*s", command->name, SLICE_ARG(given));
}

static int parse_long(struct parse *p, const char *word)
{
	const struct cli_command *command = p->cli->command;
	struct slice value = slice_from_str(word + 2);
	bool has_value = slice_find_byte(value, '=') >= 0;
	struct slice name = slice_split(&value, '=');
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (!slice_equal(slice_from_str(o->name), name))
			continue;
		const char *text = NULL;
		if (!o->argument && has_value)
			return wrong(p, "--%s takes no argument", o->name);
		if (o->argument && has_value)
			text = value.data;
		else if (o->argument && take_argument(p, word, &text) < 0)
			return -EINVAL;
		add_value(p->cli, o, text);
		return 0;
	}
	return wrong_option(p, command, name);
}

static const struct cli_option *find_letter(const struct cli_command *command, char letter)
{
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (o->letter == letter)
			return o;
	}
	return NULL;
}

/* "-v", "-vj", "-t text" or "-ttext". */
static int parse_letters(struct parse *p, const char *word)
{
	for (const char *at = word + 1; *at; at++) {
		const struct cli_option *o = find_letter(p->cli->command, *at);
		if (!o)
			return wrong(p, "%s has no option -%c", p->cli->command->name, *at);
		if (!o->argument) {
			add_value(p->cli, o, NULL);
			continue;
		}
		const char *text = at + 1;
		if (!*text && take_argument(p, word, &text) < 0)
			return -EINVAL;
		add_value(p->cli, o, text);
		return 0;
	}
	return 0;
}

static int take_command(struct parse *p, const char *word)
{
	p->cli->command = cli_find(word);
	if (p->cli->command)
		return 0;
	const char *nearest = NULL;
	struct nearest best = nearest_begin(slice_from_str(word));
	for (size_t i = 0; cli_commands[i]; i++) {
		if (nearest_offer(&best, cli_commands[i]->name))
			nearest = cli_commands[i]->name;
	}
	if (nearest)
		return wrong(p, "there is no command '%s'; did you mean '%s'?", word, nearest);
	return wrong(p, "there is no command '%s'; `veredus help` lists them", word);
}

static int take_verb(struct parse *p, const char *word)
{
	const struct cli_command *command = p->cli->command;
	const char *nearest = NULL;
	struct nearest best = nearest_begin(slice_from_str(word));
	for (const struct cli_verb *v = command->verbs; v->name; v++) {
		if (slice_equal(slice_from_str(v->name), slice_from_str(word))) {
			p->cli->verb = v;
			return 0;
		}
		if (nearest_offer(&best, v->name))
			nearest = v->name;
	}
	if (nearest)
		return wrong(p, "there is no '%s %s'; did you mean '%s %s'?", command->name, word,
		             command->name, nearest);
	return wrong(p, "there is no '%s %s'", command->name, word);
}

/* What may stand before the command: -d DIR, --help, --version, which become commands. */
static int parse_global(struct parse *p, const char *word)
{
	struct slice s = slice_from_str(word);
	const char *dir = "";
	if (slice_equal(s, SLICE("-d")) || slice_equal(s, SLICE("--dir"))) {
		if (take_argument(p, word, &dir) < 0)
			return -EINVAL;
	} else if (slice_starts_with(s, SLICE("--dir="))) {
		dir = word + sizeof("--dir=") - 1;
	} else if (slice_equal(s, SLICE("--help")) || slice_equal(s, SLICE("-h"))) {
		return take_command(p, "help");
	} else if (slice_equal(s, SLICE("--version")) || slice_equal(s, SLICE("-V"))) {
		return take_command(p, "version");
	} else {
		return wrong(p, "there is no option %s before a command", word);
	}
	if (!*dir)
		return wrong(p, "the data directory must not be empty");
	p->cli->dir = absolute(p->cli->arena, dir);
	return 0;
}

static int parse_word(struct parse *p, const char *word, bool options_ended)
{
	struct cli *cli = p->cli;
	bool dashed = word[0] == '-' && word[1] && !options_ended;
	if (!cli->command)
		return dashed ? parse_global(p, word) : take_command(p, word);
	/* `veredus user --help` is `veredus help user`. */
	if (dashed && slice_equal(slice_from_str(word), SLICE("--help"))) {
		cli->words[0] = cli->command->name;
		cli->word_count = 1;
		cli->command = cli_find("help");
		cli->verb = NULL;
		p->at = p->argc;
		return 0;
	}
	if (dashed && word[1] == '-')
		return parse_long(p, word);
	if (dashed)
		return parse_letters(p, word);
	if (cli->command->verbs && !cli->verb)
		return take_verb(p, word);
	cli->words[cli->word_count++] = word;
	return 0;
}

static int check_words(struct parse *p)
{
	const struct cli *cli = p->cli;
	const struct cli_command *command = cli->command;
	if (!command)
		return 0;
	if (command->verbs && !cli->verb)
		return wrong(p, "%s needs a second word; see `veredus help %s`", command->name,
		             command->name);
	size_t min = cli->verb ? cli->verb->min_words : command->min_words;
	size_t max = cli->verb ? cli->verb->max_words : command->max_words;
	if (cli->word_count < min)
		return wrong(p, "something is missing behind '%s'",
		             cli->verb ? cli->verb->name : command->name);
	if (cli->word_count > max)
		return wrong(p, "'%s' is one word too many", cli->words[max]);
	return 0;
}

int cli_parse(struct arena *arena, int argc, char **argv, struct cli *out, const char **why_out)
{
	*out = (struct cli){ .dir = DEFAULT_DIR, .arena = arena };
	size_t letters = 0;
	for (int i = 1; i < argc; i++)
		letters += strlen(argv[i]);
	out->words = ARENA_ARRAY(arena, (size_t)argc + 1, const char *);
	out->values = ARENA_ARRAY(arena, letters + 1, struct cli_value);
	struct parse p = { .cli = out, .argc = argc, .argv = argv, .at = 1, .why = why_out };
	bool options_ended = false;
	while (p.at < argc) {
		const char *word = argv[p.at++];
		options_ended |= out->command && out->command->raw;
		if (out->command && !options_ended &&
		    slice_equal(slice_from_str(word), SLICE("--"))) {
			options_ended = true;
			continue;
		}
		int rc = parse_word(&p, word, options_ended);
		if (rc < 0)
			return rc;
	}
	return check_words(&p);
}
