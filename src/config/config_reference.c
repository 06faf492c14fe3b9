/* The manual of all options, from the table. */
#include "config/config.h"
#include "config/config_options.h"

static const char *kind_name(enum config_kind kind)
{
	static const char *const names[] = {
		[CONFIG_TEXT] = "text",         [CONFIG_PATH] = "file",
		[CONFIG_NUMBER] = "number",     [CONFIG_PORT] = "port",
		[CONFIG_SIZE] = "size",         [CONFIG_DURATION] = "time",
		[CONFIG_FLAG] = "yes | no",     [CONFIG_CHOICE] = "choice",
		[CONFIG_LETTER] = "letter",     [CONFIG_LIST] = "{ text, ... }",
		[CONFIG_DAYS] = "days | never",
	};
	return names[kind];
}

/* Text of mdoc, a line a sentence: what would be a request or an escape is made harmless. */
static void print_text(FILE *out, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		fputs("\\&", out);
	for (; *text; text++) { /* text[-1] is looked at behind a space only, never the first */
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == ' ' && text[-1] == '.' && text[1] >= 'A' && text[1] <= 'Z')
			fputc('\n', out);
		else
			fputc(*text, out);
	}
}

static void print_argument(FILE *out, const struct config_option *o)
{
	fputs(" = ", out);
	if (o->kind != CONFIG_CHOICE) {
		fprintf(out, "%s\n", kind_name(o->kind));
		return;
	}
	for (size_t i = 0; o->choices[i]; i++)
		fprintf(out, "%s%s", i ? " | " : "", o->choices[i]);
	fputc('\n', out);
}

static void print_option(FILE *out, const struct config_option *o)
{
	fprintf(out, ".It Ic %s", o->name);
	print_argument(out, o);
	print_text(out, o->help);
	fputc('\n', out);
	if (o->fallback)
		fprintf(out, "Default: %s.\n", o->fallback[0] ? o->fallback : "\"\"");
	if (o->at_start)
		fputs("A change needs a restart.\n", out);
}

static void print_section(FILE *out, const char *section)
{
	fputs(".Bl -tag -width Ds\n", out);
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (slice_equal(slice_from_str(o->section), slice_from_str(section)))
			print_option(out, o);
	}
	fputs(".El\n", out);
}

void config_print_reference(FILE *out)
{
	fputs(".Ss Outside of sections\n", out);
	print_section(out, "");
	for (size_t i = 0; i < config_section_count; i++) {
		const struct config_section *s = &config_sections[i];
		fprintf(out, ".Ss Section %s%s\n", s->name, s->titled ? " TITLE" : "");
		print_text(out, s->help);
		fputc('\n', out);
		if (s->titled)
			fprintf(out, "The title is %s.\n", s->title);
		if (s->at_start)
			fputs("A change of any of it needs a restart.\n", out);
		print_section(out, s->name);
	}
}
