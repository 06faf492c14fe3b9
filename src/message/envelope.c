#include "message/envelope.h"

#include <unistr.h>

#include "base/buf.h"
#include "base/cursor.h"

enum { TEXT_MAX = ENVELOPE_SOLICIT_MAX + ENVELOPE_AUTH_MAX + 256 };

struct slice envelope_options_text(struct arena *arena, const struct envelope_options *o,
                                   int64_t arrived_ms)
{
	bool any = o->requiretls || o->tls_optional || o->priority != 0 || o->by_mode ||
	           o->hold_until_ms != 0 || o->solicit.len > 0 || o->auth.len > 0;
	if (!any)
		return SLICE_EMPTY;
	struct buf out = buf_make(TEXT_MAX);
	if (o->requiretls)
		buf_append(&out, SLICE(" requiretls"));
	if (o->tls_optional)
		buf_append(&out, SLICE(" tls-optional"));
	if (o->priority != 0)
		buf_printf(&out, " priority=%d", o->priority);
	if (o->by_mode)
		buf_printf(&out, " by=%lld;%c%s", (long long)(o->by_ms - arrived_ms), o->by_mode,
		           o->by_trace ? "T" : "");
	if (o->hold_until_ms != 0)
		buf_printf(&out, " hold=%lld", (long long)o->hold_until_ms);
	if (o->auth.len > 0)
		buf_printf(&out, " auth=%.*s", SLICE_ARG(o->auth));
	if (o->solicit.len > 0)
		buf_printf(&out, " solicit=%.*s", SLICE_ARG(o->solicit));
	struct slice text = arena_copy(arena, slice_from(buf_slice(&out), 1));
	buf_free(&out);
	return text;
}

static void parse_by(struct slice value, int64_t arrived_ms, struct envelope_options *out)
{
	int64_t ms;
	struct slice mode = value;
	struct slice time = slice_split(&mode, ';');
	if (!slice_to_i64(time, &ms) || mode.len == 0 ||
	    __builtin_add_overflow(ms, arrived_ms, &out->by_ms))
		return;
	out->by_mode = mode.data[0] == 'R' ? 'R' : 'N';
	out->by_trace = mode.len > 1 && mode.data[1] == 'T';
}

static void parse_word(struct slice word, int64_t arrived_ms, struct envelope_options *out)
{
	struct slice value = word;
	struct slice name = slice_split(&value, '=');
	int64_t number;
	if (slice_equal(name, SLICE("requiretls")))
		out->requiretls = true;
	else if (slice_equal(name, SLICE("tls-optional")))
		out->tls_optional = true;
	else if (slice_equal(name, SLICE("by")))
		parse_by(value, arrived_ms, out);
	else if (slice_equal(name, SLICE("auth")))
		out->auth = value;
	else if (slice_equal(name, SLICE("solicit")))
		out->solicit = value;
	else if (!slice_to_i64(value, &number))
		return;
	else if (slice_equal(name, SLICE("hold")))
		out->hold_until_ms = number;
	else if (slice_equal(name, SLICE("priority")) && number >= -ENVELOPE_PRIORITY_MAX &&
	         number <= ENVELOPE_PRIORITY_MAX)
		out->priority = (int)number;
}

void envelope_options_parse(struct slice text, int64_t arrived_ms, struct envelope_options *out)
{
	*out = (struct envelope_options){ .auth = SLICE_EMPTY, .solicit = SLICE_EMPTY };
	while (text.len > 0)
		parse_word(slice_split(&text, ' '), arrived_ms, out);
}

static bool is_word_byte(char c)
{
	return byte_is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
}

/* Solicitation-keywords = word *( "," word ), word = ALPHA *( wordchar )
 *                                                                    RFC 3865, section 2.2 */
bool envelope_solicit_is_valid(struct slice keywords)
{
	struct cursor c = cursor_of(keywords);
	struct slice word;
	do {
		int first = cursor_peek(&c);
		if (first < 0 || !byte_is_alpha((char)first) ||
		    !take_while(&c, is_word_byte, ENVELOPE_SOLICIT_MAX, &word))
			return false;
	} while (take_byte(&c, ','));
	return cursor_at_end(&c) && keywords.len <= ENVELOPE_SOLICIT_MAX;
}

struct envelope_options envelope_options_of_report(const struct envelope_options *o)
{
	return (struct envelope_options){ .requiretls = o->requiretls,
		                          .tls_optional = o->tls_optional,
		                          .priority = o->priority,
		                          .auth = SLICE_EMPTY,
		                          .solicit = SLICE_EMPTY };
}

/* QCHAR: printable, and none that means something in xtext or a parameter. */
static bool is_qchar(char c) { return c > ' ' && c < 0x7F && c != '+' && c != '=' && c != '\\'; }

/* EmbeddedUnicodeChar = "\x{" 2*6HEX "}" */
static bool take_embedded(struct cursor *c)
{
	struct slice digits;
	if (!take_text(c, SLICE("\\x{")) || !take_until(c, '}', 6, &digits) || digits.len < 2)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (byte_hex_value(digits.data[i]) < 0)
			return false;
	}
	return take_byte(c, '}');
}

bool envelope_utf8_address_is_valid(struct slice text)
{
	struct cursor c = cursor_of(text);
	char byte;
	while (!cursor_at_end(&c)) {
		if (cursor_peek(&c) == '\\') {
			if (!take_embedded(&c))
				return false;
		} else if (!take_any(&c, &byte) || (!is_qchar(byte) && !(byte & 0x80))) {
			return false;
		}
	}
	return text.len > 0 && slice_is_utf8(text);
}

struct slice envelope_utf8_address_ascii(struct arena *arena, struct slice text)
{
	struct buf out = buf_make(text.len * 5 + 16);
	for (size_t i = 0; i < text.len;) {
		ucs4_t code;
		int len = u8_mbtouc(&code, (const uint8_t *)text.data + i, text.len - i);
		if (code < 0x80)
			buf_append_byte(&out, (char)code);
		else
			buf_printf(&out, "\\x{%X}", (unsigned)code);
		i += (size_t)len;
	}
	struct slice ascii = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return ascii;
}
