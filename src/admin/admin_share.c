/* share.list, share.set, public.add, public.remove, public.list */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "mailbox/mailbox_view.h"
#include "mailbox/share.h"
#include "store/store.h"

/* Whose list is meant: "bob@example.org", all of bob's mailboxes; "bob@example.org/Work", one;
 * "Public" and "Public/News" likewise. */
struct share_step {
	struct arena *arena;
	const json_t *request;
	struct slice place;
	int64_t owner_id, mailbox_id;
	struct slice name;
	unsigned rights;
	int64_t reader_id; /* whose rights they are; 0: anyone's */
	json_t *items;     /* of a list; of a change to all of an owner's mailboxes, their ids */
};

static int find_owner(struct db *db, struct share_step *step)
{
	struct slice rest = step->place, owner = slice_split(&rest, '/'), address;
	struct account account;
	step->name = rest;
	step->owner_id = MAILBOX_PUBLIC;
	if (slice_equal(owner, SLICE(SHARE_PUBLIC)))
		return 0;
	int rc = directory_canonical_address(step->arena, owner, &address);
	if (rc == 0)
		rc = directory_find_account(db, step->arena, address, &account);
	if (rc == 0)
		step->owner_id = account.id;
	return rc;
}

static int find_place(struct db *db, struct share_step *step)
{
	struct mailbox_info info;
	struct slice name;
	int rc = find_owner(db, step);
	step->mailbox_id = 0;
	if (rc < 0 || step->name.len == 0)
		return rc;
	rc = mailbox_name(step->arena, step->name, &name);
	if (rc == 0)
		rc = mailbox_find(db, step->arena, step->owner_id, name, &info);
	if (rc == 0)
		step->mailbox_id = info.id;
	return rc;
}

static int visit_entry(struct slice identifier, unsigned rights, void *arg)
{
	struct share_step *step = arg;
	char letters[ACL_TEXT_MAX];
	json_array_append_new(step->items,
	                      json_pack("{s:o, s:s}", "identifier", admin_json_text(identifier),
	                                "rights", acl_text(rights, false, letters)));
	return 0;
}

static int list_step(struct db *db, void *arg)
{
	struct share_step *step = arg;
	int rc = find_place(db, step);
	return rc == 0 ? acl_each(db, step->owner_id, step->mailbox_id, visit_entry, step) : rc;
}

static int note_changed(const struct mailbox_info *info, void *arg)
{
	return json_array_append_new(arg, json_integer(info->id));
}

static int set_step(struct db *db, void *arg)
{
	struct share_step *step = arg;
	struct slice identifier;
	const char *text = admin_text(step->request, "identifier");
	int rc = find_place(db, step);
	if (rc == 0)
		rc = acl_identifier(db, step->arena, slice_from_str(text), &identifier,
		                    &step->reader_id);
	if (rc == 0)
		rc = acl_set(db, step->owner_id, step->mailbox_id, identifier, step->rights);
	json_array_clear(step->items);
	if (rc != 0 || step->mailbox_id)
		return rc;
	return mailbox_each(db, step->owner_id, note_changed, step->items);
}

static int public_add_step(struct db *db, void *arg)
{
	struct share_step *step = arg;
	struct slice name;
	int rc = mailbox_name(step->arena, step->name, &name);
	if (rc == 0)
		rc = mailbox_create(db, MAILBOX_PUBLIC, name, USE_NONE, &step->mailbox_id);
	if (rc == 0 && step->rights)
		rc = acl_set(db, MAILBOX_PUBLIC, step->mailbox_id, SLICE("anyone"), step->rights);
	return rc;
}

static int public_remove_step(struct db *db, void *arg)
{
	struct share_step *step = arg;
	struct mailbox_info info;
	struct slice name;
	int rc = mailbox_name(step->arena, step->name, &name);
	if (rc == 0)
		rc = mailbox_find(db, step->arena, MAILBOX_PUBLIC, name, &info);
	if (rc != 0)
		return rc;
	step->mailbox_id = info.id;
	return mailbox_delete(db, MAILBOX_PUBLIC, name);
}

static int visit_public(const struct mailbox_info *info, void *arg)
{
	struct share_step *step = arg;
	json_array_append_new(step->items,
	                      json_pack("{s:o, s:I, s:I}", "name", admin_json_text(info->name),
	                                "messages", (json_int_t)info->message_count, "bytes",
	                                (json_int_t)info->size_bytes));
	return 0;
}

static int public_list_step(struct db *db, void *arg)
{
	struct share_step *step = arg;
	return mailbox_each(db, MAILBOX_PUBLIC, visit_public, step);
}

static int explain(struct admin_reply *reply, const struct share_step *step, int rc)
{
	switch (rc) {
	case -ENOENT:
		return admin_fail(reply, rc, "there is no such mailbox or account");
	case -EINVAL:
		return admin_fail(reply, rc,
		                  "write ADDRESS, ADDRESS/FOLDER, Public or Public/FOLDER");
	case -EEXIST:
		return admin_fail(reply, rc, "there is a public folder %.*s already",
		                  SLICE_ARG(step->name));
	case -ENOSPC:
		return admin_fail(reply, rc, "the list is too long");
	default:
		return rc;
	}
}

static int run(struct admin *admin, struct share_step *step, struct admin_reply *reply, store_fn fn,
               bool changes)
{
	step->arena = arena_new();
	int rc = changes ? store_commit(admin->store, NULL, 0, fn, step)
	                 : store_read(admin->store, fn, step);
	if (rc < 0)
		rc = explain(reply, step, rc);
	arena_free(step->arena);
	return rc;
}

/* Sessions that have it selected look whether they still may. */
static void tell(struct mailboxes *mailboxes, const struct share_step *step)
{
	size_t index;
	json_t *id;
	if (step->mailbox_id)
		mailboxes_changed(mailboxes, step->mailbox_id);
	json_array_foreach(step->items, index, id)
		mailboxes_changed(mailboxes, json_integer_value(id));
	if (step->reader_id)
		mailboxes_names_changed(mailboxes, step->reader_id);
}

static int run_and_tell(struct admin *admin, struct share_step *step, struct admin_reply *reply,
                        store_fn fn)
{
	step->items = json_array();
	int rc = run(admin, step, reply, fn, true);
	if (rc == 0 && admin->mailboxes)
		tell(admin->mailboxes, step);
	json_decref(step->items);
	return rc;
}

static int run_list(struct admin *admin, struct share_step *step, struct admin_reply *reply,
                    store_fn fn)
{
	step->items = json_array();
	int rc = run(admin, step, reply, fn, false);
	if (rc == 0)
		return admin_items(reply, step->items);
	json_decref(step->items);
	return rc;
}

static bool read_place(struct share_step *step, struct admin_reply *reply)
{
	const char *place = admin_need(step->request, "place", reply);
	if (place)
		step->place = slice_from_str(place);
	return place != NULL;
}

static bool read_rights(struct share_step *step, const char *text, struct admin_reply *reply)
{
	if (acl_parse(slice_from_str(text), &step->rights))
		return true;
	admin_fail(reply, -EINVAL, "'%s': rights are some of the letters " ACL_LETTERS, text);
	return false;
}

static int share_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct share_step step = { .request = request };
	return read_place(&step, reply) ? run_list(admin, &step, reply, list_step) : -EINVAL;
}

static int share_set(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct share_step step = { .request = request };
	const char *rights = admin_need(request, "rights", reply);
	if (!rights || !admin_need(request, "identifier", reply) || !read_place(&step, reply) ||
	    !read_rights(&step, rights, reply))
		return -EINVAL;
	return run_and_tell(admin, &step, reply, set_step);
}

static int public_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct share_step step = { .request = request };
	const char *name = admin_need(request, "name", reply);
	const char *rights = admin_text(request, "rights");
	if (!name || (rights && !read_rights(&step, rights, reply)))
		return -EINVAL;
	step.name = slice_from_str(name);
	return run(admin, &step, reply, public_add_step, true);
}

static int public_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct share_step step = { .request = request };
	const char *name = admin_need(request, "name", reply);
	if (!name)
		return -EINVAL;
	step.name = slice_from_str(name);
	int rc = run_and_tell(admin, &step, reply, public_remove_step);
	if (rc == 0 && admin->mailboxes)
		(void)mailboxes_purge(admin->mailboxes);
	return rc;
}

static int public_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct share_step step = { .request = request };
	return run_list(admin, &step, reply, public_list_step);
}

const struct admin_command admin_share_commands[] = {
	{ "share.list", share_list },   { "share.set", share_set },
	{ "public.add", public_add },   { "public.remove", public_remove },
	{ "public.list", public_list }, { 0 },
};
