/* index.status, index.rebuild */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "imap/imap_index.h"
#include "store/store.h"

struct owner {
	int64_t id;
	struct slice address;
};

/* Some accounts, or the one that was asked for. */
struct owners {
	struct arena *arena;
	struct slice wanted; /* empty: all of them */
	struct slice after;
	struct owner list[ADMIN_PAGE_ITEMS];
	size_t count;
};

static int keep(const struct account *account, void *arg)
{
	struct owners *o = arg;
	struct slice address = arena_copy(o->arena, slice_from_str(account->address));
	o->list[o->count++] = (struct owner){ account->id, address };
	o->after = address;
	return o->count == ADMIN_PAGE_ITEMS;
}

static int read_owners(struct db *db, void *arg)
{
	struct owners *o = arg;
	struct account account;
	o->count = 0;
	if (o->wanted.len == 0)
		return directory_each_account_after(db, o->after, keep, o);
	int rc = directory_find_account(db, o->arena, o->wanted, &account);
	if (rc == 0)
		keep(&account, o);
	return rc;
}

/* Runs fn for each account that the request means. */
static int each_owner(struct admin *admin, const json_t *request, struct admin_reply *reply,
                      int (*fn)(struct admin *admin, const struct owner *owner,
                                struct admin_reply *reply))
{
	const char *wanted = admin_text(request, "account");
	struct owners *o = mem_zero(1, sizeof(*o));
	int more = 1;
	o->arena = arena_new();
	o->wanted = slice_from_str(wanted);
	while (more > 0) {
		more = store_read(admin->store, read_owners, o);
		if (more == -ENOENT && wanted)
			admin_fail(reply, more, "there is no account %s", wanted);
		int rc = 0;
		for (size_t i = 0; more >= 0 && i < o->count && rc == 0; i++)
			rc = fn(admin, &o->list[i], reply);
		more = rc < 0 ? rc : more;
	}
	arena_free(o->arena);
	free(o);
	return more;
}

static int tell_one(struct admin *admin, const struct owner *owner, struct admin_reply *reply)
{
	struct imap_index_status s;
	int rc = imap_index_status(admin->store, admin->config->dir, owner->id, &s);
	if (rc < 0)
		return admin_fail(reply, rc, "the index of %.*s can't be read: rebuild it",
		                  SLICE_ARG(owner->address));
	return admin_item(reply, json_pack("{s:o, s:I, s:I, s:I, s:I}", "account",
	                                   admin_json_text(owner->address), "messages",
	                                   (json_int_t)(s.blobs - s.skipped), "skipped",
	                                   (json_int_t)s.skipped, "waiting", (json_int_t)s.waiting,
	                                   "bytes", (json_int_t)s.bytes));
}

static int index_status(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	if (!admin->config->imap.index)
		return admin_fail(reply, -EINVAL, "imap { index } is switched off");
	return each_owner(admin, request, reply, tell_one);
}

static int rebuild_one(struct admin *admin, const struct owner *owner, struct admin_reply *reply)
{
	(void)reply;
	if (admin->index)
		imap_index_rebuild(admin->index, owner->id);
	else
		imap_index_remove(admin->config->dir, owner->id);
	return 0;
}

static int index_rebuild(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return each_owner(admin, request, reply, rebuild_one);
}

const struct admin_command admin_index_commands[] = {
	{ "index.status", index_status },
	{ "index.rebuild", index_rebuild },
	{ 0 },
};
