/* suppression.list, suppression.add, suppression.remove */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "route/suppression.h"
#include "store/store.h"

struct change {
	struct arena *arena;
	struct suppression row;
};

/* The section that is meant, and the recipient. */
static int take(struct admin *admin, const json_t *request, struct admin_reply *reply,
                bool must_exist, struct change *c)
{
	const char *scope = admin_need(request, "scope", reply);
	const char *address = scope ? admin_need(request, "address", reply) : NULL;
	if (!address)
		return -EINVAL;
	const struct config_suppression *section = config_suppression_title(admin->config, c->arena,
	                                                                    slice_from_str(scope));
	if (!section && must_exist)
		return admin_fail(reply, -ENOENT,
		                  "there is no section suppression \"%s\" in the configuration",
		                  scope);
	c->row.scope = slice_from_str(section ? section->scope : scope);
	if (directory_canonical_address(c->arena, slice_from_str(address), &c->row.recipient) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no address", address);
	return 0;
}

static int put_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return suppression_put(db, &c->row);
}

static int suppression_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	const char *reason = admin_text(request, "reason");
	int64_t for_ms = admin_number(request, "for_ms", 0);
	int rc = take(admin, request, reply, true, &c);
	c.row.reason = slice_from_str(reason ? reason : "by the operator");
	c.row.since_ms = clock_wall_ms();
	c.row.until_ms = for_ms > 0 ? c.row.since_ms + for_ms : 0;
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, put_in_commit, &c);
	arena_free(c.arena);
	return rc;
}

static int remove_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return suppression_remove(db, c->row.scope, c->row.recipient);
}

static int suppression_drop(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	int rc = take(admin, request, reply, false, &c);
	if (rc == 0) {
		rc = store_commit(admin->store, NULL, 0, remove_in_commit, &c);
		if (rc == -ENOENT)
			admin_fail(reply, rc, "%.*s is not suppressed for %.*s",
			           SLICE_ARG(c.row.recipient), SLICE_ARG(c.row.scope));
	}
	arena_free(c.arena);
	return rc;
}

struct listing {
	struct arena *arena;
	struct slice scope;
	struct suppression after;
	int64_t now_ms;
	json_t *items;
};

static int visit(const struct suppression *s, void *arg)
{
	struct listing *l = arg;
	if (json_array_size(l->items) == ADMIN_PAGE_ITEMS)
		return 1;
	l->after.scope = arena_copy(l->arena, s->scope);
	l->after.recipient = arena_copy(l->arena, s->recipient);
	if (s->until_ms != 0 && s->until_ms <= l->now_ms)
		return 0;
	json_array_append_new(
		l->items, json_pack("{s:o, s:o, s:I, s:I, s:o}", "scope", admin_json_text(s->scope),
	                            "address", admin_json_text(s->recipient), "since_ms",
	                            (json_int_t)s->since_ms, "until_ms", (json_int_t)s->until_ms,
	                            "reason", admin_json_text(s->reason)));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct listing *l = arg;
	return suppression_each(db, l->scope, &l->after, visit, l);
}

static int suppression_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct listing l = { .arena = arena_new(),
		             .scope = slice_from_str(admin_text(request, "scope")),
		             .after = { .scope = SLICE_EMPTY, .recipient = SLICE_EMPTY },
		             .now_ms = clock_wall_ms() };
	int more = 1;
	while (more > 0) {
		l.items = json_array();
		more = store_read(admin->store, read_page, &l);
		int rc = admin_items(reply, l.items);
		more = rc < 0 && more >= 0 ? rc : more;
	}
	arena_free(l.arena);
	return more;
}

const struct admin_command admin_suppression_commands[] = {
	{ "suppression.add", suppression_add },
	{ "suppression.list", suppression_list },
	{ "suppression.remove", suppression_drop },
	{ 0 },
};
