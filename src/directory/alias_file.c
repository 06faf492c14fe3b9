#include "directory/alias_file.h"

#include <errno.h>

struct reading {
	struct arena *arena;
	struct slice rest;
	int line; /* that rest begins with */
	struct alias_file *out;
};

static int wrong(struct reading *r, int line, const char *why)
{
	r->out->wrong_line = line;
	r->out->why = why;
	return -EINVAL;
}

static bool begins(struct slice text, const char *with)
{
	return slice_starts_with_nocase(text, slice_from_str(with));
}

static bool is_comment(struct slice line) { return line.len == 0 || line.data[0] == '#'; }

/* A line and those that go on with it; false at the end. */
static bool take_entry(struct reading *r, struct slice *out, int *line_out)
{
	struct slice all = r->rest;
	if (all.len == 0)
		return false;
	*line_out = r->line;
	do {
		slice_split(&r->rest, '\n');
		r->line++;
	} while (r->rest.len > 0 && (r->rest.data[0] == ' ' || r->rest.data[0] == '\t'));
	*out = slice_sub(all, 0, all.len - r->rest.len);
	return true;
}

/* Up to the byte, outside of quotes; its place is stepped over. */
static struct slice take_until(struct slice *rest, char end)
{
	bool quoted = false;
	size_t at = 0;
	for (; at < rest->len && (quoted || rest->data[at] != end); at++) {
		if (rest->data[at] == '\\' && at + 1 < rest->len)
			at++;
		else if (rest->data[at] == '"')
			quoted = !quoted;
	}
	struct slice taken = slice_sub(*rest, 0, at);
	*rest = at < rest->len ? slice_from(*rest, at + 1) : SLICE_EMPTY;
	return taken;
}

/* NULL if mail can go there. */
static const char *why_not(struct slice target)
{
	if (target.data[0] == '"')
		target = slice_from(target, 1);
	if (begins(target, ":include:"))
		return ":include: is not read: write the addresses here";
	if (begins(target, "|"))
		return "mail is not handed to commands (|)";
	if (begins(target, "/"))
		return "mail is not written to files (/)";
	if (begins(target, ":"))
		return "there are no special targets (:)";
	return NULL;
}

static int take_targets(struct reading *r, struct slice rest, struct alias_entry *e)
{
	struct slice found[ALIAS_FILE_TARGETS_MAX];
	size_t max = sizeof(found) / sizeof(found[0]);
	while (rest.len > 0) {
		struct slice target = slice_trim(take_until(&rest, ','));
		if (target.len == 0)
			continue;
		const char *why = why_not(target);
		if (!why && slice_find_byte(target, '\n') >= 0)
			why = "a comma is missing before the end of a line";
		if (!why && e->count == max)
			why = "there are too many targets: make several aliases of them";
		if (why)
			return wrong(r, e->line, why);
		found[e->count++] = target;
	}
	if (e->count == 0)
		return wrong(r, e->line, "there is no target behind the colon");
	e->targets = ARENA_ARRAY(r->arena, e->count, struct slice);
	memcpy(e->targets, found, e->count * sizeof(*found));
	return 0;
}

static int add_entry(struct reading *r, struct slice text, int line)
{
	struct alias_file *f = r->out;
	struct alias_entry *e = &f->entries[f->count];
	*e = (struct alias_entry){ .line = line };
	if (byte_is_space(text.data[0]))
		return wrong(r, line, "the line goes on with none: it begins with a space");
	bool has_colon = slice_find_byte(text, ':') >= 0;
	e->name = slice_trim(take_until(&text, ':'));
	if (!has_colon || e->name.len == 0 || slice_find_byte(e->name, '\n') >= 0)
		return wrong(r, line, "an alias is written NAME: TARGET, TARGET");
	for (size_t i = 0; i < f->count; i++) {
		if (slice_equal_nocase(f->entries[i].name, e->name))
			return wrong(r, line, "this name is in the file already");
	}
	int rc = take_targets(r, text, e);
	f->count += rc == 0;
	return rc;
}

static size_t count_lines(struct slice text)
{
	size_t count = 1;
	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\n';
	return count < ALIAS_FILE_ENTRIES_MAX ? count : ALIAS_FILE_ENTRIES_MAX;
}

int alias_file_parse(struct arena *arena, struct slice text, struct alias_file *out)
{
	struct reading r = { .arena = arena, .rest = text, .line = 1, .out = out };
	size_t max = count_lines(text);
	*out = (struct alias_file){ .entries = ARENA_ARRAY(arena, max, struct alias_entry) };
	struct slice entry;
	int line, rc = 0;
	while (rc == 0 && take_entry(&r, &entry, &line)) {
		if (is_comment(slice_trim(entry)))
			continue;
		if (out->count == max)
			return wrong(&r, line, "there are too many aliases in one file");
		rc = add_entry(&r, entry, line);
	}
	return rc;
}
