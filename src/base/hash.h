/* Hash tables from byte strings to pointers.
 *
 * Keys are copied; values belong to the caller. The hash is keyed with a random secret of the
 * process, so that nobody outside can choose keys that collide. One thread at a time. */
#ifndef VEREDUS_BASE_HASH_H
#define VEREDUS_BASE_HASH_H

#include "base/slice.h"

struct hash;

struct hash *hash_new(void);
/* Frees the table and its keys, not the values. NULL is allowed. */
void hash_free(struct hash *h);
/* The same, and free() for each value. */
void hash_free_all(struct hash *h);
size_t hash_count(const struct hash *h);

/* The value, or NULL. */
void *hash_find(const struct hash *h, struct slice key);
/* Sets the value (not NULL) of a key and returns the one it had, or NULL. */
void *hash_put(struct hash *h, struct slice key, void *value);
/* Removes a key and returns its value, or NULL. */
void *hash_remove(struct hash *h, struct slice key);

/* Visits every entry: start with *position = 0; false when there are no more. The entry just
 * visited may be removed; adding while visiting is not allowed. */
bool hash_next(const struct hash *h, size_t *position, struct slice *key_out, void **value_out);

/* SipHash-2-4 of the bytes under the process's secret. */
uint64_t hash_bytes(struct slice s);
/* The same under a given key, for what must hash alike in another process. */
uint64_t hash_bytes_keyed(const uint64_t key[static 2], struct slice s);

#endif
