#include "admin/import_index.h"

#include <errno.h>

#include "base/hash.h"
#include "mailbox/mailbox.h"

enum { FIRST_SLOTS = 1024, UIDS_AT_ONCE = 20000 };

struct slot {
	uint64_t digest;
	uint32_t uid; /* 0: free */
};

/* A hash table with open addressing; nothing is ever taken out. */
struct import_index {
	int64_t mailbox_id;
	uint32_t uid_next; /* those below are in it */
	size_t count, capacity;
	struct slot *slots;
};

struct import_index *import_index_new(int64_t mailbox_id)
{
	struct import_index *x = mem_zero(1, sizeof(*x));
	*x = (struct import_index){ .mailbox_id = mailbox_id, .uid_next = 1 };
	x->capacity = FIRST_SLOTS;
	x->slots = mem_zero(x->capacity, sizeof(*x->slots));
	return x;
}

void import_index_free(struct import_index *x)
{
	if (!x)
		return;
	free(x->slots);
	free(x);
}

int64_t import_index_mailbox(const struct import_index *x) { return x->mailbox_id; }
uint32_t import_index_uid_next(const struct import_index *x) { return x->uid_next; }

uint64_t import_digest(uint64_t size_bytes, struct slice envelope)
{
	return hash_bytes(envelope) + size_bytes * UINT64_C(0x9e3779b97f4a7c15);
}

static void put(struct import_index *x, uint64_t digest, uint32_t uid)
{
	size_t at = digest & (x->capacity - 1);
	while (x->slots[at].uid)
		at = (at + 1) & (x->capacity - 1);
	x->slots[at] = (struct slot){ .digest = digest, .uid = uid };
	x->count++;
}

static void grow(struct import_index *x)
{
	struct slot *old = x->slots;
	size_t capacity = x->capacity;
	x->capacity *= 2;
	x->count = 0;
	x->slots = mem_zero(x->capacity, sizeof(*x->slots));
	for (size_t i = 0; i < capacity; i++) {
		if (old[i].uid)
			put(x, old[i].digest, old[i].uid);
	}
	free(old);
}

uint32_t import_index_find(const struct import_index *x, uint64_t digest, size_t *position)
{
	for (;; (*position)++) {
		const struct slot *s = &x->slots[(digest + *position) & (x->capacity - 1)];
		if (s->uid && s->digest != digest)
			continue;
		if (s->uid)
			(*position)++;
		return s->uid;
	}
}

static int visit(const struct mailbox_message *m, void *arg)
{
	struct import_index *x = arg;
	if ((x->count + 1) * 4 > x->capacity * 3)
		grow(x);
	put(x, import_digest(m->size_bytes, m->envelope), m->uid);
	return 0;
}

/* Some at a time, since a long read keeps the write-ahead log from starting over. 1: more. */
static int refresh_some(struct db *db, void *arg)
{
	struct import_index *x = arg;
	struct mailbox_info info;
	struct arena *arena = arena_new();
	int rc = mailbox_get(db, arena, x->mailbox_id, &info);
	arena_free(arena);
	if (rc < 0 || x->uid_next >= info.uid_next)
		return rc;
	uint32_t left = info.uid_next - x->uid_next;
	uint32_t end = left > UIDS_AT_ONCE ? x->uid_next + UIDS_AT_ONCE : info.uid_next;
	struct uid_range range = { x->uid_next, end - 1 };
	const struct uid_set uids = { .ranges = &range, .count = 1 };
	rc = mailbox_each_message(db, x->mailbox_id, &uids, READ_ENVELOPE, visit, x);
	if (rc < 0)
		return rc;
	x->uid_next = end;
	return end < info.uid_next;
}

int import_index_refresh(struct import_index *x, struct store *store)
{
	int rc;
	do {
		rc = store_read(store, refresh_some, x);
	} while (rc > 0);
	return rc;
}
