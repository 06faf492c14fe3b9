#include "message/oddity.h"

#include "message/address_list.h"
#include "message/fields.h"
#include "message/outlet.h"

enum {
	CHUNK = 16 * 1024,  /* of a body that is decoded at a time */
	ONCE_MAX = 64,      /* entries of the table of fields */
	AUTHORS_MAX = 1000, /* addresses of From that are looked at */
};

static const struct {
	const char *name, *text;
} oddities[ODDITY_COUNT] = {
	[ODDITY_LF_ONLY] = { "lf-only", "lines end in LF alone, as in a file" },
	[ODDITY_BARE_LF] = { "bare-lf", "LF without CR" },
	[ODDITY_BARE_CR] = { "bare-cr", "CR without LF" },
	[ODDITY_NUL] = { "nul", "NUL bytes" },
	[ODDITY_LONG_LINE] = { "long-line", "lines over 998 octets" },
	[ODDITY_FILE_MARK] = { "file-mark", "begins with a line that parts messages in a file" },
	[ODDITY_NO_FIELD] = { "no-field", "a line in the header that is no field" },
	[ODDITY_NO_BODY] = { "no-body", "the header does not end with an empty line" },
	[ODDITY_NO_DATE] = { "no-date", "no Date" },
	[ODDITY_BAD_DATE] = { "bad-date", "no date can be read" },
	[ODDITY_NO_FROM] = { "no-from", "no From" },
	[ODDITY_BAD_ADDRESS] = { "bad-address", "not an address with a domain" },
	[ODDITY_NO_SENDER] = { "no-sender", "several authors, but no Sender" },
	[ODDITY_NO_MESSAGE_ID] = { "no-message-id", "no Message-ID" },
	[ODDITY_BAD_MESSAGE_ID] = { "bad-message-id", "not an id in angle brackets" },
	[ODDITY_BAD_RECEIVED] = { "bad-received", "neither clauses nor a date in it" },
	[ODDITY_NO_MIME_VERSION] = { "no-mime-version", "MIME fields without MIME-Version" },
	[ODDITY_DUPLICATE] = { "duplicate", "stands more than once" },
	[ODDITY_8BIT_HEADER] = { "8bit-header", "bytes beyond ASCII, which need SMTPUTF8" },
	[ODDITY_HEADER_NOT_UTF8] = { "header-not-utf8", "bytes that are not UTF-8" },
	[ODDITY_SPACE_BEFORE_COLON] = { "space-before-colon", "a space before the colon" },
	[ODDITY_LONG_HEADER] = { "long-header",
	                         "a header beyond the limit: later fields don't count" },
	[ODDITY_LONG_FIELD] = { "long-field", "beyond the limit: the rest does not count" },
	[ODDITY_8BIT_UNDECLARED] = { "8bit-undeclared", "bytes beyond ASCII, declared as 7bit" },
	[ODDITY_UNKNOWN_ENCODING] = { "unknown-encoding", "a transfer encoding that is not known" },
	[ODDITY_ENCODED_CONTAINER] = { "encoded-container",
	                               "a multipart or message that is encoded" },
	[ODDITY_BAD_BASE64] = { "bad-base64", "bytes that base64 has no place for, or cut short" },
	[ODDITY_BAD_QUOTED_PRINTABLE] = { "bad-quoted-printable", "a \"=\" that escapes nothing" },
	[ODDITY_BAD_UUENCODE] = { "bad-uuencode", "uuencode without its beginning or end" },
	[ODDITY_NOT_ITS_CHARSET] = { "not-its-charset", "bytes that its charset does not have" },
	[ODDITY_NO_BOUNDARY] = { "no-boundary",
	                         "a multipart without a boundary, or with too long a one" },
	[ODDITY_NO_PARTS] = { "no-parts", "a multipart in which no boundary is found" },
	[ODDITY_UNCLOSED] = { "unclosed", "a multipart without its last boundary" },
	[ODDITY_BEYOND_LIMITS] = { "beyond-limits", "too deep or too many parts: not taken apart" },
};

const char *oddity_name(enum oddity what) { return oddities[what].name; }
const char *oddity_text(enum oddity what) { return oddities[what].text; }

/* --- counting ------------------------------------------------------------------------ */

struct tally {
	uint64_t counts[ODDITY_COUNT];
	size_t offsets[ODDITY_COUNT];
	struct slice about[ODDITY_COUNT];
};

static void note(struct tally *t, enum oddity what, size_t offset, struct slice about)
{
	if (t->counts[what]++ > 0)
		return;
	t->offsets[what] = offset;
	t->about[what] = about;
}

static void tell(const struct tally *t, oddity_visit *visit, void *arg)
{
	for (int i = 0; i < ODDITY_COUNT; i++) {
		const struct oddity_found found = { .what = (enum oddity)i,
			                            .about = t->about[i].data ? t->about[i]
			                                                      : SLICE_EMPTY,
			                            .count = t->counts[i],
			                            .offset = t->offsets[i] };
		if (found.count > 0)
			visit(arg, &found);
	}
}

/* --- lines --------------------------------------------------------------------------- */

/* One line without its LF; the CR in front of that is its end. */
static void look_at_line(struct tally *t, struct slice line, size_t offset, bool *crlf)
{
	bool ended = line.len > 0 && line.data[line.len - 1] == '\r';
	size_t len = ended ? line.len - 1 : line.len;
	*crlf = ended;
	if (len > MESSAGE_LINE_MAX)
		note(t, ODDITY_LONG_LINE, offset, SLICE_EMPTY);
	for (size_t i = 0; i < len; i++) {
		if (line.data[i] == '\r')
			note(t, ODDITY_BARE_CR, offset + i, SLICE_EMPTY);
		else if (line.data[i] == '\0')
			note(t, ODDITY_NUL, offset + i, SLICE_EMPTY);
	}
}

void oddity_lines(struct slice bytes, oddity_visit *visit, void *arg)
{
	struct tally t = { 0 };
	size_t at = 0;
	uint64_t crlf_lines = 0;
	while (at < bytes.len) {
		const char *lf = memchr(bytes.data + at, '\n', bytes.len - at);
		size_t end = lf ? (size_t)(lf - bytes.data) : bytes.len;
		bool crlf;
		look_at_line(&t, slice_sub(bytes, at, end - at), at, &crlf);
		if (lf && !crlf)
			note(&t, ODDITY_BARE_LF, end, SLICE_EMPTY);
		else if (crlf && !lf)
			note(&t, ODDITY_BARE_CR, end - 1, SLICE_EMPTY);
		crlf_lines += lf && crlf;
		at = end + (lf ? 1 : 0);
	}
	if (crlf_lines == 0 && t.counts[ODDITY_BARE_LF] > 0) {
		note(&t, ODDITY_LF_ONLY, t.offsets[ODDITY_BARE_LF], SLICE_EMPTY);
		t.counts[ODDITY_BARE_LF] = 0;
	}
	tell(&t, visit, arg);
}

/* --- headers ------------------------------------------------------------------------- */

struct header_look {
	struct tally *t;
	const struct message_limits *limits;
	struct arena *arena;
	const struct field_info *seen[ONCE_MAX]; /* that may stand once */
	size_t seen_count;
	bool has_date, has_from, has_sender, has_id, has_mime, has_version;
	size_t authors;
};

static bool has_been_seen(struct header_look *h, const struct field_info *info)
{
	for (size_t i = 0; i < h->seen_count; i++) {
		if (h->seen[i] == info)
			return true;
	}
	if (h->seen_count < ONCE_MAX)
		h->seen[h->seen_count++] = info;
	return false;
}

static void look_at_addresses(struct header_look *h, const struct header_field *f, size_t offset,
                              bool from)
{
	struct slice value = slice_sub(f->value, 0, h->limits->value_bytes);
	struct address_list list = address_list_parse(h->arena, value, AUTHORS_MAX);
	size_t mailboxes = 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		mailboxes += e->kind == ADDRESS_ENTRY_MAILBOX;
		if (e->kind == ADDRESS_ENTRY_MAILBOX && (e->local.len == 0 || e->domain.len == 0))
			note(h->t, ODDITY_BAD_ADDRESS, offset, f->name);
	}
	if (from && list.count == 0)
		note(h->t, ODDITY_BAD_ADDRESS, offset, f->name);
	h->authors += from ? mailboxes : 0;
	arena_reset(h->arena);
}

static void look_at_value(struct header_look *h, const struct header_field *f,
                          const struct field_info *info, size_t offset)
{
	struct slice value = slice_sub(f->value, 0, h->limits->value_bytes), *ids;
	struct received received;
	struct date date;
	switch (info->type) {
	case FIELD_ADDRESSES:
		look_at_addresses(h, f, offset, slice_equal_nocase(f->name, SLICE("From")));
		break;
	case FIELD_DATE:
		if (!date_parse(value, &date))
			note(h->t, ODDITY_BAD_DATE, offset, f->name);
		break;
	case FIELD_ID:
		if (field_ids(h->arena, value, 2, &ids) != 1)
			note(h->t, ODDITY_BAD_MESSAGE_ID, offset, f->name);
		break;
	case FIELD_RECEIVED:
		if (!field_received(h->arena, value, &received))
			note(h->t, ODDITY_BAD_RECEIVED, offset, f->name);
		break;
	default:
		break;
	}
	arena_reset(h->arena);
}

static void look_at_field(struct header_look *h, const struct header_field *f, size_t offset)
{
	const struct field_info *info = field_find(f->name);
	h->has_date |= slice_equal_nocase(f->name, SLICE("Date"));
	h->has_from |= slice_equal_nocase(f->name, SLICE("From"));
	h->has_sender |= slice_equal_nocase(f->name, SLICE("Sender"));
	h->has_id |= slice_equal_nocase(f->name, SLICE("Message-ID"));
	h->has_version |= slice_equal_nocase(f->name, SLICE("MIME-Version"));
	h->has_mime |= slice_starts_with_nocase(f->name, SLICE("Content-"));
	if (f->whole.data[f->name.len] != ':')
		note(h->t, ODDITY_SPACE_BEFORE_COLON, offset, f->name);
	if (f->value.len > h->limits->value_bytes)
		note(h->t, ODDITY_LONG_FIELD, offset, f->name);
	if (info && info->once && has_been_seen(h, info))
		note(h->t, ODDITY_DUPLICATE, offset, f->name);
	if (info)
		look_at_value(h, f, info, offset);
}

/* What a message must have and a part need not. */
static void look_for_missing(struct header_look *h, size_t offset)
{
	if (!h->has_date)
		note(h->t, ODDITY_NO_DATE, offset, SLICE_EMPTY);
	if (!h->has_from)
		note(h->t, ODDITY_NO_FROM, offset, SLICE_EMPTY);
	if (!h->has_id)
		note(h->t, ODDITY_NO_MESSAGE_ID, offset, SLICE_EMPTY);
	if (h->authors > 1 && !h->has_sender)
		note(h->t, ODDITY_NO_SENDER, offset, SLICE_EMPTY);
	if (h->has_mime && !h->has_version)
		note(h->t, ODDITY_NO_MIME_VERSION, offset, SLICE_EMPTY);
}

static bool is_file_mark(struct slice whole)
{
	return slice_starts_with(whole, SLICE("From ")) ||
	       slice_starts_with(whole, SLICE(">From "));
}

static void look_at_header(struct tally *t, struct slice header, size_t offset, bool message,
                           const struct message_limits *limits)
{
	struct header_walk walk = { .rest = header };
	struct header_field f;
	struct header_look h = { .t = t, .limits = limits, .arena = arena_new() };
	size_t start = offset;
	while (header_next(&walk, &f)) {
		size_t at = start + (size_t)(f.whole.data - header.data);
		bool mark = message && at == start && is_file_mark(f.whole);
		if (at - start >= limits->header_bytes) {
			note(t, ODDITY_LONG_HEADER, at, SLICE_EMPTY);
			break;
		}
		if (f.name.len == 0)
			note(t, mark ? ODDITY_FILE_MARK : ODDITY_NO_FIELD, at, SLICE_EMPTY);
		else
			look_at_field(&h, &f, at);
		if (!slice_is_ascii(f.whole))
			note(t,
			     slice_is_utf8(f.whole) ? ODDITY_8BIT_HEADER : ODDITY_HEADER_NOT_UTF8,
			     at, f.name);
	}
	if (message)
		look_for_missing(&h, start);
	arena_free(h.arena);
}

/* --- bodies -------------------------------------------------------------------------- */

static bool charset_is_wrong(const struct mime_part *part, bool is_ascii, bool is_utf8)
{
	struct slice charset = mime_charset(part);
	if (!slice_equal_nocase(part->type, SLICE("text")))
		return false;
	return (slice_equal_nocase(charset, SLICE("us-ascii")) && !is_ascii) ||
	       (slice_equal_nocase(charset, SLICE("utf-8")) && !is_utf8);
}

/* Where UTF-8 may be cut between chunks: what is left is less than a character. */
struct utf8_check {
	char held[4];
	size_t held_count;
	bool wrong;
};

static void check_utf8(struct utf8_check *u, struct slice text)
{
	while (u->held_count > 0 && text.len > 0 && ((unsigned char)text.data[0] & 0xC0) == 0x80 &&
	       u->held_count < sizeof(u->held)) {
		u->held[u->held_count++] = text.data[0];
		text = slice_from(text, 1);
	}
	if (u->held_count > 0 && text.len > 0) {
		u->wrong |= !slice_is_utf8(slice_of(u->held, u->held_count));
		u->held_count = 0;
	}
	size_t tail = 0;
	while (tail < 3 && tail < text.len &&
	       ((unsigned char)text.data[text.len - 1 - tail] & 0xC0) == 0x80)
		tail++;
	if (tail < text.len && (unsigned char)text.data[text.len - 1 - tail] >= 0xC0)
		tail++;
	else
		tail = 0;
	u->wrong |= !slice_is_utf8(slice_sub(text, 0, text.len - tail));
	for (size_t i = 0; i < tail; i++)
		u->held[u->held_count++] = text.data[text.len - tail + i];
}

static enum oddity damage_of(enum mime_encoding encoding)
{
	if (encoding == MIME_BASE64)
		return ODDITY_BAD_BASE64;
	return encoding == MIME_QUOTED_PRINTABLE ? ODDITY_BAD_QUOTED_PRINTABLE
	                                         : ODDITY_BAD_UUENCODE;
}

static void look_at_content(struct tally *t, const struct mime_part *part, struct slice body)
{
	struct mime_decoder d;
	struct buf text = buf_make(4 * CHUNK);
	struct utf8_check utf8 = { .held_count = 0 };
	bool ascii = true;
	mime_decoder_create(&d, part->encoding);
	while (body.len > 0) {
		struct slice chunk = slice_sub(body, 0, CHUNK);
		body = slice_from(body, chunk.len);
		(void)mime_decode(&d, chunk, &text);
		if (body.len == 0)
			(void)mime_decode_end(&d, &text);
		ascii = ascii && slice_is_ascii(buf_slice(&text));
		check_utf8(&utf8, buf_slice(&text));
		buf_clear(&text);
	}
	utf8.wrong |= utf8.held_count > 0 && !slice_is_utf8(slice_of(utf8.held, utf8.held_count));
	if (d.damaged)
		note(t, damage_of(part->encoding), part->body_offset, SLICE_EMPTY);
	if (charset_is_wrong(part, ascii, !utf8.wrong))
		note(t, ODDITY_NOT_ITS_CHARSET, part->body_offset, SLICE_EMPTY);
	mime_decoder_destroy(&d);
	buf_free(&text);
}

static void look_at_leaf(struct tally *t, const struct mime_part *part, struct slice body)
{
	if (part->encoding == MIME_7BIT && !slice_is_ascii(body))
		note(t, ODDITY_8BIT_UNDECLARED, part->body_offset, SLICE_EMPTY);
	if (part->encoding == MIME_UNKNOWN)
		note(t, ODDITY_UNKNOWN_ENCODING, part->body_offset, part->encoding_text);
	look_at_content(t, part, body);
}

/* A multipart in which nothing was found has one made-up child without a header. */
static bool has_made_up_child(const struct mime_part *part)
{
	return part->first->header_size == 0 && part->first->header_offset == part->body_offset;
}

static bool has_boundary(const struct mime_part *part)
{
	for (size_t i = 0; i < part->param_count; i++) {
		if (slice_starts_with_nocase(part->params[i].name, SLICE("boundary")))
			return part->params[i].value.len > 0 &&
			       part->params[i].value.len <= MIME_BOUNDARY_MAX;
	}
	return false;
}

static void look_at_container(struct tally *t, const struct mime_part *part)
{
	size_t at = part->header_offset;
	if (part->encoding > MIME_BINARY)
		note(t, ODDITY_ENCODED_CONTAINER, at, part->encoding_text);
	if (part->kind != MIME_MULTIPART)
		return;
	if (!has_boundary(part))
		note(t, ODDITY_NO_BOUNDARY, at, SLICE_EMPTY);
	else if (has_made_up_child(part))
		note(t, ODDITY_NO_PARTS, at, SLICE_EMPTY);
	else if (part->opaque)
		note(t, ODDITY_BEYOND_LIMITS, at, SLICE_EMPTY);
	else if (!part->closed)
		note(t, ODDITY_UNCLOSED, at, SLICE_EMPTY);
}

void oddity_part(struct slice bytes, const struct mime_part *part,
                 const struct message_limits *limits, oddity_visit *visit, void *arg)
{
	struct tally t = { 0 };
	struct slice header = mime_header(part, bytes);
	bool ended = slice_ends_with(header, SLICE("\n\r\n")) ||
	             slice_ends_with(header, SLICE("\n\n")) || slice_equal(header, SLICE("\r\n")) ||
	             slice_equal(header, SLICE("\n"));
	look_at_header(&t, header, part->header_offset, part->fields != NULL, limits);
	if (part->fields && !ended)
		note(&t, ODDITY_NO_BODY, part->body_offset, SLICE_EMPTY);
	if (part->kind != MIME_LEAF)
		look_at_container(&t, part);
	else if (part->opaque && !(part->parent && has_made_up_child(part->parent)))
		note(&t, ODDITY_BEYOND_LIMITS, part->header_offset, SLICE_EMPTY);
	else if (!part->opaque)
		look_at_leaf(&t, part, mime_body(part, bytes));
	tell(&t, visit, arg);
}
