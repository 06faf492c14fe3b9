/* What the index knows, for a search and for the operator. */
#include <errno.h>

#include "imap/imap_index_internal.h"

struct question {
	struct imap_index *x;
	struct arena *arena;
	struct imap_search_key *root;
	struct mailbox_info mailbox;
	uint32_t done_uid;
};

static bool has_text(const struct imap_search_key *key)
{
	if (key->fuzzy)
		return false;
	switch (key->kind) {
	case SEARCH_FROM:
	case SEARCH_TO:
	case SEARCH_CC:
	case SEARCH_BCC:
	case SEARCH_SUBJECT:
	case SEARCH_HEADER:
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return key->text.len >= TRIGRAM_BYTES;
	default:
		return false;
	}
}

static bool any_has_text(const struct imap_search_key *key)
{
	for (; key; key = key->next) {
		if (has_text(key) || any_has_text(key->first))
			return true;
	}
	return false;
}

static int ask_keys(struct db *db, struct question *q, struct imap_search_key *key)
{
	int rc = 0;
	for (; key && rc == 0; key = key->next) {
		rc = ask_keys(db, q, key->first);
		if (rc != 0 || !has_text(key))
			continue;
		rc = text_index_find(db, q->arena, q->mailbox.id, key->text, &key->candidates);
		if (rc == 0)
			key->indexed_uid = q->done_uid;
	}
	return rc;
}

static int ask_in_read(struct db *db, void *arg)
{
	struct question *q = arg;
	struct text_index_mark mark = { .mailbox_id = q->mailbox.id };
	int rc = text_index_done(db, &mark);
	if (rc != 0 || mark.uid_validity != q->mailbox.uid_validity)
		return rc;
	q->done_uid = mark.uid;
	return mark.uid > 0 ? ask_keys(db, q, q->root) : 0;
}

static void ask(void *arg)
{
	struct question *q = arg;
	struct side *side;
	if (imap_index_mailbox(q->x->config.store, q->mailbox.id, &q->mailbox) != 0)
		return;
	if (text_index_open(q->x->dir, q->mailbox.account_id, false, &side) == 0) {
		side_read(side, ask_in_read, q);
		side_close(side);
	}
	/* Who searches once will do so again. */
	if (q->done_uid + 1 < q->mailbox.uid_next)
		imap_index_note(q->x, q->mailbox.id, 0);
}

void imap_index_ask(struct imap_index *x, struct arena *arena, int64_t mailbox_id,
                    struct imap_search_key *root)
{
	struct question q = {
		.x = x, .arena = arena, .root = root, .mailbox = { .id = mailbox_id }
	};
	if (x && any_has_text(root))
		fiber_offload(ask, &q);
}

/* --- the operator -------------------------------------------------------------------- */

void imap_index_remove(const char *dir, int64_t account_id)
{
	struct arena *arena = arena_new();
	text_index_remove(imap_index_dir(arena, dir), account_id);
	arena_free(arena);
}

struct survey {
	struct arena *arena;
	int64_t account_id;
	struct mailbox_info *mailboxes;
	size_t count, capacity;
	struct imap_index_status *out;
};

static int keep_mailbox(const struct mailbox_info *info, void *arg)
{
	struct survey *s = arg;
	if (s->count == s->capacity) {
		struct mailbox_info *old = s->mailboxes;
		s->capacity = s->capacity ? s->capacity * 2 : 16;
		s->mailboxes = ARENA_ARRAY(s->arena, s->capacity, struct mailbox_info);
		if (s->count > 0)
			memcpy(s->mailboxes, old, s->count * sizeof(*old));
	}
	s->mailboxes[s->count++] = *info;
	return 0;
}

static int list_mailboxes(struct db *db, void *arg)
{
	struct survey *s = arg;
	return mailbox_each(db, s->account_id, keep_mailbox, s);
}

/* Of the UIDs that are not done yet most have a message, but no more than there are. */
static int count_in_index(struct db *db, void *arg)
{
	struct survey *s = arg;
	struct text_index_counts counts;
	int rc = text_index_count(db, &counts);
	if (rc != 0)
		return rc;
	s->out->blobs = counts.blobs;
	s->out->skipped = counts.skipped;
	s->out->waiting = 0;
	for (size_t i = 0; i < s->count && rc == 0; i++) {
		const struct mailbox_info *m = &s->mailboxes[i];
		struct text_index_mark mark = { .mailbox_id = m->id };
		rc = text_index_done(db, &mark);
		int64_t behind = (int64_t)m->uid_next - 1 - mark.uid;
		int64_t messages = (int64_t)m->message_count;
		s->out->waiting += behind < messages ? behind : messages;
	}
	return rc;
}

int imap_index_status(struct store *store, const char *dir, int64_t account_id,
                      struct imap_index_status *out)
{
	struct survey s = { .arena = arena_new(), .account_id = account_id, .out = out };
	struct side *side;
	*out = (struct imap_index_status){ 0 };
	int rc = store_read(store, list_mailboxes, &s);
	if (rc == 0) {
		const char *place = imap_index_dir(s.arena, dir);
		for (size_t i = 0; i < s.count; i++)
			out->waiting += (int64_t)s.mailboxes[i].message_count;
		out->bytes = text_index_bytes(place, account_id);
		rc = text_index_open(place, account_id, false, &side);
	}
	if (rc == 0) {
		rc = side_read(side, count_in_index, &s);
		side_close(side);
	} else if (rc == -ENOENT) {
		rc = 0;
	}
	arena_free(s.arena);
	return rc;
}
