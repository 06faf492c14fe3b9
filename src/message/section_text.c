#include "message/section_text.h"

static bool at_section_end(const struct cursor *c)
{
	return cursor_at_end(c) || cursor_peek(c) == ']';
}

/* section-part = nz-number *("." nz-number), with the "." that follows it */
static bool take_path(struct cursor *c, struct message_section *section)
{
	uint64_t number;
	section->depth = 0;
	while (byte_is_digit((char)cursor_peek(c))) {
		if (section->depth == MESSAGE_DEPTH_MAX || !take_number(c, UINT32_MAX, &number) ||
		    number == 0)
			return false;
		section->path[section->depth++] = (unsigned)number;
		if (at_section_end(c))
			return true;
		if (!take_byte(c, '.'))
			return false;
	}
	return true;
}

/* SP header-list; header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static bool take_fields(struct cursor *c, struct arena *arena, message_field_taker *take_field,
                        struct message_section *section)
{
	struct slice *fields = ARENA_ARRAY(arena, MESSAGE_SECTION_FIELDS_MAX, struct slice);
	if (!take_byte(c, ' '))
		return false;
	skip_space(c);
	if (!take_byte(c, '('))
		return false;
	do {
		skip_space(c);
		if (section->field_count == MESSAGE_SECTION_FIELDS_MAX ||
		    !take_field(c, arena, &fields[section->field_count]))
			return false;
		section->field_count++;
	} while (take_byte(c, ' '));
	section->fields = fields;
	return take_byte(c, ')');
}

/* section-text = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT" / "MIME" */
static bool take_kind(struct cursor *c, struct arena *arena, message_field_taker *take_field,
                      struct message_section *section)
{
	if (take_text_nocase(c, SLICE("HEADER.FIELDS.NOT"))) {
		section->kind = SECTION_HEADER_FIELDS_NOT;
		return take_fields(c, arena, take_field, section);
	}
	if (take_text_nocase(c, SLICE("HEADER.FIELDS"))) {
		section->kind = SECTION_HEADER_FIELDS;
		return take_fields(c, arena, take_field, section);
	}
	if (take_text_nocase(c, SLICE("HEADER"))) {
		section->kind = SECTION_HEADER;
		return true;
	}
	if (take_text_nocase(c, SLICE("TEXT"))) {
		section->kind = SECTION_TEXT;
		return true;
	}
	section->kind = SECTION_MIME;
	return section->depth > 0 && take_text_nocase(c, SLICE("MIME"));
}

/* section-spec = [section-part ["." section-text] / section-text] */
bool message_take_section(struct cursor *c, struct arena *arena, message_field_taker *take_field,
                          struct message_section *out)
{
	*out = (struct message_section){ .kind = SECTION_ALL };
	if (!take_path(c, out))
		return false;
	/* "1." is no section: a dot leads on to something. */
	bool dot_before = out->depth > 0 && c->at[-1] == '.';
	if ((!at_section_end(c) || dot_before) && !take_kind(c, arena, take_field, out))
		return false;
	return at_section_end(c);
}
