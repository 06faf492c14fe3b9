/* Parts of a message: walking over them, taking their text, putting others in their place
 * (RFC 5703). */
#include <errno.h>

#include "base/codec.h"
#include "sieve/sieve_machine.h"

enum { MADE_HEADER_MAX = 64 * 1024 };

/* Text in the place of bytes of the body; kept in the order of the body. */
struct replaced {
	struct replaced *next;
	size_t from, to; /* in the bytes of the loop */
	struct slice text;
};

int sieve_do_each_part(struct machine *m, const struct sieve_call *call)
{
	(void)call;
	struct machine_loop *loop = ARENA_NEW(m->arena, struct machine_loop);
	loop->outer = m->frame->loop;
	loop->within = machine_part(m, &loop->bytes);
	loop->now = loop->within;
	/* A loop in a loop walks over what is inside of the part. */
	loop->started = loop->outer != NULL;
	m->frame->loop = loop;
	if (!loop->outer) {
		m->plain_body = m->body;
		m->replaced = NULL;
	}
	return machine_spend(m, 0);
}

int sieve_do_extracttext(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *first = sieve_arg(call, SLOT_FIRST);
	struct slice bytes;
	if (!m->frame->loop)
		return machine_fail(m, "\"extracttext\" stands in no \"foreverypart\"");
	const struct mime_part *part = machine_part(m, &bytes);
	size_t max = m->job->limits->value_bytes * 4;
	struct slice text = part->kind == MIME_LEAF ? machine_part_text(m, part, bytes, max)
	                                            : SLICE_EMPTY;
	if (!slice_is_utf8(text))
		text = charset_to_utf8(m->scratch, SLICE("us-ascii"), text);
	uint64_t characters = 0;
	size_t len = 0;
	while (first && len < text.len) {
		characters += ((unsigned char)text.data[len] & 0xC0) != 0x80;
		if (characters > first->number)
			break;
		len++;
	}
	return sieve_set_modified(m, call, first ? slice_sub(text, 0, len) : text);
}

/* --- making parts ---------------------------------------------------------------------- */

/* Content fields, an empty line and the text, as plain text in UTF-8. */
static int put_text_part(struct buf *out, struct slice text)
{
	enum mime_encoding encoding = mime_encoding_for(text);
	buf_append(out, SLICE("Content-Type: text/plain; charset=utf-8\r\n"));
	if (encoding == MIME_7BIT) {
		buf_append(out, SLICE("\r\n"));
		buf_append(out, text);
	} else {
		buf_append(out, SLICE("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
		mime_encode_quoted_printable(text, out);
	}
	return buf_failed(out) ? -ENOBUFS : 0;
}

static bool is_content_field(struct slice name)
{
	return slice_starts_with_nocase(name, SLICE("Content-")) ||
	       slice_equal_nocase(name, SLICE("MIME-Version"));
}

/* The fields of a header but those that say what the body is. A new subject or sender takes the
 * place of the old, which stays under the name Original-. */
static void put_fields(struct buf *out, struct slice header, struct slice subject,
                       struct slice from)
{
	struct header_walk walk = { .rest = header };
	struct header_field f;
	while (header_next(&walk, &f)) {
		bool renamed = (subject.len > 0 && slice_equal_nocase(f.name, SLICE("Subject"))) ||
		               (from.len > 0 && slice_equal_nocase(f.name, SLICE("From")));
		if (is_content_field(f.name) || f.name.len == 0)
			continue;
		if (renamed)
			buf_append(out, SLICE("Original-"));
		buf_append(out, f.whole);
		if (!slice_ends_with(f.whole, SLICE("\n")))
			buf_append(out, SLICE("\r\n"));
	}
	if (subject.len > 0)
		header_put_text(out, "Subject", subject);
	if (from.len > 0)
		header_put_text(out, "From", from);
	buf_append(out, SLICE("MIME-Version: 1.0\r\n"));
}

static struct buf message_buf(const struct machine *m, size_t more)
{
	return buf_make(m->header.len + m->body.len + more * 4 + MADE_HEADER_MAX);
}

/* --- replace --------------------------------------------------------------------------- */

static void rebuild_body(struct machine *m, size_t body_at)
{
	struct buf out = message_buf(m, 0);
	size_t at = 0;
	for (const struct replaced *r = m->replaced; r; r = r->next)
		out.max += r->text.len;
	for (const struct replaced *r = m->replaced; r; r = r->next) {
		buf_append(&out, slice_sub(m->plain_body, at, r->from - body_at - at));
		buf_append(&out, r->text);
		at = r->to - body_at;
	}
	buf_append(&out, slice_from(m->plain_body, at));
	machine_replace_body(m, arena_copy(m->arena, buf_slice(&out)));
	buf_free(&out);
}

/* In the order of the body. What lies in it goes; if it lies in another, that stays. */
static bool note_replaced(struct machine *m, size_t from, size_t to, struct slice text)
{
	struct replaced **at = &m->replaced;
	for (const struct replaced *r = m->replaced; r; r = r->next) {
		if (r->from <= from && to <= r->to && (r->from != from || r->to != to))
			return false;
	}
	while (*at && (*at)->from < from)
		at = &(*at)->next;
	while (*at && (*at)->from < to)
		*at = (*at)->next;
	struct replaced *made = ARENA_NEW(m->arena, struct replaced);
	*made = (struct replaced){ .next = *at, .from = from, .to = to, .text = text };
	*at = made;
	return true;
}

static int replace_part(struct machine *m, const struct mime_part *part, struct slice entity)
{
	const struct mime_part *top = part;
	while (top->parent)
		top = top->parent;
	/* Of what was replaced or enclosed as a whole no part is left. */
	if (!m->plain_body.data)
		return 0;
	if (note_replaced(m, part->header_offset, part->body_offset + part->body_size,
	                  arena_copy(m->arena, entity)))
		rebuild_body(m, top->body_offset);
	return machine_spend(m, m->body.len);
}

static int replace_message(struct machine *m, const struct sieve_call *call, struct slice entity)
{
	struct buf out = message_buf(m, entity.len);
	size_t length = header_length(entity);
	put_fields(&out, m->header, machine_text(m, call, SLOT_SUBJECT),
	           machine_text(m, call, SLOT_FROM));
	buf_append(&out, slice_sub(entity, 0, length));
	machine_replace_header(m, arena_copy(m->arena, buf_slice(&out)));
	machine_replace_body(m, arena_copy(m->arena, slice_from(entity, length)));
	m->plain_body = (struct slice){ .data = NULL };
	bool failed = buf_failed(&out);
	buf_free(&out);
	return failed ? machine_fail(m, "the new part is too long") : machine_spend(m, entity.len);
}

int sieve_do_replace(struct machine *m, const struct sieve_call *call)
{
	struct slice text = machine_text(m, call, SLOT_POSITION), bytes;
	struct buf made = buf_make(text.len * 4 + MADE_HEADER_MAX);
	const struct mime_part *part = machine_part(m, &bytes);
	int rc = machine_spend(m, text.len * 4);
	if (rc == 0 && !sieve_arg(call, SLOT_MIME))
		rc = put_text_part(&made, text);
	struct slice entity = sieve_arg(call, SLOT_MIME) ? text : buf_slice(&made);
	if (rc == 0 && part->parent)
		rc = replace_part(m, part, entity);
	else if (rc == 0)
		rc = replace_message(m, call, entity);
	buf_free(&made);
	machine_trace(m, "replace");
	return rc;
}

/* --- enclose --------------------------------------------------------------------------- */

static void put_enclosed(struct machine *m, const struct sieve_call *call, const char *boundary,
                         struct buf *header, struct buf *body)
{
	struct sieve_text_list more = machine_keep_list(m, call, SLOT_HEADERS);
	put_fields(header, m->header, machine_text(m, call, SLOT_SUBJECT), SLICE_EMPTY);
	for (size_t i = 0; i < more.count; i++) {
		struct slice value = more.items[i];
		struct slice name = slice_trim(slice_split(&value, ':'));
		bool valid = name.len > 0 && name.len < 77 && slice_is_ascii(name) &&
		             slice_find_byte(name, ' ') < 0;
		if (valid)
			header_put_text(header, arena_str(m->scratch, name), slice_trim(value));
	}
	buf_printf(header, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", boundary);
	buf_printf(body, "--%s\r\n", boundary);
	put_text_part(body, machine_text(m, call, SLOT_POSITION));
	buf_printf(body, "\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n", boundary);
	buf_append(body, m->header);
	buf_append(body, m->body);
	buf_printf(body, "\r\n--%s--\r\n", boundary);
}

int sieve_do_enclose(struct machine *m, const struct sieve_call *call)
{
	unsigned char bytes[12];
	size_t more = machine_text(m, call, SLOT_POSITION).len;
	struct buf header = message_buf(m, more), body = message_buf(m, more);
	random_bytes(bytes, sizeof(bytes));
	struct slice id = hex_encode(m->scratch, slice_of(bytes, sizeof(bytes)));
	put_enclosed(m, call, arena_printf(m->scratch, "enclosed-%.*s", SLICE_ARG(id)), &header,
	             &body);
	bool failed = buf_failed(&header) || buf_failed(&body);
	if (!failed) {
		machine_replace_header(m, arena_copy(m->arena, buf_slice(&header)));
		machine_replace_body(m, arena_copy(m->arena, buf_slice(&body)));
		m->plain_body = (struct slice){ .data = NULL };
	}
	buf_free(&header);
	buf_free(&body);
	machine_trace(m, "enclose");
	return failed ? machine_fail(m, "what encloses the message is too long")
	              : machine_spend(m, m->body.len);
}
