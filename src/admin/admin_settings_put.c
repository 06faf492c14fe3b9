/* settings.put: one item of settings.get, for a user who may have it already: then it stays as it
 * is.
 *
 *     {"command":"settings.put", "address":"bob@example.test", "kind":..., ...}
 *
 * The answer says whether it was "made". What can't be, as what it is about is gone (another user,
 * a domain) or there is no room, is not, and no error. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "directory/app_password.h"
#include "directory/certificate.h"
#include "directory/fetch.h"
#include "directory/pop3_terms.h"
#include "directory/send_as.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"
#include "mailbox/mailbox_view.h"
#include "sieve/sieve_rows.h"
#include "store/store.h"

struct put {
	struct admin *admin;
	struct arena *arena;
	const json_t *item;
	int (*fn)(struct db *db, struct put *p);
	struct slice address, name;
	struct slice body;
	int64_t account_id;
	enum mailbox_use use; /* that is looked for */
	bool found;
};

/* Functions return -EEXIST for what is there. */
static int there_or(const struct put *p, int rc) { return rc == 0 && p->found ? -EEXIST : rc; }

/* --- folders --------------------------------------------------------------------------------- */

static int visit_use(const struct mailbox_info *info, void *arg)
{
	struct put *p = arg;
	p->found |= info->use == p->use;
	return 0;
}

static int put_folder(struct db *db, struct put *p)
{
	int64_t id;
	p->use = (enum mailbox_use)admin_number(p->item, "use", USE_NONE);
	int rc = mailbox_each(db, p->account_id, visit_use, p);
	if (rc == 0)
		rc = mailbox_create(db, p->account_id, p->name, p->found ? USE_NONE : p->use, &id);
	return rc;
}

static int visit_subscription(struct slice name, void *arg)
{
	struct put *p = arg;
	p->found |= slice_equal(name, p->name);
	return 0;
}

static int put_subscription(struct db *db, struct put *p)
{
	int rc = there_or(p, mailbox_each_subscription(db, p->account_id, visit_subscription, p));
	return rc == 0 ? mailbox_subscribe(db, p->account_id, p->name, true) : rc;
}

/* The folder of the item; 0: it names none. */
static int find_folder(struct db *db, const struct put *p, int64_t owner_id, int64_t *id_out)
{
	const char *text = admin_text(p->item, "folder");
	struct mailbox_info info = { 0 };
	struct slice name;
	int rc = text ? mailbox_name(p->arena, slice_from_str(text), &name) : 0;
	if (rc == 0 && text)
		rc = mailbox_find(db, p->arena, owner_id, name, &info);
	*id_out = info.id;
	return rc;
}

static int visit_annotation(struct slice name, struct slice value, void *arg)
{
	(void)name;
	(void)value;
	((struct put *)arg)->found = true;
	return 0;
}

static int put_annotation(struct db *db, struct put *p)
{
	int64_t mailbox_id;
	struct slice name;
	if (!annotation_name(p->arena, p->name, &name) || p->body.len > ANNOTATION_BYTES_MAX)
		return -EINVAL;
	int rc = find_folder(db, p, p->account_id, &mailbox_id);
	if (rc == 0)
		rc = there_or(p, annotation_each(db, mailbox_id, p->account_id, name,
		                                 ANNOTATION_SELF, visit_annotation, p));
	if (rc == 0)
		rc = annotation_set(db, mailbox_id, p->account_id, name, &p->body);
	return rc == -ENOSPC ? -EDQUOT : rc; /* it has as many as may be */
}

/* --- who may use them ------------------------------------------------------------------------- */

struct entry_search {
	struct slice owner, folder, identifier;
	bool found;
};

static int visit_entry(const struct acl_row *entry, void *arg)
{
	struct entry_search *e = arg;
	e->found |= slice_equal(entry->owner, e->owner) && slice_equal(entry->folder, e->folder) &&
	            slice_equal(entry->identifier, e->identifier);
	return 0;
}

static int put_acl(struct db *db, struct put *p)
{
	const char *owner = admin_text(p->item, "owner");
	const char *identifier = admin_text(p->item, "identifier");
	struct account account = { .id = MAILBOX_PUBLIC };
	int64_t mailbox_id;
	unsigned rights;
	struct entry_search e = { .owner = slice_from_str(owner),
		                  .folder = slice_from_str(admin_text(p->item, "folder")) };
	if (!owner || !identifier ||
	    !acl_parse(slice_from_str(admin_text(p->item, "rights")), &rights) || rights == 0)
		return -EINVAL;
	int rc = e.owner.len > 0 ? directory_find_account(db, p->arena, e.owner, &account) : 0;
	if (rc == 0)
		rc = acl_identifier(db, p->arena, slice_from_str(identifier), &e.identifier, NULL);
	if (rc == 0)
		rc = find_folder(db, p, account.id, &mailbox_id);
	if (rc == 0)
		rc = acl_each_row(db, account.id, visit_entry, &e);
	if (rc == 0 && e.found)
		return -EEXIST;
	if (rc == 0)
		rc = acl_set(db, account.id, mailbox_id, e.identifier, rights);
	return rc == -ENOSPC ? -EDQUOT : rc;
}

/* --- the account ------------------------------------------------------------------------------ */

static int put_alias(struct db *db, struct put *p)
{
	struct alias alias;
	int kind = (int)admin_number(p->item, "alias_kind", ALIAS_PLAIN);
	int rc = directory_find_alias(db, p->arena, p->name, &alias);
	if (rc != 0 && rc != -ENOENT)
		return rc;
	bool is_new = rc == -ENOENT;
	for (size_t i = 0; !is_new && i < alias.count; i++) {
		if (slice_equal(slice_from_str(alias.targets[i]), p->address))
			return -EEXIST;
	}
	rc = directory_add_alias(db, p->name, p->address);
	if (rc == 0 && is_new && (kind == ALIAS_HIDDEN || kind == ALIAS_MOVED))
		rc = directory_set_alias_kind(db, p->name, (enum alias_kind)kind);
	return rc;
}

static int put_app(struct db *db, struct put *p)
{
	const char *unused, *digest = admin_text(p->item, "digest");
	const struct app_password_new app = {
		.account = p->address,
		.name = arena_str(p->arena, p->name),
		.digest = digest,
		.scopes = (unsigned)admin_number(p->item, "scopes", 0) & APP_SCOPE_ALL,
		.expires_ms = admin_number(p->item, "expires_ms", 0),
	};
	return digest ? directory_add_app_password(db, p->arena, &app, &unused) : -EINVAL;
}

static int put_certificate(struct db *db, struct put *p)
{
	return directory_add_certificate(db, p->address, p->name,
	                                 slice_from_str(admin_text(p->item, "note")));
}

struct entries {
	struct put *put;
	struct send_as list;
};

static int visit_send_as(struct slice entry, void *arg)
{
	struct entries *e = arg;
	if (e->list.count < SEND_AS_MAX)
		e->list.entries[e->list.count++] = arena_copy(e->put->arena, entry);
	e->put->found |= slice_equal(entry, e->put->name);
	return 0;
}

static int put_send_as(struct db *db, struct put *p)
{
	struct entries e = { .put = p };
	e.list.entries = ARENA_ARRAY(p->arena, SEND_AS_MAX + 1, struct slice);
	int rc = there_or(p, directory_each_send_as(db, p->address, visit_send_as, &e));
	if (rc != 0)
		return rc;
	if (e.list.count == SEND_AS_MAX)
		return -EDQUOT;
	e.list.entries[e.list.count++] = p->name;
	return directory_set_send_as(db, p->address, &e.list);
}

static int put_fetch(struct db *db, struct put *p)
{
	return directory_add_fetch(db, p->name, p->address);
}

static int put_pop3_terms(struct db *db, struct put *p)
{
	struct pop3_terms_change own, wanted = {
		.has_expire = json_object_get(p->item, "expire_days") != NULL,
		.has_delay = json_object_get(p->item, "delay_ms") != NULL,
		.terms.expire_days = (int)admin_number(p->item, "expire_days", CONFIG_NEVER),
		.terms.delay_ms = admin_number(p->item, "delay_ms", 0),
	};
	int rc = pop3_terms_own(db, p->account_id, &own);
	if (rc == 0 && (own.has_expire || own.has_delay))
		return -EEXIST;
	return rc == 0 ? pop3_terms_set(db, p->address, &wanted) : rc;
}

/* It becomes the active one if none is. */
static int put_sieve(struct db *db, struct put *p)
{
	struct slice content, active;
	int rc = sieve_get_script(db, p->arena, p->account_id, p->name, &content);
	if (rc == 0)
		return -EEXIST;
	if (rc == -ENOENT)
		rc = sieve_put_script(db, p->account_id, p->name, p->body, clock_wall_ms(),
		                      p->admin->config->sieve.max_scripts);
	if (rc == 0 && json_is_true(json_object_get(p->item, "active"))) {
		rc = sieve_active_name(db, p->arena, p->account_id, &active);
		if (rc == -ENOENT)
			rc = sieve_activate_script(db, p->account_id, p->name);
	}
	return rc;
}

/* --- the request ------------------------------------------------------------------------------ */

static const struct {
	const char *kind;
	int (*fn)(struct db *db, struct put *p);
} kinds[] = {
	{ "folder", put_folder },
	{ "subscription", put_subscription },
	{ "annotation", put_annotation },
	{ "acl", put_acl },
	{ "alias", put_alias },
	{ "app", put_app },
	{ "certificate", put_certificate },
	{ "send-as", put_send_as },
	{ "fetch", put_fetch },
	{ "pop3", put_pop3_terms },
	{ "sieve", put_sieve },
};

static int put_in_commit(struct db *db, void *arg)
{
	struct put *p = arg;
	struct account account;
	p->found = false;
	int rc = directory_find_account(db, p->arena, p->address, &account);
	p->account_id = rc == 0 ? account.id : 0;
	return rc == 0 ? p->fn(db, p) : -EADDRNOTAVAIL;
}

static int take_body(void *arg, struct slice piece) { return buf_append(arg, piece); }

static int read_request(struct put *p, struct admin_reply *reply)
{
	const char *address = admin_need(p->item, "address", reply);
	const char *kind = address ? admin_need(p->item, "kind", reply) : NULL;
	if (!kind)
		return -EINVAL;
	p->name = slice_from_str(admin_text(p->item, "name"));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (slice_equal(slice_from_str(kind), slice_from_str(kinds[i].kind)))
			p->fn = kinds[i].fn;
	}
	if (!p->fn)
		return admin_fail(reply, -EINVAL, "there is no setting '%s'", kind);
	return directory_canonical_address(p->arena, slice_from_str(address), &p->address);
}

static size_t body_max(const struct put *p)
{
	uint64_t script = p->admin->config->sieve.max_script_bytes;
	return script > ANNOTATION_BYTES_MAX ? (size_t)script : ANNOTATION_BYTES_MAX;
}

static void tell_others(const struct put *p)
{
	if (p->admin->auth)
		auth_accounts_changed(p->admin->auth);
	if (p->admin->mailboxes)
		mailboxes_names_changed(p->admin->mailboxes, p->account_id);
}

static bool is_no_error(int rc)
{
	return rc == -EEXIST || rc == -ENOENT || rc == -EDQUOT || rc == -ENFILE || rc == -EBUSY;
}

int settings_put(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct put p = { .admin = admin, .arena = arena_new(), .item = request };
	struct buf body = buf_make(body_max(&p));
	int rc = read_request(&p, reply);
	if (rc == 0)
		rc = admin_body(reply, reply->body_left, take_body, &body);
	p.body = buf_slice(&body);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, put_in_commit, &p);
	bool made = rc == 0;
	if (made)
		tell_others(&p);
	if (made || is_no_error(rc))
		rc = admin_item(reply, json_pack("{s:b}", "made", made));
	else if (rc == -EADDRNOTAVAIL)
		rc = admin_fail(reply, -ENOENT, "there is no user %.*s", SLICE_ARG(p.address));
	buf_free(&body);
	arena_free(p.arena);
	return rc;
}
