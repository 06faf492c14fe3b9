/* restore.user: an account is to be there, as a backup has it; one that is there stays as it is. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth.h"
#include "directory/directory.h"
#include "mailbox/mailbox.h"
#include "store/store.h"

enum { VERIFIERS_MAX = 4 };

struct wanted_user {
	struct arena *arena;
	struct slice address;
	struct account_new account;
	struct directory_verifier verifiers[VERIFIERS_MAX];
	bool made;
};

static int get_user(struct db *db, void *arg)
{
	struct wanted_user *w = arg;
	struct account account;
	int rc = directory_find_account(db, w->arena, w->address, &account);
	w->made = rc == -ENOENT;
	if (!w->made)
		return rc;
	size_t at = (size_t)slice_find_last_byte(w->address, '@') + 1;
	rc = directory_add_domain(db, slice_from(w->address, at));
	return rc == 0 || rc == -EEXIST ? directory_add_account(db, &w->account, NULL) : rc;
}

static int read_verifiers(struct wanted_user *w, const json_t *request)
{
	size_t index;
	json_t *value;
	json_array_foreach(json_object_get(request, "verifiers"), index, value)
	{
		const char *kind = admin_text(value, "kind"), *text = admin_text(value, "value");
		if (!kind || !text || w->account.verifier_count == VERIFIERS_MAX)
			return -EINVAL;
		w->verifiers[w->account.verifier_count++] = (struct directory_verifier){ kind,
			                                                                 text };
	}
	return 0;
}

static int restore_user(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *address = admin_need(request, "address", reply);
	struct wanted_user w = { .account = { .made = mailbox_make_folders } };
	if (!address)
		return -EINVAL;
	w.arena = arena_new();
	w.account.verifiers = w.verifiers;
	w.account.quota_bytes = (uint64_t)admin_number(request, "quota", 0);
	int rc = directory_canonical_address(w.arena, slice_from_str(address), &w.address);
	w.account.address = w.address;
	if (rc == 0)
		rc = read_verifiers(&w, request);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, get_user, &w);
	if (rc == 0 && w.made && admin->auth)
		auth_accounts_changed(admin->auth);
	arena_free(w.arena);
	if (rc == -EEXIST)
		return admin_fail(reply, rc, "%s is an alias now", address);
	return rc == 0 ? admin_item(reply, json_pack("{s:b}", "made", w.made)) : rc;
}

const struct admin_command admin_restore_commands[] = {
	{ "restore.user", restore_user },
	{ 0 },
};
