/* The maildrop: the INBOX as it was at login, and what the session means to do with it. */
#ifndef VEREDUS_POP3_POP3_MAILDROP_H
#define VEREDUS_POP3_POP3_MAILDROP_H

#include "directory/pop3_terms.h"
#include "pop3/pop3.h"

enum { POP3_AHEAD_MAX = 64 };

struct pop3_message {
	uint64_t size_bytes;
	int64_t came_ms; /* into the maildrop */
	uint32_t uid;
	bool deleted;   /* by DELE */
	bool retrieved; /* by RETR */
};

struct pop3_place {
	int64_t blob_id; /* 0: there is no such message any more */
	struct blob_place place;
};

/* Where the bytes of some messages that follow each other are: who fetches one after the other,
 * the oldest or the newest first, asks the database once for many. */
struct pop3_ahead {
	uint32_t first, count; /* numbers */
	struct pop3_place places[POP3_AHEAD_MAX];
};

struct pop3_maildrop {
	int64_t account_id;
	int64_t mailbox_id;
	uint32_t uid_validity;
	struct pop3_terms terms;       /* of the account */
	bool is_noted;                 /* among the logins */
	struct pop3_message *messages; /* number 1 is at 0 */
	uint32_t count, capacity;
	uint32_t left_count; /* that are not deleted */
	uint64_t left_bytes;
	struct pop3_ahead *ahead; /* NULL before the first is read; owned */
	bool opened;
};

/* What is for all accounts that have no terms of their own. */
struct pop3_terms pop3_terms_of(const struct config *config);

/* Locks it and takes the snapshot. -EBUSY: another session has it; -ENOENT: there is no INBOX;
 * other errors are the store's. */
int pop3_maildrop_visit(struct pop3_maildrop *d, const struct pop3_context *context,
                        int64_t account_id);
/* The same for a login, which makes an INBOX if there is none. -EAGAIN: the account logged in just
 * now, and is to wait. */
int pop3_maildrop_open(struct pop3_maildrop *d, const struct pop3_context *context,
                       int64_t account_id);
/* Unlocks it; may be called for one that was not opened. */
void pop3_maildrop_close(struct pop3_maildrop *d, const struct pop3_context *context);

/* The message with a number; NULL if there is none or it is deleted. */
struct pop3_message *pop3_maildrop_find(struct pop3_maildrop *d, uint32_t number);
void pop3_maildrop_delete(struct pop3_maildrop *d, struct pop3_message *message);
/* RSET: nothing is deleted. */
void pop3_maildrop_reset(struct pop3_maildrop *d);
/* The UPDATE state: removes what is deleted, and what may stay no longer, and flags what was
 * retrieved, durably, in one commit; none if there is nothing to do. */
int pop3_maildrop_update(struct pop3_maildrop *d, const struct pop3_context *context);
/* The bytes of a message. -ENOENT: it has been removed by another session; one that was removed
 * just now may still be had. */
int pop3_maildrop_read(struct pop3_maildrop *d, const struct pop3_context *context,
                       const struct pop3_message *message, struct blob_view *out);

#endif
