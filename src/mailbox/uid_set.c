#include "mailbox/uid_set.h"

#include <errno.h>

#include "base/cursor.h"

static void uid_set_push(struct arena *arena, struct uid_set *set, struct uid_range range)
{
	if (!set->ranges || set->count == set->capacity) {
		size_t capacity = set->capacity ? set->capacity * 2 : 4;
		struct uid_range *grown = ARENA_ARRAY(arena, capacity, struct uid_range);
		if (set->ranges)
			memcpy(grown, set->ranges, set->count * sizeof(*grown));
		set->ranges = grown;
		set->capacity = capacity;
	}
	set->ranges[set->count++] = range;
}

void uid_set_add(struct arena *arena, struct uid_set *set, uint32_t first, uint32_t last)
{
	struct uid_range range = { first < last ? first : last, first < last ? last : first };
	struct uid_range *end = set->count ? &set->ranges[set->count - 1] : NULL;
	if (end && range.first >= end->first && range.first - 1 <= end->last) {
		if (range.last > end->last)
			end->last = range.last;
		return;
	}
	uid_set_push(arena, set, range);
}

static int uid_range_compare(const void *a, const void *b)
{
	const struct uid_range *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

void uid_set_sort(struct uid_set *set)
{
	if (set->count < 2)
		return;
	qsort(set->ranges, set->count, sizeof(*set->ranges), uid_range_compare);
	size_t kept = 0;
	for (size_t i = 1; i < set->count; i++) {
		struct uid_range *end = &set->ranges[kept], next = set->ranges[i];
		if (next.first - 1 > end->last)
			set->ranges[++kept] = next;
		else if (next.last > end->last)
			end->last = next.last;
	}
	set->count = kept + 1;
}

size_t uid_set_find(const struct uid_set *set, uint32_t uid)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool uid_set_has(const struct uid_set *set, uint32_t uid)
{
	size_t i = uid_set_find(set, uid);
	return i < set->count && set->ranges[i].first <= uid;
}

uint64_t uid_set_size(const struct uid_set *set)
{
	uint64_t size = 0;
	for (size_t i = 0; i < set->count; i++)
		size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
	return size;
}

int uid_set_write(const struct uid_set *set, struct buf *out)
{
	int rc = 0;
	for (size_t i = 0; i < set->count && rc == 0; i++) {
		const struct uid_range *r = &set->ranges[i];
		const char *comma = i ? "," : "";
		rc = r->first == r->last ? buf_printf(out, "%s%u", comma, r->first)
		                         : buf_printf(out, "%s%u:%u", comma, r->first, r->last);
	}
	return rc;
}

int uid_set_read(struct arena *arena, struct uid_set *set, struct slice text)
{
	struct cursor c = cursor_of(text);
	uint64_t first, last;
	if (cursor_at_end(&c))
		return 0;
	do {
		if (!take_number(&c, UINT32_MAX, &first) || first == 0)
			return -EBADMSG;
		last = first;
		if (take_byte(&c, ':') && (!take_number(&c, UINT32_MAX, &last) || last < first))
			return -EBADMSG;
		uid_set_add(arena, set, (uint32_t)first, (uint32_t)last);
	} while (take_byte(&c, ','));
	return cursor_at_end(&c) ? 0 : -EBADMSG;
}

struct uid_set uid_set_common(struct arena *arena, const struct uid_set *a, const struct uid_set *b)
{
	struct uid_set out = { 0 };
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		struct uid_range x = a->ranges[i], y = b->ranges[j];
		uint32_t first = x.first > y.first ? x.first : y.first;
		uint32_t last = x.last < y.last ? x.last : y.last;
		if (first <= last)
			uid_set_add(arena, &out, first, last);
		if (x.last < y.last)
			i++;
		else
			j++;
	}
	return out;
}

struct uid_set uid_set_without(struct arena *arena, const struct uid_set *a,
                               const struct uid_set *b)
{
	struct uid_set out = { 0 };
	for (size_t i = 0; i < a->count; i++) {
		uint64_t first = a->ranges[i].first, last = a->ranges[i].last;
		for (size_t j = uid_set_find(b, (uint32_t)first);
		     j < b->count && b->ranges[j].first <= last && first <= last; j++) {
			if (b->ranges[j].first > first)
				uid_set_add(arena, &out, (uint32_t)first, b->ranges[j].first - 1);
			first = (uint64_t)b->ranges[j].last + 1;
		}
		if (first <= last)
			uid_set_add(arena, &out, (uint32_t)first, (uint32_t)last);
	}
	return out;
}
