/* The command line: `veredus [-d DIR] COMMAND ...`.
 *
 * Each command is one entry of the table in cli_commands.c and one file cmd_NAME.c. Its options
 * stand in a table too, from which both the parsing and the help are made. main() has parsed them
 * when run() is called: words are what is left over, in order.
 *
 *     static const struct cli_option options[] = {
 *             { "json", 0, NULL, "print JSON, one object a line" },
 *             { "to", 't', "ADDRESS", "a recipient; may be given again" },
 *             { 0 },
 *     };
 *     const struct cli_command cmd_example = {
 *             .name = "example", .summary = "Show how it is done.",
 *             .usage = "[--json] [--to ADDRESS]... FILE", .options = options, .run = run,
 *     };
 */
#ifndef VEREDUS_CLI_CLI_H
#define VEREDUS_CLI_CLI_H

#include <stdio.h>

#include "base/arena.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,     /* it could not be done; standard error says why */
	CLI_USAGE = 2,      /* the command line is wrong */
	CLI_FOUND = 3,      /* done, and something is wrong: check, fsck */
	CLI_TRY_LATER = 75, /* EX_TEMPFAIL of sysexits.h: a remote asked for patience */
};

struct cli_option {
	const char *name;     /* without "--" */
	char letter;          /* of the short form, or 0 */
	const char *argument; /* what it is called in the help; NULL: the option takes none */
	const char *help;     /* one line */
};

struct cli;

/* A second word, as in `user add`. */
struct cli_verb {
	const char *name;
	const char *usage; /* of its words: "ADDRESS" */
	const char *help;  /* one line */
	size_t min_words, max_words;
	int (*run)(struct cli *cli);
};

struct cli_command {
	const char *name;
	const char *summary; /* one line */
	const char *usage;   /* what stands behind the name; NULL with verbs */
	const char *text;    /* paragraphs for `help`, or NULL */
	bool raw;            /* all behind the name are words: it has options of its own */
	const struct cli_option *options; /* ends with a cleared entry; NULL: none */
	const struct cli_verb *verbs;     /* likewise; run is not used with verbs */
	size_t min_words, max_words;      /* besides the options; max 0: none */
	int (*run)(struct cli *cli);      /* an enum cli_exit */
};

/* One use of the program. */
struct cli {
	const char *dir; /* the data directory, absolute */
	const struct cli_command *command;
	const struct cli_verb *verb; /* or NULL */
	const char **words;          /* those behind the command (and verb) */
	size_t word_count;
	struct cli_value *values; /* options in the order given */
	size_t value_count;
	struct arena *arena; /* lives as long as the process */
};

struct cli_value {
	const struct cli_option *option;
	const char *text; /* NULL if the option takes none */
};

enum { CLI_ANY_WORDS = 1 << 20 };

/* The table; ends with NULL. */
extern const struct cli_command *const cli_commands[];
/* What the help writes above a command; ends with a cleared entry. */
struct cli_heading {
	const struct cli_command *above;
	const char *text;
};
extern const struct cli_heading cli_headings[];

/* Parses what stands behind argv[0] and fills *out. On failure (-EINVAL) *why_out is a text in
 * the arena. Without a command *out has none and the call succeeds. */
int cli_parse(struct arena *arena, int argc, char **argv, struct cli *out, const char **why_out);
const struct cli_command *cli_find(const char *name);

/* Was the option given? */
bool cli_has(const struct cli *cli, const char *option);
/* The last text given for the option, or NULL. */
const char *cli_text(const struct cli *cli, const char *option);
/* All of them: start with *position = 0; NULL when there are no more. */
const char *cli_next_text(const struct cli *cli, const char *option, size_t *position);
/* A number from min to max, or otherwise; false after a message when it is none. */
bool cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max,
                int64_t otherwise, int64_t *out);

/* "veredus: ..." to standard error. Returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the usage of the command. Returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The list of commands, and all about one. */
void cli_print_commands(FILE *out);
void cli_print_help(FILE *out, const struct cli_command *command);

#endif
