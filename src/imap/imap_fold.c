/* Case folding for SEARCH and SORT: the collation i;unicode-casemap (RFC 5051), as I18NLEVEL=1
 * (RFC 5255 section 4.3) wants it. */
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "imap/imap_parse.h"

enum {
	/* Bytes that one character becomes at most: the longest decomposition there is has 18
	 * characters, of two bytes each. */
	FOLDED_CHARACTER_MAX = 18 * 4,
	DECOMPOSITION_DEPTH_MAX = 8,
	HANGUL_FIRST = 0xAC00,
	HANGUL_LAST = 0xD7A3,
};

static void append_character(struct buf *out, ucs4_t c)
{
	uint8_t bytes[6];
	int len = u8_uctomb(bytes, c, sizeof(bytes));
	if (len > 0)
		buf_append(out, slice_of(bytes, (size_t)len));
}

/* RFC 5051 section 2: title case, then what its Decomposition property says, again and again.
 * Hangul syllables have none in the table that is meant. */
static void append_folded(struct buf *out, ucs4_t c, unsigned depth)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	int tag, count = 0;
	c = uc_totitle(c);
	if (depth < DECOMPOSITION_DEPTH_MAX && (c < HANGUL_FIRST || c > HANGUL_LAST))
		count = uc_decomposition(c, &tag, parts);
	if (count <= 0)
		append_character(out, c);
	for (int i = 0; i < count; i++)
		append_folded(out, parts[i], depth + 1);
}

static struct slice fold_ascii(struct arena *arena, struct slice text)
{
	char *upper = arena_alloc(arena, text.len);
	for (size_t i = 0; i < text.len; i++)
		upper[i] = byte_upper(text.data[i]);
	return slice_of(upper, text.len);
}

struct slice imap_fold(struct arena *arena, struct slice utf8)
{
	if (slice_is_ascii(utf8) || !slice_is_utf8(utf8))
		return fold_ascii(arena, utf8);
	struct buf out = buf_make(utf8.len * FOLDED_CHARACTER_MAX);
	for (size_t i = 0; i < utf8.len;) {
		char *byte = NULL;
		ucs4_t c = (unsigned char)utf8.data[i];
		if (c < 0x80 && (byte = buf_reserve(&out, 1))) {
			*byte = byte_upper((char)c);
			buf_commit(&out, 1);
			i++;
			continue;
		}
		i += (size_t)u8_mbtouc(&c, (const uint8_t *)utf8.data + i, utf8.len - i);
		append_folded(&out, c, 0);
	}
	struct slice folded = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return folded;
}
