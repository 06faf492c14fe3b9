#include "imap/imap_seek.h"

#include "base/log.h"
#include "imap/imap_index.h"
#include "imap/imap_match.h"
#include "imap/imap_reply.h"

enum { SCORES_FIRST = 256, SCORE_MAX = 100 };

/* --- what is found ------------------------------------------------------------------- */

static void add_score(struct imap_seek *k, uint32_t uid, const struct imap_relevance *relevance)
{
	if (k->score_count == k->score_capacity) {
		size_t capacity = k->score_capacity ? k->score_capacity * 2 : SCORES_FIRST;
		struct imap_score *grown = ARENA_ARRAY(k->arena, capacity, struct imap_score);
		if (k->score_count)
			memcpy(grown, k->scores, k->score_count * sizeof(*grown));
		k->scores = grown;
		k->score_capacity = capacity;
	}
	unsigned score = relevance->count ? relevance->sum / relevance->count : SCORE_MAX;
	k->scores[k->score_count++] = (struct imap_score){ uid, (uint8_t)(score ? score : 1) };
}

static void add_found(struct imap_seek *k, const struct mailbox_item *item,
                      const struct imap_relevance *relevance)
{
	uint32_t number = k->by_uid ? item->uid : item->seq;
	uid_set_add(k->arena, &k->numbers, number, number);
	if (k->scores_wanted)
		add_score(k, item->uid, relevance);
}

unsigned imap_seek_score(const struct imap_seek *k, uint32_t uid)
{
	size_t low = 0, high = k->score_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (k->scores[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < k->score_count && k->scores[low].uid == uid ? k->scores[low].score : 0;
}

/* --- preparing ----------------------------------------------------------------------- */

struct imap_seek imap_seek_of(struct imap_command *c, struct imap_search_key *root)
{
	struct imap_selected *selected = c->s->selected;
	return (struct imap_seek){
		.s = c->s,
		.c = c,
		.arena = c->arena,
		.view = selected->view,
		.recent_uid = selected->recent_uid,
		.saved = &selected->saved,
		.root = root,
		.by_uid = true,
	};
}

struct uid_set imap_seek_uids(struct imap_seek *k, const struct imap_set *set, bool by_uid)
{
	struct mailbox_item last;
	struct uid_set uids;
	if (by_uid) {
		uint32_t max = mailbox_view_by_seq(k->view, k->view->count, &last) ? last.uid : 0;
		uids = imap_set_resolve(set, k->arena, max);
	} else {
		struct uid_set seqs = imap_set_resolve(set, k->arena, k->view->count);
		uids = mailbox_view_uids(k->view, k->arena, &seqs);
	}
	for (size_t i = 0; set->saved && k->saved && i < k->saved->count; i++)
		uid_set_add(k->arena, &uids, k->saved->ranges[i].first, k->saved->ranges[i].last);
	if (set->saved)
		uid_set_sort(&uids);
	return uids;
}

static uint64_t keyword_flag(const struct mailbox_view *view, struct slice name)
{
	for (size_t i = 0; view->keywords && i < view->keywords->count; i++) {
		if (slice_equal_nocase(view->keywords->names[i], name))
			return FLAG_KEYWORD(i);
	}
	return 0;
}

/* What is above the last, or below the first, of a set (RFC 9738 section 3.2). */
static struct uid_set beyond(struct imap_seek *k, const struct uid_set *uids, bool above)
{
	struct uid_set out = { 0 };
	if (uids->count == 0)
		return out;
	uint32_t first = uids->ranges[0].first, last = uids->ranges[uids->count - 1].last;
	if (above && last < UINT32_MAX)
		uid_set_add(k->arena, &out, last + 1, UINT32_MAX);
	if (!above && first > 1)
		uid_set_add(k->arena, &out, 1, first - 1);
	return out;
}

/* Numbers that no message has match none. */
static void prepare(struct imap_seek *k, struct imap_search_key *key)
{
	for (; key; key = key->next) {
		switch (key->kind) {
		case SEARCH_SEQ:
		case SEARCH_UID:
			key->resolved = imap_seek_uids(k, &key->set, key->kind == SEARCH_UID);
			break;
		case SEARCH_UIDAFTER:
		case SEARCH_UIDBEFORE:
			key->resolved = imap_seek_uids(k, &key->set, true);
			key->resolved = beyond(k, &key->resolved, key->kind == SEARCH_UIDAFTER);
			break;
		case SEARCH_OLDER:
		case SEARCH_YOUNGER:
			key->at_ms = clock_wall_ms() - (int64_t)key->number * 1000;
			break;
		case SEARCH_KEYWORD:
			key->flag = keyword_flag(k->view, key->text);
			break;
		default:
			prepare(k, key->first);
		}
	}
}

void imap_seek_prepare(struct imap_seek *k)
{
	prepare(k, k->root);
	imap_index_ask(imap_context(k->s)->index, k->arena, k->view->mailbox_id, k->root);
}

static void find_keywords(struct imap_seek *k, struct imap_search_key *key)
{
	for (; key; key = key->next) {
		if (key->kind == SEARCH_KEYWORD)
			key->flag = keyword_flag(k->view, key->text);
		find_keywords(k, key->first);
	}
}

void imap_seek_keywords(struct imap_seek *k) { find_keywords(k, k->root); }

/* --- messages in doubt --------------------------------------------------------------- */

struct doubt {
	struct mailbox_item item;
	struct mailbox_message row;
	struct imap_relevance relevance;
	bool needs_bytes, matches;
};

struct doubts {
	struct imap_seek *k;
	struct doubt entries[IMAP_FETCH_BATCH];
	size_t count, next;
	bool needs_bytes; /* of one at least */
};

static enum imap_verdict match(struct imap_seek *k, struct doubt *e,
                               const struct mailbox_message *row, const struct slice *bytes)
{
	struct imap_match m = { .scratch = k->scratch,
		                .item = &e->item,
		                .recent_uid = k->recent_uid,
		                .row = row,
		                .bytes = bytes,
		                .relevance = &e->relevance };
	e->relevance = (struct imap_relevance){ 0 };
	return imap_match(k->root, &m);
}

static int doubt_row(const struct mailbox_message *row, void *arg)
{
	struct doubts *d = arg;
	while (d->next < d->count && d->entries[d->next].item.uid < row->uid)
		d->next++;
	if (d->next == d->count || d->entries[d->next].item.uid != row->uid)
		return 0;
	struct doubt *e = &d->entries[d->next++];
	enum imap_verdict v = match(d->k, e, row, NULL);
	e->needs_bytes = v == MATCH_UNKNOWN;
	e->matches = v == MATCH_YES;
	d->needs_bytes |= e->needs_bytes;
	e->row = *row;
	/* Kept for the third step only. */
	e->row.envelope = v == MATCH_UNKNOWN ? arena_copy(d->k->batch, row->envelope) : SLICE_EMPTY;
	e->row.references = arena_copy(d->k->batch, row->references);
	return 0;
}

static int doubt_rows(struct db *db, void *arg)
{
	struct doubts *d = arg;
	struct uid_set uids = { 0 };
	for (size_t i = 0; i < d->count; i++)
		uid_set_add(d->k->batch, &uids, d->entries[i].item.uid, d->entries[i].item.uid);
	return mailbox_each_message(db, d->k->view->mailbox_id, &uids, READ_ENVELOPE | READ_KEYS,
	                            doubt_row, d);
}

static bool bytes_match(struct imap_seek *k, struct doubt *e)
{
	struct blob_view blob;
	int rc = blob_open(imap_context(k->s)->store, e->row.blob_id, &blob);
	if (rc < 0) {
		log_error("imap.message.unreadable", kv_str("account", k->s->address),
		          kv_int("uid", e->item.uid), kv_error(rc));
		k->unreadable++;
		return false;
	}
	bool matches = match(k, e, &e->row, &blob.bytes) == MATCH_YES;
	blob_close(&blob);
	return matches;
}

/* On the thread pool: opens messages, decodes them and looks. */
static void match_bytes(void *arg)
{
	struct doubts *d = arg;
	for (size_t i = 0; i < d->count; i++) {
		struct doubt *e = &d->entries[i];
		if (e->needs_bytes)
			e->matches = bytes_match(d->k, e);
	}
}

/* Decides those that the view could not decide. */
static int settle(struct doubts *d)
{
	struct imap_seek *k = d->k;
	if (d->count == 0)
		return 0;
	d->next = 0;
	d->needs_bytes = false;
	int rc = store_read(imap_context(k->s)->store, doubt_rows, d);
	if (rc == 0 && d->needs_bytes)
		fiber_offload(match_bytes, d);
	for (size_t i = 0; i < d->count && rc == 0; i++) {
		if (d->entries[i].matches)
			add_found(k, &d->entries[i].item, &d->entries[i].relevance);
	}
	arena_reset(k->batch);
	d->count = 0;
	fiber_yield();
	return rc;
}

static int seek(struct imap_seek *k, struct doubts *d)
{
	struct mailbox_set_walk walk = { .uids = k->among ? k->among : &UID_SET_ALL };
	struct mailbox_item item;
	unsigned looked = 0;
	int rc = 0;

	while (rc == 0 && mailbox_view_next_of(k->view, &walk, &item)) {
		struct imap_relevance relevance = { 0 };
		struct imap_match m = { .item = &item,
			                .recent_uid = k->recent_uid,
			                .relevance = &relevance };
		enum imap_verdict v = imap_match(k->root, &m);
		/* Found in order, or the set would have to be sorted. */
		if (v == MATCH_YES && d->count == 0)
			add_found(k, &item, &relevance);
		else if (v != MATCH_NO)
			d->entries[d->count++] = (struct doubt){ .item = item };
		if (d->count == IMAP_FETCH_BATCH) {
			rc = settle(d);
			if (k->c)
				imap_tell_progress(k->c, item.seq, k->view->count);
		}
		if (++looked % IMAP_SLICE_MESSAGES == 0)
			fiber_yield();
	}
	return rc == 0 ? settle(d) : rc;
}

int imap_seek_run(struct imap_seek *k)
{
	struct doubts *d = arena_alloc(k->arena, sizeof(*d));
	d->k = k;
	d->count = 0;
	k->batch = arena_new();
	k->scratch = arena_new();
	int rc = seek(k, d);
	arena_free(k->scratch);
	arena_free(k->batch);
	return rc;
}
