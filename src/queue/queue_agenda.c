#include "queue/queue_agenda.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"

/* A domain: in the heap, or parked. */
struct entry {
	struct list link; /* in parked->entries */
	int64_t due_ms;
	size_t at; /* in the heap */
	bool is_parked;
	char domain[];
};

struct parked {
	struct list entries;
};

struct queue_agenda {
	pthread_mutex_t lock;
	struct hash *domains; /* struct entry */
	struct hash *places;  /* by key: struct parked */
	struct entry **heap;  /* by due_ms */
	size_t count, capacity, parked;
};

struct queue_agenda *queue_agenda_new(void)
{
	struct queue_agenda *a = mem_zero(1, sizeof(*a));
	pthread_mutex_init(&a->lock, NULL);
	a->domains = hash_new();
	a->places = hash_new();
	return a;
}

void queue_agenda_free(struct queue_agenda *a)
{
	if (!a)
		return;
	hash_free_all(a->domains);
	hash_free_all(a->places);
	pthread_mutex_destroy(&a->lock);
	free(a->heap);
	free(a);
}

/* --- the heap ------------------------------------------------------------------------- */

static void set(struct queue_agenda *a, size_t at, struct entry *e)
{
	a->heap[at] = e;
	e->at = at;
}

static void sift_up(struct queue_agenda *a, struct entry *e)
{
	size_t at = e->at;
	while (at > 0 && a->heap[(at - 1) / 2]->due_ms > e->due_ms) {
		set(a, at, a->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(a, at, e);
}

static void sift_down(struct queue_agenda *a, struct entry *e)
{
	size_t at = e->at;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < a->count && a->heap[child + 1]->due_ms < a->heap[child]->due_ms)
			child++;
		if (child >= a->count || a->heap[child]->due_ms >= e->due_ms)
			break;
		set(a, at, a->heap[child]);
		at = child;
	}
	set(a, at, e);
}

static void push(struct queue_agenda *a, struct entry *e)
{
	if (a->count == a->capacity) {
		a->capacity = a->capacity > 0 ? a->capacity * 2 : 64;
		a->heap = mem_grow(a->heap, a->capacity * sizeof(struct entry *));
	}
	e->at = a->count++;
	sift_up(a, e);
}

static struct entry *pop(struct queue_agenda *a)
{
	struct entry *e = a->heap[0];
	struct entry *last = a->heap[--a->count];
	if (a->count > 0) {
		last->at = 0;
		sift_down(a, last);
	}
	return e;
}

/* --- domains -------------------------------------------------------------------------- */

static struct entry *make_entry(struct queue_agenda *a, struct slice domain, int64_t due_ms)
{
	struct entry *e = mem_zero(1, sizeof(*e) + domain.len + 1);
	memcpy(e->domain, domain.data, domain.len);
	e->due_ms = due_ms;
	list_init(&e->link);
	hash_put(a->domains, domain, e);
	return e;
}

static void note(struct queue_agenda *a, struct slice domain, int64_t due_ms)
{
	struct entry *e = hash_find(a->domains, domain);
	if (!e) {
		push(a, make_entry(a, domain, due_ms));
	} else if (!e->is_parked && due_ms < e->due_ms) {
		e->due_ms = due_ms;
		sift_up(a, e);
	}
}

bool queue_agenda_note(struct queue_agenda *a, struct slice domain, int64_t due_ms)
{
	if (due_ms == QUEUE_NEVER_MS)
		return false;
	pthread_mutex_lock(&a->lock);
	bool first = a->count == 0 || due_ms < a->heap[0]->due_ms;
	note(a, domain, due_ms);
	pthread_mutex_unlock(&a->lock);
	return first;
}

int64_t queue_agenda_next_ms(struct queue_agenda *a)
{
	pthread_mutex_lock(&a->lock);
	int64_t next_ms = a->count > 0 ? a->heap[0]->due_ms : QUEUE_NEVER_MS;
	pthread_mutex_unlock(&a->lock);
	return next_ms;
}

bool queue_agenda_take(struct queue_agenda *a, int64_t now_ms, struct arena *arena,
                       struct slice *domain_out)
{
	pthread_mutex_lock(&a->lock);
	bool is_due = a->count > 0 && a->heap[0]->due_ms <= now_ms;
	if (is_due) {
		struct entry *e = pop(a);
		*domain_out = arena_copy(arena, slice_from_str(e->domain));
		hash_remove(a->domains, *domain_out);
		free(e);
	}
	pthread_mutex_unlock(&a->lock);
	return is_due;
}

/* --- parking -------------------------------------------------------------------------- */

void queue_agenda_park(struct queue_agenda *a, struct slice key, struct slice domain)
{
	pthread_mutex_lock(&a->lock);
	struct parked *place = hash_find(a->places, key);
	if (!place) {
		place = mem_zero(1, sizeof(*place));
		list_init(&place->entries);
		hash_put(a->places, key, place);
	}
	/* Somebody may have noted it since it was taken; then it is seen to once more. */
	if (!hash_find(a->domains, domain)) {
		struct entry *e = make_entry(a, domain, 0);
		e->is_parked = true;
		list_append(&place->entries, &e->link);
		a->parked++;
	}
	pthread_mutex_unlock(&a->lock);
}

bool queue_agenda_unpark(struct queue_agenda *a, struct slice key, size_t most)
{
	pthread_mutex_lock(&a->lock);
	struct parked *place = hash_find(a->places, key);
	for (; place && most > 0 && !list_is_empty(&place->entries); most--) {
		struct entry *e = LIST_FIRST(&place->entries, struct entry, link);
		list_remove(&e->link);
		e->is_parked = false;
		a->parked--;
		push(a, e);
	}
	bool more = place && !list_is_empty(&place->entries);
	if (place && !more)
		free(hash_remove(a->places, key));
	pthread_mutex_unlock(&a->lock);
	return more;
}

struct queue_agenda_counts queue_agenda_counts(struct queue_agenda *a)
{
	pthread_mutex_lock(&a->lock);
	struct queue_agenda_counts counts = { a->count, a->parked };
	pthread_mutex_unlock(&a->lock);
	return counts;
}
