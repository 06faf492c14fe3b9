/* The message that a script runs over, as it is by now. */
#include "sieve/sieve_machine.h"

#include "message/address.h"
#include "message/address_list.h"

enum { DECODED_MAX = 256 * 1024 };

static void message_rebuild(struct machine *m)
{
	const struct slice parts[] = { m->header, m->body };
	m->tree_bytes = m->edited ? arena_concat(m->arena, parts, 2) : m->job->message;
	m->tree = mime_parse(m->arena, m->tree_bytes, &MESSAGE_LIMITS_DEFAULT);
}

const struct mime_part *machine_tree(struct machine *m)
{
	if (!m->tree) {
		message_rebuild(m);
		machine_spend(m, m->tree_bytes.len);
	}
	return m->tree;
}

const struct mime_part *machine_part(struct machine *m, struct slice *bytes_out)
{
	const struct machine_loop *loop = m->frame ? m->frame->loop : NULL;
	if (loop && loop->now) {
		*bytes_out = loop->bytes;
		return loop->now;
	}
	const struct mime_part *tree = machine_tree(m);
	*bytes_out = m->tree_bytes;
	return tree;
}

struct slice machine_header_of(struct machine *m, bool mime)
{
	struct slice bytes;
	if (!mime || !m->frame || !m->frame->loop)
		return m->header;
	const struct mime_part *part = machine_part(m, &bytes);
	return part->parent ? mime_header(part, bytes) : m->header;
}

bool machine_each_field(struct machine *m, struct slice header, struct slice name, uint64_t index,
                        bool last, machine_field_visit visit, void *arg)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	uint64_t total = 0, number = 0;
	machine_spend(m, header.len);
	while (last && header_next(&walk, &field))
		total += slice_equal_nocase(field.name, name);
	if (last && index > total)
		return false;
	uint64_t wanted = last ? total - index + 1 : index;
	walk = (struct header_walk){ .rest = header };
	while (header_next(&walk, &field)) {
		if (!slice_equal_nocase(field.name, name))
			continue;
		number++;
		if ((index == 0 || number == wanted) && visit(m, field.value, arg))
			return true;
		if (index != 0 && number >= wanted)
			return false;
	}
	return false;
}

static const struct mime_part *part_after(const struct mime_part *within,
                                          const struct mime_part *part)
{
	if (part->first)
		return part->first;
	while (part != within && !part->next)
		part = part->parent;
	return part == within ? NULL : part->next;
}

bool machine_each_header(struct machine *m, const struct sieve_call *call,
                         machine_header_visit visit, void *arg)
{
	bool mime = sieve_arg(call, SLOT_MIME) != NULL;
	if (visit(m, machine_header_of(m, mime), arg))
		return true;
	if (!mime || !sieve_arg(call, SLOT_ANYCHILD))
		return false;
	struct slice bytes;
	const struct mime_part *within = machine_part(m, &bytes);
	for (const struct mime_part *p = part_after(within, within); p; p = part_after(within, p)) {
		if (visit(m, mime_header(p, bytes), arg))
			return true;
	}
	return false;
}

struct slice machine_decode(struct machine *m, struct slice value)
{
	return slice_trim(header_decode(m->scratch, value, DECODED_MAX));
}

/* --- addresses ------------------------------------------------------------------------- */

bool machine_address(struct arena *arena, struct slice text, struct slice *out)
{
	struct address_list list = address_list_parse(arena, text, 2);
	struct address checked;
	if (list.count != 1 || list.entries[0].kind != ADDRESS_ENTRY_MAILBOX)
		return false;
	const struct address found = { .local = list.entries[0].local,
		                       .domain = list.entries[0].domain };
	if (found.local.len == 0 || found.domain.len == 0)
		return false;
	*out = address_text(arena, &found);
	return address_parse(arena, *out, ADDRESS_ALLOW_UTF8, &checked);
}

bool machine_address_part(const struct machine *m, enum sieve_address_part part, struct slice local,
                          struct slice domain, struct slice *out)
{
	ptrdiff_t mark = m->job->detail_mark ? slice_find_byte(local, m->job->detail_mark) : -1;
	const struct slice whole[] = { local, SLICE("@"), domain };
	switch (part) {
	case PART_ALL:
		*out = domain.len > 0 ? arena_concat(m->scratch, whole, 3) : local;
		return true;
	case PART_LOCAL:
		*out = local;
		return true;
	case PART_DOMAIN:
		*out = domain;
		return true;
	case PART_USER:
		*out = mark < 0 ? local : slice_sub(local, 0, (size_t)mark);
		return true;
	case PART_DETAIL:
		if (mark < 0)
			return false;
		*out = slice_from(local, (size_t)mark + 1);
		return true;
	}
	return false;
}

/* --- the text of parts ----------------------------------------------------------------- */

/* What people see of HTML, about: tags are spaces. */
static struct slice without_tags(struct arena *arena, struct slice html)
{
	char *to = arena_alloc(arena, html.len + 1);
	size_t n = 0;
	bool inside = false;
	for (size_t i = 0; i < html.len; i++) {
		char c = html.data[i];
		bool was_inside = inside;
		inside = c == '<' || (inside && c != '>');
		if (!inside && !was_inside)
			to[n++] = c;
		else if (!was_inside)
			to[n++] = ' ';
	}
	return slice_of(to, n);
}

struct slice machine_part_text(struct machine *m, const struct mime_part *part, struct slice bytes,
                               size_t max)
{
	struct slice body = mime_body(part, bytes);
	if (machine_spend(m, body.len * 2) < 0)
		return SLICE_EMPTY;
	body = mime_decode_all(m->scratch, part->encoding, body, max);
	if (!slice_equal_nocase(part->type, SLICE("text")))
		return body;
	body = charset_to_utf8(m->scratch, mime_charset(part), body);
	return slice_equal_nocase(part->subtype, SLICE("html")) ? without_tags(m->scratch, body)
	                                                        : body;
}

/* --- changes --------------------------------------------------------------------------- */

void machine_replace_header(struct machine *m, struct slice header)
{
	m->header = header;
	m->edited = true;
	m->tree = NULL;
}

void machine_replace_body(struct machine *m, struct slice body)
{
	m->body = body;
	m->edited = true;
	m->tree = NULL;
}
