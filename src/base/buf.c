#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define BUF_CAPACITY_MIN 64

void buf_free(struct buf *b)
{
	free(b->data);
	*b = buf_make(b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool buf_make_room(struct buf *b, size_t len)
{
	if (b->failed || len > b->max - b->len) {
		b->failed = true;
		return false;
	}
	size_t needed = b->len + len;
	if (needed <= b->capacity && b->data)
		return true;
	/* One byte more than is counted: for the NUL that vsnprintf writes. */
	size_t capacity = b->capacity > 0 ? b->capacity : BUF_CAPACITY_MIN;
	while (capacity < needed)
		capacity = capacity > b->max / 2 ? b->max : capacity * 2;
	b->data = mem_grow(b->data, capacity + 1);
	b->capacity = capacity;
	return true;
}

int buf_append(struct buf *b, struct slice s)
{
	if (!buf_make_room(b, s.len))
		return -ENOBUFS;
	if (s.len > 0)
		memcpy(b->data + b->len, s.data, s.len);
	b->len += s.len;
	return 0;
}

int buf_append_byte(struct buf *b, char c)
{
	if (!buf_make_room(b, 1))
		return -ENOBUFS;
	b->data[b->len++] = c;
	return 0;
}

int buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	int status = -ENOBUFS;
	if (len >= 0 && buf_make_room(b, (size_t)len)) {
		vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
		b->len += (size_t)len;
		status = 0;
	}
	va_end(again);
	return status;
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int status = buf_vprintf(b, format, args);
	va_end(args);
	return status;
}

char *buf_reserve(struct buf *b, size_t len)
{
	return buf_make_room(b, len) ? b->data + b->len : NULL;
}

void buf_commit(struct buf *b, size_t len) { b->len += len; }

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}
