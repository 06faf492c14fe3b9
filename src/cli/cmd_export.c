/* veredus export */
#include "cli/cli_commands.h"
#include "cli/export.h"

static const struct cli_option options[] = {
	{ "folder", 0, "FOLDER", "only this, and what is below it" },
	{ "json", 0, NULL, "the result as one JSON object" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "mbox", "ADDRESS DIRECTORY", "As mbox files, one a folder.", 2, 2, export_mbox },
	{ "maildir", "ADDRESS DIRECTORY", "As a Maildir with folders (Maildir++).", 2, 2,
	  export_maildir },
	{ 0 },
};

const struct cli_command cmd_export = {
	.name = "export",
	.summary = "Write a user's mail to files that other programs read.",
	.text = "Flags, keywords, dates and folders go along. It works while the server runs and "
		"while it\ndoes not, and changes nothing. A Maildir that is there already gets "
		"what is new, and the\nflags of today; an mbox file that is there stays as it is, "
		"and is an error. Exit status: 3 if\nmessages could not be read.\n",
	.options = options,
	.verbs = verbs,
};
