#include "base/codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_write(struct slice s, char *out)
{
	const unsigned char *in = (const unsigned char *)s.data;
	size_t i = 0;
	for (; i + 2 < s.len; i += 3) {
		uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
		*out++ = base64_alphabet[bits >> 18];
		*out++ = base64_alphabet[bits >> 12 & 63];
		*out++ = base64_alphabet[bits >> 6 & 63];
		*out++ = base64_alphabet[bits & 63];
	}
	if (i == s.len)
		return;
	bool two = s.len - i == 2;
	uint32_t bits = (uint32_t)in[i] << 16 | (two ? (uint32_t)in[i + 1] << 8 : 0);
	*out++ = base64_alphabet[bits >> 18];
	*out++ = base64_alphabet[bits >> 12 & 63];
	*out++ = two ? base64_alphabet[bits >> 6 & 63] : '=';
	*out++ = '=';
}

static size_t base64_length(size_t len) { return (len + 2) / 3 * 4; }

int base64_encode(struct slice s, struct buf *out)
{
	size_t len = base64_length(s.len);
	char *at = buf_reserve(out, len);
	if (!at)
		return -ENOBUFS;
	base64_write(s, at);
	buf_commit(out, len);
	return 0;
}

struct slice base64_encode_arena(struct arena *arena, struct slice s)
{
	size_t len = base64_length(s.len);
	char *text = arena_alloc(arena, len);
	base64_write(s, text);
	return slice_of(text, len);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (byte_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes digits (2 to 4 of them) to one byte less; false on a foreign one, or when the bits
 * that padding cuts off are not zero (RFC 4648, section 3.5). */
static bool base64_decode_group(const char *text, size_t digits, char *out)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < digits ? base64_value(text[i]) : 0;
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i + 1 < digits; i++)
		out[i] = (char)(bits >> (16 - 8 * i) & 0xff);
	return digits == 4 || (bits & (digits == 3 ? 0xffU : 0xffffU)) == 0;
}

bool base64_decode(struct arena *arena, struct slice text, struct slice *bytes_out)
{
	if (text.len % 4 != 0)
		return false;
	size_t padding = slice_ends_with(text, SLICE("==")) ? 2 : slice_ends_with(text, SLICE("="));
	char *bytes = arena_alloc(arena, text.len / 4 * 3);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t digits = i + 4 == text.len ? 4 - padding : 4;
		if (!base64_decode_group(text.data + i, digits, bytes + len))
			return false;
		len += digits - 1;
	}
	*bytes_out = slice_of(bytes, len);
	return true;
}

struct slice hex_encode(struct arena *arena, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, s.len * 2);
	for (size_t i = 0; i < s.len; i++) {
		text[2 * i] = digits[(unsigned char)s.data[i] >> 4];
		text[2 * i + 1] = digits[(unsigned char)s.data[i] & 15];
	}
	return slice_of(text, s.len * 2);
}

bool hex_decode(struct arena *arena, struct slice text, struct slice *bytes_out)
{
	if (text.len % 2 != 0)
		return false;
	char *bytes = arena_alloc(arena, text.len / 2);
	for (size_t i = 0; i < text.len; i += 2) {
		int high = byte_hex_value(text.data[i]), low = byte_hex_value(text.data[i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high << 4 | low);
	}
	*bytes_out = slice_of(bytes, text.len / 2);
	return true;
}

static bool xtext_is_plain(char c) { return c > 0x20 && c < 0x7f && c != '+' && c != '='; }

struct slice xtext_encode(struct arena *arena, struct slice s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte = (unsigned char)s.data[i];
		if (xtext_is_plain(s.data[i])) {
			out[len++] = s.data[i];
			continue;
		}
		out[len++] = '+';
		out[len++] = digits[byte >> 4];
		out[len++] = digits[byte & 15];
	}
	return slice_of(out, len);
}

bool xtext_decode(struct arena *arena, struct slice text, struct slice *bytes_out)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (xtext_is_plain(text.data[i])) {
			out[len++] = text.data[i];
			continue;
		}
		if (text.data[i] != '+' || text.len - i < 3)
			return false;
		int high = byte_hex_value(text.data[i + 1]);
		int low = byte_hex_value(text.data[i + 2]);
		if (high < 0 || low < 0)
			return false;
		out[len++] = (char)(high << 4 | low);
		i += 2;
	}
	*bytes_out = slice_of(out, len);
	return true;
}

void random_bytes(void *out, size_t len)
{
	char *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "error random.unavailable\n");
			abort();
		}
		at += got;
		len -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t value;
	random_bytes(&value, sizeof(value));
	return value;
}

uint64_t random_below(uint64_t bound)
{
	/* Values in the last, incomplete run of bound would make the low results likelier. */
	uint64_t excess = (UINT64_MAX % bound + 1) % bound;
	uint64_t value;
	do
		value = random_u64();
	while (value > UINT64_MAX - excess);
	return value % bound;
}
