/* Access control lists of mailboxes (RFC 4314).
 *
 * A list belongs to one mailbox, or, as mailbox 0, to all of an account, those that are made later
 * too: a delegated account. Public mailboxes are those of the owner MAILBOX_PUBLIC, who is no
 * account. An entry names the address of an account, or "anyone", which is every account; with "-"
 * before it what it lists is taken away. What somebody may do is what the entries for the address
 * and for anyone grant, of the mailbox and of its owner together, without what those with "-" take
 * away. The owner may do everything.
 *
 * Called inside a closure, like the functions of mailbox.h. */
#ifndef VEREDUS_MAILBOX_ACL_H
#define VEREDUS_MAILBOX_ACL_H

#include "mailbox/mailbox.h"

#define MAILBOX_PUBLIC ((int64_t)-1)

enum acl_right {
	ACL_LOOKUP = 1 << 0,  /* l: it is seen by LIST */
	ACL_READ = 1 << 1,    /* r: SELECT, STATUS */
	ACL_SEEN = 1 << 2,    /* s: \Seen */
	ACL_WRITE = 1 << 3,   /* w: other flags */
	ACL_INSERT = 1 << 4,  /* i: APPEND, COPY into it */
	ACL_POST = 1 << 5,    /* p: send mail to its address */
	ACL_CREATE = 1 << 6,  /* k: mailboxes below it */
	ACL_REMOVE = 1 << 7,  /* x: DELETE, RENAME */
	ACL_DELETED = 1 << 8, /* t: \Deleted */
	ACL_EXPUNGE = 1 << 9, /* e */
	ACL_ADMIN = 1 << 10,  /* a: this list */
	ACL_ALL = (1 << 11) - 1,
};
#define ACL_LETTERS "lrswipkxtea"

enum {
	ACL_TEXT_MAX = 16,      /* letters of all rights, those of RFC 2086 too, and a NUL */
	ACL_ENTRIES_MAX = 1000, /* of one list */
};

/* Rights as letters. with_old: "c" and "d" of RFC 2086 beside what they became (RFC 4314 section
 * 2.1.1). Returns out. */
const char *acl_text(unsigned rights, bool with_old, char out[static ACL_TEXT_MAX]);
/* False: a letter is no right. "c" stands for k, "d" for x, t and e. */
bool acl_parse(struct slice letters, unsigned *rights_out);

/* An identifier as it is kept, in the arena, and whose it is (NULL is allowed; 0: anyone's):
 * -EINVAL it is none, -ENOENT there is no such account. */
int acl_identifier(struct db *db, struct arena *arena, struct slice text, struct slice *out,
                   int64_t *account_out);

/* --- reading ------------------------------------------------------------------------- */

/* What the account with that address may do with a mailbox of the owner. mailbox_id 0: what it may
 * do with each of them. */
int acl_rights(struct db *db, int64_t owner_id, int64_t mailbox_id, int64_t account_id,
               struct slice address, unsigned *rights_out);
/* 1: some entry in the lists of the owner grants ACL_POST; 0, or an error. */
int acl_has_posting(struct db *db, int64_t owner_id);
/* The entries of the mailbox and of its owner, those for one identifier together; mailbox_id 0:
 * of the owner alone. By identifier; slices are valid during the visit. */
int acl_each(struct db *db, int64_t owner_id, int64_t mailbox_id,
             int (*visit)(struct slice identifier, unsigned rights, void *arg), void *arg);

/* A mailbox of somebody else's that the account may look up. */
struct acl_shared {
	struct mailbox_info info;
	struct slice owner; /* the owner's address; empty for a public one */
	unsigned rights;
};
/* By owner. Slices are valid during the visit; a result that is not 0 ends it. */
int acl_each_shared(struct db *db, int64_t account_id, struct slice address,
                    int (*visit)(const struct acl_shared *shared, void *arg), void *arg);

/* An entry as it is kept. */
struct acl_row {
	struct slice owner;  /* the owner's address; empty: public */
	struct slice folder; /* empty: of all the owner's */
	struct slice identifier;
	unsigned rights;
};
/* Those of all lists of an owner. Slices are valid during the visit; a result that is not 0 ends
 * it.
 */
int acl_each_row(struct db *db, int64_t owner_id,
                 int (*visit)(const struct acl_row *entry, void *arg), void *arg);
/* Those that name this address, in the lists of others. */
int acl_each_grant(struct db *db, struct slice address,
                   int (*visit)(const struct acl_row *entry, void *arg), void *arg);

/* --- changes ------------------------------------------------------------------------- */

/* rights 0: the entry goes. -ENOSPC: ACL_ENTRIES_MAX. */
int acl_set(struct db *db, int64_t owner_id, int64_t mailbox_id, struct slice identifier,
            unsigned rights);
/* A new mailbox has the list of the one above it. */
int acl_inherit(struct db *db, int64_t owner_id, int64_t from_id, int64_t to_id);
int acl_drop_mailbox(struct db *db, int64_t mailbox_id);
/* Its lists, and its entries in those of others. */
int acl_drop_account(struct db *db, int64_t account_id);

#endif
