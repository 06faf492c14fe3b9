#include "fiber/mapping.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"

enum { MAPPINGS_MAX = 4096, PAGE_BYTES = 4096 };

struct mapping {
	struct slice bytes;
	size_t slot;
};

/* What the handler looks at, which may run at any instant of the thread that it is about: start is
 * set last and cleared first. */
struct slot {
	atomic_bool taken;
	_Atomic(char *) start; /* NULL: none */
	atomic_size_t len;
	atomic_bool broken;
};

static struct slot slots[MAPPINGS_MAX];
static atomic_size_t next_slot;
static atomic_bool is_watched;

void mapping_watch(bool watches) { atomic_store(&is_watched, watches); }

static int take_slot(size_t *out)
{
	size_t from = atomic_fetch_add(&next_slot, 1);
	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		size_t at = (from + i) % MAPPINGS_MAX;
		if (!atomic_load(&slots[at].taken) && !atomic_exchange(&slots[at].taken, true)) {
			*out = at;
			return 0;
		}
	}
	return -EMFILE;
}

int mapping_new(int fd, uint64_t position, size_t len, struct mapping **out)
{
	size_t front = position % PAGE_BYTES, slot;
	if (!atomic_load(&is_watched))
		return -ENOTSUP;
	int rc = take_slot(&slot);
	if (rc < 0)
		return rc;
	void *map = mmap(NULL, front + len, PROT_READ, MAP_SHARED, fd, (off_t)(position - front));
	if (map == MAP_FAILED) {
		rc = -errno;
		atomic_store(&slots[slot].taken, false);
		return rc;
	}
	atomic_store(&slots[slot].broken, false);
	atomic_store(&slots[slot].len, front + len);
	atomic_store(&slots[slot].start, map);
	struct mapping *m = mem_zero(1, sizeof(*m));
	m->bytes = slice_of((char *)map + front, len);
	m->slot = slot;
	*out = m;
	return 0;
}

struct slice mapping_bytes(const struct mapping *m) { return m->bytes; }

bool mapping_is_whole(const struct mapping *m) { return !atomic_load(&slots[m->slot].broken); }

void mapping_free(struct mapping *m)
{
	if (!m)
		return;
	struct slot *s = &slots[m->slot];
	char *start = atomic_exchange(&s->start, NULL);
	munmap(start, atomic_load(&s->len));
	atomic_store(&s->taken, false);
	free(m);
}

/* Only calls that a handler may make: mmap() is one system call. */
static bool mend_slot(struct slot *s, const char *at)
{
	char *start = atomic_load(&s->start);
	size_t len = atomic_load(&s->len);
	/* Another thread may have given it up meanwhile: then it is not the one. */
	if (!start || at < start || at >= start + len || atomic_load(&s->start) != start)
		return false;
	size_t offset = (size_t)(at - start) / PAGE_BYTES * PAGE_BYTES;
	void *zeros = mmap(start + offset, len - offset, PROT_READ,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (zeros == MAP_FAILED)
		return false;
	atomic_store(&s->broken, true);
	return true;
}

bool mapping_mend(const char *at)
{
	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		if (mend_slot(&slots[i], at))
			return true;
	}
	return false;
}
