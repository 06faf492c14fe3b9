/* What messages are sorted by, and their order. */
#include "imap/imap_sort.h"

#include <errno.h>
#include <stdlib.h>

#include "imap/imap_envelope.h"
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

static struct slice field_of(const struct imap_sorter *s, const struct mailbox_message *row,
                             enum imap_envelope_field field)
{
	struct imap_envelope_walk w = imap_envelope_walk(row->envelope);
	return imap_envelope_next(s->scratch, &w, field);
}

static struct slice text_of(const struct imap_sorter *s, enum imap_sort_kind kind,
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
		text = imap_sort_subject(s->scratch, field_of(s, row, ENVELOPE_SUBJECT), NULL);
	else
		text = imap_fold(s->scratch, imap_envelope_address(s->scratch, row->envelope,
		                                                   fields[kind], display));
	return arena_copy(s->arena, text);
}

static union imap_sort_value value_of(const struct imap_sorter *s, enum imap_sort_kind kind,
                                      const struct mailbox_message *row)
{
	switch (kind) {
	case SORT_ARRIVAL:
		return (union imap_sort_value){ .number = row->internal_ms };
	case SORT_DATE:
		return (union imap_sort_value){ .number = imap_sent_date(
							field_of(s, row, ENVELOPE_DATE), row) };
	case SORT_SIZE:
		return (union imap_sort_value){ .number = (int64_t)row->size_bytes };
	case SORT_RELEVANCY:
		return (union imap_sort_value){ .number = -(int64_t)imap_seek_score(s->seek,
			                                                            row->uid) };
	default:
		return (union imap_sort_value){ .text = text_of(s, kind, row) };
	}
}

void imap_sort_fill(const struct imap_sorter *s, const struct mailbox_message *row,
                    struct imap_sort_entry *e)
{
	e->values = arena_alloc(s->arena, s->request->count * sizeof(*e->values));
	for (size_t i = 0; i < s->request->count; i++)
		e->values[i] = value_of(s, s->request->keys[i].kind, row);
	arena_reset(s->scratch);
}

static bool is_number(enum imap_sort_kind kind)
{
	return kind == SORT_ARRIVAL || kind == SORT_DATE || kind == SORT_SIZE ||
	       kind == SORT_RELEVANCY;
}

unsigned imap_sort_reads(const struct imap_sort *request)
{
	for (size_t i = 0; i < request->count; i++) {
		if (!is_number(request->keys[i].kind) || request->keys[i].kind == SORT_DATE)
			return READ_ENVELOPE;
	}
	return 0;
}

/* --- order --------------------------------------------------------------------------- */

int imap_sort_compare(const void *a, const void *b, void *arg)
{
	const struct imap_sort_entry *x = a, *y = b;
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
	uint64_t number = kind == SORT_SIZE   ? keys->size_bytes
	                  : kind == SORT_DATE ? (uint64_t)keys->sent_s
	                                      : (uint64_t)keys->internal_ms;
	number ^= kind == SORT_SIZE ? 0 : UINT64_C(1) << 63; /* dates may be negative */
	return reverse ? ~number : number;
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
	int64_t mailbox_id;
	const uint32_t *order;
	size_t count;
	uint32_t uid;
	size_t place;
};

struct load {
	const struct imap_sorter *sorter;
	struct imap_sort_entry entry;
	bool found;
};

static int load_row(const struct mailbox_message *row, void *arg)
{
	struct load *load = arg;
	imap_sort_fill(load->sorter, row, &load->entry);
	load->found = true;
	return 0;
}

/* -ENOENT: there is no such message any more. */
static int load_entry(struct db *db, struct place_step *step, uint32_t uid,
                      struct imap_sort_entry *out)
{
	struct load load = { .sorter = &step->sorter, .entry = { .seq = uid, .uid = uid } };
	struct uid_set uids = { 0 };
	uid_set_add(step->sorter.arena, &uids, uid, uid);
	int rc = mailbox_each_message(db, step->mailbox_id, &uids,
	                              imap_sort_reads(step->sorter.request), load_row, &load);
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
	step.sorter.scratch = arena_new();
	int rc = store_read(imap_context(s)->store, place_step, &step);
	arena_free(step.sorter.scratch);
	arena_free(step.sorter.arena);
	if (rc == 0)
		*place_out = step.place;
	return rc;
}
