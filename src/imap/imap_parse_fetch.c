/* FETCH and STORE: what of a message is asked for, or changed. */
#include "base/buf.h"
#include "imap/imap_parse.h"
#include "message/section_text.h"

/* A label grows at most so long: the names of all fields, quoted or as literals. */
enum { LABEL_BYTES_MAX = MESSAGE_SECTION_FIELDS_MAX * (IMAP_ATOM_MAX + 16) };

/* --- section ------------------------------------------------------------------------- */

/* section = "[" [section-part ["." section-text] / section-text] "]" */
static bool take_section(struct cursor *c, struct arena *arena, struct message_section *section)
{
	return take_byte(c, '[') && message_take_section(c, arena, imap_take_astring, section) &&
	       take_byte(c, ']');
}

/* --- label --------------------------------------------------------------------------- */

static void label_field(struct buf *out, struct slice field)
{
	bool atom = field.len > 0;
	for (size_t i = 0; i < field.len; i++)
		atom = atom && imap_is_atom_char(field.data[i]);
	if (atom)
		buf_append(out, field);
	else if (buf_printf(out, "{%zu}\r\n", field.len) == 0)
		buf_append(out, field);
}

static void label_section(struct buf *out, const struct message_section *s)
{
	static const char *const names[] = {
		[SECTION_ALL] = "",
		[SECTION_HEADER] = "HEADER",
		[SECTION_HEADER_FIELDS] = "HEADER.FIELDS",
		[SECTION_HEADER_FIELDS_NOT] = "HEADER.FIELDS.NOT",
		[SECTION_TEXT] = "TEXT",
		[SECTION_MIME] = "MIME",
	};
	for (size_t i = 0; i < s->depth; i++)
		buf_printf(out, "%s%u", i ? "." : "", s->path[i]);
	buf_printf(out, "%s%s", s->depth && s->kind != SECTION_ALL ? "." : "", names[s->kind]);
	for (size_t i = 0; i < s->field_count; i++) {
		buf_append(out, i ? SLICE(" ") : SLICE(" ("));
		label_field(out, s->fields[i]);
	}
	if (s->field_count)
		buf_append_byte(out, ')');
}

static bool make_label(struct arena *arena, struct slice word, struct imap_fetch_item *item)
{
	struct buf out = buf_make(LABEL_BYTES_MAX);
	buf_append(&out, word);
	buf_append_byte(&out, '[');
	label_section(&out, &item->section);
	buf_append_byte(&out, ']');
	if (item->has_partial)
		buf_printf(&out, "<%u>", item->offset);
	bool ok = !buf_failed(&out);
	item->label = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return ok;
}

/* --- items --------------------------------------------------------------------------- */

/* partial = "<" number "." nz-number ">" */
static bool take_partial(struct cursor *c, struct imap_fetch_item *item)
{
	if (!take_byte(c, '<'))
		return true;
	item->has_partial = true;
	return imap_take_number(c, &item->offset) && take_byte(c, '.') &&
	       imap_take_number(c, &item->length) && item->length > 0 && take_byte(c, '>');
}

static bool take_body_section(struct cursor *c, struct arena *arena, struct imap_fetch_item *item)
{
	item->kind = FETCH_SECTION;
	return take_section(c, arena, &item->section) && take_partial(c, item) &&
	       make_label(arena, SLICE("BODY"), item);
}

/* "[" [section-part] "]": a part, never a header or text of it */
static bool take_binary_section(struct cursor *c, struct arena *arena, struct imap_fetch_item *item)
{
	return take_section(c, arena, &item->section) && item->section.kind == SECTION_ALL;
}

/* "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary (RFC 3516) */
static bool take_binary(struct cursor *c, struct arena *arena, struct imap_fetch_item *item)
{
	struct cursor at = *c;
	if (take_text_nocase(&at, SLICE("BINARY.SIZE"))) {
		*item = (struct imap_fetch_item){ .kind = FETCH_BINARY_SIZE, .peek = true };
		*c = at;
		return take_binary_section(c, arena, item) &&
		       make_label(arena, SLICE("BINARY.SIZE"), item);
	}
	*item = (struct imap_fetch_item){ .kind = FETCH_BINARY };
	if (take_text_nocase(&at, SLICE("BINARY.PEEK")))
		item->peek = true;
	else if (!take_text_nocase(&at, SLICE("BINARY")))
		return false;
	*c = at;
	return take_binary_section(c, arena, item) && take_partial(c, item) &&
	       make_label(arena, SLICE("BINARY"), item);
}

/* "PREVIEW" [SP "(" "LAZY" ")"]: what is lazy is made at once too */
static bool take_preview(struct cursor *c, struct imap_fetch_item *item)
{
	struct cursor at = *c;
	if (!imap_take_word(c, SLICE("PREVIEW")))
		return false;
	*item = (struct imap_fetch_item){ .kind = FETCH_PREVIEW, .peek = true };
	at = *c;
	if (imap_take_space(&at) && take_byte(&at, '(') && imap_take_word(&at, SLICE("LAZY")) &&
	    take_byte(&at, ')'))
		*c = at;
	return true;
}

struct fetch_word {
	struct slice word;
	struct imap_fetch_item item;
};

#define WORD(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define SECTION_ITEM(text, kind_, peek_)                                                           \
	{                                                                                          \
		WORD(text),                                                                        \
		{                                                                                  \
			.kind = FETCH_SECTION, .peek = peek_, .section.kind = kind_,               \
			.label = WORD(text)                                                        \
		}                                                                                  \
	}

static const struct fetch_word fetch_words[] = {
	{ WORD("FLAGS"), { .kind = FETCH_FLAGS } },
	{ WORD("UID"), { .kind = FETCH_UID } },
	{ WORD("INTERNALDATE"), { .kind = FETCH_INTERNALDATE } },
	{ WORD("RFC822.SIZE"), { .kind = FETCH_SIZE } },
	{ WORD("ENVELOPE"), { .kind = FETCH_ENVELOPE } },
	{ WORD("MODSEQ"), { .kind = FETCH_MODSEQ } },
	{ WORD("SAVEDATE"), { .kind = FETCH_SAVEDATE } },
	{ WORD("EMAILID"), { .kind = FETCH_EMAILID } },
	{ WORD("THREADID"), { .kind = FETCH_THREADID } },
	{ WORD("X-GM-MSGID"), { .kind = FETCH_GM_MSGID } },
	{ WORD("X-GM-THRID"), { .kind = FETCH_GM_THRID } },
	{ WORD("X-GM-LABELS"), { .kind = FETCH_GM_LABELS } },
	{ WORD("BODYSTRUCTURE"), { .kind = FETCH_BODYSTRUCTURE } },
	SECTION_ITEM("RFC822", SECTION_ALL, false),
	SECTION_ITEM("RFC822.HEADER", SECTION_HEADER, true),
	SECTION_ITEM("RFC822.TEXT", SECTION_TEXT, false),
};

static bool take_fetch_item(struct cursor *c, struct arena *arena, struct imap_fetch_item *item)
{
	for (size_t i = 0; i < sizeof(fetch_words) / sizeof(fetch_words[0]); i++) {
		if (imap_take_word(c, fetch_words[i].word)) {
			*item = fetch_words[i].item;
			return true;
		}
	}
	if (take_preview(c, item))
		return true;
	if (byte_lower((char)cursor_peek(c)) == 'b' && take_binary(c, arena, item))
		return true;
	*item = (struct imap_fetch_item){ .kind = FETCH_BODY };
	if (take_text_nocase(c, SLICE("BODY.PEEK"))) {
		item->peek = true;
		return take_body_section(c, arena, item);
	}
	if (!imap_take_word(c, SLICE("BODY")))
		return false;
	return cursor_peek(c) == '[' ? take_body_section(c, arena, item) : true;
}

static bool take_macro(struct cursor *c, struct imap_fetch *fetch)
{
	static const enum imap_fetch_kind full[] = { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_SIZE,
		                                     FETCH_ENVELOPE, FETCH_BODY };
	if (imap_take_word(c, SLICE("FAST")))
		fetch->count = 3;
	else if (imap_take_word(c, SLICE("ALL")))
		fetch->count = 4;
	else if (imap_take_word(c, SLICE("FULL")))
		fetch->count = 5;
	else
		return false;
	for (size_t i = 0; i < fetch->count; i++)
		fetch->items[i] = (struct imap_fetch_item){ .kind = full[i] };
	return true;
}

bool imap_take_fetch(struct cursor *c, struct arena *arena, struct imap_fetch *out)
{
	struct imap_fetch fetch = { 0 };
	fetch.items = arena_alloc(arena, IMAP_FETCH_ITEMS_MAX * sizeof(*fetch.items));
	if (!take_macro(c, &fetch)) {
		bool parens = take_byte(c, '(');
		do {
			if (fetch.count == IMAP_FETCH_ITEMS_MAX ||
			    !take_fetch_item(c, arena, &fetch.items[fetch.count]))
				return false;
			fetch.count++;
		} while (parens && imap_take_space(c));
		if (parens && !take_byte(c, ')'))
			return false;
	}
	*out = fetch;
	return true;
}

bool imap_take_partial(struct cursor *c, struct imap_partial *out)
{
	struct imap_partial p = { .given = true, .from_end = take_byte(c, '-') };
	if (!imap_take_number(c, &p.first) || !take_byte(c, ':') ||
	    take_byte(c, '-') != p.from_end || !imap_take_number(c, &p.last) || p.first == 0 ||
	    p.last == 0)
		return false;
	if (p.first > p.last) {
		uint32_t swap = p.first;
		p.first = p.last;
		p.last = swap;
	}
	*out = p;
	return true;
}

void imap_partial_resolve(const struct imap_partial *p, uint64_t total, uint64_t *first_out,
                          uint64_t *count_out)
{
	uint64_t last = p->last < total ? p->last : total;
	*first_out = p->from_end ? total - last : (uint64_t)p->first - 1;
	*count_out = p->first > total ? 0 : last - p->first + 1;
}

/* "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range */
static bool take_fetch_modifier(struct cursor *c, struct imap_fetch *fetch)
{
	if (imap_take_word(c, SLICE("CHANGEDSINCE"))) {
		fetch->has_changed_since = true;
		return imap_take_space(c) && imap_take_mod_seq(c, &fetch->changed_since);
	}
	if (imap_take_word(c, SLICE("VANISHED"))) {
		fetch->vanished = true;
		return true;
	}
	return imap_take_word(c, SLICE("PARTIAL")) && imap_take_space(c) &&
	       imap_take_partial(c, &fetch->partial);
}

bool imap_take_fetch_modifiers(struct cursor *c, struct imap_fetch *out)
{
	if (!imap_take_space(c))
		return true;
	if (!take_byte(c, '('))
		return false;
	do {
		if (!take_fetch_modifier(c, out))
			return false;
	} while (imap_take_space(c));
	return take_byte(c, ')');
}

/* --- STORE --------------------------------------------------------------------------- */

static bool take_unchanged_since(struct cursor *c, struct imap_store *out)
{
	if (!take_byte(c, '('))
		return true;
	out->has_unchanged_since = true;
	return imap_take_word(c, SLICE("UNCHANGEDSINCE")) && imap_take_space(c) &&
	       imap_take_mod_seq(c, &out->unchanged_since) && take_byte(c, ')') &&
	       imap_take_space(c);
}

bool imap_take_store(struct cursor *c, struct arena *arena, struct imap_store *out)
{
	*out = (struct imap_store){ .silent = false };
	if (!take_unchanged_since(c, out))
		return false;
	out->how = take_byte(c, '+') ? FLAGS_ADD : take_byte(c, '-') ? FLAGS_REMOVE : FLAGS_SET;
	out->silent = imap_take_word(c, SLICE("FLAGS.SILENT"));
	if (!out->silent && !imap_take_word(c, SLICE("FLAGS")))
		return false;
	return imap_take_space(c) && imap_take_flags(c, arena, true, &out->flags);
}
