/* Cursors: what parsers are written with.
 *
 * A cursor walks over a slice. Each take_ function advances on success and returns true; on
 * failure it leaves the cursor alone and returns false. Results are slices into the input:
 * nothing is copied, nothing is allocated. Lengths are bounded by an explicit maximum. */
#ifndef VEREDUS_BASE_CURSOR_H
#define VEREDUS_BASE_CURSOR_H

#include "base/slice.h"

struct cursor {
	const char *at;
	const char *end;
};

/* The cleared slice, whose data is NULL, is empty like any other. */
static inline struct cursor cursor_of(struct slice s)
{
	const char *at = s.data ? s.data : "";
	return (struct cursor){ at, at + s.len };
}

static inline bool cursor_at_end(const struct cursor *c) { return c->at == c->end; }

static inline size_t cursor_left(const struct cursor *c) { return (size_t)(c->end - c->at); }

/* What has not been taken yet. */
static inline struct slice cursor_rest(const struct cursor *c)
{
	return (struct slice){ c->at, (size_t)(c->end - c->at) };
}

/* The next byte, 0 to 255, without taking it; -1 at the end. */
static inline int cursor_peek(const struct cursor *c)
{
	return c->at == c->end ? -1 : (unsigned char)*c->at;
}

/* One given byte. take_byte_nocase ignores the case of ASCII letters. */
bool take_byte(struct cursor *c, char byte);
bool take_byte_nocase(struct cursor *c, char byte);
/* Any one byte. */
bool take_any(struct cursor *c, char *byte_out);
/* A given text, exactly or without regard to ASCII case. */
bool take_text(struct cursor *c, struct slice text);
bool take_text_nocase(struct cursor *c, struct slice text);
/* Exactly len bytes. */
bool take_bytes(struct cursor *c, size_t len, struct slice *out);
/* One to max bytes for which is_member answers true; false if there is none, or more than max. */
bool take_while(struct cursor *c, bool (*is_member)(char), size_t max, struct slice *out);
/* All bytes up to the first stop byte, which is not taken; false if there is none or if more
 * than max bytes precede it. */
bool take_until(struct cursor *c, char stop, size_t max, struct slice *out);
/* Any number of spaces and tabs, none included: always succeeds. */
void skip_space(struct cursor *c);
/* A decimal number of one to 20 digits that is at most max. */
bool take_number(struct cursor *c, uint64_t max, uint64_t *value_out);

#endif
