/* Bounce Address Tag Validation (draft-levine-smtp-batv): mail goes out with a tag in its
 * reverse-path, so that a report about mail which we have never sent can be told from one about
 * mail that we have.
 *
 *     prvs=KDDDSSSSSS=alice@example.org
 *         of alice@example.org: which key, the day until which it is good (of 1,000), and 24 bits
 *         of a keyed hash of these and the address
 *
 * The queue puts the tag in when it sends, so rows, journeys and reports of our own have the plain
 * address; a recipient of ours with a good tag is the address without it. Keys: sender_keys.h. */
#ifndef VEREDUS_ROUTE_BATV_H
#define VEREDUS_ROUTE_BATV_H

#include "config/config.h"
#include "message/address.h"
#include "route/sender_keys.h"

enum batv_result {
	BATV_NONE, /* the local part has not the form */
	BATV_GOOD,
	BATV_FORGED,
	BATV_OLD,
};

/* The tagged address in the arena; false if it would get too long, its local part is empty (""),
 * or there is no key. */
bool batv_tag(struct arena *arena, const struct sender_keys *keys, const struct address *sender,
              int64_t now_ms, int64_t valid_ms, struct address *out);
/* What a tag stands for: *local_out lies in given. Case does not matter. */
enum batv_result batv_untag(struct arena *arena, const struct sender_keys *keys,
                            const struct address *given, int64_t now_ms, int64_t valid_ms,
                            struct slice *local_out);

/* --- with its keys, by the configuration ------------------------------------------------ */

struct batv;
/* *out is NULL if no domain is signed for. 0, or an error of the store. */
int batv_open(struct store *store, const struct config *config, struct batv **out);
void batv_close(struct batv *b);
/* Do senders like this one, canonical, get a tag? */
bool batv_covers(const struct batv *b, struct arena *arena, const struct address *sender);
/* Has the host of that recipient to see the plain sender? */
bool batv_is_plain_for(const struct batv *b, struct slice recipient);
/* A reverse-path with its tag, in the arena, or as it is. Makes keys where they are needed: parks
 * the fiber. */
struct slice batv_sender(struct batv *b, struct arena *arena, struct slice path);
/* batv_untag() now, inside a read. [any thread] */
enum batv_result batv_find(struct batv *b, struct db *db, struct arena *arena,
                           const struct address *given, struct slice *local_out);

#endif
