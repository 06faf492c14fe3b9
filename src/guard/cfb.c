#include "guard/cfb.h"

#include <stdint.h>

enum {
	HEADER_BYTES = 512,
	HEADER_DIFAT = 109, /* sectors of the FAT that the header names */
	ENTRY_BYTES = 128,
	NAME_UNITS = 32,
};
#define NO_SECTOR UINT32_C(0xFFFFFFFA) /* nor is what is above it */

static uint32_t number_at(struct slice s, size_t at, size_t bytes)
{
	uint32_t value = 0;
	for (size_t i = bytes; i > 0 && at + bytes <= s.len; i--)
		value = value << 8 | (unsigned char)s.data[at + i - 1];
	return value;
}

static struct slice sector(const struct cfb *c, uint32_t number)
{
	return slice_sub(c->bytes, ((size_t)number + 1) * c->sector_bytes, c->sector_bytes);
}

static bool is_sector(const struct cfb *c, uint32_t number)
{
	return number < NO_SECTOR && sector(c, number).len == c->sector_bytes;
}

/* Where sector number `index` of the FAT is: the header names the first ones, a chain of sectors
 * the others. */
static uint32_t fat_sector(const struct cfb *c, uint32_t index)
{
	if (index < HEADER_DIFAT)
		return number_at(c->bytes, 76 + 4 * (size_t)index, 4);
	uint32_t a_sector = (uint32_t)(c->sector_bytes / 4 - 1);
	uint32_t at = number_at(c->bytes, 68, 4);
	index -= HEADER_DIFAT;
	/* So long a chain has a loop. */
	for (size_t left = c->bytes.len / c->sector_bytes; left > 0 && is_sector(c, at); left--) {
		if (index < a_sector)
			return number_at(sector(c, at), 4 * (size_t)index, 4);
		index -= a_sector;
		at = number_at(sector(c, at), c->sector_bytes - 4, 4);
	}
	return UINT32_MAX;
}

/* The sector behind this one; one that is none at the end, and where the file is damaged. */
static uint32_t next_sector(const struct cfb *c, uint32_t number)
{
	uint32_t a_sector = (uint32_t)(c->sector_bytes / 4);
	uint32_t fat = fat_sector(c, number / a_sector);
	return is_sector(c, fat) ? number_at(sector(c, fat), 4 * (size_t)(number % a_sector), 4)
	                         : UINT32_MAX;
}

bool cfb_open(struct slice bytes, struct cfb *out)
{
	if (bytes.len < HEADER_BYTES ||
	    !slice_starts_with(bytes, SLICE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")))
		return false;
	uint32_t shift = number_at(bytes, 30, 2);
	*out = (struct cfb){
		.bytes = bytes,
		.sector_bytes = (size_t)1 << (shift == 12 ? 12 : 9),
		.first_directory = number_at(bytes, 48, 4),
		.small_max = number_at(bytes, 56, 4),
	};
	return shift == 9 || shift == 12;
}

static bool read_entry(struct slice bytes, struct cfb_entry *out)
{
	uint32_t kind = number_at(bytes, 66, 1), units = number_at(bytes, 64, 2) / 2;
	*out = (struct cfb_entry){
		.is_storage = kind != 2,
		.class_id = slice_sub(bytes, 80, 16),
		.first = number_at(bytes, 116, 4),
		.len = number_at(bytes, 120, 4),
	};
	for (uint32_t i = 0; i < NAME_UNITS && i + 1 < units; i++) {
		uint32_t unit = number_at(bytes, 2 * (size_t)i, 2);
		out->name[i] = unit >= ' ' && unit < 0x7F ? (char)unit : '?';
	}
	return kind == 1 || kind == 2 || kind == 5;
}

void cfb_each(const struct cfb *c, bool (*visit)(void *arg, const struct cfb_entry *entry),
              void *arg)
{
	struct cfb_entry entry;
	size_t left = CFB_ENTRIES_MAX;
	for (uint32_t at = c->first_directory; is_sector(c, at); at = next_sector(c, at)) {
		struct slice entries = sector(c, at);
		for (; entries.len >= ENTRY_BYTES; entries = slice_from(entries, ENTRY_BYTES)) {
			if (left-- == 0 ||
			    (read_entry(slice_sub(entries, 0, ENTRY_BYTES), &entry) &&
			     !visit(arg, &entry)))
				return;
		}
	}
}

void cfb_read(const struct cfb *c, const struct cfb_entry *entry, struct buf *out)
{
	uint64_t left = entry->len >= c->small_max ? entry->len : 0;
	for (uint32_t at = entry->first; left > 0 && is_sector(c, at); at = next_sector(c, at)) {
		struct slice piece = slice_sub(sector(c, at), 0, out->max - out->len);
		piece = slice_sub(piece, 0, left < piece.len ? (size_t)left : piece.len);
		if (piece.len == 0 || buf_append(out, piece) < 0)
			return;
		left -= piece.len;
	}
}
