/* SORT (RFC 5256), with the keys of RFC 5957 and the answers of RFC 5267. From the messages' rows:
 * no message is opened. */
#include <errno.h>
#include <stdlib.h>

#include "imap/imap_orders.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "imap/imap_seek.h"
#include "imap/imap_sort.h"
#include "imap/imap_update.h"

enum { SORT_BYTES_MAX = 256 << 20, SORT_OFFLOAD = 5000, NUMBERS_OFFLOAD = 20000 };

struct sort {
	struct imap_command *c;
	struct imap_sort request;
	struct imap_seek seek;
	struct imap_sorter sorter;
	struct imap_sort_entry *entries;
	size_t count;
};

/* --- order --------------------------------------------------------------------------- */

static int add_entry(const struct mailbox_item *item, const struct imap_keys *keys, void *arg)
{
	struct sort *s = arg;
	struct imap_sort_entry *e = &s->entries[s->count++];
	*e = (struct imap_sort_entry){ .seq = item->seq, .uid = item->uid };
	imap_sort_fill(&s->sorter, keys, e);
	return arena_used(s->c->arena) > SORT_BYTES_MAX ? -E2BIG : 0;
}

static void order(void *arg)
{
	struct sort *s = arg;
	qsort_r(s->entries, s->count, sizeof(*s->entries), imap_sort_compare, &s->request);
}

/* By dates and sizes, from stored keys. */
struct numbers {
	const struct imap_sort *request;
	struct imap_sort_entry *entries;
	struct imap_keys *keys;
	uint32_t *order;
	size_t count;
};

static void order_numbers(void *arg)
{
	const struct numbers *n = arg;
	imap_sort_by_numbers(n->request, n->keys, n->order, n->count);
}

static int add_keys(const struct mailbox_item *item, const struct imap_keys *keys, void *arg)
{
	struct numbers *n = arg;
	n->entries[n->count] = (struct imap_sort_entry){ .seq = item->seq, .uid = item->uid };
	n->keys[n->count++] = *keys;
	return 0;
}

static int sort_by_numbers(struct sort *s, const struct uid_set *uids)
{
	size_t most = s->c->s->selected->view->count + 1;
	struct numbers n = { .request = &s->request,
		             .entries = mem_alloc(most * sizeof(*n.entries)),
		             .keys = mem_alloc(most * sizeof(*n.keys)),
		             .order = mem_alloc(most * sizeof(*n.order)) };
	int rc = imap_each_keys(s->c, uids, 0, add_keys, &n);
	/* Of a million, by each of many keys, this takes half a second. */
	if (rc == 0 && n.count > NUMBERS_OFFLOAD)
		fiber_offload(order_numbers, &n);
	else if (rc == 0)
		order_numbers(&n);
	for (size_t i = 0; i < n.count && rc == 0; i++)
		s->entries[s->count++] = n.entries[n.order[i]];
	free(n.order);
	free(n.keys);
	free(n.entries);
	return rc;
}

/* --- answers ------------------------------------------------------------------------- */

static uint32_t number_of(const struct sort *s, size_t i)
{
	return s->c->by_uid ? s->entries[i].uid : s->entries[i].seq;
}

static void write_numbers(const struct sort *s, struct slice before, struct slice between,
                          uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count && !s->c->s->write_error; i++)
		imap_write_number(s->c->s, i == first ? before : between, number_of(s, i));
}

static uint64_t greatest_mod_seq(const struct sort *s)
{
	struct mailbox_item item;
	uint64_t greatest = 0;
	for (size_t i = 0; i < s->count; i++) {
		if (mailbox_view_by_uid(s->c->s->selected->view, s->entries[i].uid, &item) &&
		    item.mod_seq > greatest)
			greatest = item.mod_seq;
	}
	return greatest;
}

static void answer_sort(const struct sort *s)
{
	imap_write(s->c->s, SLICE("* SORT"));
	write_numbers(s, SLICE(" "), SLICE(" "), 0, s->count);
	if (s->request.search.mod_seq && s->count)
		imap_printf(s->c->s, " (MODSEQ %llu)", (unsigned long long)greatest_mod_seq(s));
	imap_write(s->c->s, SLICE("\r\n"));
}

static void answer_partial(const struct sort *s)
{
	const struct imap_partial *p = &s->request.search.partial;
	const char *minus = p->from_end ? "-" : "";
	uint64_t first, count;
	imap_partial_resolve(p, s->count, &first, &count);
	imap_printf(s->c->s, " PARTIAL (%s%u:%s%u ", minus, p->first, minus, p->last);
	write_numbers(s, SLICE_EMPTY, SLICE(","), first, count);
	imap_write(s->c->s, count ? SLICE(")") : SLICE("NIL)"));
}

/* In the order of what is told (RFC 6203 section 4). */
static void answer_relevancy(const struct sort *s)
{
	uint64_t first = 0, count = s->count;
	if (s->request.search.returns & RETURN_PARTIAL)
		imap_partial_resolve(&s->request.search.partial, s->count, &first, &count);
	if (count == 0)
		return;
	imap_write(s->c->s, SLICE(" RELEVANCY ("));
	for (uint64_t i = first; i < first + count && !s->c->s->write_error; i++)
		imap_write_number(s->c->s, i == first ? SLICE_EMPTY : SLICE(" "),
		                  imap_seek_score(&s->seek, s->entries[i].uid));
	imap_write(s->c->s, SLICE(")"));
}

/* RFC 5267 section 3: like that of SEARCH, but in the order of sorting. */
static void answer_esort(const struct sort *s)
{
	struct imap_session *session = s->c->s;
	unsigned returns = s->request.search.returns;
	imap_write(session, SLICE("* ESEARCH (TAG \""));
	imap_write(session, s->c->tag);
	imap_write(session, s->c->by_uid ? SLICE("\") UID") : SLICE("\")"));
	if ((returns & RETURN_MIN) && s->count)
		imap_write_number(session, SLICE(" MIN "), number_of(s, 0));
	if ((returns & RETURN_MAX) && s->count)
		imap_write_number(session, SLICE(" MAX "), number_of(s, s->count - 1));
	if (returns & RETURN_COUNT)
		imap_write_number(session, SLICE(" COUNT "), s->count);
	if (returns & RETURN_ALL)
		write_numbers(s, SLICE(" ALL "), SLICE(","), 0, s->count);
	if (returns & RETURN_PARTIAL)
		answer_partial(s);
	if (returns & RETURN_RELEVANCY)
		answer_relevancy(s);
	if (s->request.search.mod_seq && s->count)
		imap_write_number(session, SLICE(" MODSEQ "), greatest_mod_seq(s));
	imap_write(session, SLICE("\r\n"));
}

/* --- the command --------------------------------------------------------------------- */

/* No request: by scores, which are another search's the next time. */
static struct imap_order_key order_key(const struct sort *s,
                                       char text[static IMAP_ORDERS_REQUEST_MAX])
{
	const struct mailbox_view *view = s->c->s->selected->view;
	struct imap_order_key key = { .mailbox_id = view->mailbox_id,
		                      .uid_validity = view->uid_validity };
	text[0] = 'S';
	for (size_t i = 0; i < s->request.count; i++) {
		if (s->request.keys[i].kind == SORT_RELEVANCY)
			return key;
		text[i + 1] = (char)(s->request.keys[i].kind * 2 + s->request.keys[i].reverse);
	}
	key.request = slice_of(text, s->request.count + 1);
	return key;
}

/* Not without those that somebody has removed meanwhile. */
static void keep(struct sort *s, const struct imap_order_key *key, const struct uid_set *uids)
{
	uint32_t *order;
	if (s->count < IMAP_ORDERS_LEAST || s->count != uid_set_size(uids))
		return;
	order = mem_alloc(s->count * sizeof(*order));
	for (size_t i = 0; i < s->count; i++)
		order[i] = s->entries[i].uid;
	imap_orders_keep(imap_context(s->c->s)->orders, key, uids, order, s->count);
	free(order);
}

/* Messages that are gone have no keys to be compared with. */
static void drop_gone(const struct sort *s, struct imap_order *order)
{
	struct mailbox_item item;
	size_t kept = 0;
	for (size_t i = 0; i < order->count; i++) {
		if (mailbox_view_by_uid(s->c->s->selected->view, order->numbers[i], &item))
			order->numbers[kept++] = order->numbers[i];
		if (i % IMAP_SLICE_MESSAGES == IMAP_SLICE_MESSAGES - 1)
			fiber_yield();
	}
	order->count = kept;
}

/* New mail goes to its place in the order. */
static int place_lacking(const struct sort *s, struct imap_order *order)
{
	struct mailbox_set_walk walk = { .uids = &order->lacking };
	struct mailbox_item item;
	size_t at;
	if (order->lacking.count > 0)
		drop_gone(s, order);
	while (mailbox_view_next_of(s->c->s->selected->view, &walk, &item)) {
		int rc = imap_sort_place(s->c->s, &s->request, order->numbers, order->count,
		                         item.uid, &at);
		if (rc < 0)
			return rc;
		memmove(&order->numbers[at + 1], &order->numbers[at],
		        (order->count++ - at) * sizeof(*order->numbers));
		order->numbers[at] = item.uid;
	}
	return 0;
}

static bool take_kept(struct sort *s, const struct imap_order_key *key, const struct uid_set *uids)
{
	struct imap_session *session = s->c->s;
	struct mailbox_item item;
	struct imap_order order;
	if (!imap_orders_find(imap_context(session)->orders, key, uids, s->c->arena, &order) ||
	    place_lacking(s, &order) < 0)
		return false;
	for (size_t i = 0; i < order.count; i++) {
		if (uid_set_has(uids, order.numbers[i]) &&
		    mailbox_view_by_uid(session->selected->view, order.numbers[i], &item))
			s->entries[s->count++] = (struct imap_sort_entry){ .seq = item.seq,
				                                           .uid = item.uid };
		if (i % IMAP_SLICE_MESSAGES == IMAP_SLICE_MESSAGES - 1)
			fiber_yield();
	}
	if (order.lacking.count > 0)
		keep(s, key, uids);
	return true;
}

static int sort_found(struct sort *s, const struct uid_set *uids)
{
	struct imap_command *c = s->c;
	char request[IMAP_ORDERS_REQUEST_MAX];
	const struct imap_order_key key = order_key(s, request);
	s->entries = ARENA_ARRAY(c->arena, c->s->selected->view->count + 1, struct imap_sort_entry);
	if (imap_sort_is_by_numbers(&s->request))
		return sort_by_numbers(s, uids);
	if (take_kept(s, &key, uids))
		return 0;
	s->sorter = (struct imap_sorter){ &s->request, &s->seek, c->arena };
	int rc = imap_each_keys(c, uids, imap_sort_wants(&s->request), add_entry, s);
	if (rc < 0)
		return rc;
	if (s->count > SORT_OFFLOAD)
		fiber_offload(order, s);
	else
		order(s);
	keep(s, &key, uids);
	return 0;
}

/* Least and greatest are those in the order that was asked for. */
static void save(const struct sort *s)
{
	const struct imap_search *request = &s->request.search;
	struct imap_search_told told = { .first = s->entries[0].uid,
		                         .last = s->entries[s->count ? s->count - 1 : 0].uid };
	uint64_t first = 0, count = 0;
	if (request->returns & RETURN_PARTIAL)
		imap_partial_resolve(&request->partial, s->count, &first, &count);
	for (uint64_t i = first; i < first + count; i++)
		uid_set_add(s->c->arena, &told.part, s->entries[i].uid, s->entries[i].uid);
	imap_search_save(s->c, request, &s->seek.numbers, &told);
}

static void keep_updated(const struct sort *s, struct cursor args)
{
	uint32_t *uids = ARENA_ARRAY(s->c->arena, s->count + 1, uint32_t);
	for (size_t i = 0; i < s->count; i++)
		uids[i] = s->entries[i].uid;
	(void)imap_take_space(&args);
	imap_update_sort(s->c, args, &s->seek.numbers, uids, s->count);
}

static void sort(struct sort *s)
{
	struct imap_command *c = s->c;
	struct cursor args = c->args;
	if (!imap_take_space(&c->args) || !imap_take_sort(&c->args, c->arena, &s->request)) {
		imap_bad(c, "SORT needs an order, a charset and keys.");
		return;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, &s->request.search) ||
	    ((s->request.search.returns & RETURN_UPDATE) && imap_update_is_taken(c)))
		return;
	s->seek = imap_seek_of(c, s->request.search.root);
	s->seek.scores_wanted = s->request.search.fuzzy;
	if (s->request.search.mod_seq)
		imap_enable_condstore(c->s);
	imap_seek_prepare(&s->seek);
	int rc = imap_seek_run(&s->seek);
	if (rc == 0)
		rc = sort_found(s, &s->seek.numbers);
	if (rc == -E2BIG)
		imap_no(c, "LIMIT", "Too many messages to sort.");
	else if (rc < 0)
		imap_failed(c, rc);
	if (rc < 0)
		return;
	save(s);
	if (!s->request.search.extended)
		answer_sort(s);
	else if (s->request.search.returns != RETURN_SAVE)
		answer_esort(s);
	if (s->request.search.returns & RETURN_UPDATE)
		keep_updated(s, args);
	if (s->seek.unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
}

void imap_sort(struct imap_command *c)
{
	struct sort s = { .c = c };
	sort(&s);
	imap_search_end(c, &s.request.search);
}
