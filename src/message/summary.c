#include "message/summary.h"

#include "message/imap_text.h"

/* Room for the strings of an ordinary message, so that they are made without growing. */
#define SUMMARY_USUAL 1024

/* True if any byte is above 0x7F. Eight at a time: this reads the whole message. */
static bool has_8bit(struct slice s)
{
	uint64_t seen = 0;
	size_t i = 0;
	for (; i + 32 <= s.len; i += 32) {
		uint64_t words[4];
		memcpy(words, s.data + i, sizeof(words));
		seen |= words[0] | words[1] | words[2] | words[3];
	}
	for (; i < s.len; i++)
		seen |= (unsigned char)s.data[i];
	return (seen & 0x8080808080808080u) != 0;
}

/* The first <...>, or what there is. */
static struct slice message_id_of(struct arena *arena, struct slice value)
{
	struct slice id = header_unfold(arena, value);
	ptrdiff_t open = slice_find_byte(id, '<');
	struct slice rest = slice_from(id, open < 0 ? id.len : (size_t)open);
	ptrdiff_t close = slice_find_byte(rest, '>');
	if (close >= 0)
		id = slice_sub(rest, 0, (size_t)close + 1);
	return id.len <= MESSAGE_ID_MAX ? id : SLICE_EMPTY;
}

static struct slice unfolded(struct arena *arena, struct slice value)
{
	return value.data ? header_unfold(arena, value) : SLICE_EMPTY;
}

/* Cuts the fields shorter until the whole is small enough. */
static struct slice make_envelope(struct arena *arena, const struct mime_fields *fields,
                                  const struct message_limits *limits, struct buf *out)
{
	size_t value_bytes = limits->value_bytes;
	do {
		buf_clear(out);
		imap_put_envelope(out, arena, fields, limits, value_bytes);
		value_bytes /= 8;
	} while (buf_failed(out) && value_bytes > 0);
	return buf_failed(out) ? SLICE("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")
	                       : arena_copy(arena, buf_slice(out));
}

struct slice imap_make_structure(struct arena *arena, const struct mime_part *part,
                                 const struct message_limits *limits, struct buf *out)
{
	buf_clear(out);
	imap_put_structure(out, arena, part, limits);
	if (!buf_failed(out))
		return arena_copy(arena, buf_slice(out));
	const char *opaque = arena_printf(arena,
	                                  "(\"application\" \"octet-stream\" NIL NIL NIL "
	                                  "\"8bit\" %zu NIL NIL NIL NIL)",
	                                  part->body_size);
	return slice_from_str(opaque);
}

void message_summarise(struct slice bytes, const struct message_limits *limits, struct arena *arena,
                       struct message_summary *out)
{
	const struct mime_part *message = mime_parse(arena, bytes, limits);
	const struct mime_fields *fields = message->fields;
	*out = (struct message_summary){
		.size_bytes = bytes.len,
		.header_size = message->header_size,
		.message_id = fields->message_id.data ? message_id_of(arena, fields->message_id)
		                                      : SLICE_EMPTY,
		.subject = unfolded(arena, fields->subject),
		.from = unfolded(arena, fields->from),
		.in_reply_to = unfolded(arena, fields->in_reply_to),
		.references = unfolded(arena, fields->references),
		.received_count = fields->received_count,
		.delivered_to = fields->delivered_to,
		.delivered_to_count = fields->delivered_to_count,
		.tls_optional = slice_equal_nocase(slice_trim(fields->tls_required), SLICE("No")),
		.has_8bit_header = has_8bit(mime_header(message, bytes)),
		.has_8bit_body = has_8bit(mime_body(message, bytes)),
		.has_nul = slice_find_byte(bytes, '\0') >= 0,
	};
	out->has_date = fields->date.data && date_parse(fields->date, &out->date);
	struct buf text = buf_make(limits->summary_bytes);
	(void)buf_reserve(&text, SUMMARY_USUAL);
	out->envelope = make_envelope(arena, fields, limits, &text);
	out->body_structure = imap_make_structure(arena, message, limits, &text);
	buf_free(&text);
}
