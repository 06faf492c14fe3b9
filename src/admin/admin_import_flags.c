/* import.flags: messages that came from a source before have other flags there now.
 *
 *     {"command":"import.flags", "address":..., "source":...,
 *      "messages":[{"key":"12.7", "flags":1, "keywords":["work"]}]} */
#include <errno.h>

#include "admin/admin_import.h"
#include "mailbox/import_rows.h"
#include "mailbox/mailbox.h"

struct flag_changes {
	struct import_place place;
	const json_t *messages;
	int64_t mailbox_id; /* of the last one: a source fills one folder */
	uint64_t changed;
};

static int read_bits(struct db *db, int64_t mailbox_id, const json_t *message, uint64_t *bits_out)
{
	size_t index;
	json_t *keyword;
	uint64_t bits = (uint64_t)admin_number(message, "flags", 0) &
	                (FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT);
	json_array_foreach(json_object_get(message, "keywords"), index, keyword)
	{
		uint64_t bit;
		struct slice name = slice_from_str(json_string_value(keyword));
		int rc = mailbox_get_keyword(db, mailbox_id, name, &bit);
		if (rc == 0)
			bits |= bit;
		else if (rc != -ENFILE && rc != -EINVAL)
			return rc;
	}
	*bits_out = bits;
	return 0;
}

/* What was deleted here, or moved away, stays as it is. */
static int change_one(struct db *db, struct flag_changes *f, const json_t *message)
{
	struct import_item item;
	struct mailbox_info info;
	uint64_t bits, changed = 0;
	struct slice key = slice_from_str(admin_text(message, "key"));
	int rc = import_find_item(db, f->place.source_id, key, &item);
	if (rc == 0 && item.uid > 0)
		rc = mailbox_get(db, f->place.arena, item.mailbox_id, &info);
	if (rc == -ENOENT || (rc == 0 && item.uid == 0))
		return 0;
	if (rc == 0 && info.account_id != f->place.account_id)
		return 0;
	struct uid_range range = { item.uid, item.uid };
	const struct uid_set uids = { .ranges = &range, .count = 1 };
	if (rc == 0)
		rc = read_bits(db, item.mailbox_id, message, &bits);
	if (rc == 0)
		rc = mailbox_change_flags(db, item.mailbox_id, &uids, FLAGS_SET, bits, &changed);
	f->mailbox_id = item.mailbox_id;
	f->changed += changed;
	return rc;
}

static int change_all(struct db *db, void *arg)
{
	struct flag_changes *f = arg;
	size_t index;
	json_t *message;
	int rc = 0;
	f->changed = 0;
	json_array_foreach(f->messages, index, message)
	{
		if (rc == 0)
			rc = change_one(db, f, message);
	}
	return rc;
}

int import_flags(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct flag_changes f = { .messages = json_object_get(request, "messages") };
	int rc = import_read_place(admin, arena, request, reply, &f.place);
	if (rc == 0 && f.place.source_id)
		rc = store_commit(admin->store, NULL, 0, change_all, &f);
	if (rc == 0 && f.changed > 0 && admin->mailboxes)
		mailboxes_changed(admin->mailboxes, f.mailbox_id);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I}", "changed", (json_int_t)f.changed));
	arena_free(arena);
	return rc;
}
