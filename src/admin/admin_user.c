/* user.add, user.passwd, user.list, user.remove, user.quota, user.set, user.enable, user.disable
 *
 * Passwords do not come here: the command line makes verifiers of them. Only for accounts that opt
 * in to mechanisms that need the password itself it comes too, and is sealed. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth_key.h"
#include "auth/legacy.h"
#include "directory/directory.h"
#include "directory/pop3_terms.h"
#include "directory/send_as.h"
#include "guard/bayes_rows.h"
#include "guard/guard_account.h"
#include "imap/imap_index.h"
#include "mailbox/mailbox.h"
#include "route/quarantine.h"
#include "sieve/sieve_rows.h"

enum { VERIFIERS_MAX = 4 };

/* One change of one account. */
struct change {
	struct arena *arena;
	const char *given;    /* as the operator wrote it */
	struct slice address; /* canonical */
	int64_t removed_id;
	uint64_t quota_bytes;
	unsigned quota_messages, quota_mailboxes;
	bool enabled, app_only, sent_copy;
	bool administrator;
	bool has_app_only, has_sent_copy, has_administrator; /* are to be set */
	const struct send_as *send_as;                       /* likewise, or NULL */
	struct pop3_terms_change terms;
	struct directory_verifier verifiers[VERIFIERS_MAX];
	size_t verifier_count;
	const char *legacy_password; /* to be kept, sealed; or NULL */
};

static int read_verifiers(const json_t *request, struct change *c, struct admin_reply *reply)
{
	size_t index;
	json_t *value;
	c->legacy_password = admin_text(request, "legacy_password");
	json_array_foreach(json_object_get(request, "verifiers"), index, value)
	{
		const char *kind = admin_text(value, "kind");
		const char *text = admin_text(value, "value");
		if (!kind || !text || c->verifier_count == VERIFIERS_MAX)
			return admin_fail(reply, -EINVAL, "the verifiers are wrong");
		c->verifiers[c->verifier_count++] = (struct directory_verifier){ kind, text };
	}
	return 0;
}

/* The error of a change in words. */
static int explain(struct admin_reply *reply, const struct change *c, int rc)
{
	int domain = 0;
	const char *at = strrchr(c->given, '@');
	if (at)
		domain = (int)(at - c->given) + 1;
	switch (rc) {
	case -EEXIST:
		return admin_fail(reply, rc, "%s is there already", c->given);
	case -ENOTDIR:
		return admin_fail(reply, rc, "the domain %s is not ours: `veredus domain add %s`",
		                  c->given + domain, c->given + domain);
	case -ENOENT:
		return admin_fail(reply, rc, "there is no user %s", c->given);
	case -EINVAL:
		return admin_fail(reply, rc, "'%s' is no address", c->given);
	default:
		return rc;
	}
}

static int prepare(struct change *c, const json_t *request, struct admin_reply *reply)
{
	c->given = admin_need(request, "address", reply);
	if (!c->given)
		return -EINVAL;
	int rc = directory_canonical_address(c->arena, slice_from_str(c->given), &c->address);
	return rc < 0 ? explain(reply, c, rc) : 0;
}

/* Puts the sealed password among the verifiers, where the account has opted in. */
static int seal(const struct admin *admin, struct change *c)
{
	uint8_t key[AUTH_KEY_BYTES];
	struct directory_verifier *v = &c->verifiers[c->verifier_count];
	if (!c->legacy_password)
		return 0;
	if (c->verifier_count == VERIFIERS_MAX)
		return -EINVAL;
	int rc = auth_key_load(arena_printf(c->arena, "%s/" AUTH_KEY_FILE, admin->config->dir),
	                       key);
	if (rc == 0)
		rc = legacy_seal(c->arena, key, c->address, slice_from_str(c->legacy_password),
		                 &v->value);
	explicit_bzero(key, sizeof(key));
	if (rc < 0)
		return rc;
	v->kind = LEGACY_KIND;
	c->verifier_count++;
	return 0;
}

/* The life of a change: its arena, its address, one commit, its error in words. */
static int commit(struct admin *admin, const json_t *request, struct admin_reply *reply,
                  struct change *c, store_fn fn)
{
	c->arena = arena_new();
	int rc = prepare(c, request, reply);
	if (rc == 0 && (rc = seal(admin, c)) < 0)
		rc = admin_fail(reply, rc, "the password can't be sealed: see " AUTH_KEY_FILE);
	if (rc == 0) {
		rc = store_commit(admin->store, NULL, 0, fn, c);
		if (rc < 0)
			rc = explain(reply, c, rc);
		else if (admin->auth)
			auth_accounts_changed(admin->auth);
	}
	arena_free(c->arena);
	return rc;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	struct account_new account = { .address = c->address,
		                       .quota_bytes = c->quota_bytes,
		                       .quota_messages = c->quota_messages,
		                       .quota_mailboxes = c->quota_mailboxes,
		                       .verifiers = c->verifiers,
		                       .verifier_count = c->verifier_count,
		                       .made = mailbox_make_folders };
	int rc = directory_add_account(db, &account, NULL);
	return rc == -ENOENT ? -ENOTDIR : rc;
}

static int user_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const struct config *config = admin->config;
	struct change c = { .quota_bytes = (uint64_t)admin_number(
				    request, "quota", (int64_t)config->local.default_quota_bytes),
		            .quota_messages = config->quota.default_messages,
		            .quota_mailboxes = config->quota.default_mailboxes };
	int rc = read_verifiers(request, &c, reply);
	return rc < 0 ? rc : commit(admin, request, reply, &c, add_in_commit);
}

static int passwd_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_verifiers(db, c->address, c->verifiers, c->verifier_count);
}

static int user_passwd(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { 0 };
	int rc = read_verifiers(request, &c, reply);
	return rc < 0 ? rc : commit(admin, request, reply, &c, passwd_in_commit);
}

static int quota_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_quota(db, c->address, c->quota_bytes);
}

static int user_quota(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .quota_bytes = (uint64_t)admin_number(request, "quota", 0) };
	return commit(admin, request, reply, &c, quota_in_commit);
}

static int enable_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_enabled(db, c->address, c->enabled);
}

static int user_enable(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .enabled = true };
	return commit(admin, request, reply, &c, enable_in_commit);
}

static int user_disable(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .enabled = false };
	return commit(admin, request, reply, &c, enable_in_commit);
}

static int set_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	int rc = 0;
	if (c->has_app_only)
		rc = directory_set_app_only(db, c->address, c->app_only);
	if (rc == 0 && c->has_sent_copy)
		rc = directory_set_sent_copy(db, c->address, c->sent_copy);
	if (rc == 0 && c->has_administrator)
		rc = directory_set_administrator(db, c->address, c->administrator);
	if (rc == 0 && c->send_as)
		rc = directory_set_send_as(db, c->address, c->send_as);
	if (rc == 0 && (c->terms.has_expire || c->terms.has_delay))
		rc = pop3_terms_set(db, c->address, &c->terms);
	return rc;
}

static int user_set(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const json_t *app_only = json_object_get(request, "app_only");
	const json_t *sent_copy = json_object_get(request, "sent_copy");
	const json_t *administrator = json_object_get(request, "administrator");
	struct change c = { .app_only = json_is_true(app_only),
		            .has_app_only = json_is_boolean(app_only),
		            .sent_copy = json_is_true(sent_copy),
		            .has_sent_copy = json_is_boolean(sent_copy),
		            .administrator = json_is_true(administrator),
		            .has_administrator = json_is_boolean(administrator) };
	const char *addresses = admin_text(request, "send_as");
	struct send_as send_as;
	struct arena *arena = arena_new(); /* commit() makes that of the change */
	int rc = 0;
	bool understood = pop3_terms_parse(admin_text(request, "pop3_expire"),
	                                   admin_text(request, "pop3_login_delay"), &c.terms);
	bool terms = c.terms.has_expire || c.terms.has_delay;
	if (!understood)
		rc = admin_fail(
			reply, -EINVAL,
			"pop3-expire is days, \"never\" or \"default\"; pop3-login-delay a time "
			"up to 1d, or \"default\"");
	else if (!c.has_app_only && !c.has_sent_copy && !c.has_administrator && !addresses &&
	         !terms)
		rc = admin_fail(reply, -EINVAL, "nothing is to be set");
	else if (addresses && send_as_parse(arena, slice_from_str(addresses), &send_as) < 0)
		rc = admin_fail(reply, -EINVAL,
		                "'%s': write addresses, @domains or *, with commas between",
		                addresses);
	if (rc == 0 && addresses)
		c.send_as = &send_as;
	if (rc == 0)
		rc = commit(admin, request, reply, &c, set_in_commit);
	arena_free(arena);
	return rc;
}

struct send_as_list {
	struct slice address;
	json_t *items;
};

static int visit_send_as(struct slice entry, void *arg)
{
	struct send_as_list *l = arg;
	json_array_append_new(l->items, json_pack("{s:o}", "address", admin_json_text(entry)));
	return 0;
}

static int read_send_as(struct db *db, void *arg)
{
	struct send_as_list *l = arg;
	return directory_each_send_as(db, l->address, visit_send_as, l);
}

static int user_send_as(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	struct send_as_list l = { .items = json_array() };
	int rc = prepare(&c, request, reply);
	l.address = c.address;
	if (rc == 0 && (rc = store_read(admin->store, read_send_as, &l)) < 0)
		rc = explain(reply, &c, rc);
	if (rc == 0)
		rc = admin_items(reply, l.items);
	else
		json_decref(l.items);
	arena_free(c.arena);
	return rc;
}

static int remove_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	struct account account;
	int rc = directory_find_account(db, c->arena, c->address, &account);
	c->removed_id = rc == 0 ? account.id : 0;
	if (rc == 0)
		rc = mailbox_remove_account(db, account.id);
	if (rc == 0)
		rc = bayes_forget(db, account.id);
	if (rc == 0)
		rc = account_forget(db, account.id);
	if (rc == 0)
		rc = sieve_remove_account(db, account.id);
	if (rc == 0)
		rc = quarantine_remove_account(db, account.id);
	if (rc == 0)
		rc = directory_remove_account(db, c->address);
	return rc;
}

static int user_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { 0 };
	int rc = commit(admin, request, reply, &c, remove_in_commit);
	/* Before the purge, which would take each message out of it. */
	if (rc == 0)
		imap_index_remove(admin->config->dir, c.removed_id);
	if (rc == 0 && admin->mailboxes)
		mailboxes_purge(admin->mailboxes);
	return rc;
}

/* What POP3 holds it to, where that is not what the configuration says. */
static int add_terms(struct db *db, int64_t account_id, json_t *item)
{
	struct pop3_terms_change own;
	int rc = pop3_terms_own(db, account_id, &own);
	if (rc == 0 && own.has_expire)
		json_object_set_new(item, "pop3_expire_days", json_integer(own.terms.expire_days));
	if (rc == 0 && own.has_delay)
		json_object_set_new(item, "pop3_login_delay_ms", json_integer(own.terms.delay_ms));
	return rc;
}

static int visit_account(const struct account *account, void *arg)
{
	struct admin_page *p = arg;
	p->after = arena_copy(p->arena, slice_from_str(account->address));
	json_t *item = json_pack(
		"{s:o, s:b, s:b, s:b, s:I, s:I}", "address", admin_json_text(p->after), "enabled",
		account->enabled, "app_only", account->app_only, "sent_copy", account->sent_copy,
		"quota", (json_int_t)account->quota_bytes, "used", (json_int_t)account->used_bytes);
	int rc = add_terms(p->db, account->id, item);
	json_array_append_new(p->items, item);
	return rc < 0 ? rc : json_array_size(p->items) == ADMIN_PAGE_ITEMS;
}

static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	p->db = db;
	return directory_each_account_after(db, p->after, visit_account, p);
}

static int user_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return admin_pages(admin, reply, read_page);
}

const struct admin_command admin_user_commands[] = {
	{ "user.add", user_add },         { "user.passwd", user_passwd },
	{ "user.list", user_list },       { "user.remove", user_remove },
	{ "user.quota", user_quota },     { "user.enable", user_enable },
	{ "user.disable", user_disable }, { "user.set", user_set },
	{ "user.send_as", user_send_as }, { 0 },
};
