#include "message/fields.h"

#include <errno.h>

#include "message/address_list.h"

static const struct field_info fields[] = {
	{ .name = "Received", .type = FIELD_RECEIVED },
	{ .name = "Return-Path", .type = FIELD_PATH, .once = true },
	{ .name = "From", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "Sender", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "Reply-To", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "To", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "Cc", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "Bcc", .type = FIELD_ADDRESSES, .once = true },
	{ .name = "Date", .type = FIELD_DATE, .once = true },
	{ .name = "Message-ID", .type = FIELD_ID, .once = true },
	{ .name = "In-Reply-To", .type = FIELD_IDS, .once = true },
	{ .name = "References", .type = FIELD_IDS, .once = true },
	{ .name = "Subject", .type = FIELD_TEXT, .once = true },
	{ .name = "Comments", .type = FIELD_TEXT },
	{ .name = "Keywords", .type = FIELD_PHRASES },
	{ .name = "Encrypted", .type = FIELD_PHRASES },
	{ .name = "Resent-Date", .type = FIELD_DATE, .resent = true },
	{ .name = "Resent-From", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-Sender", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-To", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-Cc", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-Bcc", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-Reply-To", .type = FIELD_ADDRESSES, .resent = true },
	{ .name = "Resent-Message-ID", .type = FIELD_ID, .resent = true },
	{ .name = "MIME-Version", .type = FIELD_MACHINE, .once = true },
	{ .name = "Content-Type", .type = FIELD_PARAMS, .once = true },
	{ .name = "Content-Disposition", .type = FIELD_PARAMS, .once = true },
	{ .name = "Content-Transfer-Encoding", .type = FIELD_MACHINE, .once = true },
	{ .name = "Content-ID", .type = FIELD_ID, .once = true },
	{ .name = "Content-Description", .type = FIELD_TEXT, .once = true },
	{ .name = "Content-Language", .type = FIELD_MACHINE, .once = true },
	{ .name = "Content-Location", .type = FIELD_MACHINE, .once = true },
	{ .name = "Content-MD5", .type = FIELD_MACHINE, .once = true },
	{ .name = "Disposition-Notification-To", .type = FIELD_ADDRESSES },
	{ .name = "Mail-Followup-To", .type = FIELD_ADDRESSES },
	{ .name = "Mail-Reply-To", .type = FIELD_ADDRESSES },
	{ .name = "DKIM-Signature", .type = FIELD_MACHINE },
	{ .name = "Authentication-Results", .type = FIELD_MACHINE },
	{ .name = "ARC-Seal", .type = FIELD_MACHINE },
	{ .name = "ARC-Message-Signature", .type = FIELD_MACHINE },
	{ .name = "ARC-Authentication-Results", .type = FIELD_MACHINE },
};

const struct field_info *field_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(fields[i].name)))
			return &fields[i];
	}
	return NULL;
}

/* --- tokens -------------------------------------------------------------------------- */

static bool is_blank(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

/* Folding white space and comments; *comment_out (NULL allowed) is the first comment that was
 * there, without its parentheses. */
static void skip_cfws(struct cursor *c, struct slice *comment_out)
{
	size_t depth = 0;
	const char *start = c->at;
	for (; !cursor_at_end(c); c->at++) {
		char b = *c->at;
		if (b == '(' && depth++ == 0)
			start = c->at + 1;
		else if (depth == 0 && !is_blank(b))
			return;
		else if (depth > 0 && b == '\\' && c->at + 1 < c->end)
			c->at++;
		else if (depth > 0 && b == ')' && --depth == 0 && comment_out &&
		         comment_out->len == 0)
			*comment_out = slice_of(start, (size_t)(c->at - start));
	}
}

/* Behind the opening quote: up to the closing one, which is taken, or the end. */
static void skip_quoted(struct cursor *c)
{
	while (!cursor_at_end(c) && *c->at != '"')
		c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
	(void)take_byte(c, '"');
}

/* Adds to an array that doubles in the arena. */
static void add(struct arena *arena, struct slice **list, size_t *count, struct slice item)
{
	if ((*count & (*count - 1)) == 0) {
		struct slice *grown = ARENA_ARRAY(arena, *count ? *count * 2 : 1, struct slice);
		if (*count > 0)
			memcpy(grown, *list, *count * sizeof(*grown));
		*list = grown;
	}
	(*list)[(*count)++] = item;
}

/* --- values -------------------------------------------------------------------------- */

size_t field_ids(struct arena *arena, struct slice value, size_t max, struct slice **out)
{
	struct cursor c = cursor_of(value);
	size_t count = 0;
	*out = NULL;
	for (skip_cfws(&c, NULL); !cursor_at_end(&c) && count < max; skip_cfws(&c, NULL)) {
		const char *start = c.at;
		struct slice id;
		if (take_byte(&c, '"'))
			skip_quoted(&c);
		else if (!take_byte(&c, '<'))
			c.at++;
		else if (take_until(&c, '>', SIZE_MAX, &id) && take_byte(&c, '>'))
			add(arena, out, &count,
			    header_unfold(arena, slice_of(start, (size_t)(c.at - start))));
	}
	return count;
}

/* A phrase ends at a comma outside of quotes and comments. */
static struct slice take_phrase(struct cursor *c)
{
	const char *start = c->at;
	while (!cursor_at_end(c) && *c->at != ',') {
		if (take_byte(c, '"'))
			skip_quoted(c);
		else if (*c->at == '(')
			skip_cfws(c, NULL);
		else
			c->at++;
	}
	return slice_trim(slice_of(start, (size_t)(c->at - start)));
}

static struct slice without_quotes(struct slice s)
{
	bool quoted = s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"';
	return quoted ? slice_sub(s, 1, s.len - 2) : s;
}

size_t field_phrases(struct arena *arena, struct slice value, size_t max, struct slice **out)
{
	struct cursor c = cursor_of(value);
	size_t count = 0;
	*out = NULL;
	while (!cursor_at_end(&c) && count < max) {
		skip_cfws(&c, NULL);
		struct slice phrase = without_quotes(take_phrase(&c));
		if (phrase.len > 0)
			add(arena, out, &count, header_decode(arena, phrase, phrase.len * 4));
		(void)take_byte(&c, ',');
	}
	return count;
}

bool field_path(struct arena *arena, struct slice value, struct address *out)
{
	struct cursor c = cursor_of(header_unfold(arena, value));
	skip_cfws(&c, NULL);
	if (!take_path(&c, arena, ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL,
	               out))
		return false;
	skip_cfws(&c, NULL);
	return cursor_at_end(&c);
}

/* --- Received ------------------------------------------------------------------------ */

/* A word of a clause: up to a blank, a comment or the semicolon; what is in quotes or in brackets
 * belongs to it. */
static struct slice take_word(struct cursor *c)
{
	const char *start = c->at;
	bool bracket = false;
	while (!cursor_at_end(c)) {
		char b = *c->at;
		if (!bracket && (is_blank(b) || b == '(' || b == ';'))
			break;
		bracket = (bracket || b == '<') && b != '>';
		if (take_byte(c, '"'))
			skip_quoted(c);
		else
			c->at++;
	}
	return slice_of(start, (size_t)(c->at - start));
}

static struct slice *clause_of(struct received *r, struct slice word)
{
	static const char *const names[] = { "from", "by", "via", "with", "id", "for" };
	struct slice *const values[] = {
		&r->from, &r->by, &r->via, &r->with, &r->id, &r->for_path
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(word, slice_from_str(names[i])))
			return values[i];
	}
	return NULL;
}

bool field_received(struct arena *arena, struct slice value, struct received *out)
{
	struct cursor c = cursor_of(header_unfold(arena, value));
	const struct received none = { .from = SLICE_EMPTY,
		                       .from_info = SLICE_EMPTY,
		                       .by = SLICE_EMPTY,
		                       .via = SLICE_EMPTY,
		                       .with = SLICE_EMPTY,
		                       .id = SLICE_EMPTY,
		                       .for_path = SLICE_EMPTY };
	struct received r = none;
	bool any = false;
	for (skip_cfws(&c, NULL); !cursor_at_end(&c) && *c.at != ';'; skip_cfws(&c, NULL)) {
		struct slice *clause = clause_of(&r, take_word(&c));
		if (!clause)
			continue;
		skip_cfws(&c, NULL);
		struct slice word = take_word(&c);
		any |= word.len > 0;
		if (clause->len > 0)
			continue;
		*clause = word;
		if (clause == &r.from)
			skip_cfws(&c, &r.from_info);
	}
	r.has_date = take_byte(&c, ';') && date_parse(cursor_rest(&c), &r.date);
	if (any || r.has_date)
		*out = r;
	return any || r.has_date;
}

/* --- Resent -------------------------------------------------------------------------- */

static struct slice *resent_value(struct resent_block *b, struct slice name)
{
	static const char *const names[] = { "Resent-Date",       "Resent-From",    "Resent-Sender",
		                             "Resent-To",         "Resent-Cc",      "Resent-Bcc",
		                             "Resent-Message-ID", "Resent-Reply-To" };
	struct slice *const values[] = { &b->date, &b->from, &b->sender,     &b->to,
		                         &b->cc,   &b->bcc,  &b->message_id, &b->reply_to };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(names[i])))
			return values[i];
	}
	return NULL;
}

size_t field_resent_blocks(struct arena *arena, struct slice header, size_t max,
                           struct resent_block **out)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	struct resent_block *blocks = ARENA_ARRAY(arena, max, struct resent_block), other;
	size_t count = 0;
	bool open = false;
	while (header_next(&walk, &field)) {
		if (!resent_value(&other, field.name)) {
			open = false;
			continue;
		}
		if (!open || resent_value(&blocks[count - 1], field.name)->data) {
			if (count == max)
				break;
			blocks[count++] = (struct resent_block){ 0 };
			open = true;
		}
		*resent_value(&blocks[count - 1], field.name) = field.value;
	}
	*out = blocks;
	return count;
}

/* --- writing ------------------------------------------------------------------------- */

static int put_addresses(struct arena *arena, struct buf *out, const char *name, struct slice text)
{
	struct address_list list = address_list_parse(arena, text, SIZE_MAX);
	struct buf line = buf_make(out->max);
	bool separate = false;
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (separate && e->kind != ADDRESS_ENTRY_GROUP_END)
			buf_append(&line, SLICE(", "));
		separate = e->kind != ADDRESS_ENTRY_GROUP;
		if (e->kind == ADDRESS_ENTRY_GROUP) {
			header_put_words(&line, e->name);
			buf_append(&line, SLICE(": "));
		} else if (e->kind == ADDRESS_ENTRY_GROUP_END) {
			buf_append_byte(&line, ';');
		} else {
			address_list_format(arena, e->name, e->local, e->domain, &line);
		}
	}
	int rc = list.count == 0 ? -EINVAL : header_put_raw(out, name, buf_slice(&line));
	if (rc == 0 && buf_failed(&line))
		rc = -ENOBUFS;
	buf_free(&line);
	return rc;
}

static bool is_plain_in_phrase(char c)
{
	return byte_is_alnum(c) || (c && strchr(" !#$%&'*+-/^`{|}~", c));
}

/* Each phrase that is not plain goes as encoded words, so that no comma in it parts it. */
static int put_phrases(struct buf *out, const char *name, struct slice text)
{
	struct buf line = buf_make(out->max);
	while (text.len > 0) {
		struct slice phrase = slice_trim(slice_split(&text, ','));
		bool plain = true;
		for (size_t i = 0; i < phrase.len; i++)
			plain = plain && is_plain_in_phrase(phrase.data[i]);
		if (phrase.len == 0)
			continue;
		if (line.len > 0)
			buf_append(&line, SLICE(", "));
		if (plain)
			buf_append(&line, phrase);
		else
			header_put_words(&line, phrase);
	}
	int rc = header_put_raw(out, name, buf_slice(&line));
	if (rc == 0 && buf_failed(&line))
		rc = -ENOBUFS;
	buf_free(&line);
	return rc;
}

int field_put(struct arena *arena, struct buf *out, const char *name, struct slice text)
{
	const struct field_info *info = field_find(slice_from_str(name));
	if (!slice_is_utf8(text))
		return -EINVAL;
	switch (info ? info->type : FIELD_TEXT) {
	case FIELD_TEXT:
		return header_put_text(out, name, text);
	case FIELD_ADDRESSES:
		return put_addresses(arena, out, name, text);
	case FIELD_PHRASES:
		return put_phrases(out, name, text);
	default:
		return header_put_raw(out, name, text);
	}
}
