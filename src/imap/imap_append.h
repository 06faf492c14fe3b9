/* What the files of APPEND and REPLACE share: reading the messages (imap_append_read.c), and
 * keeping them (imap_append.c). */
#ifndef VEREDUS_IMAP_IMAP_APPEND_H
#define VEREDUS_IMAP_IMAP_APPEND_H

#include "imap/imap_session.h"
#include "mailbox/mail_event.h"
#include "mailbox/share.h"
#include "store/spool.h"

enum {
	APPEND_MESSAGES_MAX = 100, /* of one command */
	APPEND_TOTAL_TIMES = 2,    /* all of them: so often what one may have */
};

struct append_item {
	struct imap_append args;
	bool binary;             /* literal8 (RFC 3516 section 4.4) */
	uint64_t offset, length; /* in the spool */
	struct slice bytes;
	struct slice message_id;
	struct mailbox_new_message message;
	struct buf note;
	uint32_t uid;
};

struct append {
	struct imap_command *c;
	struct arena *arena;
	struct share share;
	struct mailbox_info to; /* share.info */
	uint32_t replaced_uid;  /* REPLACE: of the selected mailbox; else 0 */
	int64_t replaced_in;
	struct append_item *items;
	struct store_blob *blobs; /* one an item */
	size_t count;
	struct spool spool;
	struct spool recoded; /* what came as binary, encoded */
	uint64_t recoded_length;
	int64_t now_ms;
	struct mail_event_noted event;
};

/* Does the line so far, up to the literal that it may announce, lead on to a message? */
bool append_is_next(const struct imap_command *c, struct slice line);
/* Reads the messages behind the mailbox into the spool, one behind the other: literals, and what
 * CATENATE joins (RFC 4469). Whatever can be refused is refused before it is sent. False: NO or BAD
 * is set, or the session must end. */
bool append_read(struct append *a);

#endif
