/* What all commands use. */
#include "cli/cli.h"

#include <stdarg.h>

static bool is_option(const struct cli_value *value, const char *name)
{
	return slice_equal(slice_from_str(value->option->name), slice_from_str(name));
}

bool cli_has(const struct cli *cli, const char *option)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		if (is_option(&cli->values[i], option))
			return true;
	}
	return false;
}

const char *cli_text(const struct cli *cli, const char *option)
{
	const char *last = NULL, *text;
	size_t position = 0;
	while ((text = cli_next_text(cli, option, &position)))
		last = text;
	return last;
}

const char *cli_next_text(const struct cli *cli, const char *option, size_t *position)
{
	while (*position < cli->value_count) {
		const struct cli_value *value = &cli->values[(*position)++];
		if (value->text && is_option(value, option))
			return value->text;
	}
	return NULL;
}

bool cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max,
                int64_t otherwise, int64_t *out)
{
	const char *text = cli_text(cli, option);
	int64_t value = otherwise;
	if (text && (!slice_to_i64(slice_from_str(text), &value) || value < min || value > max)) {
		cli_usage(cli, "--%s must be a number from %lld to %lld", option, (long long)min,
		          (long long)max);
		return false;
	}
	*out = value;
	return true;
}

int cli_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("veredus: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return CLI_FAILED;
}

/* Of a command, or of one verb of it only. */
static void print_usage(FILE *out, const struct cli_command *command, const struct cli_verb *only)
{
	if (!command->verbs) {
		fprintf(out, "usage: veredus [-d DIR] %s%s%s\n", command->name,
		        command->usage[0] ? " " : "", command->usage);
		return;
	}
	const char *lead = "usage:";
	for (const struct cli_verb *v = command->verbs; v->name; v++) {
		if (only && v != only)
			continue;
		fprintf(out, "%s veredus [-d DIR] %s %s%s%s\n", lead, command->name, v->name,
		        v->usage[0] ? " " : "", v->usage);
		lead = "      ";
	}
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("veredus: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (cli->command)
		print_usage(stderr, cli->command, cli->verb);
	return CLI_USAGE;
}

void cli_print_commands(FILE *out)
{
	fputs("usage: veredus [-d DIR] COMMAND ...\n\n"
	      "DIR is the data directory (/var/lib/veredus).\n",
	      out);
	for (size_t i = 0; cli_commands[i]; i++) {
		for (const struct cli_heading *h = cli_headings; h->above; h++) {
			if (h->above == cli_commands[i])
				fprintf(out, "\n%s:\n", h->text);
		}
		fprintf(out, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	}
	fputs("\n`veredus help COMMAND` tells more about one.\n", out);
}

enum { OPTION_WIDTH = 26 };

static void print_options(FILE *out, const struct cli_option *options)
{
	fputs("\nOptions:\n", out);
	for (const struct cli_option *o = options; o->name; o++) {
		char left[64], letter[8] = "";
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
		         o->argument ? o->argument : "");
		if (strlen(left) > OPTION_WIDTH)
			fprintf(out, "  %s\n%*s%s\n", left, OPTION_WIDTH + 3, "", o->help);
		else
			fprintf(out, "  %-*s %s\n", OPTION_WIDTH, left, o->help);
	}
}

void cli_print_help(FILE *out, const struct cli_command *command)
{
	fprintf(out, "veredus %s: %s\n\n", command->name, command->summary);
	print_usage(out, command, NULL);
	if (command->verbs) {
		fputc('\n', out);
		for (const struct cli_verb *v = command->verbs; v->name; v++)
			fprintf(out, "  %-12s %s\n", v->name, v->help);
	}
	if (command->text)
		fprintf(out, "\n%s", command->text);
	if (command->options)
		print_options(out, command->options);
}
