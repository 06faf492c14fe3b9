/* Threads out of what messages say of each other (RFC 5256 section 3). Pure.
 *
 * All steps are loops over arrays: a chain of a hundred thousand answers needs no more stack than
 * one message. */
#ifndef VEREDUS_IMAP_IMAP_THREAD_TREE_H
#define VEREDUS_IMAP_IMAP_THREAD_TREE_H

#include "base/buf.h"
#include "imap/imap_parse_sort.h"

enum { THREAD_NODES_MAX = 3 * 1000 * 1000 };
#define THREAD_NONE UINT32_MAX

struct thread_message {
	uint32_t uid;
	int64_t date;  /* of sending, in seconds */
	bool is_reply; /* by its subject */
	/* Hashes that are evenly spread; 0: there is none. */
	uint64_t id;               /* of the Message-ID */
	uint64_t subject;          /* of the base subject */
	const uint64_t *ancestors; /* ids, the direct parent last */
	size_t ancestor_count;
};

struct thread_node {
	uint32_t message; /* its index; THREAD_NONE: a message that is only spoken of */
	uint32_t parent;
	uint32_t child, next; /* first child, next sibling; sorted at the end */
	uint32_t set;         /* see thread_root() */
};

struct thread_tree {
	const struct thread_message *messages;
	size_t message_count;
	struct thread_node *nodes;
	size_t count, capacity;
	uint32_t *roots; /* sorted at the end */
	size_t root_count;
};

/* -E2BIG: more than THREAD_NODES_MAX messages are spoken of. thread_tree_destroy() in any case. */
int thread_tree_build(struct thread_tree *t, enum imap_thread_kind kind,
                      const struct thread_message *messages, size_t count);
void thread_tree_destroy(struct thread_tree *t);

/* "(3 6 (4 23)(44 7 96))" of one root after another: UIDs and what stands between them, without
 * spaces. By malloc(); how many. */
enum { THREAD_OPEN = 0 };
#define THREAD_CLOSE UINT32_MAX
size_t thread_tree_list(const struct thread_tree *t, uint32_t **list_out);

#endif
