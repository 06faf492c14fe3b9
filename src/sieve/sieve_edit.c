/* Changes of header fields (RFC 5293). */
#include <errno.h>

#include "sieve/sieve_machine.h"

/* Section 6: what the way of a message is told by stays. Those that say what its bytes are, too:
 * who changes them makes it unreadable. */
static bool is_protected(struct slice name)
{
	static const char *const names[] = { "Received", "Auto-Submitted", "Return-Path",
		                             "Authentication-Results" };
	bool found = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !found; i++)
		found = slice_equal_nocase(name, slice_from_str(names[i]));
	return found;
}

static bool is_field_name(struct slice name)
{
	bool valid = name.len > 0 && name.len <= 76;
	for (size_t i = 0; i < name.len && valid; i++)
		valid = name.data[i] > ' ' && name.data[i] < 0x7F && name.data[i] != ':';
	return valid;
}

/* Where the fields end: before the empty line. */
static size_t fields_length(struct slice header)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	const char *end = header.data;
	while (header_next(&walk, &field))
		end = field.whole.data + field.whole.len;
	return (size_t)(end - header.data);
}

int sieve_do_addheader(struct machine *m, const struct sieve_call *call)
{
	struct slice name = slice_trim(machine_text(m, call, SLOT_POSITION));
	struct slice value = slice_trim(machine_text(m, call, SLOT_POSITION + 1));
	if (!is_field_name(name))
		return machine_fail(m, "\"%.*s\" is no name of a field", SLICE_ARG(name));
	struct buf line = buf_make(m->job->limits->value_bytes * 4);
	int rc = header_put_text(&line, arena_str(m->scratch, name), value);
	size_t end = fields_length(m->header);
	bool last = sieve_arg(call, SLOT_LAST) != NULL;
	/* The last field of a message that is nothing else may have no line end. */
	bool open = last && end > 0 && m->header.data[end - 1] != '\n';
	const struct slice parts[] = { slice_sub(m->header, 0, last ? end : 0),
		                       open ? SLICE("\r\n") : SLICE_EMPTY, buf_slice(&line),
		                       slice_from(m->header, last ? end : 0) };
	if (rc == 0) {
		machine_replace_header(m, arena_concat(m->arena, parts, 4));
		machine_trace(m, "addheader \"%.*s: %.*s\"", SLICE_ARG(name), SLICE_ARG(value));
	}
	buf_free(&line);
	if (rc < 0)
		return machine_fail(m, "the field \"%.*s\" is too long", SLICE_ARG(name));
	return machine_spend(m, m->header.len);
}

struct deletion {
	struct matcher match;
	bool any; /* value */
	struct slice name;
	uint64_t index, total;
	bool last;
};

static bool is_deleted(struct machine *m, struct deletion *d, const struct header_field *field,
                       uint64_t number)
{
	uint64_t wanted = d->last ? d->total + 1 - d->index : d->index;
	if (d->index > 0 && (number != wanted || d->index > d->total))
		return false;
	if (d->any)
		return true;
	d->match.matched = false;
	return matcher_try(&d->match, machine_decode(m, field->value)) && d->match.error == 0;
}

static uint64_t count_fields(struct slice header, struct slice name)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	uint64_t n = 0;
	while (header_next(&walk, &field))
		n += slice_equal_nocase(field.name, name);
	return n;
}

/* Without the fields that go; how many those are. */
static uint64_t delete_fields(struct machine *m, struct deletion *d)
{
	struct header_walk walk = { .rest = m->header };
	struct header_field field;
	uint64_t number = 0, gone = 0;
	char *to = arena_alloc(m->arena, m->header.len + 1);
	size_t n = 0;
	while (header_next(&walk, &field)) {
		if (slice_equal_nocase(field.name, d->name) && is_deleted(m, d, &field, ++number)) {
			gone++;
			continue;
		}
		memcpy(to + n, field.whole.data, field.whole.len);
		n += field.whole.len;
	}
	size_t end = fields_length(m->header);
	memcpy(to + n, m->header.data + end, m->header.len - end);
	if (gone > 0)
		machine_replace_header(m, slice_of(to, n + m->header.len - end));
	return gone;
}

int sieve_do_deleteheader(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *index = sieve_arg(call, SLOT_INDEX);
	struct deletion d = { .any = !sieve_arg(call, SLOT_POSITION + 1),
		              .name = slice_trim(machine_text(m, call, SLOT_POSITION)),
		              .index = index ? index->number : 0,
		              .last = sieve_arg(call, SLOT_LAST) != NULL };
	int rc = matcher_begin(&d.match, m, call, SLOT_POSITION + 1);
	if (rc < 0)
		return rc;
	if (is_protected(d.name)) {
		machine_trace(m, "deleteheader: \"%.*s\" stays", SLICE_ARG(d.name));
		return 0;
	}
	d.total = count_fields(m->header, d.name);
	uint64_t gone = delete_fields(m, &d);
	if (d.match.error < 0)
		return d.match.error;
	machine_trace(m, "deleteheader \"%.*s\": %llu", SLICE_ARG(d.name),
	              (unsigned long long)gone);
	return machine_spend(m, m->header.len * 2);
}
