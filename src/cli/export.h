/* veredus export: what its writers share. Messages come one by one, and a writer gets each whole,
 * so memory is bounded by the largest. */
#ifndef VEREDUS_CLI_EXPORT_H
#define VEREDUS_CLI_EXPORT_H

#include "base/buf.h"
#include "cli/cli_link.h"

struct export_folder {
	const char *name;
	uint32_t uid_validity;
	bool subscribed;
};

struct export_message {
	const struct export_folder *folder;
	uint32_t uid;
	int64_t at_ms;
	unsigned flags; /* of enum mailbox_flag */
	const json_t *keywords;
	struct slice bytes; /* with CRLF */
};

struct export;
/* Of one format. Functions return 0 or a negative errno, which ends the export after a message
 * from the caller; context is theirs. */
struct export_writer {
	int (*begin)(struct export *ex, const struct export_folder *folder);
	/* 1: it is there already. */
	int (*message)(struct export *ex, const struct export_message *message);
	int (*end)(struct export *ex, const struct export_folder *folder);
};

struct export
{
	struct cli *cli;
	struct cli_link *link;
	const struct export_writer *writer;
	void *context;
	const char *address;
	const char *path;      /* the directory that is written */
	struct arena *arena;   /* of one folder */
	struct arena *scratch; /* of one message */
	json_t *folders;
	/* The message that comes. */
	const struct export_folder *folder;
	json_t *item;
	struct buf bytes;
	int rc;
	/* What came of it. */
	uint64_t messages, skipped, failed, message_bytes, folder_count;
	int64_t began_ns, shown_ns;
	bool shows;
};

/* Runs the command `export ... ADDRESS PATH` with a writer. An enum cli_exit. */
int export_run(struct cli *cli, const struct export_writer *writer, void *context);
/* Appends a text with LF where a line ends with CRLF. */
int export_add_lf(struct slice text, struct buf *out);

int export_mbox(struct cli *cli);
int export_maildir(struct cli *cli);

#endif
