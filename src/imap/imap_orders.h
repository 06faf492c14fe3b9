/* What SORT and THREAD have found, kept for those who ask again: a client asks each time that it
 * opens a mailbox, and each of its connections does.
 *
 * What messages are sorted and threaded by is written once and never changes, and no UID is given
 * out twice. So the order of messages holds for each part of them, and is never false; threads hold
 * for exactly the messages that they are made of. An order that lacks a few
 * messages, which came later, is still of use: they can be put in. What lacks more is made anew,
 * and takes the old one's place.
 *
 * Four bytes a message, or up to twelve for threads, up to a number of bytes for all mailboxes;
 * what was not asked for the longest goes first. One mutex, not held over a wait. */
#ifndef VEREDUS_IMAP_IMAP_ORDERS_H
#define VEREDUS_IMAP_IMAP_ORDERS_H

#include "mailbox/uid_set.h"

enum {
	IMAP_ORDERS_PLACE_ROWS = 150, /* rows that are read in the time that puts one in */
	IMAP_ORDERS_LEAST = 500,      /* messages: for fewer it is not worth while */
	IMAP_ORDERS_REQUEST_MAX = 24  /* bytes of a request */
};

struct imap_orders;
struct imap_orders *imap_orders_new(uint64_t bytes_max);
void imap_orders_free(struct imap_orders *o);

struct imap_order_key {
	int64_t mailbox_id;
	uint32_t uid_validity;
	struct slice request; /* what is sorted by, and how; any bytes. Empty: nothing is kept */
	bool exact;           /* it does not hold for a part of the messages */
};

struct imap_order {
	uint32_t *numbers; /* as they were kept, with room for what is lacking */
	size_t count;
	struct uid_set lacking; /* UIDs that are asked for and are not among them */
};

/* What is kept, into the arena: of all UIDs that it was made for, which may be more than these.
 * False if there is nothing for them, or so much more that reading a few rows costs less.
 * All may be called with NULL. [any thread] */
bool imap_orders_find(struct imap_orders *o, const struct imap_order_key *key,
                      const struct uid_set *uids, struct arena *arena, struct imap_order *out);
/* Copies. Nothing if there are few, or more than a quarter of all that may be kept. */
void imap_orders_keep(struct imap_orders *o, const struct imap_order_key *key,
                      const struct uid_set *uids, const uint32_t *numbers, size_t count);

#endif
