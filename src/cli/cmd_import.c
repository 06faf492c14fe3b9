/* veredus import */
#include "cli/cli_commands.h"
#include "cli/import.h"

static const struct cli_option options[] = {
	{ "folder", 0, "FOLDER", "put it there, or below it (INBOX)" },
	{ "again", 0, NULL, "read all again, also what an earlier run brought in" },
	{ "mboxo", 0, NULL, "only \"From \" was quoted in the mbox, not \">From \" (mbox)" },
	{ "max-message", 0, "SIZE", "pass larger messages by (128M)" },
	{ "server", 0, "HOST[:PORT]", "where the mail is (imap; port 993, else 143)" },
	{ "tls", 0, "RULE", "none, starttls or implicit (imap; implicit)" },
	{ "ca", 0, "FILE", "PEM file of the roots to trust, not the system's (imap)" },
	{ "insecure", 0, NULL, "believe any certificate (imap)" },
	{ "user", 'u', "NAME", "whose mail it is there (imap)" },
	{ "master", 0, "NAME", "log in as this one, for that user (imap)" },
	{ "password-file", 0, "FILE",
	  "with the password; else $VEREDUS_PASSWORD, or it is asked for (imap)" },
	{ "only", 0, "FOLDER", "only this folder there, and what is below it (imap)" },
	{ "delete", 0, NULL,
	  "delete here what was brought from there and is deleted there (imap)" },
	{ "json", 0, NULL, "the result as one JSON object" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "mbox", "ADDRESS PATH", "From an mbox file, or a directory of such files.", 2, 2,
	  import_mbox },
	{ "maildir", "ADDRESS PATH", "From a Maildir with its folders.", 2, 2, import_maildir },
	{ "imap", "ADDRESS", "From another server; again until the users move.", 1, 1,
	  import_imap },
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
