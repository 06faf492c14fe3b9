/* Views: what a session sees of a mailbox, as it was after some commit.
 *
 * A view is an immutable, reference-counted snapshot: which UIDs exist, in order, with flags and
 * MODSEQs. It is an array of pointers to chunks of 256 UIDs each, which are immutable and counted
 * too, so all sessions on all threads share them, and a change makes new only the chunks that it
 * touched. Two views of one mailbox are compared by looking at chunks that are not the same.
 *
 *     mailbox_view_get(mailboxes, id, &view)        the current one; kept until released
 *     ... a client works with sequence numbers of this view, whatever others do ...
 *     mailbox_view_get(mailboxes, id, &now)
 *     mailbox_view_diff(view, now, &callbacks)      what to tell the client
 *     mailbox_view_release(view); view = now;
 */
#ifndef VEREDUS_MAILBOX_MAILBOX_VIEW_H
#define VEREDUS_MAILBOX_MAILBOX_VIEW_H

#include "fiber/watch.h"
#include "mailbox/mailbox.h"

enum { MAILBOX_CHUNK = 256 };

/* The messages with UIDs number * 256 + 1 to number * 256 + 256. */
struct mailbox_chunk;

/* Part of a view, and like it immutable. */
struct mailbox_keywords {
	struct slice names[MAILBOX_KEYWORD_MAX]; /* by number, see FLAG_KEYWORD; empty: none */
	size_t count;                            /* the greatest number in use, plus one */
};

struct mailbox_view_chunk {
	struct mailbox_chunk *chunk;
	uint32_t before; /* messages in earlier chunks */
};

/* Read its fields, change none. */
struct mailbox_view {
	_Atomic unsigned refs; /* mailbox_view_retain(), mailbox_view_release() */
	int64_t mailbox_id;
	int64_t viewer; /* whose \Seen it has: mailbox_seen.h; 0: the owner's */
	uint32_t uid_validity, uid_next, recent_uid;
	uint64_t mod_seq;
	uint32_t count; /* messages */
	uint32_t unseen_count;
	const struct mailbox_keywords *keywords; /* NULL: it has none */
	size_t chunk_count;
	struct mailbox_view_chunk *chunks;
};

/* A message in a view. */
struct mailbox_item {
	uint32_t seq; /* from 1 */
	uint32_t uid;
	uint64_t flags;
	uint64_t mod_seq;
};

/* The current view. -ENOENT: there is no such mailbox (any more). May wait. */
int mailbox_view_get(struct mailboxes *m, int64_t mailbox_id, struct mailbox_view **out);
/* As somebody sees it who is not the owner. */
int mailbox_view_get_for(struct mailboxes *m, int64_t mailbox_id, int64_t viewer,
                         struct mailbox_view **out);
/* NULL is allowed. [any thread] */
void mailbox_view_release(struct mailbox_view *v);
struct mailbox_view *mailbox_view_retain(struct mailbox_view *v);

/* Messages by sequence number and by UID. False if there is none. O(log chunks). */
bool mailbox_view_by_seq(const struct mailbox_view *v, uint32_t seq, struct mailbox_item *out);
bool mailbox_view_by_uid(const struct mailbox_view *v, uint32_t uid, struct mailbox_item *out);
/* A walk in order, from its start ({ 0 } for all). Cheap. */
struct mailbox_walk {
	size_t chunk;
	uint32_t index;
};
bool mailbox_view_next(const struct mailbox_view *v, struct mailbox_walk *walk,
                       struct mailbox_item *out);
/* So that the next one is the first message with a UID of at least uid. */
struct mailbox_walk mailbox_view_walk_from(const struct mailbox_view *v, uint32_t uid);
/* A walk over the messages whose UIDs are in a set; start with { .uids = set }. */
struct mailbox_set_walk {
	const struct uid_set *uids;
	size_t range;
	bool inside;
	struct mailbox_walk walk;
};
bool mailbox_view_next_of(const struct mailbox_view *v, struct mailbox_set_walk *walk,
                          struct mailbox_item *out);

/* Ranges of sequence numbers become ranges of UIDs, in the arena; numbers beyond the last message
 * are left out. UIDs between may have no message. */
struct uid_set mailbox_view_uids(const struct mailbox_view *v, struct arena *arena,
                                 const struct uid_set *seqs);

/* UIDs of a set that were given out (are below uid_next) and have no message. */
struct uid_set mailbox_view_missing(const struct mailbox_view *v, struct arena *arena,
                                    const struct uid_set *uids);

/* What changed between two views of one mailbox, in the order in which a client wants to hear
 * it: expunged messages from the last to the first with their numbers in old, then the number
 * of messages if it grew, then flags, numbered as in now; also those that changed and are again
 * what they were. Callbacks may wait. A callback that returns non-zero ends it with that result. */
struct mailbox_diff {
	int (*expunged)(const struct mailbox_item *item, void *arg);
	int (*exists)(uint32_t count, void *arg);
	int (*flags)(const struct mailbox_item *item, uint64_t old_flags, void *arg);
	void *arg;
};
int mailbox_view_diff(const struct mailbox_view *old, const struct mailbox_view *now,
                      const struct mailbox_diff *diff);
/* `now`, but with the messages that were expunged since old still in it: for while a client may
 * not be told of that (RFC 3501 section 7.4.1). A reference to `now` itself if there is none. */
struct mailbox_view *mailbox_view_keep(const struct mailbox_view *old, struct mailbox_view *now);

/* [any thread] session_notify(watcher) after each change until unwatched; a watcher may watch
 * several mailboxes. */
void mailboxes_watch(struct mailboxes *m, int64_t mailbox_id, watch_id watcher);
void mailboxes_unwatch(struct mailboxes *m, int64_t mailbox_id, watch_id watcher);

/* The same, of the names and subscriptions of an account. */
void mailboxes_watch_names(struct mailboxes *m, int64_t account_id, watch_id watcher);
void mailboxes_unwatch_names(struct mailboxes *m, int64_t account_id, watch_id watcher);
/* [any thread] After a commit that made, removed, renamed or subscribed a mailbox. */
void mailboxes_names_changed(struct mailboxes *m, int64_t account_id);
/* mailbox_news.h */
struct mailbox_news *mailboxes_annotation_news(struct mailboxes *m);
struct mailbox_news *mailboxes_key_news(struct mailboxes *m);

#endif
