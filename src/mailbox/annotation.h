/* Annotations of mailboxes and of the server (RFC 5464): small values under names such as
 * "/shared/comment".
 *
 * A name is a path below "/shared/", the same for everybody, or "/private/", each account's own. It
 * is kept in lower case. Mailbox 0 stands for the server. Called inside a closure, like the
 * functions of mailbox.h. */
#ifndef VEREDUS_MAILBOX_ANNOTATION_H
#define VEREDUS_MAILBOX_ANNOTATION_H

#include "mailbox/mailbox.h"

enum {
	ANNOTATION_NAME_MAX = 256,    /* bytes of a name */
	ANNOTATION_BYTES_MAX = 32768, /* of a value */
	ANNOTATIONS_MAX = 100, /* of a mailbox: shared ones, and private ones of an account */
	ANNOTATION_SERVER = 0, /* as a mailbox id */
};

/* A name in lower case, in the arena; "/shared" and "/private" alone stand for what is below them.
 * False: it is none. */
bool annotation_name(struct arena *arena, struct slice text, struct slice *out);
bool annotation_is_place(struct slice name); /* one of those two */
bool annotation_is_private(struct slice name);

/* What lies below a name is asked for too. */
enum annotation_depth { ANNOTATION_SELF, ANNOTATION_CHILDREN, ANNOTATION_ALL };

/* Reading: those of the name and below, by their names. Slices are valid during the visit; a
 * result that is not 0 ends it and is handed on. */
int annotation_each(struct db *db, int64_t mailbox_id, int64_t account_id, struct slice name,
                    enum annotation_depth depth,
                    int (*visit)(struct slice name, struct slice value, void *arg), void *arg);

/* Changes. value NULL: it goes. -ENOSPC: ANNOTATIONS_MAX. */
int annotation_set(struct db *db, int64_t mailbox_id, int64_t account_id, struct slice name,
                   const struct slice *value);
/* All of a mailbox; all private ones of an account. */
int annotation_drop_mailbox(struct db *db, int64_t mailbox_id);
int annotation_drop_account(struct db *db, int64_t account_id);

#endif
