/* undelete.list, undelete.run */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "imap/imap_envelope.h"
#include "mailbox/mailbox_keep.h"
#include "mailbox/mailbox_view.h"
#include "store/store.h"

/* What the request means. */
struct wanted {
	struct arena *arena;
	const char *account;
	int64_t account_id;
	const char *folder; /* NULL: all */
	int64_t since_ms;   /* expunged then or later */
	const char *message_id;
	int64_t uid; /* 0: all */
	const char *to;
};

static int read_account(struct db *db, void *arg)
{
	struct wanted *w = arg;
	struct account account;
	int rc = directory_find_account(db, w->arena, slice_from_str(w->account), &account);
	if (rc == 0)
		w->account_id = account.id;
	return rc;
}

static int take_wanted(struct admin *admin, const json_t *request, struct admin_reply *reply,
                       struct wanted *w)
{
	w->account = admin_need(request, "account", reply);
	if (!w->account)
		return -EINVAL;
	int rc = store_read(admin->store, read_account, w);
	if (rc == -ENOENT)
		return admin_fail(reply, rc, "there is no account %s", w->account);
	w->folder = admin_text(request, "folder");
	w->message_id = admin_text(request, "message");
	w->since_ms = admin_number(request, "since_ms", 0);
	w->uid = admin_number(request, "uid", 0);
	w->to = admin_text(request, "to");
	return rc;
}

static struct slice message_id_of(struct arena *arena, const struct mailbox_kept *k)
{
	return imap_envelope_field(arena, k->message->envelope, ENVELOPE_MESSAGE_ID);
}

static bool is_wanted(const struct wanted *w, struct arena *arena, const struct mailbox_kept *k)
{
	if (k->expunged_ms < w->since_ms || (w->uid && (int64_t)k->message->uid != w->uid))
		return false;
	if (w->folder && !slice_equal(k->folder, slice_from_str(w->folder)))
		return false;
	return !w->message_id ||
	       slice_equal(message_id_of(arena, k), slice_from_str(w->message_id));
}

/* --- listing ------------------------------------------------------------------------- */

struct listing {
	struct wanted wanted;
	struct arena *arena; /* of a message */
	int64_t after;
	json_t *items;
};

static json_t *item_of(struct arena *arena, const struct mailbox_kept *k)
{
	struct slice envelope = k->message->envelope;
	return json_pack(
		"{s:o, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "folder",
		admin_json_text(k->folder), "folder_deleted", k->folder_gone, "uid",
		(json_int_t)k->message->uid, "expunged_ms", (json_int_t)k->expunged_ms,
		"received_ms", (json_int_t)k->message->internal_ms, "bytes",
		(json_int_t)k->message->size_bytes, "from",
		admin_json_text(slice_trim(imap_envelope_field(arena, envelope, ENVELOPE_FROM))),
		"subject", admin_json_text(imap_envelope_field(arena, envelope, ENVELOPE_SUBJECT)),
		"message_id", admin_json_text(message_id_of(arena, k)));
}

static int list_one(const struct mailbox_kept *k, void *arg)
{
	struct listing *l = arg;
	l->after = k->chunk;
	if (is_wanted(&l->wanted, l->arena, k))
		json_array_append_new(l->items, item_of(l->arena, k));
	arena_reset(l->arena);
	return 0;
}

static int list_some(struct db *db, void *arg)
{
	struct listing *l = arg;
	return mailbox_each_kept(db, l->wanted.account_id, l->after, list_one, l);
}

static int undelete_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct listing l = { .wanted = { .arena = arena_new() }, .arena = arena_new() };
	int more = take_wanted(admin, request, reply, &l.wanted);
	more = more == 0 ? 1 : more;
	while (more > 0) {
		int64_t before = l.after;
		l.items = json_array();
		more = store_read(admin->store, list_some, &l);
		int rc = admin_items(reply, l.items);
		more = rc < 0 ? rc : more;
		if (l.after == before)
			break;
	}
	arena_free(l.arena);
	arena_free(l.wanted.arena);
	return more < 0 ? more : 0;
}

/* --- bringing back ------------------------------------------------------------------- */

/* The wanted messages of one chunk. */
struct part {
	int64_t chunk;
	struct slice folder;
	struct uid_set uids;
};

enum { PARTS_MAX = KEPT_CHUNKS_AT_ONCE };
struct run {
	struct wanted wanted;
	struct arena *arena, *scratch; /* of some parts; of a message */
	struct part parts[PARTS_MAX];
	size_t count;
	int64_t after;
	const struct part *part; /* that is brought back now */
	int64_t to_id;
	bool made; /* the folder */
	uint64_t now, all;
};

static int note_one(const struct mailbox_kept *k, void *arg)
{
	struct run *r = arg;
	r->after = k->chunk;
	if (!is_wanted(&r->wanted, r->scratch, k))
		return 0;
	struct part *p = r->count > 0 ? &r->parts[r->count - 1] : NULL;
	if (!p || p->chunk != k->chunk) {
		p = &r->parts[r->count++];
		*p = (struct part){ .chunk = k->chunk, .folder = arena_copy(r->arena, k->folder) };
	}
	uid_set_add(r->arena, &p->uids, k->message->uid, k->message->uid);
	arena_reset(r->scratch);
	return 0;
}

static int note_some(struct db *db, void *arg)
{
	struct run *r = arg;
	r->count = 0;
	return mailbox_each_kept(db, r->wanted.account_id, r->after, note_one, r);
}

/* The folder it came from, or the one that was asked for; made if it is not there. */
static int find_target(struct db *db, struct run *r)
{
	struct slice given = r->wanted.to ? slice_from_str(r->wanted.to) : r->part->folder, name;
	struct mailbox_info info;
	int rc = mailbox_name(r->arena, given, &name);
	if (rc == 0)
		rc = mailbox_find(db, r->arena, r->wanted.account_id, name, &info);
	if (rc == 0)
		r->to_id = info.id;
	r->made = rc == -ENOENT;
	if (!r->made)
		return rc;
	rc = mailbox_create(db, r->wanted.account_id, name, USE_NONE, &r->to_id);
	return rc == 0 ? mailbox_subscribe(db, r->wanted.account_id, name, true) : rc;
}

static int bring_back(struct db *db, void *arg)
{
	struct run *r = arg;
	r->now = 0;
	int rc = find_target(db, r);
	if (rc == 0)
		rc = mailbox_undelete(db, r->part->chunk, &r->part->uids, r->to_id, &r->now);
	return rc;
}

static int bring_back_parts(struct admin *admin, struct run *r)
{
	int rc = 0;
	for (size_t i = 0; i < r->count && rc == 0; i++) {
		r->part = &r->parts[i];
		rc = store_commit(admin->store, NULL, 0, bring_back, r);
		/* Somebody else was quicker. */
		if (rc == -ENOENT) {
			r->made = false;
			rc = r->now = 0;
		}
		r->all += rc == 0 ? r->now : 0;
		if (rc == 0 && admin->mailboxes)
			mailboxes_changed(admin->mailboxes, r->to_id);
		if (rc == 0 && r->made && admin->mailboxes)
			mailboxes_names_changed(admin->mailboxes, r->wanted.account_id);
	}
	return rc;
}

static int undelete_run(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct run *r = mem_zero(1, sizeof(*r));
	r->arena = arena_new();
	r->scratch = arena_new();
	r->wanted.arena = arena_new();
	int more = take_wanted(admin, request, reply, &r->wanted);
	more = more == 0 ? 1 : more;
	while (more > 0) {
		int64_t before = r->after;
		more = store_read(admin->store, note_some, r);
		int rc = more < 0 ? more : bring_back_parts(admin, r);
		more = rc < 0 ? rc : more;
		arena_reset(r->arena);
		if (r->after == before)
			break;
	}
	if (more >= 0)
		more = admin_item(reply, json_pack("{s:I}", "messages", (json_int_t)r->all));
	arena_free(r->wanted.arena);
	arena_free(r->scratch);
	arena_free(r->arena);
	free(r);
	return more;
}

const struct admin_command admin_undelete_commands[] = {
	{ "undelete.list", undelete_list },
	{ "undelete.run", undelete_run },
	{ 0 },
};
