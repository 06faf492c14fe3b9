/* SEARCH (RFC 3501 section 6.4.4) and its ESEARCH answer (RFC 4731). */
#include <errno.h>

#include "base/log.h"
#include "imap/imap_limit.h"
#include "imap/imap_match.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"

enum { ESEARCH_BYTES_MAX = 1 << 20 };

struct search {
	struct imap_command *c;
	struct imap_session *s;
	struct imap_search *request;
	bool by_uid;         /* numbers are UIDs */
	struct arena *arena; /* of a batch */
	struct arena *scratch;
	struct uid_set numbers; /* the same as the client wants them: UIDs or sequence numbers */
	uint32_t limit;         /* of messages that are looked at; 0: none */
	uint32_t first_uid;     /* so that there are not more */
	unsigned missing;
};

static void add_found(struct search *f, const struct mailbox_item *item)
{
	uint32_t number = f->by_uid ? item->uid : item->seq;
	uid_set_add(f->c->arena, &f->numbers, number, number);
}

/* --- preparing ----------------------------------------------------------------------- */

static uint64_t keyword_flag(const struct mailbox_view *view, struct slice name)
{
	for (size_t i = 0; view->keywords && i < view->keywords->count; i++) {
		if (slice_equal_nocase(view->keywords->names[i], name))
			return FLAG_KEYWORD(i);
	}
	return 0;
}

/* What is above the last, or below the first, of a set (RFC 9738 section 3.2). */
static struct uid_set beyond(struct search *f, const struct uid_set *uids, bool above)
{
	struct uid_set out = { 0 };
	if (uids->count == 0)
		return out;
	uint32_t first = uids->ranges[0].first, last = uids->ranges[uids->count - 1].last;
	if (above && last < UINT32_MAX)
		uid_set_add(f->c->arena, &out, last + 1, UINT32_MAX);
	if (!above && first > 1)
		uid_set_add(f->c->arena, &out, 1, first - 1);
	return out;
}

/* Sets become UIDs and keywords bits. Numbers that no message has match none. */
static void prepare(struct search *f, struct imap_search_key *key)
{
	const struct mailbox_view *view = f->s->selected->view;

	for (; key; key = key->next) {
		switch (key->kind) {
		case SEARCH_SEQ:
		case SEARCH_UID:
			key->resolved = imap_set_uids(f->c, &key->set, key->kind == SEARCH_UID);
			break;
		case SEARCH_UIDAFTER:
		case SEARCH_UIDBEFORE:
			key->resolved = imap_set_uids(f->c, &key->set, true);
			key->resolved = beyond(f, &key->resolved, key->kind == SEARCH_UIDAFTER);
			break;
		case SEARCH_OLDER:
		case SEARCH_YOUNGER:
			key->at_ms = clock_wall_ms() - (int64_t)key->number * 1000;
			break;
		case SEARCH_KEYWORD:
			key->flag = keyword_flag(view, key->text);
			break;
		default:
			prepare(f, key->first);
		}
	}
}

/* RFC 9738 limits the messages that are looked at: those that the UIDs and numbers among the keys
 * leave. */
static void limit_search(struct search *f)
{
	struct uid_set uids = UID_SET_ALL;
	for (const struct imap_search_key *key = f->request->root->first; key; key = key->next) {
		if (key->kind == SEARCH_SEQ || key->kind == SEARCH_UID ||
		    key->kind == SEARCH_UIDAFTER || key->kind == SEARCH_UIDBEFORE)
			uids = uid_set_common(f->c->arena, &uids, &key->resolved);
	}
	if (imap_limit(f->c, &uids, 0, f->limit))
		f->first_uid = uids.ranges[0].first;
}

/* --- messages in doubt --------------------------------------------------------------- */

struct doubt {
	struct mailbox_item item;
	struct mailbox_message row;
	bool needs_bytes, matches;
};

struct doubts {
	struct search *f;
	struct doubt entries[IMAP_FETCH_BATCH];
	size_t count, next;
	bool needs_bytes; /* of one at least */
};

static int doubt_row(const struct mailbox_message *row, void *arg)
{
	struct doubts *d = arg;
	while (d->next < d->count && d->entries[d->next].item.uid < row->uid)
		d->next++;
	if (d->next == d->count || d->entries[d->next].item.uid != row->uid)
		return 0;
	struct doubt *e = &d->entries[d->next++];
	struct imap_match m = { .scratch = d->f->scratch,
		                .item = &e->item,
		                .recent_uid = d->f->s->selected->recent_uid,
		                .row = row };
	enum imap_verdict v = imap_match(d->f->request->root, &m);
	e->needs_bytes = v == MATCH_UNKNOWN;
	e->matches = v == MATCH_YES;
	d->needs_bytes |= e->needs_bytes;
	e->row = *row;
	/* Kept for the third step only. */
	e->row.envelope = v == MATCH_UNKNOWN ? arena_copy(d->f->arena, row->envelope) : SLICE_EMPTY;
	e->row.references = arena_copy(d->f->arena, row->references);
	return 0;
}

static int doubt_rows(struct db *db, void *arg)
{
	struct doubts *d = arg;
	struct uid_set uids = { 0 };
	for (size_t i = 0; i < d->count; i++)
		uid_set_add(d->f->arena, &uids, d->entries[i].item.uid, d->entries[i].item.uid);
	return mailbox_each_message(db, d->f->s->selected->view->mailbox_id, &uids,
	                            READ_ENVELOPE | READ_KEYS, doubt_row, d);
}

static bool bytes_match(struct search *f, const struct doubt *e)
{
	struct blob_view blob;
	struct imap_match m = { .scratch = f->scratch,
		                .item = &e->item,
		                .recent_uid = f->s->selected->recent_uid,
		                .row = &e->row,
		                .bytes = &blob.bytes };
	int rc = blob_open(imap_context(f->s)->store, e->row.blob_id, &blob);
	if (rc < 0) {
		log_error("imap.message.unreadable", kv_str("account", f->s->address),
		          kv_int("uid", e->item.uid), kv_error(rc));
		f->missing++;
		return false;
	}
	bool matches = imap_match(f->request->root, &m) == MATCH_YES;
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
			e->matches = bytes_match(d->f, e);
	}
}

/* Decides those that the view could not decide. */
static int settle(struct doubts *d)
{
	struct search *f = d->f;
	if (d->count == 0)
		return 0;
	d->next = 0;
	d->needs_bytes = false;
	int rc = store_read(imap_context(f->s)->store, doubt_rows, d);
	if (rc == 0 && d->needs_bytes)
		fiber_offload(match_bytes, d);
	for (size_t i = 0; i < d->count && rc == 0; i++) {
		if (d->entries[i].matches)
			add_found(f, &d->entries[i].item);
	}
	arena_reset(f->arena);
	d->count = 0;
	fiber_yield();
	return rc;
}

static int search_all(struct search *f)
{
	const struct mailbox_view *view = f->s->selected->view;
	struct doubts *d = arena_alloc(f->c->arena, sizeof(*d));
	struct mailbox_walk walk = mailbox_view_walk_from(view, f->first_uid);
	struct mailbox_item item;
	int rc = 0;

	d->f = f;
	d->count = 0;
	while (rc == 0 && mailbox_view_next(view, &walk, &item)) {
		struct imap_match m = { .item = &item, .recent_uid = f->s->selected->recent_uid };
		enum imap_verdict v = imap_match(f->request->root, &m);
		/* Found in order, or the set would have to be sorted. */
		if (v == MATCH_YES && d->count == 0)
			add_found(f, &item);
		else if (v != MATCH_NO)
			d->entries[d->count++] = (struct doubt){ .item = item };
		if (d->count == IMAP_FETCH_BATCH) {
			rc = settle(d);
			imap_tell_progress(f->c, item.seq, view->count);
		}
		if (item.seq % IMAP_SLICE_MESSAGES == 0)
			fiber_yield();
	}
	return rc == 0 ? settle(d) : rc;
}

/* --- answering ----------------------------------------------------------------------- */

/* The greatest MODSEQ of what the answer names (RFC 7162 section 3.1.5): of all that was found, or
 * of the first or last if only these are told. */
static uint64_t greatest_mod_seq(struct search *f, const struct uid_set *numbers)
{
	const struct mailbox_view *view = f->s->selected->view;
	struct uid_set uids = f->by_uid ? *numbers : mailbox_view_uids(view, f->c->arena, numbers);
	struct mailbox_set_walk walk = { .uids = &uids };
	struct mailbox_item item;
	uint64_t greatest = 0;
	while (mailbox_view_next_of(view, &walk, &item))
		greatest = item.mod_seq > greatest ? item.mod_seq : greatest;
	return greatest;
}

static uint64_t told_mod_seq(struct search *f)
{
	const struct uid_set *n = &f->numbers;
	unsigned returns = f->request->returns;
	struct uid_set ends = { 0 };
	if (!f->request->extended || (returns & (RETURN_ALL | RETURN_COUNT)))
		return greatest_mod_seq(f, n);
	if (returns & RETURN_MIN)
		uid_set_add(f->c->arena, &ends, n->ranges[0].first, n->ranges[0].first);
	if (returns & RETURN_MAX)
		uid_set_add(f->c->arena, &ends, n->ranges[n->count - 1].last,
		            n->ranges[n->count - 1].last);
	return greatest_mod_seq(f, &ends);
}

static void answer_search(struct search *f)
{
	imap_write(f->s, SLICE("* SEARCH"));
	for (size_t i = 0; i < f->numbers.count; i++) {
		struct uid_range r = f->numbers.ranges[i];
		for (uint64_t n = r.first; n <= r.last && !f->s->write_error; n++)
			imap_write_number(f->s, SLICE(" "), n);
	}
	if (f->request->mod_seq && f->numbers.count)
		imap_printf(f->s, " (MODSEQ %llu)", (unsigned long long)told_mod_seq(f));
	imap_write(f->s, SLICE("\r\n"));
}

/* " PARTIAL (-1:-100 2:4,8)": those at some places among what was found (RFC 9394 section 3.1). */
static void answer_partial(struct search *f, struct buf *text)
{
	const struct imap_partial *p = &f->request->partial;
	const char *minus = p->from_end ? "-" : "";
	struct uid_set some = { 0 };
	uint64_t first, count;
	imap_partial_resolve(p, uid_set_size(&f->numbers), &first, &count);
	for (size_t i = 0; i < f->numbers.count && count > 0; i++) {
		struct uid_range r = f->numbers.ranges[i];
		uint64_t size = (uint64_t)r.last - r.first + 1, taken;
		if (first >= size) {
			first -= size;
			continue;
		}
		taken = size - first < count ? size - first : count;
		uid_set_add(f->c->arena, &some, r.first + (uint32_t)first,
		            r.first + (uint32_t)(first + taken - 1));
		count -= taken;
		first = 0;
	}
	imap_printf(f->s, " PARTIAL (%s%u:%s%u ", minus, p->first, minus, p->last);
	if (some.count == 0 || uid_set_write(&some, text) < 0)
		imap_write(f->s, SLICE("NIL"));
	imap_write(f->s, buf_slice(text));
	imap_write(f->s, SLICE(")"));
}

/* RFC 4731 section 3.1: nothing but the count when nothing was found. */
static void answer_esearch(struct search *f)
{
	const struct uid_set *n = &f->numbers;
	unsigned returns = f->request->returns;
	struct buf all = buf_make(ESEARCH_BYTES_MAX);

	imap_write(f->s, SLICE("* ESEARCH (TAG \""));
	imap_write(f->s, f->c->tag);
	imap_write(f->s, f->by_uid ? SLICE("\") UID") : SLICE("\")"));
	if ((returns & RETURN_MIN) && n->count)
		imap_printf(f->s, " MIN %u", n->ranges[0].first);
	if ((returns & RETURN_MAX) && n->count)
		imap_printf(f->s, " MAX %u", n->ranges[n->count - 1].last);
	if (returns & RETURN_COUNT)
		imap_printf(f->s, " COUNT %llu", (unsigned long long)uid_set_size(n));
	if ((returns & RETURN_ALL) && n->count && uid_set_write(n, &all) == 0) {
		imap_write(f->s, SLICE(" ALL "));
		imap_write(f->s, buf_slice(&all));
	}
	if (returns & RETURN_PARTIAL)
		answer_partial(f, &all);
	if (f->request->mod_seq && n->count)
		imap_write_number(f->s, SLICE(" MODSEQ "), told_mod_seq(f));
	imap_write(f->s, SLICE("\r\n"));
	buf_free(&all);
}

/* What "$" stands for from now on: all that was found, but if only the first or last is asked for,
 * that (RFC 5182 section 2.4). */
static void save_result(struct search *f)
{
	const struct uid_set *n = &f->numbers;
	unsigned returns = f->request->returns;
	struct uid_set some = { 0 };
	if (n->count && !(returns & (RETURN_ALL | RETURN_COUNT | RETURN_PARTIAL)) &&
	    (returns & (RETURN_MIN | RETURN_MAX))) {
		if (returns & RETURN_MIN)
			uid_set_add(f->c->arena, &some, n->ranges[0].first, n->ranges[0].first);
		if (returns & RETURN_MAX)
			uid_set_add(f->c->arena, &some, n->ranges[n->count - 1].last,
			            n->ranges[n->count - 1].last);
		n = &some;
	}
	struct uid_set uids = f->by_uid ? *n
	                                : mailbox_view_uids(f->s->selected->view, f->c->arena, n);
	imap_search_save(f->s, &uids);
}

void imap_search_save(struct imap_session *s, const struct uid_set *uids)
{
	struct imap_selected *selected = s->selected;
	free(selected->saved.ranges);
	selected->saved = (struct uid_set){ .count = uids->count };
	if (uids->count == 0)
		return;
	selected->saved.ranges = mem_alloc(uids->count * sizeof(struct uid_range));
	memcpy(selected->saved.ranges, uids->ranges, uids->count * sizeof(struct uid_range));
}

bool imap_search_may_run(struct imap_command *c, const struct imap_search *request)
{
	struct slice charset = request->charset;
	if (request->has_seqs && (c->s->enabled & ENABLED_UIDONLY)) {
		imap_uid_required(c);
		return false;
	}
	if (charset.len == 0 || slice_equal_nocase(charset, SLICE("UTF-8")) ||
	    slice_equal_nocase(charset, SLICE("US-ASCII")))
		return true;
	imap_no(c, "BADCHARSET (UTF-8 US-ASCII)", "That charset is not known here.");
	return false;
}

static bool take_search(struct imap_command *c, struct imap_search *request)
{
	if (!imap_take_space(&c->args) || !imap_take_search(&c->args, c->arena, request)) {
		imap_bad(c, "SEARCH needs keys.");
		return false;
	}
	/* RFC 9755 section 3 */
	if ((c->s->enabled & ENABLED_UTF8) && request->charset.len > 0) {
		imap_bad(c, "All is UTF-8 now.");
		return false;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, request))
		return false;
	/* RFC 9051 section 6.4.4 */
	if ((c->s->enabled & ENABLED_REV2) && !request->extended) {
		request->extended = true;
		request->returns = RETURN_ALL;
	}
	return true;
}

static int run(struct search *f)
{
	if (f->request->mod_seq)
		imap_enable_condstore(f->s);
	prepare(f, f->request->root);
	limit_search(f);
	f->arena = arena_new();
	f->scratch = arena_new();
	int rc = search_all(f);
	arena_free(f->scratch);
	arena_free(f->arena);
	return rc;
}

int imap_search_run(struct imap_command *c, struct imap_search *request, struct uid_set *uids_out,
                    unsigned *unreadable_out)
{
	struct search f = { .c = c, .s = c->s, .request = request, .by_uid = true };
	int rc = run(&f);
	*uids_out = f.numbers;
	*unreadable_out = f.missing;
	return rc;
}

void imap_search(struct imap_command *c)
{
	struct imap_search request;
	struct search f = { .c = c, .s = c->s, .request = &request, .by_uid = c->by_uid };
	if (!take_search(c, &request))
		return;
	f.limit = imap_message_limit(c->s);
	int rc = run(&f);
	if (rc < 0)
		f.numbers = (struct uid_set){ 0 };
	if (request.returns & RETURN_SAVE)
		save_result(&f);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	if (!request.extended)
		answer_search(&f);
	else if (request.returns != RETURN_SAVE)
		answer_esearch(&f);
	if (f.missing)
		imap_no(c, "SERVERBUG", "Some messages can't be read.");
}
