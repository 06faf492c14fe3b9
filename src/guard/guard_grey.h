/* Greylisting (RFC 6647): who is not known yet is asked to come again, as mail servers do and most
 * programs that only want to be rid of mail don't.
 *
 * What is waited for is a network with a sender and a recipient. When it comes again after the
 * delay, and within the window, it is known from then on; a network that is known with several of
 * them is known with all. Digits of a sender's local part count as one another, as lists number
 * their messages. Bounded, those who wait apart from those who are known, so that a flood of
 * strangers makes nobody forgotten who has come again. Times are wall-clock milliseconds of the
 * caller. [any thread] */
#ifndef VEREDUS_GUARD_GUARD_GREY_H
#define VEREDUS_GUARD_GUARD_GREY_H

#include "base/arena.h"
#include "config/config_guard.h"

struct guard_grey;

struct guard_grey *guard_grey_new(const struct config_greylist *config);
void guard_grey_free(struct guard_grey *g);
/* Other times and limits; the networks stay. [any thread] */
void guard_grey_set(struct guard_grey *g, const struct config_greylist *config);

enum guard_grey_kind {
	GREY_WAITS,  /* has come once */
	GREY_KNOWN,  /* has come again, with this sender and recipient */
	GREY_NETWORK /* is known with all */
};
struct guard_grey_entry {
	enum guard_grey_kind kind;
	struct slice key; /* "192.0.2.0/24 ann@example.org bob@example.net", or the network */
	int64_t first_ms, last_ms, until_ms;
	unsigned count; /* times that it passed */
};

/* May it pass? 0, or for how many milliseconds it should wait. note false: only looks. sender and
 * recipient are canonical; "" is <>, and the recipient of a whole message. */
int64_t guard_grey_ask(struct guard_grey *g, const struct net_address *client, struct slice sender,
                       struct slice recipient, int64_t now_ms, bool note);
/* The visit runs under a lock: it copies, no more. */
typedef void (*guard_grey_visit)(void *arg, const struct guard_grey_entry *entry);
void guard_grey_each(struct guard_grey *g, int64_t now_ms, guard_grey_visit visit, void *arg);
/* Lets those pass that wait and whose network holds the address, or whose sender or recipient is
 * the text, or in that domain. How many. */
size_t guard_grey_release(struct guard_grey *g, struct slice text, int64_t now_ms);
/* Does an entry belong to that text? */
bool guard_grey_means(const struct guard_grey_entry *entry, struct slice text);

/* For saving: what changed since the last call; and one that was saved. */
void guard_grey_changed(struct guard_grey *g, int64_t now_ms, guard_grey_visit visit, void *arg);
/* They could not be saved: all count as changed. */
void guard_grey_unsaved(struct guard_grey *g);
void guard_grey_put(struct guard_grey *g, const struct guard_grey_entry *entry);

struct guard_grey_counts {
	uint64_t delayed, passed; /* attempts of those who are new, and those who came again */
	size_t waiting, known;
};
struct guard_grey_counts guard_grey_count(struct guard_grey *g);

#endif
