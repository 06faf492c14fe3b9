/* What messages are sorted by, and their order. */
#include "imap/imap_sort.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "message/base_subject.h"
#include "message/date.h"

union imap_sort_value {
	int64_t number;
	struct slice text; /* folded */
};

/* --- keys ---------------------------------------------------------------------------- */

int64_t imap_sent_date(struct slice date, const struct mailbox_message *row)
{
	struct date parsed;
	return date_parse(date, &parsed) ? parsed.unix_s : row->internal_ms / 1000;
}

struct slice imap_sort_subject(struct arena *scratch, struct slice subject, bool *is_reply_out)
{
	return imap_fold(scratch, message_base_subject(scratch, subject, is_reply_out));
}

static bool is_number(enum imap_sort_kind kind)
{
	return kind == SORT_ARRIVAL || kind == SORT_DATE || kind == SORT_SIZE ||
	       kind == SORT_RELEVANCY;
}

static enum imap_keys_text text_of(enum imap_sort_kind kind)
{
	static const enum imap_keys_text texts[] = {
		[SORT_CC] = KEYS_CC,
		[SORT_FROM] = KEYS_FROM,
		[SORT_SUBJECT] = KEYS_SUBJECT,
		[SORT_TO] = KEYS_TO,
		[SORT_DISPLAYFROM] = KEYS_DISPLAYFROM,
		[SORT_DISPLAYTO] = KEYS_DISPLAYTO,
	};
	return texts[kind];
}

unsigned imap_sort_wants(const struct imap_sort *request)
{
	unsigned what = 0;
	for (size_t i = 0; i < request->count; i++) {
		if (!is_number(request->keys[i].kind))
			what |= 1u << text_of(request->keys[i].kind);
	}
	return what;
}

static union imap_sort_value value_of(const struct imap_sorter *s, enum imap_sort_kind kind,
                                      uint32_t uid, const struct imap_keys *keys)
{
	switch (kind) {
	case SORT_ARRIVAL:
		return (union imap_sort_value){ .number = keys->internal_ms };
	case SORT_DATE:
		return (union imap_sort_value){ .number = keys->sent_s };
	case SORT_SIZE:
		return (union imap_sort_value){ .number = (int64_t)keys->size_bytes };
	case SORT_RELEVANCY:
		return (union imap_sort_value){ .number = -(int64_t)imap_seek_score(s->seek, uid) };
	default:
		return (union imap_sort_value){ .text = keys->texts[text_of(kind)] };
	}
}

static uint64_t rank_of_text(struct slice text)
{
	uint64_t rank = 0;
	if (text.len > 0)
		memcpy(&rank, text.data, text.len < sizeof(rank) ? text.len : sizeof(rank));
	return be64toh(rank);
}

static uint64_t rank_of_number(int64_t number) { return (uint64_t)number ^ UINT64_C(1) << 63; }

void imap_sort_fill(const struct imap_sorter *s, const struct imap_keys *keys,
                    struct imap_sort_entry *e)
{
	e->values = arena_alloc(s->arena, s->request->count * sizeof(*e->values));
	for (size_t i = 0; i < s->request->count; i++)
		e->values[i] = value_of(s, s->request->keys[i].kind, e->uid, keys);
	e->rank = is_number(s->request->keys[0].kind) ? rank_of_number(e->values[0].number)
	                                              : rank_of_text(e->values[0].text);
	if (s->request->keys[0].reverse)
		e->rank = ~e->rank;
}

/* --- order --------------------------------------------------------------------------- */

int imap_sort_compare(const void *a, const void *b, void *arg)
{
	const struct imap_sort_entry *x = a, *y = b;
	const struct imap_sort *request = arg;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
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

/* --- by numbers ---------------------------------------------------------------------- */

bool imap_sort_is_by_numbers(const struct imap_sort *request)
{
	for (size_t i = 0; i < request->count; i++) {
		if (!is_number(request->keys[i].kind) || request->keys[i].kind == SORT_RELEVANCY)
			return false;
	}
	return true;
}

struct ranked {
	uint64_t rank; /* ascends */
	uint32_t index;
};

static uint64_t rank_of(enum imap_sort_kind kind, bool reverse, const struct imap_keys *keys)
{
	int64_t number = kind == SORT_SIZE   ? (int64_t)keys->size_bytes
	                 : kind == SORT_DATE ? keys->sent_s
	                                     : keys->internal_ms;
	return reverse ? ~rank_of_number(number) : rank_of_number(number);
}

/* One pass: by one byte, those that have the same stay as they are. */
static void rank_by_byte(const struct ranked *from, struct ranked *to, size_t count, unsigned shift)
{
	uint32_t place[256] = { 0 }, sum = 0;
	for (size_t i = 0; i < count; i++)
		place[from[i].rank >> shift & 255]++;
	for (size_t value = 0; value < 256; value++) {
		uint32_t these = place[value];
		place[value] = sum;
		sum += these;
	}
	for (size_t i = 0; i < count; i++)
		to[place[from[i].rank >> shift & 255]++] = from[i];
}

/* From the lowest byte to the highest of those in which they are not all alike; where the order
 * is then. */
static struct ranked *rank_all(struct ranked *from, struct ranked *to, size_t count)
{
	uint64_t unlike = 0;
	for (size_t i = 0; i < count; i++)
		unlike |= from[i].rank ^ from[0].rank;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		struct ranked *sorted = to;
		if (!(unlike >> shift & 255))
			continue;
		rank_by_byte(from, to, count, shift);
		to = from;
		from = sorted;
	}
	return from;
}

/* By the last key first: what an earlier one finds alike stays in the order of the later. */
void imap_sort_by_numbers(const struct imap_sort *request, const struct imap_keys *keys,
                          uint32_t *order, size_t count)
{
	struct ranked *memory = mem_alloc((2 * count + 1) * sizeof(*memory)), *sorted = memory;
	for (size_t i = 0; i < count; i++)
		sorted[i].index = (uint32_t)i;
	for (size_t k = request->count; k-- > 0;) {
		for (size_t i = 0; i < count; i++)
			sorted[i].rank = rank_of(request->keys[k].kind, request->keys[k].reverse,
			                         &keys[sorted[i].index]);
		sorted = rank_all(sorted, sorted == memory ? memory + count : memory, count);
	}
	for (size_t i = 0; i < count; i++)
		order[i] = sorted[i].index;
	free(memory);
}

/* --- one more ------------------------------------------------------------------------ */

struct place_step {
	struct imap_sorter sorter;
	struct arena *scratch;
	int64_t mailbox_id;
	const uint32_t *order;
	size_t count;
	uint32_t uid;
	size_t place;
};

struct load {
	const struct imap_sorter *sorter;
	struct arena *scratch;
	struct imap_sort_entry entry;
	bool found;
};

static int load_row(const struct mailbox_message *row, void *arg)
{
	struct load *load = arg;
	struct imap_keys keys;
	imap_keys_of_row(load->sorter->arena, load->scratch, row,
	                 imap_sort_wants(load->sorter->request), &keys);
	imap_sort_fill(load->sorter, &keys, &load->entry);
	load->found = true;
	return 0;
}

/* -ENOENT: there is no such message any more. */
static int load_entry(struct db *db, struct place_step *step, uint32_t uid,
                      struct imap_sort_entry *out)
{
	struct load load = { .sorter = &step->sorter,
		             .scratch = step->scratch,
		             .entry = { .seq = uid, .uid = uid } };
	struct uid_set uids = { 0 };
	uid_set_add(step->sorter.arena, &uids, uid, uid);
	int rc = mailbox_each_message(db, step->mailbox_id, &uids, READ_ENVELOPE, load_row, &load);
	*out = load.entry;
	return rc == 0 && !load.found ? -ENOENT : rc;
}

static int place_step(struct db *db, void *arg)
{
	struct place_step *step = arg;
	struct imap_sort_entry mine, other;
	size_t low = 0, high = step->count;
	int rc = load_entry(db, step, step->uid, &mine);
	while (rc == 0 && low < high) {
		size_t middle = low + (high - low) / 2, at = middle;
		while ((rc = load_entry(db, step, step->order[at], &other)) == -ENOENT &&
		       ++at < high)
			;
		if (rc == 0 &&
		    imap_sort_compare(&other, &mine, (void *)(uintptr_t)step->sorter.request) < 0)
			low = at + 1;
		else
			high = middle;
		rc = rc == -ENOENT ? 0 : rc;
	}
	step->place = low;
	return rc;
}

int imap_sort_place(struct imap_session *s, const struct imap_sort *request, const uint32_t *order,
                    size_t count, uint32_t uid, size_t *place_out)
{
	struct place_step step = { .sorter = { .request = request },
		                   .mailbox_id = s->selected->view->mailbox_id,
		                   .order = order,
		                   .count = count,
		                   .uid = uid };
	step.sorter.arena = arena_new();
	step.scratch = arena_new();
	int rc = store_read(imap_context(s)->store, place_step, &step);
	arena_free(step.scratch);
	arena_free(step.sorter.arena);
	if (rc == 0)
		*place_out = step.place;
	/* It takes some tenths of a millisecond, and a STORE may put all of a mailbox into an
	 * order. */
	imap_extend(s);
	fiber_yield();
	return rc;
}
