/* veredus import: what its readers share, and how messages reach the store: gathered, and handed
 * over some at a time (import.put of the admin interface), so that memory is bounded whatever the
 * source holds. */
#ifndef VEREDUS_CLI_IMPORT_H
#define VEREDUS_CLI_IMPORT_H

#include "base/buf.h"
#include "cli/cli_link.h"

enum {
	IMPORT_BATCH_MESSAGES = 200,
	IMPORT_BATCH_BYTES = 4 << 20,
	IMPORT_KEYS_AT_ONCE = 200, /* of import_ask_known() */
};

struct import {
	struct cli *cli;
	struct cli_link *link;
	const char *address;
	bool again;             /* what is remembered of the source does not count */
	uint64_t message_bytes; /* larger messages are passed by */
	struct arena *arena;    /* of the folder at hand */
	/* What waits to be handed over, all for one folder of one source. */
	const char *folder, *source;
	struct buf bytes;
	json_t *messages;
	size_t line_bytes; /* of them in the request, about */
	char *state;       /* to be remembered with them, or NULL */
	/* What came of it. */
	uint64_t imported, duplicates, known, failed, message_total_bytes;
	uint64_t flags_changed; /* of messages that were there before */
	uint64_t removed;       /* as the source has them no more */
	uint64_t settings;      /* brought by a restore */
	/* Progress. */
	int64_t began_ns, shown_ns;
	uint64_t read_bytes, expected_bytes; /* of the source; 0: not known */
	bool shows;
};

struct import_message {
	struct slice bytes; /* with CRLF */
	int64_t at_ms;      /* INTERNALDATE */
	unsigned flags;     /* of enum mailbox_flag */
	json_t *keywords;   /* an array, taken over; or NULL */
	const char *key;    /* what the source calls it, or NULL */
	uint32_t uid;       /* there, or 0 */
};

/* From the command line; all others return an enum cli_exit. */
int import_begin(struct cli *cli, struct import *out);
/* Makes a name of another program's folder one that a folder may have here (mailbox_name()), in
 * place: what may not stand in it becomes "_", empty levels go. */
void import_clean_name(char *name);
/* From here on messages go into this folder, and come from this source. Names are copied. */
int import_folder(struct import *im, const char *folder, const char *source);
int import_add(struct import *im, const struct import_message *message);
/* The text to be remembered when all that was added so far is there. */
void import_keep_state(struct import *im, const char *state);
int import_flush(struct import *im);
/* The state of the folder's source, in the arena; "" if there is none. */
int import_load_state(struct import *im, const char **out);
/* Which of these keys of the folder's source are there already? */
int import_ask_known(struct import *im, const char *const *keys, size_t count, bool *known_out);
/* A message that can't be imported, and why. */
void import_note_failure(struct import *im, const char *what, const char *why);
/* On a terminal, now and then. */
void import_show(struct import *im);
/* Hands over the rest, prints the result, and frees all. status: how it went so far. */
int import_end(struct import *im, int status);

int import_mbox(struct cli *cli);
int import_maildir(struct cli *cli);
int import_imap(struct cli *cli);

#endif
