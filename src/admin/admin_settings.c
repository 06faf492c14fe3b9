/* settings.get: what belongs to a user beside the mail, an item each, some with bytes behind them:
 *
 *     {"kind":"folder", "name":"Work", "use":0}
 *     {"kind":"subscription", "name":"Work"}
 *     {"kind":"acl", "owner":"alice@example.test", "folder":"Work", "identifier":...,
 * "rights":"lr"}
 *     {"kind":"annotation", "folder":"Work", "name":"/shared/comment", "body_bytes":5}
 *     {"kind":"sieve", "name":"sort", "active":true, "body_bytes":123}
 *     {"kind":"alias", "name":"sales@example.test", "alias_kind":0}
 *     {"kind":"app", "name":"phone", "digest":..., "scopes":7, "expires_ms":0}
 *     {"kind":"certificate", "name":FINGERPRINT, "note":...}
 *     {"kind":"send-as", "name":"@example.test"}
 *     {"kind":"fetch", "name":"remote.test"}
 *     {"kind":"pop3", "name":"", "expire_days":30, "delay_ms":60000}
 *
 * No "folder": all of the user's, or the server. An owner who is "" is the public. setting.put
 * (admin_settings_put.c) takes them. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_import.h"
#include "directory/fetch.h"
#include "directory/pop3_terms.h"
#include "directory/send_as.h"
#include "directory/settings.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"
#include "sieve/sieve_rows.h"
#include "store/store.h"

/* An item, and what comes behind it. */
struct setting {
	json_t *item;
	struct slice body;
};

struct settings {
	struct admin_reply *reply;
	struct arena *arena;
	struct import_place place;
	struct setting *list; /* of one read */
	size_t count, capacity;
	json_t *folders; /* [{"id":1, "name":"INBOX"}] */
	/* The folder that is read; NULL: the server. */
	int64_t mailbox_id;
	json_t *folder;
};

static int add_body(struct settings *s, json_t *item, struct slice body)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->list = mem_grow(s->list, s->capacity * sizeof(*s->list));
	}
	s->list[s->count++] = (struct setting){ item, arena_copy(s->arena, body) };
	return 0;
}

static int add(struct settings *s, json_t *item) { return add_body(s, item, SLICE_EMPTY); }

static int add_named(struct settings *s, const char *kind, struct slice name)
{
	return add(s, json_pack("{s:s, s:o}", "kind", kind, "name", admin_json_text(name)));
}

/* --- of folders ------------------------------------------------------------------------------ */

static int visit_folder(const struct mailbox_info *info, void *arg)
{
	struct settings *s = arg;
	json_array_append_new(s->folders, json_pack("{s:I, s:o}", "id", (json_int_t)info->id,
	                                            "name", admin_json_text(info->name)));
	return add(s, json_pack("{s:s, s:o, s:i}", "kind", "folder", "name",
	                        admin_json_text(info->name), "use", (int)info->use));
}

static int visit_subscription(struct slice name, void *arg)
{
	return add_named(arg, "subscription", name);
}

static int visit_acl(const struct acl_row *entry, void *arg)
{
	struct settings *s = arg;
	char rights[ACL_TEXT_MAX];
	json_t *item = json_pack("{s:s, s:o, s:o, s:s}", "kind", "acl", "owner",
	                         admin_json_text(entry->owner), "identifier",
	                         admin_json_text(entry->identifier), "rights",
	                         acl_text(entry->rights, false, rights));
	if (entry->folder.len > 0)
		json_object_set_new(item, "folder", admin_json_text(entry->folder));
	return add(s, item);
}

static int read_folders(struct db *db, void *arg)
{
	struct settings *s = arg;
	int64_t account = s->place.account_id;
	json_array_clear(s->folders);
	int rc = mailbox_each(db, account, visit_folder, s);
	if (rc == 0)
		rc = mailbox_each_subscription(db, account, visit_subscription, s);
	if (rc == 0)
		rc = acl_each_row(db, account, visit_acl, s);
	return rc == 0 ? acl_each_grant(db, s->place.address, visit_acl, s) : rc;
}

static int visit_annotation(struct slice name, struct slice value, void *arg)
{
	struct settings *s = arg;
	json_t *item = json_pack("{s:s, s:o}", "kind", "annotation", "name", admin_json_text(name));
	if (s->folder)
		json_object_set(item, "folder", s->folder);
	return add_body(s, item, value);
}

/* What the server says to all is the operator's. */
static int read_annotations(struct db *db, void *arg)
{
	struct settings *s = arg;
	int rc = annotation_each(db, s->mailbox_id, s->place.account_id, SLICE("/private"),
	                         ANNOTATION_ALL, visit_annotation, s);
	if (rc == 0 && s->mailbox_id != ANNOTATION_SERVER)
		rc = annotation_each(db, s->mailbox_id, s->place.account_id, SLICE("/shared"),
		                     ANNOTATION_ALL, visit_annotation, s);
	return rc;
}

/* --- of the account -------------------------------------------------------------------------- */

static int visit_alias(struct slice address, enum alias_kind kind, void *arg)
{
	return add(arg, json_pack("{s:s, s:o, s:i}", "kind", "alias", "name",
	                          admin_json_text(address), "alias_kind", (int)kind));
}

static int visit_app(const struct settings_app *app, void *arg)
{
	return add(arg, json_pack("{s:s, s:o, s:o, s:i, s:I}", "kind", "app", "name",
	                          admin_json_text(app->name), "digest",
	                          admin_json_text(app->digest), "scopes", (int)app->scopes,
	                          "expires_ms", (json_int_t)app->expires_ms));
}

static int visit_certificate(struct slice fingerprint, struct slice note, void *arg)
{
	return add(arg, json_pack("{s:s, s:o, s:o}", "kind", "certificate", "name",
	                          admin_json_text(fingerprint), "note", admin_json_text(note)));
}

static int visit_send_as(struct slice entry, void *arg) { return add_named(arg, "send-as", entry); }

static int visit_fetch(struct slice domain, struct slice address, void *arg)
{
	(void)address;
	return add_named(arg, "fetch", domain);
}

static int read_pop3_terms(struct db *db, struct settings *s)
{
	struct pop3_terms_change own;
	int rc = pop3_terms_own(db, s->place.account_id, &own);
	if (rc < 0 || (!own.has_expire && !own.has_delay))
		return rc;
	json_t *item = json_pack("{s:s, s:s}", "kind", "pop3", "name", "");
	if (own.has_expire)
		json_object_set_new(item, "expire_days", json_integer(own.terms.expire_days));
	if (own.has_delay)
		json_object_set_new(item, "delay_ms", json_integer(own.terms.delay_ms));
	return add(s, item);
}

static int read_account(struct db *db, void *arg)
{
	struct settings *s = arg;
	int64_t id = s->place.account_id;
	int rc = settings_each_alias(db, s->place.address, visit_alias, s);
	if (rc == 0)
		rc = settings_each_app(db, id, visit_app, s);
	if (rc == 0)
		rc = settings_each_certificate(db, id, visit_certificate, s);
	if (rc == 0)
		rc = directory_each_send_as(db, s->place.address, visit_send_as, s);
	if (rc == 0)
		rc = directory_each_fetch_of(db, id, visit_fetch, s);
	return rc == 0 ? read_pop3_terms(db, s) : rc;
}

static int visit_script(const struct sieve_script_row *row, void *arg)
{
	return add(arg, json_pack("{s:s, s:o, s:b}", "kind", "sieve", "name",
	                          admin_json_text(row->name), "active", row->active));
}

static int read_scripts(struct db *db, void *arg)
{
	struct settings *s = arg;
	int rc = sieve_each_script(db, s->place.account_id, visit_script, s);
	for (size_t i = 0; i < s->count && rc == 0; i++)
		rc = sieve_get_script(db, s->arena, s->place.account_id,
		                      slice_from_str(admin_text(s->list[i].item, "name")),
		                      &s->list[i].body);
	return rc;
}

/* --- handing on ------------------------------------------------------------------------------ */

static void drop(struct settings *s)
{
	for (size_t i = 0; i < s->count; i++)
		json_decref(s->list[i].item);
	s->count = 0;
}

static int hand_on(struct settings *s)
{
	int rc = 0;
	for (size_t i = 0; i < s->count && rc == 0; i++) {
		const struct setting *one = &s->list[i];
		if (one->body.len > 0)
			json_object_set_new(one->item, "body_bytes",
			                    json_integer((json_int_t)one->body.len));
		rc = admin_item(s->reply, json_incref(one->item));
		if (rc == 0 && one->body.len > 0)
			rc = s->reply->bytes(s->reply->arg, one->body);
	}
	return rc;
}

/* Reads some, and hands them on; a closure may have been run twice. */
static int send_some(struct settings *s, struct store *store, store_fn read)
{
	drop(s);
	int rc = store_read(store, read, s);
	if (rc == 0)
		rc = hand_on(s);
	drop(s);
	return rc;
}

static int send_annotations(struct settings *s, struct store *store)
{
	size_t index;
	json_t *folder;
	struct arena *outer = s->arena;
	int rc = send_some(s, store, read_annotations); /* of the server */
	json_array_foreach(s->folders, index, folder)
	{
		s->arena = arena_new();
		s->mailbox_id = admin_number(folder, "id", 0);
		s->folder = json_object_get(folder, "name");
		if (rc == 0)
			rc = send_some(s, store, read_annotations);
		arena_free(s->arena);
	}
	s->arena = outer;
	return rc;
}

static int settings_get(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct settings s = { .reply = reply, .arena = arena_new(), .folders = json_array() };
	int rc = import_read_place(admin, s.arena, request, reply, &s.place);
	if (rc == 0)
		rc = send_some(&s, admin->store, read_folders);
	if (rc == 0)
		rc = send_annotations(&s, admin->store);
	if (rc == 0)
		rc = send_some(&s, admin->store, read_account);
	if (rc == 0)
		rc = send_some(&s, admin->store, read_scripts);
	free(s.list);
	json_decref(s.folders);
	arena_free(s.arena);
	return rc;
}

const struct admin_command admin_settings_commands[] = {
	{ "settings.get", settings_get },
	{ "settings.put", settings_put },
	{ 0 },
};
