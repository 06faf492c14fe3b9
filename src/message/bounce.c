#include "message/bounce.h"

#include "message/address.h"
#include "message/bounce_internal.h"
#include "message/mime.h"

/* --- what the forms share --------------------------------------------------------------- */

struct slice bounce_clean(struct arena *arena, struct slice text)
{
	char *out = arena_alloc(arena, BOUNCE_TEXT_MAX);
	size_t len = 0;
	text = slice_trim(text);
	for (size_t i = 0; i < text.len && len < BOUNCE_TEXT_MAX; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool blank = c <= 0x20 || c == 0x7f;
		if (!blank)
			out[len++] = text.data[i];
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	struct slice clean = slice_of(out, len);
	return slice_is_utf8(clean) ? clean : charset_to_utf8(arena, SLICE("latin1"), clean);
}

/* status-code = ("2"/"4"/"5") "." *3DIGIT "." *3DIGIT                     RFC 3463, section 2 */
static size_t status_length(struct slice text)
{
	size_t at = 1;
	if (text.len < 5 || (text.data[0] != '2' && text.data[0] != '4' && text.data[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t from = at + 1;
		if (at >= text.len || text.data[at] != '.')
			return 0;
		for (at = from; at < text.len && at < from + 3 && byte_is_digit(text.data[at]);)
			at++;
		if (at == from)
			return 0;
	}
	/* Not the beginning of an address or a number. */
	bool more = at < text.len && (byte_is_alnum(text.data[at]) || text.data[at] == '.');
	return more && !(text.data[at] == '.' && at + 1 == text.len) ? 0 : at;
}

struct slice bounce_find_status(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool begins = i == 0 || (!byte_is_alnum(text.data[i - 1]) &&
		                         text.data[i - 1] != '.' && text.data[i - 1] != '-');
		size_t len = begins ? status_length(slice_from(text, i)) : 0;
		if (len > 0)
			return slice_sub(text, i, len);
	}
	return SLICE_EMPTY;
}

static bool parse_address(struct arena *arena, struct slice text, struct slice *out)
{
	struct address a;
	text = slice_trim(text);
	if (text.len > ADDRESS_PATH_MAX || !address_parse(arena, text, ADDRESS_ALLOW_UTF8, &a))
		return false;
	*out = address_text(arena, &a);
	return true;
}

struct bounce_recipient *bounce_add(struct arena *arena, struct bounce *b, struct slice address)
{
	struct slice parsed;
	if (b->count == BOUNCE_RECIPIENTS_MAX || !parse_address(arena, address, &parsed))
		return NULL;
	struct bounce_recipient *r = &b->recipients[b->count++];
	*r = (struct bounce_recipient){ .address = parsed };
	return r;
}

static bool is_blank(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

static struct slice next_word(struct slice *rest)
{
	size_t from = 0;
	while (from < rest->len && is_blank(rest->data[from]))
		from++;
	size_t end = from;
	while (end < rest->len && !is_blank(rest->data[end]))
		end++;
	struct slice word = slice_sub(*rest, from, end - from);
	*rest = slice_from(*rest, end);
	return word;
}

/* "... id 01KC9Z6X3R0G2M5A for ...", in a field that may be folded. */
static void note_received(struct bounce *b, struct slice value)
{
	struct slice word = SLICE("by");
	while (word.len > 0 && !slice_equal_nocase(word, SLICE("id")))
		word = next_word(&value);
	word = next_word(&value);
	ptrdiff_t end = slice_find_byte(word, ';');
	if (word.len > 0 && b->id_count < BOUNCE_IDS_MAX)
		b->ids[b->id_count++] = slice_sub(word, 0, end < 0 ? word.len : (size_t)end);
}

void bounce_note_header(struct arena *arena, struct bounce *b, struct slice header)
{
	struct header_walk walk = { .rest = slice_sub(header, 0, BOUNCE_PART_MAX) };
	struct header_field field;
	while (header_next(&walk, &field)) {
		if (slice_equal_nocase(field.name, SLICE("Received")))
			note_received(b, field.value);
		else if (slice_equal_nocase(field.name, SLICE("Message-ID")) &&
		         b->message_id.len == 0)
			b->message_id = bounce_clean(arena, field.value);
	}
}

/* --- multipart/report ------------------------------------------------------------------- */

/* "rfc822; alice@example.test"                                   RFC 3464, section 2.1.2 */
static struct slice behind_type(struct slice value)
{
	ptrdiff_t at = slice_find_byte(value, ';');
	return slice_trim(at < 0 ? value : slice_from(value, (size_t)at + 1));
}

static enum bounce_action action_of(struct slice value)
{
	if (slice_equal_nocase(value, SLICE("failed")))
		return BOUNCE_FAILED;
	return slice_equal_nocase(value, SLICE("delayed")) ? BOUNCE_DELAYED : BOUNCE_GOOD;
}

/* The fields that are there once. */
static void note_message_field(struct arena *arena, struct bounce *b,
                               const struct header_field *field, struct slice value)
{
	if (slice_equal_nocase(field->name, SLICE("Reporting-MTA")))
		b->reporter = bounce_clean(arena, behind_type(value));
	else if (slice_equal_nocase(field->name, SLICE("Original-Envelope-Id")))
		b->envid = bounce_clean(arena, value);
}

static void note_recipient_field(struct arena *arena, struct bounce_recipient *r,
                                 const struct header_field *field, struct slice value)
{
	if (slice_equal_nocase(field->name, SLICE("Final-Recipient")))
		parse_address(arena, behind_type(value), &r->address);
	else if (slice_equal_nocase(field->name, SLICE("Original-Recipient")))
		parse_address(arena, behind_type(value), &r->original);
	else if (slice_equal_nocase(field->name, SLICE("Action")))
		r->action = action_of(value);
	else if (slice_equal_nocase(field->name, SLICE("Status")))
		r->status = bounce_find_status(value);
	else if (slice_equal_nocase(field->name, SLICE("Diagnostic-Code")))
		r->diagnostic = bounce_clean(arena, behind_type(value));
}

/* delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )
 *                                                                RFC 3464, section 2.1 */
static void parse_status(struct arena *arena, struct slice text, struct bounce *b)
{
	struct header_walk walk = { .rest = text };
	for (bool first = true; walk.rest.len > 0 && b->count < BOUNCE_RECIPIENTS_MAX;) {
		struct bounce_recipient r = { .action = BOUNCE_GOOD };
		struct header_field field;
		bool any = false;
		walk.ended = false;
		while (header_next(&walk, &field)) {
			struct slice value = slice_trim(header_unfold(arena, field.value));
			if (first)
				note_message_field(arena, b, &field, value);
			note_recipient_field(arena, &r, &field, value);
			any = true;
		}
		/* Some leave the empty line behind the first fields out. */
		if (r.address.len == 0)
			r.address = r.original;
		if (r.address.len > 0)
			b->recipients[b->count++] = r;
		first = first && !any;
	}
}

/* RFC 5965 section 3 */
static void parse_feedback(struct arena *arena, struct slice text, struct bounce *b)
{
	struct header_walk walk = { .rest = text };
	struct header_field field;
	while (header_next(&walk, &field)) {
		struct slice value = slice_trim(header_unfold(arena, field.value));
		struct bounce_recipient *r = NULL;
		if (slice_equal_nocase(field.name, SLICE("Feedback-Type")))
			b->complaint = bounce_clean(arena, value);
		else if (slice_equal_nocase(field.name, SLICE("Reporting-MTA")))
			b->reporter = bounce_clean(arena, behind_type(value));
		else if (slice_equal_nocase(field.name, SLICE("Original-Envelope-Id")))
			b->envid = bounce_clean(arena, value);
		else if (slice_equal_nocase(field.name, SLICE("Original-Rcpt-To")))
			r = bounce_add(arena, b, value);
		if (r)
			r->action = BOUNCE_COMPLAINED;
	}
}

static struct slice decoded(struct arena *arena, const struct mime_part *part, struct slice bytes)
{
	return mime_decode_all(arena, part->encoding, mime_body(part, bytes), BOUNCE_PART_MAX);
}

static void parse_part(struct arena *arena, const struct mime_part *part, struct slice bytes,
                       struct bounce *b)
{
	if (mime_is(part, "message", "delivery-status") ||
	    mime_is(part, "message", "global-delivery-status")) {
		b->form = BOUNCE_DSN;
		parse_status(arena, decoded(arena, part, bytes), b);
	} else if (mime_is(part, "message", "feedback-report")) {
		b->form = BOUNCE_COMPLAINT;
		parse_feedback(arena, decoded(arena, part, bytes), b);
	} else if (mime_is(part, "text", "rfc822-headers") ||
	           mime_is(part, "message", "global-headers")) {
		bounce_note_header(arena, b, decoded(arena, part, bytes));
	} else if (part->kind == MIME_MESSAGE) {
		bounce_note_header(arena, b, mime_header(part->first, bytes));
	}
}

static bool is_text(const struct mime_part *part)
{
	return part->kind == MIME_LEAF && mime_is(part, "text", "plain");
}

bool bounce_may_be(struct slice message, bool has_sender)
{
	struct slice value;
	if (!has_sender)
		return true;
	struct slice header = slice_sub(message, 0, header_length(message));
	return header_find(header, SLICE("Content-Type"), &value) &&
	       slice_starts_with_nocase(slice_trim(value), SLICE("multipart/report"));
}

bool bounce_parse(struct arena *arena, struct slice message, const struct message_limits *limits,
                  struct bounce *out)
{
	const struct mime_part *whole = mime_parse(arena, message, limits), *text = NULL;
	*out = (struct bounce){ .form = BOUNCE_NONE };
	if (is_text(whole))
		text = whole;
	for (const struct mime_part *part = whole->first; part; part = part->next) {
		parse_part(arena, part, message, out);
		if (!text && is_text(part))
			text = part;
	}
	if (out->form == BOUNCE_NONE && text)
		bounce_parse_text(arena, mime_header(whole, message), decoded(arena, text, message),
		                  out);
	return out->form != BOUNCE_NONE;
}
