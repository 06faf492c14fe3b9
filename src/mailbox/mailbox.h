/* Mailboxes: the folders of an account, their messages and flags.
 *
 * Functions that take a db are called inside a closure. What a commit changed is told to the
 * sessions that look at the mailbox by mailboxes_changed(), after the commit returned. */
#ifndef VEREDUS_MAILBOX_MAILBOX_H
#define VEREDUS_MAILBOX_MAILBOX_H

#include "store/db.h"
#include "store/store.h"

/* The mailboxes of a store: the registry of shared views and of who waits for changes. */
struct mailboxes;
int mailboxes_open(struct store *store, struct mailboxes **out);
void mailboxes_close(struct mailboxes *m);

enum mailbox_flag {
	FLAG_SEEN = 1, FLAG_ANSWERED = 2, FLAG_FLAGGED = 4, FLAG_DELETED = 8, FLAG_DRAFT = 16,
	/* bits from 8 on are keywords of the mailbox */
};

/* A message on its way in: the fixed part of its row. */
struct mailbox_new_message {
	int64_t blob_id;            /* retained once by mailbox_append() */
	uint64_t size_bytes;
	int64_t internal_ms;        /* wall clock */
	uint32_t flags;
	struct slice envelope;      /* IMAP ENVELOPE, ready to send (message/summary.h) */
	struct slice bodystructure; /* IMAP BODYSTRUCTURE, ready to send */
};

/* Inside a commit: the INBOX of an account, made if missing. */
int mailbox_get_inbox(struct db *db, int64_t account_id, int64_t *mailbox_id_out);
/* Inside a commit: the standard folders of a new account (INBOX, Sent, Drafts, Trash, Junk,
 * Archive), subscribed and marked with their special use (RFC 6154). A directory_account_hook. */
int mailbox_make_folders(struct db *db, int64_t account_id, void *unused);
/* Inside a commit: adds a message; counts it against the account's quota without judging. */
int mailbox_append(struct db *db, int64_t mailbox_id, const struct mailbox_new_message *message,
		   uint32_t *uid_out);
/* [any thread] After the commit: wakes sessions that look at it. */
void mailboxes_changed(struct mailboxes *m, int64_t mailbox_id);

#endif
