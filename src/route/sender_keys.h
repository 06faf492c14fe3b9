/* The keys that senders of ours are signed with (srs.h, batv.h): rows, and a copy in memory.
 *
 * The first key is made when it is needed, a new one from time to time; an old one is good as long
 * as an address of its time may come back. Another process on the store may make one, too: who
 * meets an address by a key that it does not know looks again. */
#ifndef VEREDUS_ROUTE_SENDER_KEYS_H
#define VEREDUS_ROUTE_SENDER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct store;

enum { SENDER_KEY_BYTES = 32, SENDER_KEYS_MAX = 16 };

/* Kept in the database by number: new ones go to the end. */
enum sender_key_purpose { SENDER_KEY_SRS, SENDER_KEY_BATV };

struct sender_key {
	int64_t made_ms; /* wall clock */
	unsigned char secret[SENDER_KEY_BYTES];
};
struct sender_keys {
	struct sender_key keys[SENDER_KEYS_MAX]; /* the newest first, which signs */
	size_t count;
};

struct sender_ring;
/* A key signs for rotate_ms, and what it signed is good for max_age_ms. 0, or an error of the
 * store. */
int sender_ring_open(struct store *store, enum sender_key_purpose purpose, int64_t rotate_ms,
                     int64_t max_age_ms, struct sender_ring **out);
void sender_ring_close(struct sender_ring *r);
/* [any thread] Those that are known. */
struct sender_keys sender_ring_keys(struct sender_ring *r);
/* The same with one that signs, made where it is due: parks the fiber. There may be none if the
 * store can't be written. */
struct sender_keys sender_ring_fresh(struct sender_ring *r, int64_t now_ms);
/* Inside a read: have others made one meanwhile? Looks now and then only. */
bool sender_ring_look_again(struct sender_ring *r, struct db *db, struct sender_keys *keys);

#endif
