/* The index of words for SEARCH: kept up in the background, asked before messages are opened. Its
 * fiber also packs what SORT and THREAD go by (imap_keys.h).
 *
 * Each account has its index (mailbox/text_index.h). A fiber takes in what is new, some hundred
 * messages in one change; the change also says up to which UID of a mailbox all is taken in, so a
 * process that is killed goes on where it was. It uses a share of one core, and waits a while for
 * more mail before it begins with a mailbox.
 *
 * A search asks it for each of its texts which messages may hold it. These are then opened or
 * their rows read, as are those that came later; so what is found is right whatever the index
 * knows, if only it leaves nothing out. */
#ifndef VEREDUS_IMAP_IMAP_INDEX_H
#define VEREDUS_IMAP_IMAP_INDEX_H

#include "imap/imap_parse_search.h"

struct store;
struct mailboxes;
struct imap_index;

struct imap_index_config {
	const char *dir; /* the data directory; the indexes are in "index" there */
	struct store *store;
	struct mailboxes *mailboxes;
	uint64_t max_message_bytes;
	unsigned share; /* percent of a core */
	int64_t delay_ms;
};
/* From here on it hears of changes. */
int imap_index_open(const struct imap_index_config *config, struct imap_index **out);
void imap_index_close(struct imap_index *x);
/* Starts the fiber. */
void imap_index_start(struct imap_index *x);
/* [any thread] Makes the index of an account anew; 0: all of them. */
void imap_index_rebuild(struct imap_index *x, int64_t account_id);

/* Fills in what the index knows of the texts among the keys. Parks the fiber. */
void imap_index_ask(struct imap_index *x, struct arena *arena, int64_t mailbox_id,
                    struct imap_search_key *root);

/* --- for the operator, with or without a server -------------------------------------- */

/* "DIR/index" */
const char *imap_index_dir(struct arena *arena, const char *dir);
/* Removes an account's index. A server that runs is to be asked by imap_index_rebuild(). */
void imap_index_remove(const char *dir, int64_t account_id);

struct imap_index_status {
	uint64_t bytes;  /* on disk */
	int64_t blobs;   /* in it */
	int64_t skipped; /* of these, too large to be taken in */
	int64_t waiting; /* messages that are not in it yet, at most */
};
int imap_index_status(struct store *store, const char *dir, int64_t account_id,
                      struct imap_index_status *out);

#endif
