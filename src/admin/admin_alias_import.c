/* alias.import: those of a file, all in one commit. What the file says of an address replaces what
 * was there; other aliases stay. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "store/store.h"

struct import {
	struct admin *admin;
	struct arena *arena;
	const json_t *entries;
	struct slice domain; /* for names without one */
	json_int_t line;     /* of what it failed at */
	const char *wrong;
	int added, changed, same;
};

static int take_first(const char *domain, const char *catch_all, void *arg)
{
	struct import *im = arg;
	(void)catch_all;
	im->domain = arena_copy(im->arena, slice_from_str(domain));
	return 1;
}

static int find_domain(struct db *db, struct import *im)
{
	int rc = im->domain.len > 0 ? 1 : directory_each_domain(db, take_first, im);
	return rc < 0 ? rc : im->domain.len > 0 ? 0 : -ENOENT;
}

static int whole(struct import *im, const char *text, struct slice *out)
{
	struct slice name = slice_from_str(text);
	im->wrong = text;
	if (!text)
		return -EINVAL;
	if (slice_find_byte(name, '@') < 0)
		name = slice_from_str(
			arena_printf(im->arena, "%s@%.*s", text, SLICE_ARG(im->domain)));
	return directory_canonical_address(im->arena, name, out);
}

/* Canonical and each once; *count_out of them. */
static int all_targets(struct import *im, const json_t *texts, struct slice *out, size_t *count_out)
{
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(texts); i++) {
		const char *text = json_string_value(json_array_get(texts, i));
		int rc = whole(im, text, &out[count]);
		if (rc < 0)
			return rc;
		size_t same = 0;
		while (!slice_equal(out[same], out[count]))
			same++;
		count += same == count;
	}
	*count_out = count;
	return 0;
}

static bool is_same(const struct alias *now, const struct slice *targets, size_t count)
{
	bool same = now->count == count;
	for (size_t i = 0; i < count && same; i++)
		same = slice_equal(slice_from_str(now->targets[i]), targets[i]);
	return same;
}

static int import_one(struct db *db, struct import *im, const json_t *entry)
{
	const json_t *texts = json_object_get(entry, "targets");
	struct slice *targets = ARENA_ARRAY(im->arena, json_array_size(texts) + 1, struct slice);
	struct slice address = SLICE_EMPTY;
	struct alias now = { .kind = ALIAS_PLAIN };
	size_t count = 0;
	im->line = json_integer_value(json_object_get(entry, "line"));
	int rc = all_targets(im, texts, targets, &count);
	if (rc == 0)
		rc = whole(im, admin_text(entry, "name"), &address);
	if (rc < 0)
		return rc;
	int found = directory_find_alias(db, im->arena, address, &now);
	if (found < 0 && found != -ENOENT)
		return found;
	if (found == 0 && is_same(&now, targets, count)) {
		im->same++;
		return 0;
	}
	if (found == 0)
		rc = directory_remove_alias(db, address, SLICE_EMPTY);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = directory_add_alias(db, address, targets[i]);
	if (rc == 0 && now.kind != ALIAS_PLAIN)
		rc = directory_set_alias_kind(db, address, now.kind);
	*(found == 0 ? &im->changed : &im->added) += 1;
	return rc;
}

static int import_in_commit(struct db *db, void *arg)
{
	struct import *im = arg;
	im->added = im->changed = im->same = 0;
	int rc = find_domain(db, im);
	for (size_t i = 0; i < json_array_size(im->entries) && rc == 0; i++)
		rc = import_one(db, im, json_array_get(im->entries, i));
	return rc;
}

static int explain(struct admin_reply *reply, int rc, const struct import *im)
{
	const char *wrong = im->wrong ? im->wrong : "";
	switch (rc) {
	case -EINVAL:
		return admin_fail(reply, rc, "line %lld: '%s' is no address", (long long)im->line,
		                  wrong);
	case -ENOENT:
		return admin_fail(reply, rc, "line %lld: the domain of %s is not ours",
		                  (long long)im->line, wrong);
	case -EEXIST:
		return admin_fail(reply, rc, "line %lld: %s is a user, and can't be an alias",
		                  (long long)im->line, wrong);
	default:
		return rc;
	}
}

static int alias_import(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct import im = { .admin = admin, .arena = arena_new() };
	const char *domain = admin_text(request, "domain");
	if (!domain)
		domain = admin->config->local.domain;
	im.entries = json_object_get(request, "entries");
	im.domain = slice_from_str(domain);
	int rc = store_commit(admin->store, NULL, 0, import_in_commit, &im);
	if (rc < 0)
		explain(reply, rc, &im);
	else
		rc = admin_item(reply, json_pack("{s:i, s:i, s:i}", "added", im.added, "changed",
		                                 im.changed, "same", im.same));
	arena_free(im.arena);
	return rc;
}

const struct admin_command admin_alias_import_commands[] = {
	{ "alias.import", alias_import },
	{ 0 },
};
