/* Taking messages into an account's index. */
#include <errno.h>

#include "base/log.h"
#include "imap/imap_envelope.h"
#include "imap/imap_index_internal.h"
#include "imap/imap_keys.h"
#include "imap/imap_searched.h"

enum {
	BATCH_MESSAGES = 500,
	BATCH_BYTES = 4 << 20, /* of messages */
};

struct row {
	uint32_t uid;
	int64_t blob_id;
	uint64_t size_bytes;
	struct slice envelope;
};

struct batch {
	struct index_fill *fill;
	struct arena *arena;
	struct mailbox_info mailbox;
	struct text_index_mark mark; /* as far as it is in the index */
	struct row rows[BATCH_MESSAGES];
	size_t count;
	uint64_t bytes;
};

/* --- reading ------------------------------------------------------------------------- */

static int read_mailbox(struct db *db, void *arg)
{
	struct mailbox_info *info = arg;
	struct arena *arena = arena_new();
	int rc = mailbox_get(db, arena, info->id, info);
	info->name = SLICE_EMPTY;
	arena_free(arena);
	return rc == 0 && info->account_id == 0 ? -ENOENT : rc;
}

int imap_index_mailbox(struct store *store, int64_t mailbox_id, struct mailbox_info *out)
{
	out->id = mailbox_id;
	return store_read(store, read_mailbox, out);
}

static int keep_row(const struct mailbox_message *m, void *arg)
{
	struct batch *b = arg;
	if (b->count == BATCH_MESSAGES || (b->count > 0 && b->bytes + m->size_bytes > BATCH_BYTES))
		return 1;
	b->rows[b->count++] = (struct row){ m->uid, m->blob_id, m->size_bytes,
		                            arena_copy(b->arena, m->envelope) };
	b->bytes += m->size_bytes;
	return 0;
}

static int read_rows(struct db *db, void *arg)
{
	struct batch *b = arg;
	struct uid_set uids = { 0 };
	uid_set_add(b->arena, &uids, b->mark.uid + 1, b->mailbox.uid_next - 1);
	return mailbox_each_message(db, b->mailbox.id, &uids, READ_ENVELOPE, keep_row, b);
}

/* --- a message ----------------------------------------------------------------------- */

static bool add_text(struct slice folded, void *arg)
{
	trigrams_add(arg, folded);
	return false;
}

/* What FROM and its kin look at: as the row has it, which is not quite what the header has. */
static void add_envelope(struct arena *scratch, struct slice envelope, struct trigrams *words)
{
	static const enum imap_envelope_field fields[] = { ENVELOPE_FROM, ENVELOPE_TO, ENVELOPE_CC,
		                                           ENVELOPE_BCC, ENVELOPE_SUBJECT };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		trigrams_add(words,
		             imap_fold(scratch, imap_envelope_field(scratch, envelope, fields[i])));
}

bool imap_index_words(const struct imap_index *x, int64_t blob_id, uint64_t size_bytes,
                      struct slice envelope, struct trigrams *words)
{
	struct blob_view blob;
	trigrams_clear(words);
	if (size_bytes > x->config.max_message_bytes ||
	    blob_open(x->config.store, blob_id, &blob) < 0)
		return false;
	struct arena *scratch = arena_new();
	struct slice header = slice_sub(blob.bytes, 0, header_length(blob.bytes));
	add_envelope(scratch, envelope, words);
	imap_each_header_text(header, SLICE_EMPTY, add_text, words);
	imap_each_body_text(scratch, blob.bytes, add_text, words);
	arena_free(scratch);
	blob_close(&blob);
	return true;
}

static int take_in_one(struct db *db, const struct imap_index *x, const struct row *row)
{
	bool whole = imap_index_words(x, row->blob_id, row->size_bytes, row->envelope, x->words);
	return text_index_add(db, row->blob_id, whole ? x->words : NULL);
}

/* --- a batch ------------------------------------------------------------------------- */

static int take_in(struct db *db, void *arg)
{
	struct batch *b = arg;
	const struct imap_index *x = b->fill->x;
	int rc = 0;
	for (size_t i = 0; i < b->count && rc == 0; i++) {
		const struct row *row = &b->rows[i];
		bool looked;
		rc = text_index_has(db, row->blob_id, &looked);
		if (rc == -ENODATA)
			rc = take_in_one(db, x, row);
		if (rc == 0)
			rc = text_index_place(db, row->blob_id, b->mailbox.id, row->uid);
	}
	return rc == 0 ? text_index_set_done(db, &b->mark) : rc;
}

static int read_mark(struct db *db, void *arg) { return text_index_done(db, arg); }

static int by_blob(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return (x->blob_id > y->blob_id) - (x->blob_id < y->blob_id);
}

/* Moves the mark behind the rows that were read. */
static void advance(struct batch *b, bool more)
{
	b->fill->more = more;
	b->mark.uid = more ? b->rows[b->count - 1].uid : b->mailbox.uid_next - 1;
	b->mark.uid_validity = b->mailbox.uid_validity;
}

static int open_side(struct batch *b)
{
	struct index_fill *f = b->fill;
	int rc = imap_index_mailbox(f->x->config.store, f->mailbox_id, &b->mailbox);
	if (rc != 0)
		return rc;
	f->account_id = b->mailbox.account_id;
	rc = f->side ? 0 : text_index_open(f->x->dir, f->account_id, true, &f->side);
	b->mark.mailbox_id = f->mailbox_id;
	if (rc == 0)
		rc = side_read(f->side, read_mark, &b->mark);
	if (rc == 0 && b->mark.uid > 0 &&
	    (b->mark.uid_validity != b->mailbox.uid_validity || b->mark.uid >= b->mailbox.uid_next))
		rc = -EPROTO;
	return rc;
}

static int fill_some(struct batch *b)
{
	int rc = open_side(b);
	b->fill->more = false;
	if (rc != 0)
		return rc == -ENOENT ? 0 : rc;
	if (b->mark.uid + 1 >= b->mailbox.uid_next)
		return 0;
	rc = store_read(b->fill->x->config.store, read_rows, b);
	if (rc < 0)
		return rc;
	advance(b, rc > 0);
	qsort(b->rows, b->count, sizeof(b->rows[0]), by_blob);
	rc = side_change(b->fill->side, take_in, b);
	if (rc == 0)
		b->fill->taken += b->count;
	return rc;
}

void imap_index_fill(void *arg)
{
	struct index_fill *f = arg;
	int64_t began_ms = clock_monotonic_ms();
	struct batch *b = mem_zero(1, sizeof(*b));
	b->fill = f;
	b->arena = arena_new();
	/* Keys first: they take a hundredth of the time that words do. */
	f->rc = imap_keys_fill(f->x->config.store, f->mailbox_id, &f->more);
	if (f->rc == 0 && !f->more)
		f->rc = fill_some(b);
	arena_free(b->arena);
	free(b);
	f->spent_ms = clock_monotonic_ms() - began_ms;
}
