#include "mailbox/lesson.h"

#include <errno.h>

enum { SET_BYTES_MAX = 1 << 20 };

/* --- rows --------------------------------------------------------------------------------- */

static int count_waiting(struct db *db, int64_t account_id, uint64_t *count_out)
{
	int64_t count = 0;
	int rc = db_get_int(db, &count,
	                    "SELECT coalesce(sum(count), 0) FROM lesson WHERE account_id = $1", "i",
	                    account_id);
	*count_out = (uint64_t)count;
	return rc;
}

static int insert(struct db *db, const struct lesson *l, uint64_t count)
{
	struct buf text = buf_make(SET_BYTES_MAX);
	int rc = uid_set_write(&l->uids, &text);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO lesson (account_id, mailbox_id, uids, count, spam)"
		            " VALUES ($1, $2, $3, $4, $5)",
		            "iitii", l->account_id, l->mailbox_id, buf_slice(&text), (int64_t)count,
		            (int64_t)l->is_spam);
	buf_free(&text);
	return rc;
}

int lesson_put(struct db *db, const struct lesson *lesson, uint64_t max_waiting,
               struct lesson_noted *out)
{
	uint64_t waiting, count = uid_set_size(&lesson->uids);
	*out = (struct lesson_noted){ .noted = false };
	if (count == 0)
		return 0;
	int rc = count_waiting(db, lesson->account_id, &waiting);
	if (rc < 0)
		return rc;
	/* All or none: a part would be as good as any other part. */
	if (waiting + count > max_waiting) {
		out->lost = count;
		return 0;
	}
	out->noted = true;
	return insert(db, lesson, count);
}

int lesson_next(struct db *db, struct arena *arena, struct lesson *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, account_id, mailbox_id, uids, spam FROM lesson"
	                  " ORDER BY id LIMIT 1",
	                  "");
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*out = (struct lesson){ .id = db_int(&rows, 0),
			                .account_id = db_int(&rows, 1),
			                .mailbox_id = db_int(&rows, 2),
			                .is_spam = db_int(&rows, 4) != 0 };
		rc = uid_set_read(arena, &out->uids, db_text(&rows, 3));
	}
	db_end(&rows);
	return rc;
}

int lesson_end(struct db *db, int64_t id)
{
	return db_run(db, "DELETE FROM lesson WHERE id = $1", "i", id);
}

int lesson_remove_account(struct db *db, int64_t account_id)
{
	return db_run(db, "DELETE FROM lesson WHERE account_id = $1", "i", account_id);
}

int lesson_count(struct db *db, int64_t *count_out)
{
	return db_get_int(db, count_out, "SELECT coalesce(sum(count), 0) FROM lesson", "");
}

/* --- what is one -------------------------------------------------------------------------- */

struct place {
	int64_t account_id;
	enum mailbox_use use;
};

/* Mail that we take for junk is filed by the name, so that counts where no use is set. */
static enum mailbox_use use_of(enum mailbox_use use, struct slice name)
{
	if (use != USE_NONE)
		return use;
	if (slice_equal(name, SLICE("Junk")))
		return USE_JUNK;
	return slice_equal(name, SLICE("Trash")) ? USE_TRASH : USE_NONE;
}

static int find_places(struct db *db, int64_t from_id, int64_t to_id, struct place *from,
                       struct place *to)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, account_id, special_use, name FROM mailbox"
	                  " WHERE id IN ($1, $2)",
	                  "ii", from_id, to_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct place *p = db_int(&rows, 0) == from_id ? from : to;
		*p = (struct place){ db_int(&rows, 1), use_of((enum mailbox_use)db_int(&rows, 2),
			                                      db_text(&rows, 3)) };
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int lesson_of_copy(struct db *db, struct arena *arena, int64_t account_id, int64_t from_id,
                   int64_t to_id, const struct mailbox_copied *copied, uint64_t max_waiting,
                   struct lesson_noted *out)
{
	struct place from = { 0 }, to = { 0 };
	struct lesson lesson = { .account_id = account_id, .mailbox_id = to_id };
	*out = (struct lesson_noted){ .noted = false };
	if (copied->count == 0 || from_id == to_id)
		return 0;
	int rc = find_places(db, from_id, to_id, &from, &to);
	if (rc < 0 || from.account_id != account_id || to.account_id != account_id ||
	    (from.use == USE_JUNK) == (to.use == USE_JUNK) || to.use == USE_TRASH)
		return rc;
	lesson.is_spam = to.use == USE_JUNK;
	uid_set_add(arena, &lesson.uids, copied->first_uid,
	            copied->first_uid + (uint32_t)copied->count - 1);
	return lesson_put(db, &lesson, max_waiting, out);
}

int lesson_keyword_kind(const struct slice *keywords, size_t count)
{
	bool spam = false, ham = false;
	for (size_t i = 0; i < count; i++) {
		spam |= slice_equal_nocase(keywords[i], SLICE("$Junk"));
		ham |= slice_equal_nocase(keywords[i], SLICE("$NotJunk"));
	}
	return spam == ham ? -1 : spam;
}
