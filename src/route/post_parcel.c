/* A delivery in steps, for who has something of their own to record in the same commit. */
#include <errno.h>

#include "base/clock.h"
#include "route/post_delivery.h"
#include "route/post_parcel.h"
#include "route/post_sieve.h"

struct post_parcel {
	struct delivery delivery;
};

int post_parcel_new(struct post *p, const struct post_client *client,
                    const struct post_envelope *envelope, struct slice message,
                    struct post_parcel **out)
{
	return post_parcel_to(p, client, envelope, SLICE_EMPTY, message, POST_ALL, out);
}

int post_parcel_to(struct post *p, const struct post_client *client,
                   const struct post_envelope *envelope, struct slice trace, struct slice message,
                   enum post_scope scope, struct post_parcel **out)
{
	struct post_parcel *parcel = mem_alloc(sizeof(*parcel));
	struct delivery *d = &parcel->delivery;
	*d = (struct delivery){
		.post = p,
		.arena = arena_new(),
		.client = client,
		.envelope = envelope,
		.scope = scope,
		.message = message,
		.now_ms = clock_wall_ms(),
	};
	enum post_result result = delivery_prepare(d, trace);
	int rc = -EAGAIN;
	if (result == POST_ACCEPTED)
		rc = 0;
	else if (result == POST_LOOP)
		rc = -ELOOP;
	else if (d->lost)
		rc = -ENOENT;
	if (rc == 0 && d->drop_count == 0 && (scope != POST_ALL || envelope->only.len > 0))
		rc = -ENODATA;
	if (rc < 0)
		post_parcel_end(parcel, false);
	else
		*out = parcel;
	return rc;
}

const char *post_parcel_queue_id(const struct post_parcel *parcel)
{
	return parcel->delivery.batches ? parcel->delivery.batches->queue_id : "";
}

size_t post_parcel_blob_count(const struct post_parcel *parcel)
{
	return parcel->delivery.batch_count + delivery_sorted_blobs(&parcel->delivery);
}

void post_parcel_blobs(const struct post_parcel *parcel, struct store_blob *out)
{
	const struct delivery *d = &parcel->delivery;
	memcpy(out, d->blobs, post_parcel_blob_count(parcel) * sizeof(*out));
}

int post_parcel_commit(struct db *db, struct post_parcel *parcel, const struct store_blob *blobs)
{
	struct delivery *d = &parcel->delivery;
	for (size_t i = 0; i < post_parcel_blob_count(parcel); i++)
		d->blobs[i].id = blobs[i].id;
	return delivery_commit(db, d);
}

void post_parcel_end(struct post_parcel *parcel, bool committed)
{
	struct delivery *d = &parcel->delivery;
	if (committed)
		delivery_tell(d);
	if (committed && d->hold)
		d->post->held += d->drop_count;
	delivery_end(d);
	free(parcel);
}
