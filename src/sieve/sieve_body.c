/* The test body (RFC 5173), and spelling out what a message says. */
#include "sieve/sieve_machine.h"

/* Looks at one part; true ends the walk. */
typedef bool (*body_visit)(struct machine *m, const struct mime_part *part, struct matcher *match,
                           const struct sieve_arg *types);

enum { BODY_TEXT_MAX = 16 * 1024 * 1024 };

static bool body_walk(struct machine *m, const struct mime_part *part, struct matcher *match,
                      const struct sieve_arg *types, body_visit visit)
{
	for (; part; part = part->next) {
		if (visit(m, part, match, types) ||
		    (part->first && body_walk(m, part->first, match, types, visit)))
			return true;
		if (!part->parent)
			return false;
	}
	return false;
}

static bool look_at_text(struct machine *m, const struct mime_part *part, struct matcher *match,
                         const struct sieve_arg *types)
{
	(void)types;
	if (part->kind != MIME_LEAF || !slice_equal_nocase(part->type, SLICE("text")))
		return false;
	return matcher_try(match, machine_part_text(m, part, m->tree_bytes, BODY_TEXT_MAX));
}

/* "" is any type, "text" all of text, "text/plain" just that (section 5.2). */
static bool is_of_type(struct machine *m, const struct mime_part *part,
                       const struct sieve_arg *types)
{
	for (size_t i = 0; i < types->count; i++) {
		struct slice subtype = machine_string(m, &types->items[i]);
		bool any_subtype = slice_find_byte(subtype, '/') < 0;
		struct slice wanted = subtype;
		struct slice type = slice_split(&subtype, '/');
		if (wanted.len == 0)
			return true;
		/* What is no type at all matches nothing: "/x", "x/", "x/y/z". */
		if (type.len == 0 || (!any_subtype && subtype.len == 0) ||
		    slice_find_byte(subtype, '/') >= 0)
			continue;
		if (slice_equal_nocase(part->type, type) &&
		    (any_subtype || slice_equal_nocase(part->subtype, subtype)))
			return true;
	}
	return false;
}

/* Of a multipart what stands before, between and behind its parts; of a message in the message its
 * header; of others what they hold. */
static struct slice content_of(struct machine *m, const struct mime_part *part)
{
	struct slice body = mime_body(part, m->tree_bytes);
	if (part->kind == MIME_MESSAGE)
		return mime_header(part->first, m->tree_bytes);
	if (part->kind == MIME_LEAF)
		return mime_decode_all(m->scratch, part->encoding, body, BODY_TEXT_MAX);
	struct slice prologue = slice_sub(m->tree_bytes, part->body_offset,
	                                  part->first->header_offset - part->body_offset);
	ptrdiff_t line = slice_find_last_byte(slice_trim(prologue), '\n');
	const struct mime_part *last = part->first;
	while (last->next)
		last = last->next;
	size_t end = last->body_offset + last->body_size;
	struct slice epilogue = slice_sub(m->tree_bytes, end,
	                                  part->body_offset + part->body_size - end);
	slice_split(&epilogue, '\n');
	slice_split(&epilogue, '\n');
	const struct slice parts[] = { slice_sub(prologue, 0, line < 0 ? 0 : (size_t)line + 1),
		                       epilogue };
	return arena_concat(m->scratch, parts, 2);
}

static bool look_at_content(struct machine *m, const struct mime_part *part, struct matcher *match,
                            const struct sieve_arg *types)
{
	if (!is_of_type(m, part, types))
		return false;
	if (machine_spend(m, part->body_size) < 0)
		return true;
	struct slice content = content_of(m, part);
	if (slice_equal_nocase(part->type, SLICE("text")))
		content = charset_to_utf8(m->scratch, mime_charset(part), content);
	return matcher_try(match, content);
}

int sieve_test_body(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct matcher match;
	const struct sieve_arg *kind = sieve_arg(call, SLOT_BODY);
	int rc = matcher_begin(&match, m, call, SLOT_POSITION);
	if (rc < 0)
		return rc;
	if (kind && kind->choice == BODY_RAW)
		matcher_try(&match, m->body);
	else if (kind && kind->choice == BODY_CONTENT)
		body_walk(m, machine_tree(m), &match, kind, look_at_content);
	else
		body_walk(m, machine_tree(m), &match, NULL, look_at_text);
	rc = machine_spend(m, 0);
	if (rc == 0)
		rc = matcher_end(&match, out);
	if (rc == 0)
		machine_trace(m, "test body: %s", *out ? "yes" : "no");
	return rc;
}
