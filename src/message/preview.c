#include "message/preview.h"

#include "base/buf.h"
#include "base/cursor.h"

enum {
	PREVIEW_TEXT_MAX = 64 << 10, /* bytes of a decoded part that are looked at */
	PREVIEW_BYTES_MAX = MESSAGE_PREVIEW_CHARS * 4,
};

/* --- what part ----------------------------------------------------------------------- */

/* The first leaf of that text type. */
static const struct mime_part *find_text(const struct mime_part *part, const char *subtype)
{
	const struct mime_part *found = NULL;
	if (part->kind == MIME_LEAF)
		return mime_is(part, "text", subtype) ? part : NULL;
	for (const struct mime_part *c = part->first; c && !found; c = c->next)
		found = find_text(c, subtype);
	return found;
}

/* --- characters ---------------------------------------------------------------------- */

struct preview {
	struct buf out;
	unsigned chars;
	bool space; /* before the next character */
};

/* False: there is enough. */
static bool preview_add(struct preview *p, struct slice one)
{
	unsigned char c = (unsigned char)one.data[0];
	if (c <= ' ' || c == 0x7f) {
		p->space = p->chars > 0;
		return true;
	}
	if (p->chars + p->space >= MESSAGE_PREVIEW_CHARS)
		return false;
	if (p->space) {
		buf_append_byte(&p->out, ' ');
		p->chars++;
		p->space = false;
	}
	p->chars++;
	return buf_append(&p->out, one) == 0;
}

/* One character of UTF-8. */
static struct slice take_character(struct cursor *c)
{
	const char *start = c->at++;
	while (!cursor_at_end(c) && ((unsigned char)*c->at & 0xC0) == 0x80)
		c->at++;
	return slice_of(start, (size_t)(c->at - start));
}

static void add_plain(struct preview *p, struct slice text)
{
	struct cursor c = cursor_of(text);
	while (!cursor_at_end(&c) && preview_add(p, take_character(&c)))
		;
}

/* --- HTML ---------------------------------------------------------------------------- */

/* Skips a tag, and with it what belongs to "style", "script", "head" and comments. */
static void skip_tag(struct cursor *c)
{
	static const struct {
		struct slice open, close;
	} whole[] = {
		{ { "!--", 3 }, { "-->", 3 } },
		{ { "style", 5 }, { "</style", 7 } },
		{ { "script", 6 }, { "</script", 8 } },
		{ { "head", 4 }, { "</head", 6 } },
	};
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		if (!slice_starts_with_nocase(cursor_rest(c), whole[i].open))
			continue;
		ptrdiff_t end = slice_find_nocase(cursor_rest(c), whole[i].close);
		c->at = end < 0 ? c->end : c->at + end;
		break;
	}
	ptrdiff_t close = slice_find_byte(cursor_rest(c), '>');
	c->at = close < 0 ? c->end : c->at + close + 1;
}

/* "&amp;" and the other few that are in every text; all else stays as it is. */
static struct slice take_entity(struct cursor *c)
{
	static const struct {
		struct slice name, text;
	} entities[] = {
		{ { "&amp;", 5 }, { "&", 1 } },  { { "&lt;", 4 }, { "<", 1 } },
		{ { "&gt;", 4 }, { ">", 1 } },   { { "&quot;", 6 }, { "\"", 1 } },
		{ { "&nbsp;", 6 }, { " ", 1 } }, { { "&apos;", 6 }, { "'", 1 } },
		{ { "&#39;", 5 }, { "'", 1 } },  { { "&#160;", 6 }, { " ", 1 } },
		{ { "&zwnj;", 6 }, { " ", 1 } },
	};
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (take_text_nocase(c, entities[i].name))
			return entities[i].text;
	}
	return take_character(c);
}

static void add_html(struct preview *p, struct slice text)
{
	struct cursor c = cursor_of(text);
	bool enough = false;
	while (!cursor_at_end(&c) && !enough) {
		if (take_byte(&c, '<')) {
			skip_tag(&c);
			p->space = p->chars > 0;
		} else {
			enough = !preview_add(p, take_entity(&c));
		}
	}
}

/* --- the whole ----------------------------------------------------------------------- */

struct slice message_preview(struct slice bytes, const struct message_limits *limits,
                             struct arena *arena)
{
	struct preview p = { .out = buf_make(PREVIEW_BYTES_MAX) };
	const struct mime_part *message = mime_parse(arena, bytes, limits);
	const struct mime_part *part = find_text(message, "plain");
	bool html = !part;
	if (html)
		part = find_text(message, "html");
	if (!part)
		return SLICE_EMPTY;
	struct slice raw = mime_decode_all(arena, part->encoding, mime_body(part, bytes),
	                                   PREVIEW_TEXT_MAX);
	struct slice text = charset_to_utf8(arena, mime_charset(part), raw);
	if (html)
		add_html(&p, text);
	else
		add_plain(&p, text);
	struct slice out = arena_copy(arena, buf_slice(&p.out));
	buf_free(&p.out);
	return out;
}
