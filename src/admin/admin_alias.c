/* alias.add, alias.list, alias.remove */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "store/store.h"

enum { TARGETS_MAX = 1000 };

/* As the command line and JSON name them, by enum alias_kind. */
static const char *const kind_names[] = { "plain", "hidden", "moved", NULL };

struct change {
	struct arena *arena;
	struct slice address;
	const json_t *targets;
	int kind;          /* enum alias_kind, or -1: stays as it is */
	const char *wrong; /* the text that it failed at */
};

static int each_target(struct db *db, struct change *c,
                       int (*fn)(struct db *db, struct slice address, struct slice target))
{
	int rc = 0;
	for (size_t i = 0; i < json_array_size(c->targets) && rc == 0; i++) {
		struct slice target;
		c->wrong = json_string_value(json_array_get(c->targets, i));
		rc = directory_canonical_address(c->arena, slice_from_str(c->wrong), &target);
		if (rc == 0)
			rc = fn(db, c->address, target);
	}
	return rc;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	int rc = each_target(db, c, directory_add_alias);
	if (rc == 0 && c->kind >= 0)
		rc = directory_set_alias_kind(db, c->address, (enum alias_kind)c->kind);
	return rc;
}

static int remove_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	if (json_array_size(c->targets) == 0)
		return directory_remove_alias(db, c->address, SLICE_EMPTY);
	return each_target(db, arg, directory_remove_alias);
}

static int commit(struct admin *admin, const json_t *request, struct admin_reply *reply,
                  struct change *c, store_fn fn)
{
	const char *given = admin_need(request, "address", reply);
	c->targets = json_object_get(request, "targets");
	if (!given)
		return -EINVAL;
	if (json_array_size(c->targets) > TARGETS_MAX)
		return admin_fail(reply, -EINVAL, "at most %d targets at once", TARGETS_MAX);
	c->wrong = given;
	int rc = directory_canonical_address(c->arena, slice_from_str(given), &c->address);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, fn, c);
	if (rc == -EINVAL)
		admin_fail(reply, rc, "'%s' is no address", c->wrong ? c->wrong : "");
	return rc;
}

/* -1 for none given. */
static int take_kind(const json_t *request, struct admin_reply *reply, int *out)
{
	const char *given = admin_text(request, "kind");
	*out = -1;
	for (int i = 0; given && kind_names[i]; i++) {
		if (slice_equal(slice_from_str(given), slice_from_str(kind_names[i])))
			*out = i;
	}
	return given && *out < 0 ? admin_fail(reply, -EINVAL, "there is no kind '%s'", given) : 0;
}

static int alias_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	int rc = take_kind(request, reply, &c.kind);
	if (rc == 0)
		rc = commit(admin, request, reply, &c, add_in_commit);
	const char *given = admin_text(request, "address");
	if (rc == 0 && json_array_size(c.targets) == 0 && c.kind < 0)
		rc = admin_fail(reply, -EINVAL, "an alias needs a target");
	if (rc == -ENOENT && json_array_size(c.targets) == 0)
		admin_fail(reply, rc, "there is no such alias: %s", given);
	else if (rc == -ENOENT)
		admin_fail(reply, rc, "the domain of %s is not ours: `veredus domain add` first",
		           given);
	if (rc == -EEXIST)
		admin_fail(reply, rc,
		           "%s has the target %s already, or is a user: then a Sieve script with "
		           "redirect :copy sends on what comes, and keeps it",
		           given, c.wrong);
	arena_free(c.arena);
	return rc;
}

static int alias_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	int rc = commit(admin, request, reply, &c, remove_in_commit);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "there is no such alias: %s", admin_text(request, "address"));
	arena_free(c.arena);
	return rc;
}

/* All targets of an address make one item; a page ends between two. */
static int visit_alias(const char *address, const char *target, enum alias_kind kind, void *arg)
{
	struct admin_page *p = arg;
	size_t count = json_array_size(p->items);
	json_t *item = count > 0 ? json_array_get(p->items, count - 1) : NULL;
	if (!item || !slice_equal(p->after, slice_from_str(address))) {
		if (count == ADMIN_PAGE_ITEMS)
			return 1;
		p->after = arena_copy(p->arena, slice_from_str(address));
		item = json_pack("{s:o, s:s, s:[]}", "address", admin_json_text(p->after), "kind",
		                 kind_names[kind], "targets");
		json_array_append_new(p->items, item);
	}
	json_array_append_new(json_object_get(item, "targets"),
	                      admin_json_text(slice_from_str(target)));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	return directory_each_alias_after(db, p->after, visit_alias, p);
}

static int alias_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return admin_pages(admin, reply, read_page);
}

const struct admin_command admin_alias_commands[] = {
	{ "alias.add", alias_add },
	{ "alias.list", alias_list },
	{ "alias.remove", alias_remove },
	{ 0 },
};
