#include "imap/imap_searched.h"

#include "imap/imap_envelope.h"
#include "imap/imap_session.h"

enum { FIELD_TEXT_MAX = IMAP_ENVELOPE_TEXT_MAX };

struct taking {
	imap_text_fn fn;
	void *arg;
};

static bool take_folded(struct arena *arena, struct slice utf8, const struct taking *t)
{
	return t->fn(imap_fold(arena, utf8), t->arg);
}

static bool take_value(struct arena *scratch, const struct header_field *field,
                       const struct taking *t)
{
	return take_folded(scratch, header_decode(scratch, field->value, FIELD_TEXT_MAX), t);
}

static bool take_field(struct arena *scratch, const struct header_field *field, struct slice name,
                       const struct taking *t)
{
	if (name.len > 0)
		return slice_equal_nocase(field->name, name) && take_value(scratch, field, t);
	return take_folded(scratch, field->name, t) || take_value(scratch, field, t);
}

bool imap_each_header_text(struct slice header, struct slice name, imap_text_fn fn, void *arg)
{
	const struct taking t = { fn, arg };
	struct header_walk walk = { .rest = header };
	struct header_field field;
	struct arena *scratch = arena_new();
	bool enough = false;
	while (!enough && header_next(&walk, &field)) {
		enough = take_field(scratch, &field, name, &t);
		arena_reset(scratch);
	}
	arena_free(scratch);
	return enough;
}

static bool take_leaf(const struct mime_part *part, struct slice bytes, const struct taking *t)
{
	if (part->type.len > 0 && !slice_equal_nocase(part->type, SLICE("text")))
		return false;
	struct arena *scratch = arena_new();
	struct slice raw = mime_decode_all(scratch, part->encoding, mime_body(part, bytes),
	                                   IMAP_SEARCH_TEXT_MAX);
	struct slice text = charset_to_utf8(scratch, mime_charset(part), raw);
	bool enough = take_folded(scratch, text, t);
	arena_free(scratch);
	return enough;
}

static bool take_parts(const struct mime_part *part, struct slice bytes, const struct taking *t)
{
	for (const struct mime_part *child = part->first; child; child = child->next) {
		if (part->kind == MIME_MESSAGE &&
		    imap_each_header_text(mime_header(child, bytes), SLICE_EMPTY, t->fn, t->arg))
			return true;
		if (take_parts(child, bytes, t))
			return true;
	}
	return part->kind == MIME_LEAF && take_leaf(part, bytes, t);
}

bool imap_each_body_text(struct arena *scratch, struct slice message, imap_text_fn fn, void *arg)
{
	const struct taking t = { fn, arg };
	return take_parts(mime_parse(scratch, message, &MESSAGE_LIMITS_DEFAULT), message, &t);
}
