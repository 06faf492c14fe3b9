/* Token buckets: so many tokens at once, which come back over time.
 *
 * A bucket is one number: when it will be full again (the generic cell rate algorithm). One that
 * is full is as good as none, and is forgotten. Keys are any bytes. There is a bound: beyond it a
 * bucket that is nearly full, of some of the oldest, makes room. Times are monotonic microseconds
 * of the caller. [any thread] */
#ifndef VEREDUS_GUARD_GUARD_BUCKET_H
#define VEREDUS_GUARD_GUARD_BUCKET_H

#include "base/slice.h"

struct guard_buckets;

struct guard_buckets *guard_buckets_new(size_t max);
void guard_buckets_free(struct guard_buckets *b);
/* Takes a token from a bucket of `burst`, of which `count` come back in period_us. False: there is
 * none. */
bool guard_buckets_take(struct guard_buckets *b, struct slice key, unsigned count, unsigned burst,
                        int64_t period_us, int64_t now_us);
/* Would there be one? */
bool guard_buckets_would(struct guard_buckets *b, struct slice key, unsigned count, unsigned burst,
                         int64_t period_us, int64_t now_us);
size_t guard_buckets_count(struct guard_buckets *b);

/* For saving: those that changed since the last call and are not full, full_us being when they
 * will be. The visit runs under a lock: it copies, no more. */
typedef void (*guard_bucket_visit)(void *arg, struct slice key, int64_t full_us);
void guard_buckets_changed(struct guard_buckets *b, int64_t now_us, guard_bucket_visit visit,
                           void *arg);
/* They could not be saved: all count as changed. */
void guard_buckets_unsaved(struct guard_buckets *b);
/* One that was saved. */
void guard_buckets_put(struct guard_buckets *b, struct slice key, int64_t full_us);

#endif
