#include "mailbox/mailbox_state.h"

#include <errno.h>

#include "mailbox/mailbox_rows.h"

int mailbox_each_flags(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                       int (*visit)(uint32_t uid, uint64_t flags, void *arg), void *arg)
{
	struct pack_walk walk = { .db = db, .mailbox_id = mailbox_id, .uids = uids };
	int rc;
	while ((rc = pack_walk_next(&walk)) == 0) {
		for (uint32_t i = 0; i < walk.pack.count && rc == 0; i++) {
			uint32_t uid = pack_uid(&walk.pack, i);
			if (uid_set_has(uids, uid))
				rc = visit(uid, walk.pack.flags[i], arg);
		}
		if (rc != 0)
			return rc;
	}
	return rc == -ENODATA ? 0 : rc;
}

int mailbox_read_keywords(struct db *db, struct arena *arena, int64_t mailbox_id,
                          struct slice names_out[static MAILBOX_KEYWORD_MAX])
{
	struct db_rows rows;
	for (size_t i = 0; i < MAILBOX_KEYWORD_MAX; i++)
		names_out[i] = SLICE_EMPTY;
	int rc = db_query(db, &rows, "SELECT number, name FROM keyword WHERE mailbox_id = $1", "i",
	                  mailbox_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t number = db_int(&rows, 0);
		if (number >= 0 && number < MAILBOX_KEYWORD_MAX)
			names_out[number] = arena_copy(arena, db_text(&rows, 1));
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
