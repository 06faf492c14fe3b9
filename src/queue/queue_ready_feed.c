/* The feeder's side of the lists: what there is room for, and when there is again. */
#include "queue/queue_ready_internal.h"

/* Recipients for which there is no room in memory are looked at again after this, and then one
 * after the other, as they would have come. */
#define LATER_MS      2000
#define LATER_STEP_US 100
#define SWEEP_MS      (60 * 1000)

/* A destination may have as many as there is room left for all others: one alone fills half of
 * the memory, and a slow one never starves the rest. */
static bool has_room(const struct queue_ready *r, const struct queue_destination *d)
{
	size_t all = r->recipients + r->admitted;
	size_t own = d->recipients + d->admitted;
	return all < r->limits.max_recipients && own < r->limits.max_recipients - all;
}

/* As of queue_ready_room(). */
static size_t room_of(const struct queue_ready *r, const struct queue_destination *d,
                      int64_t now_ms)
{
	if (queue_ready_is_paused(d, now_ms))
		return r->limits.max_fed;
	if (d->failures > 0)
		return d->ready_jobs + d->connections + d->admitted > 0 ? 0 : 1;
	size_t own = d->recipients + d->admitted;
	return own < r->limits.max_fed ? r->limits.max_fed - own : 0;
}

size_t queue_ready_room(struct queue_ready *r, struct slice key, int64_t now_ms)
{
	pthread_mutex_lock(&r->lock);
	const struct queue_destination *d = hash_find(r->destinations, key);
	size_t room = d ? room_of(r, d, now_ms) : r->limits.max_fed;
	pthread_mutex_unlock(&r->lock);
	return room;
}

static void call_for_more(const struct queue_ready *r)
{
	if (r->limits.room)
		r->limits.room(r->limits.room_arg);
}

/* Half of what it may have is enough to go on with while more is fetched. */
void queue_ready_note_room(struct queue_ready *r, struct queue_destination *d)
{
	size_t room = d->watched ? room_of(r, d, clock_wall_ms()) : 0;
	if (room > 0 && (d->failures > 0 || room >= r->limits.max_fed / 2)) {
		d->watched = false;
		list_append(&r->refills, &d->refill);
		call_for_more(r);
	}
	if (r->full && r->recipients + r->admitted <= r->limits.max_recipients / 2) {
		r->full = false;
		call_for_more(r);
	}
}

void queue_ready_watch(struct queue_ready *r, struct slice key)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = queue_ready_get(r, key);
	d->watched = list_is_empty(&d->refill);
	/* Otherwise the next one that is taken tells. */
	if (d->ready_jobs + d->connections == 0)
		queue_ready_note_room(r, d);
	pthread_mutex_unlock(&r->lock);
}

bool queue_ready_refill(struct queue_ready *r, struct arena *arena, struct slice *key_out,
                        size_t *room_out)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = LIST_FIRST(&r->refills, struct queue_destination, refill);
	if (d) {
		list_remove(&d->refill);
		*key_out = arena_copy(arena, slice_from_str(d->key));
		*room_out = room_of(r, d, clock_wall_ms());
		queue_ready_forget(r, d, clock_wall_ms());
	}
	pthread_mutex_unlock(&r->lock);
	return d != NULL;
}

bool queue_ready_is_full(struct queue_ready *r)
{
	pthread_mutex_lock(&r->lock);
	r->full = r->recipients + r->admitted >= r->limits.max_recipients / 4 * 3;
	bool full = r->full;
	pthread_mutex_unlock(&r->lock);
	return full;
}

static int64_t push_back(struct queue_destination *d, int64_t now_ms)
{
	if (d->pushed_until_us < (now_ms + LATER_MS) * 1000)
		d->pushed_until_us = (now_ms + LATER_MS) * 1000;
	d->pushed_until_us += LATER_STEP_US;
	return d->pushed_until_us / 1000;
}

static enum queue_admission admit(struct queue_ready *r, struct queue_destination *d, bool asked,
                                  int64_t now_ms, int64_t expires_ms, int64_t *due_ms_out)
{
	if (asked && queue_ready_is_paused(d, now_ms))
		d->pause_until_ms = 0;
	if (queue_ready_is_paused(d, now_ms) && now_ms >= expires_ms)
		return QUEUE_REFUSE;
	if (queue_ready_is_paused(d, now_ms)) {
		*due_ms_out = queue_schedule_due(now_ms, d->pause_until_ms - now_ms, expires_ms);
		return QUEUE_LATER;
	}
	if (!has_room(r, d)) {
		*due_ms_out = push_back(d, now_ms);
		return QUEUE_LATER;
	}
	d->admitted++;
	r->admitted++;
	return QUEUE_ADMIT;
}

enum queue_admission queue_ready_admit(struct queue_ready *r, struct arena *arena, struct slice key,
                                       bool asked, int64_t now_ms, int64_t expires_ms,
                                       int64_t *due_ms_out, struct queue_trouble *why_out)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = queue_ready_get(r, key);
	bool paused = queue_ready_is_paused(d, now_ms);
	if (list_is_empty(&d->page))
		list_append(&r->touched, &d->page);
	enum queue_admission a = admit(r, d, asked, now_ms, expires_ms, due_ms_out);
	*why_out = (struct queue_trouble){ .text = SLICE_EMPTY };
	if (a != QUEUE_ADMIT && paused)
		*why_out = queue_ready_trouble(d, arena);
	pthread_mutex_unlock(&r->lock);
	return a;
}

/* Destinations that are only remembered, and that nothing asks for any more. */
static void sweep(struct queue_ready *r, int64_t now_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	if (now_ms - r->swept_ms < SWEEP_MS)
		return;
	r->swept_ms = now_ms;
	while (hash_next(r->destinations, &position, &key, &value))
		queue_ready_forget(r, value, now_ms);
}

void queue_ready_end_page(struct queue_ready *r)
{
	int64_t now_ms = clock_wall_ms();
	pthread_mutex_lock(&r->lock);
	r->admitted = 0;
	LIST_EACH (&r->touched, link, following) {
		struct queue_destination *d = LIST_ENTRY(link, struct queue_destination, page);
		list_remove(&d->page);
		d->admitted = 0;
		queue_ready_forget(r, d, now_ms);
	}
	sweep(r, now_ms);
	pthread_mutex_unlock(&r->lock);
}

static void withdraw(struct queue_ready *r, struct queue_destination *d, struct list *ready,
                     bool (*wants)(const struct queue_job *job, void *arg), void *arg,
                     struct list *out)
{
	LIST_EACH (ready, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		if (!wants(job, arg))
			continue;
		queue_ready_take_out(r, d, job);
		list_append(out, &job->link);
	}
}

void queue_ready_withdraw(struct queue_ready *r,
                          bool (*wants)(const struct queue_job *job, void *arg), void *arg,
                          struct list *out)
{
	size_t position = 0;
	struct slice key;
	void *d;
	pthread_mutex_lock(&r->lock);
	while (hash_next(r->destinations, &position, &key, &d)) {
		for (int class = 0; class < READY_CLASSES; class ++)
			withdraw(r, d, &((struct queue_destination *)d)->ready[class], wants, arg,
			         out);
	}
	pthread_mutex_unlock(&r->lock);
}
