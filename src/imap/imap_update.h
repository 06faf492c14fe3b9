/* Results of SEARCH and SORT that are kept up to date (RFC 5267) while their mailbox is selected:
 * whoever asked for UPDATE is told by ADDTO and REMOVEFROM what changed, together with the change
 * itself.
 *
 *     imap_update_begin()     behind the answer to a command with UPDATE
 *     imap_updates_gone()     before EXPUNGEs are told, as its numbers are still those
 *     imap_updates_tell()     behind EXISTS and flags; at the end of a command
 *     imap_updates_drop()     when the mailbox is left
 *
 * A session has as many as `imap { contexts }` says. What one holds is bounded, too: its keys, the
 * ranges of what was found, or the order of what was sorted. Where that is not enough the client
 * hears NO [NOUPDATE], and is told no more of that result. */
#ifndef VEREDUS_IMAP_IMAP_UPDATE_H
#define VEREDUS_IMAP_IMAP_UPDATE_H

#include "imap/imap_session.h"

enum {
	IMAP_UPDATE_KEYS_MAX = 64 << 10, /* bytes of keys, as they are kept */
	IMAP_UPDATE_RANGES_MAX = 16384,  /* of the UIDs that were found */
	IMAP_UPDATE_SORTED_MAX = 100000, /* messages that were sorted */
};

struct imap_update;

/* Is there one already with the command's tag? Then BAD is set: section 4.3. */
bool imap_update_is_taken(struct imap_command *c);
/* args: the arguments of the SEARCH, or SORT, as they were sent; found: its UIDs. */
void imap_update_search(struct imap_command *c, struct cursor args, const struct uid_set *found);
void imap_update_sort(struct imap_command *c, struct cursor args, const struct uid_set *found,
                      const uint32_t *order, size_t count);

/* The selected mailbox: of `old`, messages are in `now` no more. */
void imap_updates_gone(struct imap_session *s, const struct mailbox_view *old,
                       const struct mailbox_view *now);
/* What has changed, or come, since it was called last. */
void imap_updates_tell(struct imap_session *s);
void imap_updates_drop(struct imap_selected *selected);

#endif
