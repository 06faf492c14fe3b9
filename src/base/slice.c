#include "base/slice.h"

#include <strings.h>

struct slice slice_sub(struct slice s, size_t offset, size_t len)
{
	/* Of the cleared slice, too, whose pointer is NULL. */
	if (s.len == 0)
		return s;
	if (offset >= s.len)
		return (struct slice){ s.data + s.len, 0 };
	size_t left = s.len - offset;
	return (struct slice){ s.data + offset, len < left ? len : left };
}

struct slice slice_from(struct slice s, size_t offset) { return slice_sub(s, offset, s.len); }

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool bytes_equal_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (byte_lower(a[i]) != byte_lower(b[i]))
			return false;
	}
	return true;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && bytes_equal_nocase(a.data, b.data, a.len);
}

int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_equal(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_equal_nocase(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends_with(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_equal(slice_from(s, s.len - suffix.len), suffix);
}

bool slice_ends_with_nocase(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_equal_nocase(slice_from(s, s.len - suffix.len), suffix);
}

ptrdiff_t slice_find_byte(struct slice s, char c)
{
	const char *found = s.len > 0 ? memchr(s.data, c, s.len) : NULL;
	return found ? found - s.data : -1;
}

ptrdiff_t slice_find_last_byte(struct slice s, char c)
{
	const char *found = s.len > 0 ? memrchr(s.data, c, s.len) : NULL;
	return found ? found - s.data : -1;
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
	if (needle.len == 0)
		return 0;
	const char *found = s.len > 0 ? memmem(s.data, s.len, needle.data, needle.len) : NULL;
	return found ? found - s.data : -1;
}

ptrdiff_t slice_find_nocase(struct slice s, struct slice needle)
{
	for (size_t at = 0; at + needle.len <= s.len; at++) {
		if (bytes_equal_nocase(s.data + at, needle.data, needle.len))
			return (ptrdiff_t)at;
	}
	return -1;
}

static bool is_trimmed(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

struct slice slice_trim(struct slice s)
{
	size_t first = 0, end = s.len;
	while (first < end && is_trimmed(s.data[first]))
		first++;
	while (end > first && is_trimmed(s.data[end - 1]))
		end--;
	return slice_sub(s, first, end - first);
}

struct slice slice_split(struct slice *rest, char c)
{
	struct slice whole = *rest;
	ptrdiff_t at = slice_find_byte(whole, c);
	if (at < 0) {
		*rest = slice_from(whole, whole.len);
		return whole;
	}
	*rest = slice_from(whole, (size_t)at + 1);
	return slice_sub(whole, 0, (size_t)at);
}

bool slice_to_u64(struct slice s, uint64_t *value_out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!byte_is_digit(s.data[i]) || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.data[i] - '0'), &value))
			return false;
	}
	*value_out = value;
	return true;
}

bool slice_to_i64(struct slice s, int64_t *value_out)
{
	bool negative = s.len > 0 && s.data[0] == '-';
	uint64_t magnitude;
	if (!slice_to_u64(slice_from(s, negative ? 1 : 0), &magnitude) ||
	    magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	*value_out = (int64_t)(negative ? 0 - magnitude : magnitude);
	return true;
}

bool slice_is_ascii(struct slice s)
{
	uint64_t word;
	size_t i = 0;
	for (; s.len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, s.data + i, sizeof(word));
		if (word & 0x8080808080808080)
			return false;
	}
	for (; i < s.len; i++) {
		if ((unsigned char)s.data[i] >= 0x80)
			return false;
	}
	return true;
}

/* The length of the well-formed character at the front of s (not empty), or 0; the ranges of the
 * second byte are those of the table in RFC 3629, section 4. */
static size_t utf8_length(struct slice s)
{
	unsigned char first = (unsigned char)s.data[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t len;
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (s.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char byte = (unsigned char)s.data[i];
		if (byte < low || byte > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

bool slice_is_utf8(struct slice s)
{
	while (s.len > 0) {
		size_t len = utf8_length(s);
		if (len == 0)
			return false;
		s = slice_from(s, len);
	}
	return true;
}

int byte_hex_value(char c)
{
	if (byte_is_digit(c))
		return c - '0';
	c = byte_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
