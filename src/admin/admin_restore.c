/* restore.user: an account is to be there, as a backup has it. One that is there stays as it is,
 * but if "settings" are wanted one without a password gets that of the backup. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth.h"
#include "directory/settings.h"
#include "mailbox/mailbox.h"
#include "store/store.h"

enum { VERIFIERS_MAX = 4 };

struct wanted_user {
	struct arena *arena;
	struct slice address;
	struct account_new account;
	struct directory_verifier verifiers[VERIFIERS_MAX];
	const json_t *request;
	bool made, settled; /* out: it had no password */
};

static bool is_true(const struct wanted_user *w, const char *key)
{
	return json_is_true(json_object_get(w->request, key));
}

static int set_flags(struct db *db, const struct wanted_user *w)
{
	int rc = 0;
	if (is_true(w, "disabled"))
		rc = directory_set_enabled(db, w->address, false);
	if (rc == 0 && is_true(w, "app_only"))
		rc = directory_set_app_only(db, w->address, true);
	if (rc == 0 && is_true(w, "sent_copy"))
		rc = directory_set_sent_copy(db, w->address, true);
	if (rc == 0 && is_true(w, "administrator"))
		rc = directory_set_administrator(db, w->address, true);
	return rc;
}

static int visit_verifier(const struct directory_verifier *verifier, void *arg)
{
	(void)verifier;
	*(bool *)arg = true;
	return 0;
}

/* What `veredus recover` makes has none. */
static int set_password(struct db *db, struct wanted_user *w, int64_t account_id)
{
	bool has = false;
	int rc = settings_each_verifier(db, account_id, visit_verifier, &has);
	if (rc != 0 || has || w->account.verifier_count == 0)
		return rc;
	w->settled = true;
	return directory_set_verifiers(db, w->address, w->verifiers, w->account.verifier_count);
}

static int get_user(struct db *db, void *arg)
{
	struct wanted_user *w = arg;
	struct account account;
	int rc = directory_find_account(db, w->arena, w->address, &account);
	w->made = rc == -ENOENT;
	w->settled = false;
	if (!w->made)
		return rc == 0 && is_true(w, "settings") ? set_password(db, w, account.id) : rc;
	size_t at = (size_t)slice_find_last_byte(w->address, '@') + 1;
	rc = directory_add_domain(db, slice_from(w->address, at));
	if (rc == 0 || rc == -EEXIST)
		rc = directory_add_account(db, &w->account, NULL);
	return rc == 0 ? set_flags(db, w) : rc;
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
	struct wanted_user w = { .account = { .made = mailbox_make_folders }, .request = request };
	if (!address)
		return -EINVAL;
	w.arena = arena_new();
	w.account.verifiers = w.verifiers;
	w.account.quota_bytes = (uint64_t)admin_number(request, "quota", 0);
	w.account.quota_messages = (uint64_t)admin_number(request, "quota_messages", 0);
	w.account.quota_mailboxes = (uint64_t)admin_number(request, "quota_mailboxes", 0);
	int rc = directory_canonical_address(w.arena, slice_from_str(address), &w.address);
	w.account.address = w.address;
	if (rc == 0)
		rc = read_verifiers(&w, request);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, get_user, &w);
	if (rc == 0 && (w.made || w.settled) && admin->auth)
		auth_accounts_changed(admin->auth);
	arena_free(w.arena);
	if (rc == -EEXIST)
		return admin_fail(reply, rc, "%s is an alias now", address);
	return rc == 0 ? admin_item(reply,
	                            json_pack("{s:b, s:b}", "made", w.made, "password", w.settled))
	               : rc;
}

const struct admin_command admin_restore_commands[] = {
	{ "restore.user", restore_user },
	{ 0 },
};
