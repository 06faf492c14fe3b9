/* The Sender Rewriting Scheme: what is forwarded gets a reverse-path of ours, so that SPF of the
 * next host finds us and not somebody who pretends to be the sender; a bounce to it finds its way
 * back.
 *
 *     SRS0=HHHHHHHH=TT=sender.example=alice@ours.example
 *         of alice@sender.example: a keyed hash of the rest, the day, domain and local part
 *     SRS1=HHHHHHHH=first.example==HHHHHHHH=TT=sender.example=alice@ours.example
 *         of who was rewritten by first.example already: back to that host, which knows the hash of
 *         the sender. So however many hosts forward, an address does not grow.
 *
 * The hash keeps strangers from relaying through us; the day keeps an address that got known from
 * being of use for ever. Hosts on the way may change the case of letters: hash and day are base32.
 * Keys: sender_keys.h. */
#ifndef VEREDUS_ROUTE_SRS_H
#define VEREDUS_ROUTE_SRS_H

#include "config/config.h"
#include "message/address.h"
#include "route/sender_keys.h"

struct db;
struct store;

enum srs_result {
	SRS_NONE, /* the local part has not the form */
	SRS_GOOD,
	SRS_FORGED,
	SRS_OLD,
};

/* Is this local part one that reversing may make sense of? */
bool srs_is_form(struct slice local);
/* The sender's address in our domain, in the arena; false if it would get too long, or comes from
 * an address literal with "=" in it. */
bool srs_rewrite(struct arena *arena, const struct sender_keys *keys, const struct address *sender,
                 struct slice domain, int64_t now_ms, struct address *out);
/* Whom a local part of ours stands for. */
enum srs_result srs_reverse(struct arena *arena, const struct sender_keys *keys, struct slice local,
                            int64_t now_ms, int64_t max_age_ms, struct address *out);

/* --- with its keys, by the configuration ------------------------------------------------ */

struct srs;
/* *out is NULL if the configuration does not want it. 0, or an error of the store. */
int srs_open(struct store *store, const struct config *config, struct srs **out);
void srs_close(struct srs *s);
/* The domain that rewritten senders are in, canonical. */
struct slice srs_domain(const struct srs *s);
/* [any thread] srs_reverse() now. Inside a read: an address by a key that is not known may be by
 * one that another process on this store has made since; now and then that is looked up. */
enum srs_result srs_find(struct srs *s, struct db *db, struct arena *arena, struct slice local,
                         struct address *out);
/* srs_rewrite() now, of a path as text, in the arena; the path itself if it can't be. Makes keys
 * where they are needed: parks the fiber. */
struct slice srs_sender(struct srs *s, struct arena *arena, struct slice path);

#endif
