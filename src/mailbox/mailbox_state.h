/* Flags and keywords straight from the rows, for who reads a folder once from end to end and needs
 * no view of it: export, backup. Inside a closure. */
#ifndef VEREDUS_MAILBOX_MAILBOX_STATE_H
#define VEREDUS_MAILBOX_MAILBOX_STATE_H

#include "mailbox/mailbox.h"

/* The flags of those UIDs that exist, ascending. A visit that returns non-zero ends it. */
int mailbox_each_flags(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                       int (*visit)(uint32_t uid, uint64_t flags, void *arg), void *arg);
/* The names of a mailbox's keywords by number (FLAG_KEYWORD), in the arena; empty: none. */
int mailbox_read_keywords(struct db *db, struct arena *arena, int64_t mailbox_id,
                          struct slice names_out[static MAILBOX_KEYWORD_MAX]);

#endif
