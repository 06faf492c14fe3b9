/* Reading the keys of messages, packed or from their rows. */
#include <endian.h>

#include "base/cursor.h"
#include "imap/imap_keys.h"
#include "imap/imap_reply.h"
#include "mailbox/key_row.h"

enum {
	KEYS_BATCH = 2048,
	KEYS_DENSE = 16, /* messages asked for of a packed row, for which it is worth reading */
};

struct keys_batch {
	struct mailbox_item items[KEYS_BATCH];
	struct imap_keys keys[KEYS_BATCH];
	bool known[KEYS_BATCH];
	size_t count, next;
	int64_t mailbox_id;
	unsigned what;
	struct arena *kept;            /* the command's */
	struct arena *arena, *scratch; /* of a batch; of a message */
};

/* --- packed -------------------------------------------------------------------------- */

static bool take64(struct cursor *c, uint64_t *out)
{
	struct slice bytes;
	if (!take_bytes(c, sizeof(*out), &bytes))
		return false;
	memcpy(out, bytes.data, sizeof(*out));
	*out = le64toh(*out);
	return true;
}

static bool take_numbers(struct cursor *c, char *offset, struct imap_keys *out)
{
	uint64_t internal_ms, sent_s;
	if (!take_any(c, offset) || !take64(c, &internal_ms) || !take64(c, &sent_s) ||
	    !take64(c, &out->size_bytes))
		return false;
	out->internal_ms = (int64_t)internal_ms;
	out->sent_s = (int64_t)sent_s;
	return true;
}

static bool take_ancestors(struct cursor *c, struct arena *arena, struct imap_keys *out)
{
	struct slice bytes;
	uint16_t count;
	if (!take_bytes(c, sizeof(count), &bytes))
		return false;
	memcpy(&count, bytes.data, sizeof(count));
	out->ancestor_count = le16toh(count);
	uint64_t *ancestors = ARENA_ARRAY(arena, out->ancestor_count, uint64_t);
	for (size_t i = 0; i < out->ancestor_count; i++) {
		if (!take64(c, &ancestors[i]))
			return false;
	}
	out->ancestors = ancestors;
	return true;
}

static bool take_threads(struct cursor *c, struct arena *arena, struct imap_keys *out)
{
	char is_reply;
	if (!take64(c, &out->id) || !take64(c, &out->subject) || !take_any(c, &is_reply))
		return false;
	out->is_reply = is_reply != 0;
	return take_ancestors(c, arena, out);
}

static bool take_texts(struct cursor *c, struct arena *arena, struct imap_keys *out)
{
	struct slice *texts = ARENA_ARRAY(arena, KEYS_TEXTS, struct slice), bytes;
	for (size_t i = 0; i < KEYS_TEXTS; i++) {
		uint16_t len;
		if (!take_bytes(c, sizeof(len), &bytes))
			return false;
		memcpy(&len, bytes.data, sizeof(len));
		if (!take_bytes(c, le16toh(len), &texts[i]))
			return false;
	}
	out->texts = texts;
	return true;
}

/* Bytes that are no packed row end it: what it has not said is read from the messages' rows. */
static int take_packed(const struct key_row *row, void *arg)
{
	struct keys_batch *b = arg;
	struct cursor numbers = cursor_of(row->numbers), threads = cursor_of(row->threads);
	struct cursor texts = cursor_of(arena_copy(b->kept, row->texts));
	struct imap_keys keys = { 0 };
	char offset;
	while (b->next < b->count && take_numbers(&numbers, &offset, &keys)) {
		uint32_t uid = row->number * PACK_UIDS + (uint8_t)offset + 1;
		if ((b->what & KEYS_THREADS) && !take_threads(&threads, b->kept, &keys))
			break;
		if ((b->what & ~(unsigned)KEYS_THREADS) && !take_texts(&texts, b->kept, &keys))
			break;
		while (b->next < b->count && b->items[b->next].uid < uid)
			b->next++;
		if (b->next == b->count || b->items[b->next].uid != uid)
			continue;
		b->keys[b->next] = keys;
		b->known[b->next++] = true;
	}
	return 0;
}

/* --- from rows ----------------------------------------------------------------------- */

static int take_row(const struct mailbox_message *row, void *arg)
{
	struct keys_batch *b = arg;
	while (b->next < b->count && b->items[b->next].uid < row->uid)
		b->next++;
	if (b->next == b->count || b->items[b->next].uid != row->uid)
		return 0;
	imap_keys_of_row(b->kept, b->scratch, row, b->what, &b->keys[b->next]);
	b->known[b->next] = true;
	return 0;
}

static unsigned parts_of(unsigned what)
{
	return (what & KEYS_THREADS ? KEY_ROW_THREADS : 0u) |
	       (what & ~(unsigned)KEYS_THREADS ? KEY_ROW_TEXTS : 0u);
}

static int read_keys(struct db *db, void *arg)
{
	struct keys_batch *b = arg;
	uint32_t first = pack_number(b->items[0].uid);
	uint32_t last = pack_number(b->items[b->count - 1].uid);
	struct uid_set lacking = { 0 };
	int rc = 0;
	b->next = 0;
	if (b->count / KEYS_DENSE >= last - first)
		rc = key_row_each(db, b->mailbox_id, first, last, parts_of(b->what), take_packed,
		                  b);
	for (size_t i = 0; i < b->count; i++) {
		if (!b->known[i])
			uid_set_add(b->arena, &lacking, b->items[i].uid, b->items[i].uid);
	}
	b->next = 0;
	if (rc == 0 && lacking.count > 0)
		rc = mailbox_each_message(db, b->mailbox_id, &lacking, imap_keys_read(b->what),
		                          take_row, b);
	return rc;
}

/* --- all of them --------------------------------------------------------------------- */

int imap_each_keys(struct imap_command *c, const struct uid_set *uids, unsigned what,
                   int (*visit)(const struct mailbox_item *item, const struct imap_keys *keys,
                                void *arg),
                   void *arg)
{
	const struct mailbox_view *view = c->s->selected->view;
	struct mailbox_set_walk walk = { .uids = uids };
	struct keys_batch *b = mem_zero(1, sizeof(*b));
	int rc = 0;
	b->mailbox_id = view->mailbox_id;
	b->what = what;
	b->kept = c->arena;
	b->arena = arena_new();
	b->scratch = arena_new();
	do {
		b->count = 0;
		while (b->count < KEYS_BATCH &&
		       mailbox_view_next_of(view, &walk, &b->items[b->count]))
			b->known[b->count++] = false;
		if (b->count > 0)
			rc = store_read(imap_context(c->s)->store, read_keys, b);
		for (size_t i = 0; i < b->count && rc == 0; i++)
			rc = b->known[i] ? visit(&b->items[i], &b->keys[i], arg) : 0;
		arena_reset(b->arena);
		imap_extend(c->s);
		fiber_yield();
	} while (rc == 0 && b->count == KEYS_BATCH);
	arena_free(b->scratch);
	arena_free(b->arena);
	free(b);
	return rc;
}
