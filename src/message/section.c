/* BODY[...] and BINARY[...]: which bytes are meant (RFC 3501 section 6.4.5, RFC 3516). */
#include <errno.h>

#include "message/imap_text.h"
#include "message/summary.h"

static bool is_listed(const struct message_section *section, struct slice name)
{
	for (size_t i = 0; i < section->field_count; i++)
		if (section->fields[i].len == name.len &&
		    slice_equal_nocase(section->fields[i], name))
			return true;
	return false;
}

/* The fields asked for, and the empty line. */
static struct slice pick_fields(struct arena *arena, struct slice header,
                                const struct message_section *section)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	bool wanted = section->kind == SECTION_HEADER_FIELDS;
	char *picked = arena_alloc(arena, header.len + 2);
	size_t len = 0;
	while (header_next(&walk, &field)) {
		if (is_listed(section, field.name) != wanted)
			continue;
		memcpy(picked + len, field.whole.data, field.whole.len);
		len += field.whole.len;
	}
	memcpy(picked + len, "\r\n", 2);
	return slice_of(picked, len + 2);
}

/* A header and body that are those of a message. */
static bool of_message(struct arena *arena, struct slice header, struct slice body,
                       const struct message_section *section, struct slice *out)
{
	switch (section->kind) {
	case SECTION_HEADER:
		*out = header;
		return true;
	case SECTION_TEXT:
		*out = body;
		return true;
	case SECTION_HEADER_FIELDS:
	case SECTION_HEADER_FIELDS_NOT:
		*out = pick_fields(arena, header, section);
		return true;
	default:
		return false;
	}
}

bool message_section(struct slice bytes, size_t header_size, const struct message_limits *limits,
                     struct arena *arena, const struct message_section *section, struct slice *out)
{
	if (section->depth == 0 && section->kind == SECTION_ALL) {
		*out = bytes;
		return true;
	}
	if (section->depth == 0) {
		size_t size = header_size > 0 ? header_size : header_length(bytes);
		return of_message(arena, slice_sub(bytes, 0, size), slice_from(bytes, size),
		                  section, out);
	}
	const struct mime_part *part = mime_find(mime_parse(arena, bytes, limits), section->path,
	                                         section->depth);
	if (!part)
		return false;
	if (section->kind == SECTION_ALL) {
		*out = mime_body(part, bytes);
		return true;
	}
	if (section->kind == SECTION_MIME) {
		*out = mime_header(part, bytes);
		return true;
	}
	if (part->kind != MIME_MESSAGE)
		return false;
	return of_message(arena, mime_header(part->first, bytes), mime_body(part->first, bytes),
	                  section, out);
}

int message_section_decoded(struct slice bytes, const struct message_limits *limits,
                            struct arena *arena, const struct message_section *section, size_t max,
                            struct slice *out)
{
	if (section->kind != SECTION_ALL)
		return -EOPNOTSUPP;
	if (section->depth == 0) {
		*out = slice_sub(bytes, 0, max);
		return 0;
	}
	const struct mime_part *part = mime_find(mime_parse(arena, bytes, limits), section->path,
	                                         section->depth);
	if (!part)
		return -ENOENT;
	if (part->kind == MIME_MULTIPART || part->encoding == MIME_UNKNOWN)
		return -EOPNOTSUPP;
	*out = mime_decode_all(arena, part->encoding, mime_body(part, bytes), max);
	return 0;
}

bool message_section_structure(struct slice bytes, const struct message_limits *limits,
                               struct arena *arena, const struct message_section *section,
                               struct slice *out)
{
	const struct mime_part *part = mime_parse(arena, bytes, limits);
	if (section->kind != SECTION_ALL)
		return false;
	if (section->depth > 0)
		part = mime_find(part, section->path, section->depth);
	if (!part)
		return false;
	struct buf text = buf_make(limits->summary_bytes);
	*out = imap_make_structure(arena, part, limits, &text);
	buf_free(&text);
	return true;
}
