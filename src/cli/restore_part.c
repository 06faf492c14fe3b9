/* What is in a backup is read by the handlers of `veredus export`, and goes the way of `veredus
 * import`: beside everybody who works there, and without what is there already. */
#include <errno.h>

#include "admin/admin.h"
#include "cli/import.h"
#include "cli/restore.h"
#include "directory/settings.h"
#include "mailbox/quota.h"
#include "message/summary.h"
#include "store/store.h"

#define MESSAGE_MAX_BYTES ((size_t)128 << 20)

struct part {
	struct import im;
	struct cli *cli;
	struct admin backup; /* a store to read from, and nothing else */
	const char *user, *folder, *into;
	const char *uids;       /* or NULL */
	const char *message_id; /* or NULL */
	json_t *folders;
	uint64_t found;
	bool made; /* the account */
	/* The message, or setting, that comes. */
	json_t *item;
	bool skips; /* the bytes of one that is not wanted */
	struct buf bytes;
	struct arena *arena; /* of it */
	int status;
};

/* --- a message -------------------------------------------------------------------------- */

static bool is_wanted_message(struct part *p)
{
	struct message_summary summary;
	if (!p->message_id)
		return true;
	message_summarise(buf_slice(&p->bytes), &MESSAGE_LIMITS_DEFAULT, p->arena, &summary);
	return slice_equal(summary.message_id, slice_from_str(p->message_id));
}

static void finish_message(struct part *p)
{
	if (p->status == CLI_OK && is_wanted_message(p)) {
		const struct import_message m = {
			.bytes = buf_slice(&p->bytes),
			.at_ms = cli_item_number(p->item, "at_ms"),
			.flags = (unsigned)cli_item_number(p->item, "flags"),
			.keywords = json_incref(json_object_get(p->item, "keywords")),
		};
		p->found++;
		p->status = import_add(&p->im, &m);
	}
	json_decref(p->item);
	p->item = NULL;
	buf_clear(&p->bytes);
	arena_reset(p->arena);
}

static int take_message(void *arg, json_t *item)
{
	struct part *p = arg;
	const char *error = cli_item_text(item, "error");
	if (error[0]) {
		char where[40];
		snprintf(where, sizeof(where), "UID %lld", cli_item_number(item, "uid"));
		import_note_failure(&p->im, where, error);
		json_decref(item);
		return 0;
	}
	p->item = item;
	if (cli_item_number(item, "body_bytes") == 0)
		finish_message(p);
	return p->status == CLI_OK ? 0 : -ECANCELED;
}

static int take_bytes(void *arg, struct slice piece)
{
	struct part *p = arg;
	if (buf_append(&p->bytes, piece) < 0)
		return -EFBIG;
	if (p->bytes.len >= (size_t)cli_item_number(p->item, "body_bytes"))
		finish_message(p);
	return p->status == CLI_OK ? 0 : -ECANCELED;
}

/* --- the backup ------------------------------------------------------------------------- */

static int ask_backup(struct part *p, const char *command, json_t *request,
                      int (*item)(void *arg, json_t *item),
                      int (*bytes)(void *arg, struct slice piece))
{
	struct admin_visit visit = { .index = NULL };
	struct admin_reply reply = { .item = item, .bytes = bytes, .arg = p, .visit = &visit };
	json_object_set_new(request, "command", json_string(command));
	json_object_set_new(request, "address", json_string(p->user));
	int rc = admin_call(&p->backup, request, &reply);
	json_decref(request);
	if (p->status != CLI_OK) /* what it was about is told already */
		return p->status;
	return rc < 0 ? cli_fail("in the backup: %s", reply.error) : CLI_OK;
}

static int take_folder(void *arg, json_t *item)
{
	json_array_append_new(((struct part *)arg)->folders, item);
	return 0;
}

static bool is_wanted_folder(const struct part *p, const char *name)
{
	struct slice folder = slice_from_str(name), wanted = slice_from_str(p->folder);
	if (!p->folder || slice_equal(folder, wanted))
		return true;
	/* A UID is one of a certain folder. */
	return !p->uids && slice_starts_with(folder, wanted) && folder.data[wanted.len] == '/';
}

static int restore_folder(struct part *p, const char *name)
{
	const char *to = name;
	if (p->into)
		to = arena_printf(p->cli->arena, "%s/%s", p->into, name);
	int status = import_folder(&p->im, to, "");
	json_t *request = json_pack("{s:s}", "folder", name);
	if (p->uids)
		json_object_set_new(request, "uids", json_string(p->uids));
	if (status != CLI_OK) {
		json_decref(request);
		return status;
	}
	return ask_backup(p, "export.get", request, take_message, take_bytes);
}

static int restore_folders(struct part *p)
{
	size_t index;
	json_t *folder;
	bool any = false;
	int status = ask_backup(p, "export.folders", json_object(), take_folder, NULL);
	json_array_foreach(p->folders, index, folder)
	{
		const char *name = cli_item_text(folder, "folder");
		if (status != CLI_OK || !is_wanted_folder(p, name))
			continue;
		any = true;
		status = restore_folder(p, name);
	}
	if (status == CLI_OK && !any)
		return cli_fail("the backup has no folder %s of %s", p->folder, p->user);
	if (status == CLI_OK && p->found == 0 && (p->uids || p->message_id))
		return cli_fail("the backup has no such message");
	return status;
}

/* --- what belongs to the account beside the mail ---------------------------------------- */

static void take_put(const json_t *item, void *arg)
{
	if (json_is_true(json_object_get(item, "made")))
		((struct part *)arg)->im.settings++;
}

static void finish_setting(struct part *p)
{
	const struct cli_answer answer = { .item = take_put, .arg = p };
	struct slice body = buf_slice(&p->bytes);
	json_object_set_new(p->item, "address", json_string(p->user));
	p->status = cli_link_call(p->im.link, "settings.put", p->item, &body, 1, &answer);
	p->item = NULL;
	buf_clear(&p->bytes);
}

/* Of a folder: the folder's. "" when it is about none. */
static const char *folder_of(const json_t *item)
{
	static const char *const named[] = { "folder", "subscription" };
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (slice_equal(slice_from_str(cli_item_text(item, "kind")),
		                slice_from_str(named[i])))
			return cli_item_text(item, "name");
	}
	return cli_item_text(item, "folder");
}

static int take_setting(void *arg, json_t *item)
{
	struct part *p = arg;
	p->skips = p->folder && (!folder_of(item)[0] || !is_wanted_folder(p, folder_of(item)));
	if (p->skips) {
		json_decref(item);
		return 0;
	}
	p->item = item;
	if (cli_item_number(item, "body_bytes") == 0)
		finish_setting(p);
	return p->status == CLI_OK ? 0 : -ECANCELED;
}

static int take_setting_bytes(void *arg, struct slice piece)
{
	struct part *p = arg;
	if (p->skips)
		return 0;
	if (buf_append(&p->bytes, piece) < 0)
		return -EFBIG;
	if (p->bytes.len >= (size_t)cli_item_number(p->item, "body_bytes"))
		finish_setting(p);
	return p->status == CLI_OK ? 0 : -ECANCELED;
}

/* Beside a user who is there they are brought only when that is asked for: an application password
 * or a share that is gone may have been taken away on purpose. */
static int restore_settings(struct part *p)
{
	bool all = !p->uids && !p->message_id && !p->into;
	if (!all || !(p->made || cli_has(p->cli, "settings")))
		return CLI_OK;
	return ask_backup(p, "settings.get", json_object(), take_setting, take_setting_bytes);
}

/* --- the account ------------------------------------------------------------------------ */

struct found_user {
	struct arena *arena;
	struct slice address;
	json_t *request;
};

static int add_verifier(const struct directory_verifier *v, void *arg)
{
	return json_array_append_new(arg,
	                             json_pack("{s:s, s:s}", "kind", v->kind, "value", v->value));
}

static int read_user(struct db *db, void *arg)
{
	struct found_user *f = arg;
	struct account account = { .address = "" };
	struct quota quota = { 0 };
	bool administrator = false;
	json_t *verifiers = json_array();
	int rc = directory_find_account(db, f->arena, f->address, &account);
	if (rc == 0)
		rc = settings_each_verifier(db, account.id, add_verifier, verifiers);
	if (rc == 0)
		rc = quota_get(db, account.id, &quota);
	if (rc == 0)
		rc = directory_is_administrator(db, account.id, &administrator);
	json_decref(f->request);
	f->request = json_pack(
		"{s:s, s:o, s:I, s:I, s:I, s:b, s:b, s:b, s:b}", "address", account.address,
		"verifiers", verifiers, "quota", (json_int_t)quota.limit[QUOTA_STORAGE],
		"quota_messages", (json_int_t)quota.limit[QUOTA_MESSAGE], "quota_mailboxes",
		(json_int_t)quota.limit[QUOTA_MAILBOX], "disabled", !account.enabled, "app_only",
		account.app_only, "sent_copy", account.sent_copy, "administrator", administrator);
	return rc;
}

static void tell_made(const json_t *item, void *arg)
{
	struct part *p = arg;
	p->made = json_is_true(json_object_get(item, "made"));
	if (p->made)
		fprintf(stderr, "%s is there again, with the password of the backup\n", p->user);
	if (json_is_true(json_object_get(item, "password")))
		fprintf(stderr, "%s has the password of the backup\n", p->user);
}

/* An account that is gone comes back with its password. */
static int restore_user(struct part *p)
{
	const struct cli_answer answer = { .item = tell_made, .arg = p };
	struct found_user f = { .arena = p->cli->arena };
	int rc = directory_canonical_address(f.arena, slice_from_str(p->user), &f.address);
	if (rc == 0)
		rc = store_read(p->backup.store, read_user, &f);
	if (rc < 0) {
		json_decref(f.request);
		return rc == -ENOENT || rc == -EINVAL
		               ? cli_fail("the backup has no user %s", p->user)
		               : cli_fail("the backup: %s", strerrordesc_np(-rc));
	}
	json_object_set_new(f.request, "settings", json_boolean(cli_has(p->cli, "settings")));
	return cli_link_call(p->im.link, "restore.user", f.request, NULL, 0, &answer);
}

/* --- all -------------------------------------------------------------------------------- */

/* "<id@host>" is a Message-ID, "7" and "1:3,7" are UIDs. */
static int read_message_option(struct part *p)
{
	const char *text = cli_text(p->cli, "message");
	if (!text)
		return CLI_OK;
	if (text[0] == '<')
		p->message_id = text;
	else if (!p->folder)
		return cli_usage(p->cli, "a UID needs --folder; a Message-ID begins with '<'");
	else
		p->uids = text;
	return CLI_OK;
}

static int explain_open(const char *generation, int rc)
{
	if (rc == -ESTALE)
		return cli_fail("%s was made by an older version: restore all of it into a new "
		                "directory (`veredus -d NEW restore`), and take the part from "
		                "there (`veredus -d NEW export`)",
		                generation);
	return cli_fail("%s: %s", generation, strerrordesc_np(-rc));
}

int restore_part(struct cli *cli, const char *generation)
{
	const struct store_config config = { .dir = generation, .read_only = true };
	struct part *p = mem_zero(1, sizeof(*p));
	p->cli = cli;
	p->user = cli_text(cli, "user");
	p->folder = cli_text(cli, "folder");
	p->into = cli_text(cli, "into");
	int status = read_message_option(p);
	int rc = status == CLI_OK ? store_open(&config, &p->backup.store) : 0;
	if (rc < 0)
		status = explain_open(generation, rc);
	if (status == CLI_OK)
		status = import_begin(cli, &p->im);
	if (status == CLI_OK) {
		p->im.address = p->user;
		p->arena = arena_new();
		p->bytes = buf_make(MESSAGE_MAX_BYTES);
		p->folders = json_array();
		status = restore_user(p);
		if (status == CLI_OK)
			status = restore_settings(p);
		if (status == CLI_OK && !cli_has(cli, "no-mail"))
			status = restore_folders(p);
		status = import_end(&p->im, status);
		json_decref(p->folders);
		json_decref(p->item);
		buf_free(&p->bytes);
		arena_free(p->arena);
	}
	store_close(p->backup.store);
	free(p);
	return status;
}
