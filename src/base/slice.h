/* Slices: a pointer and a length over bytes that somebody else owns.
 *
 * Bytes from outside are touched only through slices and cursors (cursor.h). A slice is passed
 * by value, is never NUL-terminated by promise, and may hold any byte, NUL included. */
#ifndef VEREDUS_BASE_SLICE_H
#define VEREDUS_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *data;
	size_t len; /* bytes */
};

/* A slice of a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
#define SLICE_EMPTY    ((struct slice){ "", 0 })

/* The arguments of a "%.*s" conversion. */
#define SLICE_ARG(s) (int)(s).len, (s).data

/* NULL with a length of 0 gives the empty slice. */
static inline struct slice slice_of(const void *data, size_t len)
{
	return (struct slice){ data ? data : "", len };
}

/* A NULL string gives the empty slice. */
static inline struct slice slice_from_str(const char *str)
{
	return str ? (struct slice){ str, strlen(str) } : SLICE_EMPTY;
}

/* At most len bytes from offset on; what lies outside the slice is left out. */
struct slice slice_sub(struct slice s, size_t offset, size_t len);
struct slice slice_from(struct slice s, size_t offset);

bool slice_equal(struct slice a, struct slice b);
/* ASCII letters compare without case; all other bytes exactly. */
bool slice_equal_nocase(struct slice a, struct slice b);
/* <0, 0, >0 by bytes, a shorter prefix first. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
bool slice_ends_with_nocase(struct slice s, struct slice suffix);

/* Offset of the first (last) byte c, or -1. */
ptrdiff_t slice_find_byte(struct slice s, char c);
ptrdiff_t slice_find_last_byte(struct slice s, char c);
/* Offset of the first occurrence of needle, or -1; the empty needle is at 0. */
ptrdiff_t slice_find(struct slice s, struct slice needle);
ptrdiff_t slice_find_nocase(struct slice s, struct slice needle);

/* Without leading and trailing spaces, tabs, CR and LF. */
struct slice slice_trim(struct slice s);

/* Splits at the first byte c: the part before it is returned, *rest becomes what follows it.
 * Without c the whole of *rest is returned and *rest becomes empty. */
struct slice slice_split(struct slice *rest, char c);

/* Decimal digits only (one optional '-' for the signed form), the whole slice; false if it is
 * empty, holds anything else or overflows. */
bool slice_to_u64(struct slice s, uint64_t *value_out);
bool slice_to_i64(struct slice s, int64_t *value_out);

/* True if every byte is below 0x80. */
bool slice_is_ascii(struct slice s);
/* True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool slice_is_utf8(struct slice s);

/* ASCII classes that do not look at the locale. */
static inline bool byte_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool byte_is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static inline bool byte_is_alnum(char c) { return byte_is_digit(c) || byte_is_alpha(c); }
static inline bool byte_is_space(char c) { return c == ' ' || c == '\t'; }
static inline char byte_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static inline char byte_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c; }
/* 0 to 15, or -1. */
int byte_hex_value(char c);

#endif
