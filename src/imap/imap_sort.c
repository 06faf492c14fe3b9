/* SORT (RFC 5256), with the keys of RFC 5957 and the answers of RFC 5267. From the messages' rows:
 * no message is opened. */
#include <errno.h>
#include <stdlib.h>

#include "imap/imap_envelope.h"
#include "imap/imap_parse_sort.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "imap/imap_seek.h"
#include "message/base_subject.h"
#include "message/date.h"

enum { SORT_BYTES_MAX = 256 << 20, SORT_OFFLOAD = 5000 };

union sort_value {
	int64_t number;
	struct slice text; /* folded */
};

struct sort_entry {
	uint32_t seq, uid;
	union sort_value *values; /* one a key */
};

struct sort {
	struct imap_command *c;
	struct imap_sort request;
	struct imap_seek seek;
	struct arena *scratch;
	struct sort_entry *entries;
	size_t count;
};

/* --- keys ---------------------------------------------------------------------------- */

/* RFC 5256 section 2.2: the Date field, or when it came if that is no date. */
int64_t imap_sent_date(struct arena *scratch, const struct mailbox_message *row)
{
	struct date date;
	struct slice text = imap_envelope_field(scratch, row->envelope, ENVELOPE_DATE);
	return date_parse(text, &date) ? date.unix_s : row->internal_ms / 1000;
}

struct slice imap_sort_subject(struct arena *scratch, const struct mailbox_message *row,
                               bool *is_reply_out)
{
	struct slice text = imap_envelope_field(scratch, row->envelope, ENVELOPE_SUBJECT);
	return imap_fold(scratch, message_base_subject(scratch, text, is_reply_out));
}

static struct slice text_of(struct sort *s, enum imap_sort_kind kind,
                            const struct mailbox_message *row)
{
	static const enum imap_envelope_field fields[] = {
		[SORT_CC] = ENVELOPE_CC,        [SORT_FROM] = ENVELOPE_FROM,
		[SORT_TO] = ENVELOPE_TO,        [SORT_DISPLAYFROM] = ENVELOPE_FROM,
		[SORT_DISPLAYTO] = ENVELOPE_TO,
	};
	bool display = kind == SORT_DISPLAYFROM || kind == SORT_DISPLAYTO;
	struct slice text;
	if (kind == SORT_SUBJECT)
		text = imap_sort_subject(s->scratch, row, NULL);
	else
		text = imap_fold(s->scratch, imap_envelope_address(s->scratch, row->envelope,
		                                                   fields[kind], display));
	return arena_copy(s->c->arena, text);
}

static union sort_value value_of(struct sort *s, enum imap_sort_kind kind,
                                 const struct mailbox_message *row)
{
	switch (kind) {
	case SORT_ARRIVAL:
		return (union sort_value){ .number = row->internal_ms };
	case SORT_DATE:
		return (union sort_value){ .number = imap_sent_date(s->scratch, row) };
	case SORT_SIZE:
		return (union sort_value){ .number = (int64_t)row->size_bytes };
	case SORT_RELEVANCY:
		return (union sort_value){ .number = -(int64_t)imap_seek_score(&s->seek,
			                                                       row->uid) };
	default:
		return (union sort_value){ .text = text_of(s, kind, row) };
	}
}

static int add_row(const struct mailbox_item *item, const struct mailbox_message *row, void *arg)
{
	struct sort *s = arg;
	struct sort_entry *e = &s->entries[s->count++];
	*e = (struct sort_entry){ .seq = item->seq, .uid = item->uid };
	e->values = arena_alloc(s->c->arena, s->request.count * sizeof(*e->values));
	for (size_t i = 0; i < s->request.count; i++)
		e->values[i] = value_of(s, s->request.keys[i].kind, row);
	arena_reset(s->scratch);
	return arena_used(s->c->arena) > SORT_BYTES_MAX ? -E2BIG : 0;
}

static bool is_number(enum imap_sort_kind kind)
{
	return kind == SORT_ARRIVAL || kind == SORT_DATE || kind == SORT_SIZE ||
	       kind == SORT_RELEVANCY;
}

static unsigned what_is_read(const struct imap_sort *request)
{
	for (size_t i = 0; i < request->count; i++) {
		if (!is_number(request->keys[i].kind) || request->keys[i].kind == SORT_DATE)
			return READ_ENVELOPE;
	}
	return 0;
}

/* --- order --------------------------------------------------------------------------- */

static int compare(const void *a, const void *b, void *arg)
{
	const struct sort_entry *x = a, *y = b;
	const struct imap_sort *request = arg;
	for (size_t i = 0; i < request->count; i++) {
		int order = is_number(request->keys[i].kind)
		                    ? (x->values[i].number > y->values[i].number) -
		                              (x->values[i].number < y->values[i].number)
		                    : slice_compare(x->values[i].text, y->values[i].text);
		if (order != 0)
			return request->keys[i].reverse ? -order : order;
	}
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void order(void *arg)
{
	struct sort *s = arg;
	qsort_r(s->entries, s->count, sizeof(*s->entries), compare, &s->request);
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

static int sort_found(struct sort *s, const struct uid_set *uids)
{
	struct imap_command *c = s->c;
	s->entries = ARENA_ARRAY(c->arena, c->s->selected->view->count + 1, struct sort_entry);
	s->scratch = arena_new();
	int rc = imap_each_row(c, uids, what_is_read(&s->request), add_row, s);
	arena_free(s->scratch);
	if (rc < 0)
		return rc;
	if (s->count > SORT_OFFLOAD)
		fiber_offload(order, s);
	else
		order(s);
	return 0;
}

void imap_sort(struct imap_command *c)
{
	struct sort s = { .c = c };
	if (!imap_take_space(&c->args) || !imap_take_sort(&c->args, c->arena, &s.request)) {
		imap_bad(c, "SORT needs an order, a charset and keys.");
		return;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, &s.request.search))
		return;
	s.seek = imap_seek_of(c, s.request.search.root);
	s.seek.scores_wanted = s.request.search.fuzzy;
	if (s.request.search.mod_seq)
		imap_enable_condstore(c->s);
	imap_seek_prepare(&s.seek);
	int rc = imap_seek_run(&s.seek);
	if (rc == 0)
		rc = sort_found(&s, &s.seek.numbers);
	if (s.request.search.returns & RETURN_SAVE)
		imap_search_save(c->s, rc == 0 ? &s.seek.numbers : &(struct uid_set){ 0 });
	if (rc == -E2BIG)
		imap_no(c, "LIMIT", "Too many messages to sort.");
	else if (rc < 0)
		imap_failed(c, rc);
	if (rc < 0)
		return;
	if (!s.request.search.extended)
		answer_sort(&s);
	else if (s.request.search.returns != RETURN_SAVE)
		answer_esort(&s);
	if (s.seek.unreadable)
		imap_no(c, "SERVERBUG", "Some messages can't be read.");
}
