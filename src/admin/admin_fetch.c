/* fetch.add, fetch.list, fetch.remove */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/fetch.h"
#include "store/store.h"

struct change {
	struct arena *arena;
	struct slice domain, address; /* canonical; the address may be empty */
};

static int add_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_add_fetch(db, c->domain, c->address);
}

static int remove_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_remove_fetch(db, c->domain, c->address);
}

static int take(const json_t *request, struct admin_reply *reply, struct change *c)
{
	const char *domain = admin_need(request, "domain", reply);
	const char *address = admin_text(request, "address");
	c->address = SLICE_EMPTY;
	if (!domain)
		return -EINVAL;
	if (directory_canonical_domain(c->arena, slice_from_str(domain), &c->domain) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no domain", domain);
	if (address &&
	    directory_canonical_address(c->arena, slice_from_str(address), &c->address) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no address", address);
	return 0;
}

static int commit(struct admin *admin, const json_t *request, struct admin_reply *reply,
                  store_fn fn)
{
	struct change c = { .arena = arena_new() };
	int rc = take(request, reply, &c);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, fn, &c);
	arena_free(c.arena);
	return rc;
}

static int fetch_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *domain = admin_text(request, "domain");
	const char *address = admin_need(request, "address", reply);
	if (!address)
		return -EINVAL;
	int rc = commit(admin, request, reply, add_in_commit);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "there is no user %s", address);
	if (rc == -EEXIST)
		admin_fail(reply, rc, "%s may fetch %s already", address, domain);
	if (rc == -EBUSY)
		admin_fail(reply, rc, "%s is ours: its mail is in mailboxes, and not fetched",
		           domain);
	return rc;
}

static int fetch_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	int rc = commit(admin, request, reply, remove_in_commit);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "nobody of that name may fetch %s",
		           admin_text(request, "domain"));
	return rc;
}

/* All who may fetch a domain make one item; a page ends between two. */
static int visit_fetch(struct slice domain, struct slice address, void *arg)
{
	struct admin_page *p = arg;
	size_t count = json_array_size(p->items);
	json_t *item = count > 0 ? json_array_get(p->items, count - 1) : NULL;
	if (!item || !slice_equal(p->after, domain)) {
		if (count == ADMIN_PAGE_ITEMS)
			return 1;
		p->after = arena_copy(p->arena, domain);
		item = json_pack("{s:o, s:[]}", "domain", admin_json_text(domain), "users");
		json_array_append_new(p->items, item);
	}
	json_array_append_new(json_object_get(item, "users"), admin_json_text(address));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	return directory_each_fetch_after(db, p->after, visit_fetch, p);
}

static int fetch_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return admin_pages(admin, reply, read_page);
}

const struct admin_command admin_fetch_commands[] = {
	{ "fetch.add", fetch_add },
	{ "fetch.list", fetch_list },
	{ "fetch.remove", fetch_remove },
	{ 0 },
};
