/* export.folders: the folders of a user. export.get: the messages of one, with their bytes. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_import.h"
#include "mailbox/mailbox_state.h"
#include "store/store.h"

enum { PAGE_MESSAGES = 200 };

/* --- folders ---------------------------------------------------------------------------------- */

struct folders {
	const struct import_place *place;
	json_t *items;
	json_t *subscribed; /* an object with their names as keys */
};

static int visit_subscription(struct slice name, void *arg)
{
	struct folders *f = arg;
	json_t *text = admin_json_text(name);
	json_object_set_new(f->subscribed, json_string_value(text), json_true());
	json_decref(text);
	return 0;
}

static int visit_folder(const struct mailbox_info *info, void *arg)
{
	struct folders *f = arg;
	json_t *name = admin_json_text(info->name);
	bool subscribed = json_object_get(f->subscribed, json_string_value(name)) != NULL;
	json_array_append_new(f->items, json_pack("{s:o, s:I, s:I, s:I, s:i, s:b}", "folder", name,
	                                          "uid_validity", (json_int_t)info->uid_validity,
	                                          "messages", (json_int_t)info->message_count,
	                                          "bytes", (json_int_t)info->size_bytes, "use",
	                                          (int)info->use, "subscribed", subscribed));
	return 0;
}

static int read_folders(struct db *db, void *arg)
{
	struct folders *f = arg;
	int64_t account = f->place->account_id;
	int rc = mailbox_each_subscription(db, account, visit_subscription, f);
	return rc == 0 ? mailbox_each(db, account, visit_folder, f) : rc;
}

static int export_folders(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct import_place place;
	int rc = import_read_place(admin, arena, request, reply, &place);
	if (rc == 0) {
		struct folders f = { &place, json_array(), json_object() };
		rc = store_read(admin->store, read_folders, &f);
		if (rc == 0)
			rc = admin_items(reply, f.items);
		else
			json_decref(f.items);
		json_decref(f.subscribed);
	}
	arena_free(arena);
	return rc;
}

/* --- messages --------------------------------------------------------------------------------- */

struct page_message {
	uint32_t uid;
	int64_t blob_id, internal_ms;
	uint64_t flags;
};

struct export
{
	struct admin *admin;
	struct admin_reply *reply;
	struct arena *arena;
	struct import_place place;
	struct slice folder;
	struct uid_range all;
	struct uid_set wanted;
	uint32_t after; /* UIDs up to here were sent */
	struct page_message page[PAGE_MESSAGES];
	size_t count, flagged;
	struct slice keywords[MAILBOX_KEYWORD_MAX];
};

static int visit_message(const struct mailbox_message *m, void *arg)
{
	struct export *e = arg;
	e->page[e->count++] = (struct page_message){ .uid = m->uid,
		                                     .blob_id = m->blob_id,
		                                     .internal_ms = m->internal_ms };
	return e->count == PAGE_MESSAGES;
}

static int visit_flags(uint32_t uid, uint64_t flags, void *arg)
{
	struct export *e = arg;
	while (e->flagged < e->count && e->page[e->flagged].uid < uid)
		e->flagged++;
	if (e->flagged < e->count && e->page[e->flagged].uid == uid)
		e->page[e->flagged].flags = flags;
	return e->flagged == e->count;
}

/* The next messages, as they are in one snapshot. */
static int read_page(struct db *db, void *arg)
{
	struct export *e = arg;
	struct mailbox_info info;
	struct uid_range later = { e->after + 1, UINT32_MAX };
	const struct uid_set rest = { .ranges = &later, .count = 1 };
	struct uid_set uids = uid_set_common(e->arena, &e->wanted, &rest);
	e->count = e->flagged = 0;
	int rc = mailbox_find(db, e->arena, e->place.account_id, e->folder, &info);
	if (rc == 0)
		rc = mailbox_each_message(db, info.id, &uids, 0, visit_message, e);
	if (rc < 0 || e->count == 0)
		return rc;
	struct uid_range span = { e->page[0].uid, e->page[e->count - 1].uid };
	const struct uid_set here = { .ranges = &span, .count = 1 };
	rc = mailbox_each_flags(db, info.id, &here, visit_flags, e);
	return rc < 0 ? rc : mailbox_read_keywords(db, e->arena, info.id, e->keywords);
}

static json_t *message_item(const struct export *e, const struct page_message *m, size_t bytes)
{
	json_t *keywords = json_array();
	for (int i = 0; i < MAILBOX_KEYWORD_MAX; i++) {
		if ((m->flags & FLAG_KEYWORD(i)) && e->keywords[i].len > 0)
			json_array_append_new(keywords, admin_json_text(e->keywords[i]));
	}
	return json_pack("{s:I, s:I, s:I, s:o, s:I}", "uid", (json_int_t)m->uid, "at_ms",
	                 (json_int_t)m->internal_ms, "flags",
	                 (json_int_t)(m->flags & (FLAG_KEYWORD(0) - 1)), "keywords", keywords,
	                 "body_bytes", (json_int_t)bytes);
}

/* One that is damaged, or went meanwhile, is told without bytes. */
static int send_message(struct export *e, const struct page_message *m)
{
	struct blob_view view;
	int rc = blob_open(e->admin->store, m->blob_id, &view);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return admin_item(e->reply, json_pack("{s:I, s:s}", "uid", (json_int_t)m->uid,
		                                      "error", strerrordesc_np(-rc)));
	rc = admin_item(e->reply, message_item(e, m, view.bytes.len));
	if (rc == 0)
		rc = e->reply->bytes(e->reply->arg, view.bytes);
	if (rc == 0 && !blob_is_whole(&view))
		rc = -EIO; /* what went is not the message, and none comes behind it */
	blob_close(&view);
	return rc;
}

static int send_all(struct export *e)
{
	int rc;
	do {
		struct arena *page = e->arena = arena_new();
		rc = store_read(e->admin->store, read_page, e);
		for (size_t i = 0; i < e->count && rc >= 0; i++)
			rc = send_message(e, &e->page[i]);
		if (e->count > 0)
			e->after = e->page[e->count - 1].uid;
		arena_free(page);
	} while (rc >= 0 && e->count == PAGE_MESSAGES && e->after < UINT32_MAX);
	return rc < 0 ? rc : 0;
}

static int read_get(struct export *e, const json_t *request)
{
	int rc = import_read_place(e->admin, e->arena, request, e->reply, &e->place);
	const char *folder = rc == 0 ? admin_need(request, "folder", e->reply) : NULL;
	const char *uids = admin_text(request, "uids");
	if (!folder)
		return rc < 0 ? rc : -EINVAL;
	e->all = (struct uid_range){ 1, UINT32_MAX };
	e->wanted = (struct uid_set){ .ranges = &e->all, .count = 1 };
	if (uids) {
		e->wanted = (struct uid_set){ 0 };
		if (uid_set_read(e->place.arena, &e->wanted, slice_from_str(uids)) < 0)
			return admin_fail(e->reply, -EINVAL, "'%s': write UIDs as in 1:3,7", uids);
	}
	if (mailbox_name(e->place.arena, slice_from_str(folder), &e->folder) < 0)
		return admin_fail(e->reply, -EINVAL, "'%s' is no name for a folder", folder);
	return 0;
}

static int export_get(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct export *e = mem_zero(1, sizeof(*e));
	struct arena *arena = arena_new();
	*e = (struct export){ .admin = admin, .reply = reply, .arena = arena };
	int rc = read_get(e, request);
	if (rc == 0)
		rc = send_all(e);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "there is no folder %s", admin_text(request, "folder"));
	free(e);
	arena_free(arena);
	return rc;
}

const struct admin_command admin_export_commands[] = {
	{ "export.folders", export_folders },
	{ "export.get", export_get },
	{ 0 },
};
