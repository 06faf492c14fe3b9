/* Case folding for SEARCH. RFC 3501 section 6.4.4 wants matches without regard to case; RFC 5051
 * would have all of Unicode. Done here: the alphabets that have case and are in use. */
#include "imap/imap_parse.h"

/* Letters whose lower case is at a fixed distance. */
struct fold_range {
	uint32_t first, last, distance;
};
static const struct fold_range fold_ranges[] = {
	{ 'A', 'Z', 32 },       { 0xC0, 0xD6, 32 },   { 0xD8, 0xDE, 32 },   { 0x386, 0x386, 38 },
	{ 0x388, 0x38A, 37 },   { 0x38C, 0x38C, 64 }, { 0x38E, 0x38F, 63 }, { 0x391, 0x3A1, 32 },
	{ 0x3A3, 0x3AB, 32 },   { 0x400, 0x40F, 80 }, { 0x410, 0x42F, 32 }, { 0x531, 0x556, 48 },
	{ 0xFF21, 0xFF3A, 32 },
};

/* Where capitals and small letters alternate, capitals being even, or odd. */
static bool alternates(uint32_t c, bool *odd_out)
{
	*odd_out = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
	return *odd_out || (c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
	       (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) ||
	       (c >= 0x4D0 && c <= 0x52F) || (c >= 0x1E00 && c <= 0x1E95) ||
	       (c >= 0x1EA0 && c <= 0x1EFF);
}

static uint32_t fold(uint32_t c)
{
	bool odd;
	for (size_t i = 0; i < sizeof(fold_ranges) / sizeof(fold_ranges[0]); i++) {
		if (c < fold_ranges[i].first)
			break;
		if (c <= fold_ranges[i].last)
			return c + fold_ranges[i].distance;
	}
	/* Dotted and dotless i are letters of their own. */
	if (c == 0x130 || c == 0x131 || !alternates(c, &odd))
		return c;
	return (c & 1) == odd ? c + 1 : c;
}

/* The letters above that fold have two or three bytes, and keep that number. */
static size_t fold_bytes(char *at, size_t left)
{
	unsigned char *s = (unsigned char *)at;
	uint32_t c;
	if ((s[0] & 0xE0) == 0xC0 && left >= 2) {
		c = fold((uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3F));
		s[0] = (unsigned char)(0xC0 | c >> 6);
		s[1] = (unsigned char)(0x80 | (c & 0x3F));
		return 2;
	}
	if ((s[0] & 0xF0) == 0xE0 && left >= 3) {
		c = (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3F);
		c = fold(c);
		s[0] = (unsigned char)(0xE0 | c >> 12);
		s[1] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
		s[2] = (unsigned char)(0x80 | (c & 0x3F));
		return 3;
	}
	return 1;
}

struct slice imap_fold(struct arena *arena, struct slice utf8)
{
	struct slice out = arena_lower(arena, utf8);
	if (slice_is_ascii(out) || !slice_is_utf8(out))
		return out;
	char *bytes = (char *)(uintptr_t)out.data;
	for (size_t i = 0; i < out.len;)
		i += fold_bytes(bytes + i, out.len - i);
	return out;
}
