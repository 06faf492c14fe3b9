/* Sketches: which journeys may mention a Message-ID, a sender or a recipient.
 *
 * An index of these texts would be written with each message, at random places of its tree: three
 * pages of the log where the journey itself takes one. Instead the journeys are left to lie as they
 * came, and a while later a fiber goes over them once and makes of some thousand rows a sketch, a
 * Bloom filter of the texts in them. Who searches asks the sketches, from the newest on, and reads
 * only the rows of those that say "perhaps" (one in three hundred errs), and the newest rows, which
 * have none yet. So receiving pays nothing, and a search reads 1.5 bytes for each text.
 *
 *     rows, by queue id and so by time:   |----------|----------|---------|~~~~~
 *     table journey_sketch:                 sketch     sketch     sketch    none yet
 *
 * Later events of a journey mention nobody who is not in its first ones, which are one commit.
 * There are two exceptions, and both go to the table journey_late, whose journeys are always looked
 * at: a message that took so long that it came among others that are sketched already, and mail for
 * later whose aliases are looked up when it is due. */
#ifndef VEREDUS_ROUTE_JOURNEY_SKETCH_H
#define VEREDUS_ROUTE_JOURNEY_SKETCH_H

#include "route/journey.h"
#include "store/store.h"

/* Only journeys that are older get a sketch. */
#define JOURNEY_SETTLE_MS (2 * 60 * 1000)
/* A journey that begins so long after its queue id was given is late. */
#define JOURNEY_LATE_MS (60 * 1000)

/* Makes the sketches that can be made at that time (wall clock), in commits of its own, and reads
 * rows by the page: parks the fiber. *count_out: how many. */
int journey_sketch_all(struct store *store, int64_t now_ms, uint64_t *count_out);
/* Inside a commit: forgets those of journeys that are gone, all before the id. */
int journey_sketch_expire(struct db *db, const char *least_id);

/* May the rows of this sketch have what is looked for? */
bool journey_sketch_may_have(struct slice sketch, const struct journey_filter *filter);

#endif
