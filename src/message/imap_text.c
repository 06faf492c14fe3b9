#include "message/imap_text.h"

#include "message/address_list.h"

/* Longer strings go as literals: some clients read lines into small buffers. */
#define QUOTED_MAX 1000

#define NIL SLICE("NIL")

static void imap_put_number(struct buf *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_append(out, slice_of(digits + at, sizeof(digits) - at));
}

/* CHAR8 leaves out NUL. */
static void put_literal(struct buf *out, struct slice s)
{
	buf_append_byte(out, '{');
	imap_put_number(out, s.len);
	buf_append(out, SLICE("}\r\n"));
	char *to = buf_reserve(out, s.len);
	if (!to)
		return;
	for (size_t i = 0; i < s.len; i++)
		to[i] = s.data[i] ? s.data[i] : '?';
	buf_commit(out, s.len);
}

/* string of RFC 3501: quoted if that is allowed, else a literal. */
static void imap_put_string(struct buf *out, struct slice s)
{
	size_t escapes = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c == '"' || c == '\\')
			escapes++;
		else if (c & 0x80 || c == '\r' || c == '\n' || c == '\0')
			escapes = SIZE_MAX / 2;
	}
	if (escapes >= SIZE_MAX / 2 || s.len + escapes > QUOTED_MAX) {
		put_literal(out, s);
		return;
	}
	char *to = buf_reserve(out, s.len + escapes + 2);
	if (!to)
		return;
	*to++ = '"';
	for (size_t i = 0; i < s.len; i++) {
		if (escapes > 0 && (s.data[i] == '"' || s.data[i] == '\\'))
			*to++ = '\\';
		*to++ = s.data[i];
	}
	*to = '"';
	buf_commit(out, s.len + escapes + 2);
}

/* NIL if it is empty. */
static void put_nstring(struct buf *out, struct slice s)
{
	if (s.len == 0)
		buf_append(out, NIL);
	else
		imap_put_string(out, s);
}

static void put_space(struct buf *out) { buf_append_byte(out, ' '); }

static void put_address(struct buf *out, const struct address_entry *e)
{
	buf_append_byte(out, '(');
	put_nstring(out, e->kind == ADDRESS_ENTRY_MAILBOX ? e->name : SLICE_EMPTY);
	put_space(out);
	put_nstring(out, e->route);
	put_space(out);
	/* A group begins with its name as the mailbox and no host, and ends with neither. */
	if (e->kind == ADDRESS_ENTRY_MAILBOX) {
		imap_put_string(out, e->local);
		put_space(out);
		imap_put_string(out, e->domain);
	} else {
		if (e->kind == ADDRESS_ENTRY_GROUP)
			imap_put_string(out, e->name);
		else
			buf_append(out, NIL);
		buf_append(out, SLICE(" NIL"));
	}
	buf_append_byte(out, ')');
}

/* Envelope being written: one list of addresses may stand in for others. */
struct envelope {
	struct buf *out;
	struct arena *arena;
	size_t addresses; /* that may still be written */
	size_t value_bytes;
};

static bool put_addresses(struct envelope *e, struct slice value)
{
	struct address_list list = { 0 };
	if (value.len > 0)
		list = address_list_parse(e->arena, slice_sub(value, 0, e->value_bytes),
		                          e->addresses);
	if (list.count == 0)
		return false;
	e->addresses -= list.count;
	buf_append_byte(e->out, '(');
	for (size_t i = 0; i < list.count; i++)
		put_address(e->out, &list.entries[i]);
	buf_append_byte(e->out, ')');
	return true;
}

static void put_addresses_or_nil(struct envelope *e, struct slice value)
{
	put_space(e->out);
	if (!put_addresses(e, value))
		buf_append(e->out, NIL);
}

/* What a field says; NIL if there is no such field. */
static void put_field(struct envelope *e, struct slice value)
{
	if (!value.data) {
		buf_append(e->out, NIL);
		return;
	}
	imap_put_string(e->out, header_unfold(e->arena, slice_sub(value, 0, e->value_bytes)));
}

void imap_put_envelope(struct buf *out, struct arena *arena, const struct mime_fields *fields,
                       const struct message_limits *limits, size_t value_bytes)
{
	struct envelope e = { .out = out,
		              .arena = arena,
		              .addresses = limits->addresses,
		              .value_bytes = value_bytes };
	buf_append_byte(out, '(');
	put_field(&e, fields->date);
	put_space(out);
	put_field(&e, fields->subject);
	put_space(out);
	size_t start = out->len;
	if (!put_addresses(&e, fields->from))
		buf_append(out, NIL);
	size_t from_len = out->len - start;
	/* RFC 3501 section 7.4.2: Sender and Reply-To default to From. */
	const struct slice *defaulted[] = { &fields->sender, &fields->reply_to };
	for (size_t i = 0; i < 2; i++) {
		put_space(out);
		if (put_addresses(&e, *defaulted[i]))
			continue;
		char *to = buf_reserve(out, from_len);
		if (to) {
			memcpy(to, out->data + start, from_len);
			buf_commit(out, from_len);
		}
	}
	put_addresses_or_nil(&e, fields->to);
	put_addresses_or_nil(&e, fields->cc);
	put_addresses_or_nil(&e, fields->bcc);
	put_space(out);
	put_field(&e, fields->in_reply_to);
	put_space(out);
	put_field(&e, fields->message_id);
	buf_append_byte(out, ')');
}

static void put_params(struct buf *out, const struct header_param *params, size_t count)
{
	if (count == 0) {
		buf_append(out, NIL);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		buf_append_byte(out, i == 0 ? '(' : ' ');
		imap_put_string(out, params[i].name);
		put_space(out);
		imap_put_string(out, params[i].value);
	}
	buf_append_byte(out, ')');
}

/* "en, de" becomes ("en" "de"). */
static void put_languages(struct buf *out, struct slice value)
{
	size_t count = 0;
	while (value.len > 0) {
		struct slice tag = slice_trim(slice_split(&value, ','));
		if (tag.len == 0)
			continue;
		buf_append_byte(out, count++ == 0 ? '(' : ' ');
		imap_put_string(out, tag);
	}
	buf_append(out, count > 0 ? SLICE(")") : NIL);
}

/* The end of both kinds of body: disposition, language, location. */
static void put_extension(struct buf *out, const struct mime_part *part)
{
	put_space(out);
	if (part->disposition.len > 0) {
		buf_append_byte(out, '(');
		imap_put_string(out, part->disposition);
		put_space(out);
		put_params(out, part->disposition_params, part->disposition_param_count);
		buf_append_byte(out, ')');
	} else {
		buf_append(out, NIL);
	}
	put_space(out);
	put_languages(out, part->language);
	put_space(out);
	put_nstring(out, part->location);
	buf_append_byte(out, ')');
}

/* What precedes a child, or a leaf's whole: everything up to the extension data. */
static void put_leaf(struct buf *out, const struct mime_part *part)
{
	buf_append_byte(out, '(');
	imap_put_string(out, part->type);
	put_space(out);
	imap_put_string(out, part->subtype);
	put_space(out);
	put_params(out, part->params, part->param_count);
	put_space(out);
	put_nstring(out, part->id);
	put_space(out);
	put_nstring(out, part->description);
	put_space(out);
	imap_put_string(out, part->encoding_text);
	put_space(out);
	imap_put_number(out, part->body_size);
}

static void put_end(struct buf *out, const struct mime_part *part)
{
	if (part->kind == MIME_MULTIPART) {
		put_space(out);
		imap_put_string(out, part->subtype);
		put_space(out);
		put_params(out, part->params, part->param_count);
	} else {
		if (part->kind == MIME_MESSAGE || slice_equal_nocase(part->type, SLICE("text"))) {
			put_space(out);
			imap_put_number(out, part->body_lines);
		}
		put_space(out);
		put_nstring(out, part->md5);
	}
	put_extension(out, part);
}

static void put_start(struct buf *out, struct arena *arena, const struct mime_part *part,
                      const struct message_limits *limits)
{
	if (part->kind == MIME_MULTIPART) {
		buf_append_byte(out, '(');
		return;
	}
	put_leaf(out, part);
	if (part->kind != MIME_MESSAGE)
		return;
	put_space(out);
	imap_put_envelope(out, arena, part->first->fields, limits, limits->value_bytes);
	put_space(out);
}

void imap_put_structure(struct buf *out, struct arena *arena, const struct mime_part *part,
                        const struct message_limits *limits)
{
	const struct mime_part *root = part;
	while (!buf_failed(out)) {
		put_start(out, arena, part, limits);
		if (part->first) {
			part = part->first;
			continue;
		}
		put_end(out, part);
		while (part != root && !part->next) {
			part = part->parent;
			put_end(out, part);
		}
		if (part == root)
			break;
		part = part->next;
	}
}
