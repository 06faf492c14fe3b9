#include "mailbox/trigram.h"

#include <errno.h>

#include "base/arena.h"

enum {
	TRIGRAM_BITS = 24,
	SEEN_WORDS = (1 << TRIGRAM_BITS) / 64,
	LIST_FIRST = 1024,
};

struct trigrams {
	uint64_t *seen; /* a bit for each there can be */
	uint32_t *list; /* in the order in which they were met */
	size_t count, capacity;
};

struct trigrams *trigrams_new(void)
{
	struct trigrams *t = mem_zero(1, sizeof(*t));
	t->seen = mem_zero(SEEN_WORDS, sizeof(*t->seen));
	return t;
}

void trigrams_free(struct trigrams *t)
{
	if (!t)
		return;
	free(t->seen);
	free(t->list);
	free(t);
}

void trigrams_clear(struct trigrams *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->seen[t->list[i] / 64] = 0;
	t->count = 0;
}

size_t trigrams_count(const struct trigrams *t) { return t->count; }

static void add_one(struct trigrams *t, uint32_t trigram)
{
	uint64_t bit = UINT64_C(1) << trigram % 64;
	if (t->seen[trigram / 64] & bit)
		return;
	t->seen[trigram / 64] |= bit;
	if (t->count == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : LIST_FIRST;
		t->list = mem_grow(t->list, t->capacity * sizeof(*t->list));
	}
	t->list[t->count++] = trigram;
}

static uint32_t shift_in(uint32_t before, char byte)
{
	return (before << 8 | (unsigned char)byte) & ((1u << TRIGRAM_BITS) - 1);
}

void trigrams_add(struct trigrams *t, struct slice text)
{
	uint32_t trigram = 0;
	for (size_t i = 0; i < text.len; i++) {
		trigram = shift_in(trigram, text.data[i]);
		if (i + 1 >= TRIGRAM_BYTES)
			add_one(t, trigram);
	}
}

static int write_one(struct buf *out, uint32_t trigram)
{
	char *at = buf_reserve(out, TRIGRAM_WORD_BYTES);
	if (!at)
		return -ENOBUFS;
	for (int i = 0; i < TRIGRAM_WORD_BYTES - 1; i++)
		at[i] = (char)(0x80 | (trigram >> (18 - 6 * i) & 0x3F));
	at[TRIGRAM_WORD_BYTES - 1] = ' ';
	buf_commit(out, TRIGRAM_WORD_BYTES);
	return 0;
}

int trigrams_write(const struct trigrams *t, size_t max, struct buf *out)
{
	int rc = 0;
	for (size_t i = 0; i < t->count && i < max && rc == 0; i++)
		rc = write_one(out, t->list[i]);
	return rc;
}

int trigrams_of_needle(struct slice needle, size_t max, struct buf *out)
{
	uint32_t trigram = 0;
	int rc = needle.len < TRIGRAM_BYTES ? -ENODATA : 0;
	for (size_t i = 0; i < needle.len && i < max + TRIGRAM_BYTES - 1 && rc == 0; i++) {
		trigram = shift_in(trigram, needle.data[i]);
		if (i + 1 >= TRIGRAM_BYTES)
			rc = write_one(out, trigram);
	}
	return rc;
}
