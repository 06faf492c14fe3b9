/* quota.show, quota.set, quota.recount */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth.h"
#include "directory/directory.h"
#include "mailbox/quota.h"

static const char *const resource_names[QUOTA_RESOURCES] = {
	[QUOTA_STORAGE] = "storage",
	[QUOTA_MESSAGE] = "messages",
	[QUOTA_MAILBOX] = "mailboxes",
};

static json_t *quota_json(struct slice address, const struct quota *q)
{
	json_t *item = json_pack("{s:o, s:i}", "address", admin_json_text(address), "percent",
	                         (int)quota_percent(q));
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		json_object_set_new(item, resource_names[i],
		                    json_pack("{s:I, s:I}", "used", (json_int_t)q->used[i], "limit",
		                              (json_int_t)q->limit[i]));
	return item;
}

/* One account, by its address as the operator wrote it. */
struct quota_step {
	struct arena *arena;
	const json_t *request;
	struct slice address;
	struct quota before, now;
};

static int step_account(struct db *db, const struct quota_step *step, int64_t *id_out)
{
	struct account account;
	int rc = directory_find_account(db, step->arena, step->address, &account);
	if (rc == 0)
		*id_out = account.id;
	return rc;
}

static int show_one(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	int64_t id = 0;
	int rc = step_account(db, step, &id);
	return rc == 0 ? quota_get(db, id, &step->now) : rc;
}

/* What the request does not name stays as it is. */
static int set_one(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	uint64_t limit[QUOTA_RESOURCES];
	int64_t id = 0;
	int rc = step_account(db, step, &id);
	if (rc == 0)
		rc = quota_get(db, id, &step->now);
	if (rc < 0)
		return rc;
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		limit[i] = (uint64_t)admin_number(step->request, resource_names[i],
		                                  (int64_t)step->now.limit[i]);
	rc = quota_set(db, id, limit);
	return rc == 0 ? quota_get(db, id, &step->now) : rc;
}

static int recount_one(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	int64_t id = 0;
	int rc = step_account(db, step, &id);
	return rc == 0 ? quota_recount(db, id, &step->before, &step->now) : rc;
}

static int explain(struct admin_reply *reply, const char *given, int rc)
{
	if (rc == -ENOENT)
		return admin_fail(reply, rc, "there is no user %s", given);
	if (rc == -EINVAL)
		return admin_fail(reply, rc, "'%s' is no address", given);
	return rc;
}

/* The address of the request, then fn in a commit or a read. */
static int run_one(struct admin *admin, struct quota_step *step, struct admin_reply *reply,
                   store_fn fn, bool changes)
{
	const char *given = admin_need(step->request, "address", reply);
	if (!given)
		return -EINVAL;
	int rc = directory_canonical_address(step->arena, slice_from_str(given), &step->address);
	if (rc == 0)
		rc = changes ? store_commit(admin->store, NULL, 0, fn, step)
		             : store_read(admin->store, fn, step);
	return rc < 0 ? explain(reply, given, rc) : 0;
}

static int visit_account(const struct account *account, void *arg)
{
	struct admin_page *p = arg;
	p->after = arena_copy(p->arena, slice_from_str(account->address));
	json_array_append_new(p->items,
	                      json_pack("{s:o, s:I}", "address", admin_json_text(p->after), "id",
	                                (json_int_t)account->id));
	return json_array_size(p->items) == ADMIN_PAGE_ITEMS;
}

/* Addresses first, as one list of accounts can't be read inside of another. */
static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	size_t index;
	json_t *found, *all = json_array();
	int more = directory_each_account_after(db, p->after, visit_account, p), rc = more;
	json_array_foreach(p->items, index, found)
	{
		struct quota q;
		const char *address = admin_text(found, "address");
		rc = quota_get(db, admin_number(found, "id", 0), &q);
		if (rc < 0)
			break;
		json_array_append_new(all, quota_json(slice_from_str(address), &q));
	}
	json_array_clear(p->items);
	json_array_extend(p->items, all);
	json_decref(all);
	return rc < 0 ? rc : more;
}

static int quota_show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct quota_step step = { .request = request };
	if (!admin_text(request, "address"))
		return admin_pages(admin, reply, read_page);
	step.arena = arena_new();
	int rc = run_one(admin, &step, reply, show_one, false);
	if (rc == 0)
		rc = admin_item(reply, quota_json(step.address, &step.now));
	arena_free(step.arena);
	return rc;
}

static int quota_set_limits(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct quota_step step = { .arena = arena_new(), .request = request };
	int rc = run_one(admin, &step, reply, set_one, true);
	if (rc == 0)
		rc = admin_item(reply, quota_json(step.address, &step.now));
	arena_free(step.arena);
	return rc;
}

static int quota_count(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct quota_step step = { .arena = arena_new(), .request = request };
	int rc = run_one(admin, &step, reply, recount_one, true);
	if (rc == 0) {
		json_t *item = quota_json(step.address, &step.now);
		json_object_set_new(item, "before", quota_json(step.address, &step.before));
		rc = admin_item(reply, item);
	}
	arena_free(step.arena);
	return rc;
}

const struct admin_command admin_quota_commands[] = {
	{ "quota.show", quota_show },
	{ "quota.set", quota_set_limits },
	{ "quota.recount", quota_count },
	{ 0 },
};
