/* Writing header fields, folded. */
#include <errno.h>

#include "message/header.h"

/* RFC 5322 section 2.1.1: lines should stay below 78 characters. */
#define FOLD_COLUMN 77
/* Octets of a parameter value in one RFC 2231 section: "; filename*10*=" goes before. */
#define PARAM_SECTION_MAX 48

static bool is_control(char c) { return (unsigned char)c < ' ' || c == 0x7F; }

/* One word, preceded by a space or a new line, but never a new line right behind the field's name:
 * a line of white space alone is obsolete. column counts what is on the line. */
static int put_word(struct buf *out, struct slice word, size_t *column, bool first)
{
	if (*column + 1 + word.len > FOLD_COLUMN && !first) {
		buf_append(out, SLICE("\r\n"));
		*column = 0;
	}
	buf_append_byte(out, ' ');
	*column += 1 + word.len;
	int rc = 0;
	for (size_t i = 0; i < word.len; i++)
		rc = buf_append_byte(out, is_control(word.data[i]) ? ' ' : word.data[i]);
	return rc;
}

int header_put_raw(struct buf *out, const char *name, struct slice value)
{
	size_t column = strlen(name) + 1;
	bool first = true;
	buf_append(out, slice_from_str(name));
	buf_append_byte(out, ':');
	value = slice_trim(value);
	while (value.len > 0) {
		struct slice word = slice_split(&value, ' ');
		/* Spaces beyond the first are kept as they are: they may stand in quotes. */
		if (word.len > 0)
			put_word(out, word, &column, first);
		else
			buf_append_byte(out, ' ');
		first = false;
	}
	return buf_append(out, SLICE("\r\n"));
}

/* Plain ASCII may stand for itself unless it could be taken for an encoded word, has spaces that
 * folding would lose, or a word that no fold could keep below the 998 octets of a line. */
static bool is_plain_text(struct slice text)
{
	size_t word = 0;
	if (text.len == 0)
		return true;
	if (text.data[0] == ' ' || text.data[text.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		word = text.data[i] == ' ' ? 0 : word + 1;
		if (is_control(text.data[i]) || text.data[i] & 0x80 || word > 900)
			return false;
	}
	return slice_find(text, SLICE("=?")) < 0 && slice_find(text, SLICE("  ")) < 0;
}

int header_put_text(struct buf *out, const char *name, struct slice text)
{
	if (is_plain_text(text))
		return header_put_raw(out, name, text);
	struct buf clean = buf_make(text.len), words = buf_make(text.len * 8 + 64);
	for (size_t i = 0; i < text.len; i++)
		buf_append_byte(&clean, is_control(text.data[i]) ? ' ' : text.data[i]);
	int rc = header_put_words(&words, buf_slice(&clean));
	if (rc == 0)
		rc = header_put_raw(out, name, buf_slice(&words));
	buf_free(&clean);
	buf_free(&words);
	return rc;
}

static bool is_attribute_byte(char c)
{
	return byte_is_alnum(c) || (c && strchr("!#$&+-.^_`{|}~", c));
}

static int put_quoted(struct buf *out, const char *name, struct slice value)
{
	buf_printf(out, ";\r\n %s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, value.data[i]);
	}
	return buf_append_byte(out, '"');
}

/* How many bytes fit into one section, not cutting a character in two. */
static size_t section_fit(struct slice value)
{
	size_t len = 0, used = 0;
	while (len < value.len) {
		size_t step = 1, cost = is_attribute_byte(value.data[len]) ? 1 : 3;
		while (len + step < value.len && step < 4 &&
		       ((unsigned char)value.data[len + step] & 0xC0) == 0x80) {
			step++;
			cost += 3;
		}
		if (used + cost > PARAM_SECTION_MAX)
			break;
		used += cost;
		len += step;
	}
	return len;
}

static int put_section(struct buf *out, struct slice piece)
{
	int rc = 0;
	for (size_t i = 0; i < piece.len && rc == 0; i++) {
		if (is_attribute_byte(piece.data[i]))
			rc = buf_append_byte(out, piece.data[i]);
		else
			rc = buf_printf(out, "%%%02X", (unsigned char)piece.data[i]);
	}
	return rc;
}

static int put_extended(struct buf *out, const char *name, struct slice value)
{
	int rc = 0;
	bool single = section_fit(value) == value.len;
	for (unsigned section = 0; value.len > 0 && rc == 0; section++) {
		size_t len = section_fit(value);
		if (single)
			buf_printf(out, ";\r\n %s*=utf-8''", name);
		else
			buf_printf(out, ";\r\n %s*%u*=%s", name, section,
			           section == 0 ? "utf-8''" : "");
		rc = put_section(out, slice_sub(value, 0, len));
		value = slice_from(value, len);
	}
	return rc;
}

int header_put_param(struct buf *out, const char *name, struct slice value)
{
	bool plain = value.len <= PARAM_SECTION_MAX;
	for (size_t i = 0; i < value.len && plain; i++)
		plain = !is_control(value.data[i]) && !(value.data[i] & 0x80);
	return plain ? put_quoted(out, name, value) : put_extended(out, name, value);
}
