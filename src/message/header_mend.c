/* Mending header fields, by what may stand in them. */
#include "message/header_mend.h"

#include <errno.h>

#include "message/address.h"
#include "message/address_list.h"
#include "message/charset.h"
#include "message/fields.h"

enum {
	FOLD_COLUMN = 76,
	WORD_MAX = 900,    /* of a word that stays: what is longer fits into no line */
	RUN_MAX = 1024,    /* bytes that become encoded words together */
	PIECE_MIN = 65536, /* of an address list that is taken apart at a time */
	PIECE_MAX = 131072,
	NAME_ROOM = 50,    /* on a line of addresses, for what stands before them */
	PARAMS_MAX = 1000, /* that are kept of a field that is written anew */
	PARAM_MAX = 65536, /* bytes of one */
	PARAM_NAME_MAX = 60,
	CUT_MAX = MESSAGE_LINE_MAX - NAME_ROOM,
};

/* Where there is no place for text all types are alike. */
static enum field_type class_of(struct slice name)
{
	const struct field_info *info = field_find(name);
	switch (info ? info->type : FIELD_TEXT) {
	case FIELD_TEXT:
		return FIELD_TEXT;
	case FIELD_PHRASES:
		return FIELD_PHRASES;
	case FIELD_ADDRESSES:
		return FIELD_ADDRESSES;
	case FIELD_PARAMS:
		return FIELD_PARAMS;
	default:
		return FIELD_MACHINE;
	}
}

struct mender {
	struct arena *scratch;
	const struct header_mending *how;
	struct outlet *out;
	size_t column;
	int error;
	/* Of text: */
	struct buf run;     /* bytes that will be encoded words */
	struct slice space; /* in front of them */
	bool after_encoded; /* an encoded word was written last: the space behind it is not shown */
};

static void emit(struct mender *m, struct slice text)
{
	m->column += text.len;
	outlet_put(m->out, text);
}

/* On a new line if it would end behind the column, and there may be one. */
static void emit_folded(struct mender *m, struct slice space, struct slice text)
{
	if (m->column + space.len + text.len > FOLD_COLUMN && space.len > 0 && m->column > 1) {
		outlet_put(m->out, SLICE("\r\n"));
		m->column = 0;
	}
	emit(m, space);
	emit(m, text);
}

/* --- long lines ---------------------------------------------------------------------- */

/* Where a line that is longer than max can be cut: in front of a space, or (there the new line
 * needs one) behind a byte that separates. 0: nowhere. */
static size_t cut_of(struct slice line, size_t max, enum field_type class, bool *needs_space)
{
	for (size_t i = max; i > 1; i--) {
		/* No line of nothing but space. */
		if (byte_is_space(line.data[i]) && !byte_is_space(line.data[i - 1])) {
			*needs_space = false;
			return i;
		}
	}
	for (size_t i = max; i > 1 && class != FIELD_TEXT; i--) {
		char before = line.data[i - 1];
		*needs_space = true;
		if (before == ',' || before == ';' || (before == '>' && line.data[i] == '<'))
			return i;
	}
	return 0;
}

/* One line with its end; spaces at the end of a long one mean nothing. */
static void put_line(struct mender *m, struct slice line, enum field_type class)
{
	struct slice trimmed = slice_trim(line);
	struct slice rest = slice_sub(line, 0, (size_t)(trimmed.data - line.data) + trimmed.len);
	bool needs_space = false, ended = rest.len < line.len && line.data[line.len - 1] == '\n';
	/* With its space no line is so long that it would be cut again. */
	for (size_t max = CUT_MAX; rest.len > max; max = CUT_MAX - (needs_space ? 1 : 0)) {
		size_t cut = cut_of(rest, max, class, &needs_space);
		if (cut == 0) {
			m->error = -EMSGSIZE;
			return;
		}
		outlet_put(m->out, slice_sub(rest, 0, cut));
		outlet_put(m->out, needs_space ? SLICE("\r\n ") : SLICE("\r\n"));
		rest = slice_from(rest, cut);
	}
	outlet_put(m->out, rest);
	if (ended)
		outlet_put(m->out, SLICE("\r\n"));
}

static bool has_long_line(struct slice bytes, size_t max)
{
	while (bytes.len > max) {
		size_t look = bytes.len < max + 2 ? bytes.len : max + 2;
		const char *lf = memchr(bytes.data, '\n', look);
		if (!lf)
			return true;
		bytes = slice_from(bytes, (size_t)(lf - bytes.data) + 1);
	}
	return false;
}

/* As it is, but for lines that are too long. */
static void put_lines(struct mender *m, struct slice bytes, enum field_type class)
{
	size_t room = class == FIELD_ADDRESSES ? NAME_ROOM : 0;
	if (!has_long_line(bytes, MESSAGE_LINE_MAX - room)) {
		outlet_put(m->out, bytes);
		return;
	}
	while (bytes.len > 0 && m->error == 0) {
		const char *lf = memchr(bytes.data, '\n', bytes.len);
		size_t len = lf ? (size_t)(lf - bytes.data) + 1 : bytes.len;
		put_line(m, slice_sub(bytes, 0, len), class);
		bytes = slice_from(bytes, len);
	}
}

/* --- text ---------------------------------------------------------------------------- */

/* Encoded words in place of the run. */
static void flush_run(struct mender *m)
{
	if (m->run.len == 0)
		return;
	arena_reset(m->scratch);
	struct slice utf8 = charset_to_utf8(m->scratch, SLICE_EMPTY, buf_slice(&m->run));
	struct buf words = buf_make(utf8.len * 8 + 64);
	header_put_words(&words, utf8);
	struct slice rest = buf_slice(&words);
	while (rest.len > 0) {
		emit_folded(m, m->space, slice_split(&rest, ' '));
		m->space = SLICE(" ");
	}
	buf_free(&words);
	buf_clear(&m->run);
	m->after_encoded = true;
}

static void add_to_run(struct mender *m, struct slice bytes)
{
	while (bytes.len > 0) {
		struct slice piece = slice_sub(bytes, 0, RUN_MAX - m->run.len);
		/* No character is cut in two. */
		while (piece.len > 1 && piece.len < bytes.len &&
		       ((unsigned char)bytes.data[piece.len] & 0xC0) == 0x80)
			piece.len--;
		buf_append(&m->run, piece);
		bytes = slice_from(bytes, piece.len);
		if (bytes.len > 0)
			flush_run(m);
	}
}

static bool is_encoded_word(struct slice word)
{
	return encoded_word_length(word) == word.len && word.len > 0;
}

static void put_word(struct mender *m, struct slice space, struct slice word)
{
	if (!slice_is_ascii(word) || word.len > WORD_MAX) {
		/* What is between two encoded words is not shown, so it goes into one. */
		if (m->run.len == 0)
			m->space = m->after_encoded ? SLICE(" ") : space;
		if (m->run.len > 0 || m->after_encoded)
			add_to_run(m, space);
		add_to_run(m, word);
		return;
	}
	bool encoded = is_encoded_word(word);
	if (m->run.len > 0 && encoded)
		add_to_run(m, space);
	flush_run(m);
	emit_folded(m, space, word);
	m->after_encoded = encoded;
}

static size_t blank_length(struct slice s)
{
	size_t i = 0;
	while (i < s.len && (byte_is_space(s.data[i]) || s.data[i] == '\r' || s.data[i] == '\n'))
		i++;
	return i;
}

static size_t word_length(struct slice s)
{
	size_t i = 0;
	while (i < s.len && !byte_is_space(s.data[i]) && s.data[i] != '\r' && s.data[i] != '\n')
		i++;
	return i;
}

/* RFC 2047 section 5, rule 1. space: in front of it, if it brings none. */
static void put_text(struct mender *m, struct slice value, struct slice space)
{
	m->run = buf_make(RUN_MAX);
	m->after_encoded = false;
	while (value.len > 0) {
		struct slice blank = slice_sub(value, 0, blank_length(value));
		value = slice_from(value, blank.len);
		struct slice word = slice_sub(value, 0, word_length(value));
		value = slice_from(value, word.len);
		if (word.len > 0)
			put_word(m, blank.len > 0 ? SLICE(" ") : space, word);
		space = SLICE_EMPTY;
	}
	flush_run(m);
	buf_free(&m->run);
}

static void put_phrases(struct mender *m, struct slice value)
{
	while (value.len > 0) {
		bool more = slice_find_byte(value, ',') >= 0;
		put_text(m, slice_split(&value, ','), SLICE(" "));
		if (more)
			emit(m, SLICE(","));
	}
}

static void put_machine(struct mender *m, struct slice value)
{
	char piece[256];
	if (has_long_line(value, MESSAGE_LINE_MAX - NAME_ROOM))
		m->error = -EMSGSIZE;
	while (value.len > 0) {
		size_t len = value.len < sizeof(piece) ? value.len : sizeof(piece);
		for (size_t i = 0; i < len; i++)
			piece[i] = value.data[i] & 0x80 ? '?' : value.data[i];
		outlet_put(m->out, slice_of(piece, len));
		value = slice_from(value, len);
	}
}

/* --- addresses ----------------------------------------------------------------------- */

static bool is_incomplete(const struct mender *m, const struct address_entry *e)
{
	return m->how->domain.len > 0 && e->kind == ADDRESS_ENTRY_MAILBOX && e->bare_end > 0;
}

static void rebuild_mailbox(struct mender *m, const struct address_entry *e, struct buf *text)
{
	/* Written anew it is one word in any case. */
	bool complete = e->domain.len > 0 || e->local.len == 0;
	struct slice domain = complete ? e->domain : m->how->domain;
	struct slice name = SLICE_EMPTY, local = e->local, ascii = domain;
	bool fits = slice_is_ascii(local) &&
	            (slice_is_ascii(domain) || domain_canonical(m->scratch, domain, &ascii));
	if (e->name.len > 0)
		name = header_decode(m->scratch, e->name, e->name.len * 4);
	if (!fits && m->how->stand_in) {
		if (name.len == 0)
			name = slice_from_str(arena_printf(m->scratch, "%.*s@%.*s",
			                                   SLICE_ARG(local), SLICE_ARG(domain)));
		local = SLICE("invalid");
		ascii = SLICE("internationalized-address.invalid");
	} else if (!fits) {
		m->error = -EILSEQ;
	}
	address_list_format(m->scratch, name, local, ascii, text);
}

/* The list written anew, one entry a step; comments are lost. */
static void rebuild_addresses(struct mender *m, const struct address_list *list)
{
	bool separate = false;
	for (size_t i = 0; i < list->count; i++) {
		const struct address_entry *e = &list->entries[i];
		struct buf text = buf_make((size_t)PIECE_MAX * 8);
		if (separate && e->kind != ADDRESS_ENTRY_GROUP_END)
			emit(m, SLICE(","));
		separate = e->kind != ADDRESS_ENTRY_GROUP;
		if (e->kind == ADDRESS_ENTRY_MAILBOX)
			rebuild_mailbox(m, e, &text);
		else if (e->kind == ADDRESS_ENTRY_GROUP)
			header_put_words(&text, header_decode(m->scratch, e->name, PIECE_MAX));
		if (e->kind == ADDRESS_ENTRY_GROUP)
			buf_append_byte(&text, ':');
		if (e->kind == ADDRESS_ENTRY_GROUP_END)
			emit(m, SLICE(";"));
		struct slice rest = buf_slice(&text);
		while (rest.len > 0)
			emit_folded(m, SLICE(" "), slice_split(&rest, ' '));
		buf_free(&text);
	}
}

static void complete_addresses(struct mender *m, struct slice piece,
                               const struct address_list *list)
{
	struct buf text = buf_make((size_t)PIECE_MAX * 256);
	size_t at = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct address_entry *e = &list->entries[i];
		if (!is_incomplete(m, e))
			continue;
		buf_append(&text, slice_sub(piece, at, e->bare_end - at));
		buf_append_byte(&text, '@');
		buf_append(&text, m->how->domain);
		at = e->bare_end;
	}
	buf_append(&text, slice_from(piece, at));
	put_lines(m, buf_slice(&text), FIELD_ADDRESSES);
	buf_free(&text);
}

static void put_address_piece(struct mender *m, struct slice piece)
{
	arena_reset(m->scratch);
	struct address_list list = address_list_parse(m->scratch, piece, SIZE_MAX);
	bool incomplete = false;
	for (size_t i = 0; i < list.count; i++)
		incomplete |= is_incomplete(m, &list.entries[i]);
	if (!m->how->utf8 && !slice_is_ascii(piece))
		rebuild_addresses(m, &list);
	else if (incomplete)
		complete_addresses(m, piece, &list);
	else
		put_lines(m, piece, FIELD_ADDRESSES);
}

/* A long list is cut behind a comma, best at the end of a line. (A few commas stand in a name in
 * quotes; that far down nobody will miss it.) 0: there is no comma. */
static size_t piece_length(struct slice value)
{
	size_t comma = 0;
	if (value.len <= PIECE_MAX)
		return value.len;
	for (size_t at = PIECE_MIN; at < PIECE_MAX; at++) {
		if (value.data[at - 1] != ',')
			continue;
		comma = at;
		if (value.data[at] == '\r' || value.data[at] == '\n')
			break;
	}
	return comma;
}

static void put_addresses(struct mender *m, struct slice value)
{
	while (value.len > 0 && m->error == 0) {
		struct slice piece = slice_sub(value, 0, piece_length(value));
		value = slice_from(value, piece.len);
		bool rebuilt = value.len > 0 && !m->how->utf8 && !slice_is_ascii(piece);
		if (piece.len == 0)
			m->error = -EMSGSIZE;
		else
			put_address_piece(m, piece);
		/* The comma at its end was an entry's. */
		if (rebuilt)
			emit(m, SLICE(","));
		/* In the middle of a line, which is far too long anyway. */
		if (value.len > 0 && value.data[0] != '\r' && value.data[0] != '\n') {
			bool space = byte_is_space(value.data[0]);
			outlet_put(m->out, space ? SLICE("\r\n") : SLICE("\r\n "));
			m->column = 0;
		}
	}
}

/* --- parameters ---------------------------------------------------------------------- */

static bool is_token(struct slice value)
{
	if (value.len > WORD_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c <= ' ' || c == 0x7F || strchr("()<>@,;:\\\"/[]?=", c))
			return false;
	}
	return value.len > 0;
}

static void put_param(struct mender *m, const struct header_param *p)
{
	struct buf *made = &m->out->made;
	struct slice value = slice_sub(p->value, 0, PARAM_MAX);
	const char *name = arena_str(m->scratch, p->name);
	if (!slice_is_ascii(p->name) || p->name.len > PARAM_NAME_MAX)
		return;
	if (slice_is_ascii(value) && is_token(value)) {
		buf_printf(made, ";\r\n %s=", name);
		buf_append(made, value);
	} else {
		header_put_param(made, name, charset_to_utf8(m->scratch, SLICE_EMPTY, value));
	}
	outlet_turn(m->out);
}

static void put_params(struct mender *m, struct slice value)
{
	struct header_param *params;
	struct slice main;
	arena_reset(m->scratch);
	size_t count = header_params(m->scratch, value, PARAMS_MAX, &main, &params);
	emit(m, SLICE(" "));
	put_machine(m, slice_sub(main, 0, WORD_MAX));
	for (size_t i = 0; i < count; i++)
		put_param(m, &params[i]);
}

/* --- the field ----------------------------------------------------------------------- */

static bool needs_words(const struct mender *m, const struct header_field *f, enum field_type class)
{
	if (!m->how->utf8 && !slice_is_ascii(f->value))
		return true;
	/* Folding alone does not help a word that is longer than a line. */
	struct slice rest = f->value;
	while (class == FIELD_TEXT && rest.len > WORD_MAX) {
		size_t len = word_length(rest);
		if (len > WORD_MAX)
			return true;
		rest = slice_from(rest, len + 1);
	}
	return false;
}

static void put_value(struct mender *m, const struct header_field *f, enum field_type class)
{
	switch (class) {
	case FIELD_PHRASES:
		put_phrases(m, f->value);
		break;
	case FIELD_PARAMS:
		put_params(m, f->value);
		break;
	case FIELD_MACHINE:
		put_machine(m, f->value);
		break;
	default:
		put_text(m, f->value, SLICE_EMPTY);
		break;
	}
}

int header_mend(struct arena *scratch, const struct header_field *field,
                const struct header_mending *how, struct outlet *out)
{
	struct mender m = { .scratch = scratch, .how = how, .out = out };
	enum field_type class = field->name.len > 0 ? class_of(field->name) : FIELD_MACHINE;
	bool words = needs_words(&m, field, class) ||
	             (class == FIELD_PARAMS && has_long_line(field->whole, MESSAGE_LINE_MAX));
	if (class != FIELD_ADDRESSES && !words) {
		put_lines(&m, field->whole, class);
		return m.error;
	}
	size_t start = (size_t)(field->value.data - field->whole.data);
	if (words && class == FIELD_MACHINE && field->name.len == 0)
		start = 0;
	/* A name is not folded, and a word may follow it without a space. */
	if (start > MESSAGE_LINE_MAX - WORD_MAX)
		return -EMSGSIZE;
	emit(&m, slice_sub(field->whole, 0, start));
	if (class == FIELD_ADDRESSES)
		put_addresses(&m, field->value);
	else
		put_value(&m, field, class);
	outlet_put(out, slice_from(field->whole, start + field->value.len));
	return m.error;
}
