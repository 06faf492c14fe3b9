/* Which messages a folder has, by a digest of their size and ENVELOPE, so that an import finds
 * duplicates without opening what is not one. What it finds is to be compared: two messages may
 * well have the same digest. In memory, 16 to 32 bytes a message. */
#ifndef VEREDUS_ADMIN_IMPORT_INDEX_H
#define VEREDUS_ADMIN_IMPORT_INDEX_H

#include "store/store.h"

struct import_index;

struct import_index *import_index_new(int64_t mailbox_id);
void import_index_free(struct import_index *index); /* NULL is allowed */
int64_t import_index_mailbox(const struct import_index *index);
/* Takes in what came into the folder since; those that went stay in it. -ENOENT: no folder. */
int import_index_refresh(struct import_index *index, struct store *store);
/* All UIDs below are in it. */
uint32_t import_index_uid_next(const struct import_index *index);

uint64_t import_digest(uint64_t size_bytes, struct slice envelope);
/* The UIDs with this digest: start with *position 0; 0 when there are no more. */
uint32_t import_index_find(const struct import_index *index, uint64_t digest, size_t *position);

#endif
