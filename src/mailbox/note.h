/* Notes: what a blob's record in the segment says about where its message belongs, so that
 * `veredus recover` can put it back without a database.
 *
 * A note is lines of text, fields separated by one space; a space, a percent sign or a control
 * character in a field is written as %XX. Lines of other kinds are skipped, so that later
 * versions can add some.
 *
 *     at 1767225600123                       when it arrived, wall-clock milliseconds
 *     to alice@example.test INBOX            is in this mailbox of this account
 *     to public News                         is in a public mailbox
 *     relay bob@example.test carol@remote.test   waits in the queue; <> is the null reverse-path
 */
#ifndef VEREDUS_MAILBOX_NOTE_H
#define VEREDUS_MAILBOX_NOTE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"

/* As an address: nobody's. */
#define NOTE_PUBLIC "public"

/* Each appends one line; -ENOBUFS leaves the note without it. */
int note_add_at(struct buf *note, int64_t at_ms);
int note_add_to(struct buf *note, struct slice address, struct slice mailbox);
int note_add_relay(struct buf *note, struct slice reverse_path, struct slice forward_path);

enum note_kind { NOTE_AT, NOTE_TO, NOTE_RELAY };

struct note_line {
	enum note_kind kind;
	int64_t at_ms;        /* NOTE_AT */
	struct slice address; /* NOTE_TO: the account; NOTE_RELAY: the forward-path */
	struct slice mailbox; /* NOTE_TO */
	struct slice reverse; /* NOTE_RELAY: empty for the null one */
};

/* The next line that makes sense; false at the end. */
bool note_next(struct cursor *note, struct arena *arena, struct note_line *out);

#endif
