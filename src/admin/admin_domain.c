/* domain.add, domain.list, domain.remove, domain.catch-all */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "store/store.h"

struct change {
	struct slice domain; /* canonical */
	const char *address; /* the new catch-all, or NULL */
};

static int explain(struct admin_reply *reply, const char *given, int rc)
{
	switch (rc) {
	case -EEXIST:
		return admin_fail(reply, rc, "%s is there already", given);
	case -ENOENT:
		return admin_fail(reply, rc, "the domain %s is not ours", given);
	case -ENOTEMPTY:
		return admin_fail(reply, rc, "%s still has users or aliases: remove them first",
		                  given);
	default:
		return rc;
	}
}

static int commit(struct admin *admin, const json_t *request, struct admin_reply *reply,
                  struct change *c, store_fn fn)
{
	const char *given = admin_need(request, "domain", reply);
	if (!given)
		return -EINVAL;
	struct arena *arena = arena_new();
	int rc = directory_canonical_domain(arena, slice_from_str(given), &c->domain);
	if (rc < 0)
		rc = admin_fail(reply, rc, "'%s' is no domain", given);
	else
		rc = explain(reply, given, store_commit(admin->store, NULL, 0, fn, c));
	arena_free(arena);
	return rc;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_add_domain(db, c->domain);
}

static int domain_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { 0 };
	return commit(admin, request, reply, &c, add_in_commit);
}

static int remove_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_remove_domain(db, c->domain);
}

static int domain_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { 0 };
	return commit(admin, request, reply, &c, remove_in_commit);
}

static int catch_all_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_catch_all(db, c->domain, c->address);
}

static int domain_catch_all(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .address = admin_text(request, "address") };
	int rc = commit(admin, request, reply, &c, catch_all_in_commit);
	if (rc == -EINVAL && c.address && !reply->error[0])
		admin_fail(reply, rc, "'%s' is no address", c.address);
	return rc;
}

static int visit_domain(const char *domain, const char *catch_all, void *arg)
{
	json_array_append_new(arg,
	                      json_pack("{s:s, s:s?}", "domain", domain, "catch_all", catch_all));
	return 0;
}

static int list_in_read(struct db *db, void *arg)
{
	return directory_each_domain(db, visit_domain, arg);
}

static int domain_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	json_t *items = json_array();
	int rc = store_read(admin->store, list_in_read, items);
	int sent = admin_items(reply, items);
	return rc < 0 ? rc : sent;
}

const struct admin_command admin_domain_commands[] = {
	{ "domain.add", domain_add },
	{ "domain.list", domain_list },
	{ "domain.remove", domain_remove },
	{ "domain.catch-all", domain_catch_all },
	{ 0 },
};
