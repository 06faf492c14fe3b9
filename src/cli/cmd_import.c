/* veredus import */
#include "cli/cli_commands.h"
#include "cli/import.h"

static const struct cli_option options[] = {
	{ "folder", 0, "FOLDER", "put it there, or below it (INBOX)" },
	{ "again", 0, NULL, "read all again, also what an earlier run brought in" },
	{ "mboxo", 0, NULL, "only \"From \" was quoted in the mbox, not \">From \" (mbox)" },
	{ "max-message", 0, "SIZE", "pass larger messages by (128M)" },
	{ "json", 0, NULL, "the result as one JSON object" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "mbox", "ADDRESS PATH", "From an mbox file, or a directory of such files.", 2, 2,
	  import_mbox },
	{ "maildir", "ADDRESS PATH", "From a Maildir with its folders.", 2, 2, import_maildir },
	{ 0 },
};

const struct cli_command cmd_import = {
	.name = "import",
	.summary = "Bring mail of other programs into a user's folders.",
	.text = "Flags, keywords, dates and folders come along. It works while the server runs and "
		"while it\ndoes not. A run that was interrupted goes on where it stopped, and a "
		"later one brings what\nis new. A message that the folder has with the same bytes "
		"is not brought twice. Quotas\nare not asked. Exit status: 3 if messages had to "
		"be passed by.\n",
	.options = options,
	.verbs = verbs,
};
