/* Packing the keys of messages. */
#include <endian.h>
#include <errno.h>

#include "imap/imap_keys.h"
#include "mailbox/key_row.h"

enum {
	NUMBERS_BYTES_MAX = PACK_UIDS * (1 + 3 * 8),
	LONG_BYTES_MAX = 1 << 20, /* whose messages need more has no use for a packed row */
	/* Of keys before they are packed. Six texts of 64 KiB a message would be more than a GiB,
	 * and anybody may send such messages. */
	ROW_BYTES_MAX = 4 << 20,
};

struct fill {
	struct store *store;
	int64_t mailbox_id;
	struct arena *arena, *scratch;
	struct arena *row_arena; /* the keys' of the row that is made */
	uint32_t lacking[KEY_ROWS_AT_ONCE];
	size_t lacking_count;
	uint32_t number;          /* of the row that is made */
	uint32_t uids[PACK_UIDS]; /* its messages */
	struct imap_keys keys[PACK_UIDS];
	size_t count;
	struct key_row rows[KEY_ROWS_AT_ONCE];
};

/* --- packing ------------------------------------------------------------------------- */

static int put64(struct buf *out, uint64_t value)
{
	value = htole64(value);
	return buf_append(out, slice_of((const char *)&value, sizeof(value)));
}

static int put_numbers(struct buf *out, uint32_t uid, const struct imap_keys *keys)
{
	int rc = buf_append_byte(out, (char)((uid - 1) % PACK_UIDS));
	if (rc == 0)
		rc = put64(out, (uint64_t)keys->internal_ms);
	if (rc == 0)
		rc = put64(out, (uint64_t)keys->sent_s);
	return rc == 0 ? put64(out, keys->size_bytes) : rc;
}

static int put_threads(struct buf *out, const struct imap_keys *keys)
{
	uint16_t count = htole16((uint16_t)keys->ancestor_count);
	int rc = keys->ancestor_count > UINT16_MAX ? -E2BIG : put64(out, keys->id);
	if (rc == 0)
		rc = put64(out, keys->subject);
	if (rc == 0)
		rc = buf_append_byte(out, keys->is_reply);
	if (rc == 0)
		rc = buf_append(out, slice_of((const char *)&count, sizeof(count)));
	for (size_t i = 0; i < keys->ancestor_count && rc == 0; i++)
		rc = put64(out, keys->ancestors[i]);
	return rc;
}

static int put_texts(struct buf *out, const struct imap_keys *keys)
{
	int rc = 0;
	for (size_t i = 0; i < KEYS_TEXTS && rc == 0; i++) {
		uint16_t len = htole16((uint16_t)keys->texts[i].len);
		rc = keys->texts[i].len > UINT16_MAX
		             ? -E2BIG
		             : buf_append(out, slice_of((const char *)&len, sizeof(len)));
		if (rc == 0)
			rc = buf_append(out, keys->texts[i]);
	}
	return rc;
}

static struct key_row pack(const struct fill *f)
{
	struct key_row row = { .number = f->number };
	struct buf numbers = buf_make(NUMBERS_BYTES_MAX), threads = buf_make(LONG_BYTES_MAX);
	struct buf texts = buf_make(LONG_BYTES_MAX);
	int rc = arena_used(f->row_arena) > ROW_BYTES_MAX ? -E2BIG : 0;
	for (size_t i = 0; i < f->count && rc == 0; i++) {
		rc = put_numbers(&numbers, f->uids[i], &f->keys[i]);
		if (rc == 0)
			rc = put_threads(&threads, &f->keys[i]);
		if (rc == 0)
			rc = put_texts(&texts, &f->keys[i]);
	}
	if (rc == 0) {
		row.numbers = arena_copy(f->arena, buf_slice(&numbers));
		row.threads = arena_copy(f->arena, buf_slice(&threads));
		row.texts = arena_copy(f->arena, buf_slice(&texts));
	}
	buf_free(&numbers);
	buf_free(&threads);
	buf_free(&texts);
	return row;
}

/* --- reading ------------------------------------------------------------------------- */

static int keep_row(const struct mailbox_message *m, void *arg)
{
	struct fill *f = arg;
	f->uids[f->count] = m->uid;
	imap_keys_of_row(f->row_arena, f->scratch, m, KEYS_ALL, &f->keys[f->count++]);
	return f->count == PACK_UIDS || arena_used(f->row_arena) > ROW_BYTES_MAX ? 1 : 0;
}

static int read_rows(struct db *db, void *arg)
{
	struct fill *f = arg;
	const uint32_t before = f->number * PACK_UIDS;
	struct uid_range range = { before + 1, before + PACK_UIDS };
	const struct uid_set uids = { .ranges = &range, .count = 1 };
	f->count = 0;
	return mailbox_each_message(db, f->mailbox_id, &uids, imap_keys_read(KEYS_ALL), keep_row,
	                            f);
}

static void look_up_references(struct fill *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (!f->keys[i].unknown_in)
			continue;
		struct slice ids = imap_keys_references(f->store, f->scratch,
		                                        f->keys[i].unknown_in);
		if (ids.len > 0)
			imap_keys_ancestors(f->row_arena, ids, &f->keys[i]);
		arena_reset(f->scratch);
	}
}

static int find_lacking(struct db *db, void *arg)
{
	struct fill *f = arg;
	return key_row_lacking(db, f->mailbox_id, f->lacking, &f->lacking_count);
}

/* --- some rows ----------------------------------------------------------------------- */

static int save_rows(struct db *db, void *arg)
{
	const struct fill *f = arg;
	bool last = f->lacking_count < KEY_ROWS_AT_ONCE;
	int rc = last ? key_row_trim(db, f->mailbox_id) : 0;
	for (size_t i = 0; i < f->lacking_count && rc == 0; i++)
		rc = key_row_save(db, f->mailbox_id, &f->rows[i]);
	return rc;
}

static int fill_some(struct fill *f)
{
	int rc = store_read(f->store, find_lacking, f);
	if (rc < 0 || f->lacking_count == 0)
		return rc == -ENOENT ? 0 : rc;
	for (size_t i = 0; i < f->lacking_count; i++) {
		f->number = f->lacking[i];
		arena_reset(f->row_arena);
		rc = store_read(f->store, read_rows, f);
		if (rc < 0)
			return rc;
		look_up_references(f);
		f->rows[i] = pack(f);
	}
	return store_commit(f->store, NULL, 0, save_rows, f);
}

int imap_keys_fill(struct store *store, int64_t mailbox_id, bool *more_out)
{
	struct arena *arena = arena_new();
	struct fill *f = ARENA_NEW(arena, struct fill);
	f->store = store;
	f->mailbox_id = mailbox_id;
	f->arena = arena;
	f->scratch = arena_new();
	f->row_arena = arena_new();
	int rc = fill_some(f);
	*more_out = rc == 0 && f->lacking_count == KEY_ROWS_AT_ONCE;
	arena_free(f->row_arena);
	arena_free(f->scratch);
	arena_free(arena);
	return rc;
}
