/* Buffers: bytes that grow up to a maximum.
 *
 * Every buffer is made with a maximum; growing past it is refused with -ENOBUFS and leaves the
 * buffer as it was. Appends to one that has refused go on being refused until it is cleared, so
 * that a run of appends can be checked once, at its end, by buf_failed(). */
#ifndef VEREDUS_BASE_BUF_H
#define VEREDUS_BASE_BUF_H

#include <stdarg.h>

#include "base/slice.h"

struct buf {
	char *data;
	size_t len;      /* bytes in use */
	size_t capacity; /* bytes allocated */
	size_t max;      /* bytes it may grow to */
	bool failed;
};

/* Nothing is allocated before the first append. */
static inline struct buf buf_make(size_t max) { return (struct buf){ .max = max }; }

void buf_free(struct buf *b);
/* Empties it and keeps its memory. */
void buf_clear(struct buf *b);

int buf_append(struct buf *b, struct slice s);
int buf_append_byte(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
int buf_vprintf(struct buf *b, const char *format, va_list args)
	__attribute__((format(printf, 2, 0), nonnull(2)));
/* Makes room for len more bytes and returns where they go, or NULL; buf_commit() counts them in
 * once they have been written. */
char *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);
/* Drops len bytes at the front. */
void buf_consume(struct buf *b, size_t len);
/* Cuts it to its first len bytes. */
void buf_truncate(struct buf *b, size_t len);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->data ? b->data : "", b->len };
}

/* True if an append was refused since the buffer was made or cleared. */
static inline bool buf_failed(const struct buf *b) { return b->failed; }

#endif
