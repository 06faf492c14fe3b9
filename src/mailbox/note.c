#include "mailbox/note.h"

#include <errno.h>

/* The null reverse-path: a field may not be empty. */
#define NOTE_NULL_PATH SLICE("<>")

static bool note_byte_is_plain(char c)
{
	unsigned char u = (unsigned char)c;
	return u > 0x20 && u != 0x7F && u != '%';
}

static void note_add_field(struct buf *note, struct slice field)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < field.len; i++) {
		unsigned char u = (unsigned char)field.data[i];
		if (note_byte_is_plain(field.data[i])) {
			buf_append_byte(note, field.data[i]);
			continue;
		}
		buf_append_byte(note, '%');
		buf_append_byte(note, digits[u >> 4]);
		buf_append_byte(note, digits[u & 15]);
	}
}

/* All of the line or nothing of it. */
static int note_add_line(struct buf *note, struct slice verb, struct slice a, struct slice b)
{
	size_t before = note->len;
	buf_append(note, verb);
	buf_append_byte(note, ' ');
	note_add_field(note, a);
	if (b.len > 0) {
		buf_append_byte(note, ' ');
		note_add_field(note, b);
	}
	buf_append_byte(note, '\n');
	if (!buf_failed(note))
		return 0;
	note->failed = false;
	buf_truncate(note, before);
	return -ENOBUFS;
}

int note_add_at(struct buf *note, int64_t at_ms)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)at_ms);
	return note_add_line(note, SLICE("at"), slice_of(digits, (size_t)len), SLICE_EMPTY);
}

int note_add_to(struct buf *note, struct slice address, struct slice mailbox)
{
	return note_add_line(note, SLICE("to"), address, mailbox);
}

int note_add_relay(struct buf *note, struct slice reverse_path, struct slice forward_path)
{
	struct slice reverse = reverse_path.len > 0 ? reverse_path : NOTE_NULL_PATH;
	return note_add_line(note, SLICE("relay"), reverse, forward_path);
}

static struct slice note_decode(struct arena *arena, struct slice field)
{
	char *out = arena_alloc(arena, field.len);
	size_t len = 0;
	for (size_t i = 0; i < field.len; i++) {
		int high = -1, low = -1;
		if (field.data[i] == '%' && field.len - i > 2) {
			high = byte_hex_value(field.data[i + 1]);
			low = byte_hex_value(field.data[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[len++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[len++] = field.data[i];
		}
	}
	return slice_of(out, len);
}

static bool note_read_line(struct slice line, struct arena *arena, struct note_line *out)
{
	struct slice verb = slice_split(&line, ' ');
	struct slice a = slice_split(&line, ' ');
	struct slice b = line;
	*out = (struct note_line){ 0 };
	if (slice_equal(verb, SLICE("at"))) {
		out->kind = NOTE_AT;
		return slice_to_i64(a, &out->at_ms);
	}
	if (a.len == 0 || b.len == 0)
		return false;
	if (slice_equal(verb, SLICE("to"))) {
		out->kind = NOTE_TO;
		out->address = note_decode(arena, a);
		out->mailbox = note_decode(arena, b);
		return true;
	}
	if (slice_equal(verb, SLICE("relay"))) {
		out->kind = NOTE_RELAY;
		out->reverse = slice_equal(a, NOTE_NULL_PATH) ? SLICE_EMPTY : note_decode(arena, a);
		out->address = note_decode(arena, b);
		return true;
	}
	return false;
}

bool note_next(struct cursor *note, struct arena *arena, struct note_line *out)
{
	struct slice rest = cursor_rest(note);
	while (rest.len > 0) {
		struct slice line = slice_split(&rest, '\n');
		*note = cursor_of(rest);
		if (note_read_line(line, arena, out))
			return true;
	}
	return false;
}
