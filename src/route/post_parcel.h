/* post_deliver() in steps, for who has something of their own to record in the same commit: the
 * queue, whose report about a recipient enters with the removal of that recipient.
 *
 *     post_parcel_new()      before: summarises, resolves
 *     post_parcel_blobs()    what the caller's store_commit() must bring along
 *     post_parcel_commit()   inside it
 *     post_parcel_end()      after: wakes who must know, frees
 *
 * client, envelope and message must stay until the end. -ENOENT: a recipient is nobody's; -ELOOP:
 * as POST_LOOP; -EAGAIN: the store does not answer now. Parks the fiber. */
#ifndef VEREDUS_ROUTE_POST_PARCEL_H
#define VEREDUS_ROUTE_POST_PARCEL_H

#include "route/post.h"
#include "store/store.h"

int post_parcel_new(struct post *p, const struct post_client *client,
                    const struct post_envelope *envelope, struct slice message,
                    struct post_parcel **out);
/* The id under which its journey begins. */
const char *post_parcel_queue_id(const struct post_parcel *parcel);
size_t post_parcel_blob_count(const struct post_parcel *parcel);
/* Writes that many to out. */
void post_parcel_blobs(const struct post_parcel *parcel, struct store_blob *out);
/* blobs: those of the commit that were this parcel's, which now have their ids. */
int post_parcel_commit(struct db *db, struct post_parcel *parcel, const struct store_blob *blobs);
void post_parcel_end(struct post_parcel *parcel, bool committed);

#endif
