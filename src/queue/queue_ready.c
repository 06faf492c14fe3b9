#include "queue/queue_ready.h"

#include <errno.h>
#include <pthread.h>

#include "base/codec.h"
#include "base/hash.h"
#include "queue/queue_pace.h"

/* Recipients for which there is no room in memory are looked at again after this, and then one
 * after the other, as they would have come. */
#define LATER_MS      2000
#define LATER_STEP_US 100
#define SWEEP_MS      (60 * 1000)
#define WHY_MAX_BYTES 200

/* By priority; what has none need not look at the others. */
enum ready_class { READY_HIGH, READY_NORMAL, READY_LOW, READY_CLASSES };

struct queue_destination {
	struct list link; /* in hungry: it has jobs and could do with a connection */
	struct list ready[READY_CLASSES]; /* struct queue_job, in the order of their turn */
	struct list idle;                 /* struct waiter */
	struct list page;                 /* in touched: this page asked for it */
	struct list refill;               /* in refills: it was watched, and has room */
	char *key;
	size_t ready_jobs;
	size_t recipients; /* in ready */
	size_t admitted;   /* in this page, not put yet */
	unsigned connections;
	unsigned idle_connections;
	struct queue_pace pace;
	struct queue_meters meters;
	unsigned era;            /* see queue_ready_renew() */
	unsigned failures;       /* of its host, in a row */
	bool watched;            /* more of it wait in the table */
	int64_t pause_until_ms;  /* wall clock; 0: none */
	int64_t pushed_until_us; /* see LATER_MS */
	char why[WHY_MAX_BYTES];
};

struct waiter {
	struct list link;
	fiber_id fiber;
	bool woken;
};

struct queue_ready {
	pthread_mutex_t lock;
	struct queue_limits limits;
	struct queue_schedule schedule;
	struct hash *destinations;
	struct list hungry;
	struct list touched;
	struct list refills;
	struct queue_meters *way_meters;
	bool full; /* somebody waits for room */
	size_t recipients, admitted;
	int64_t swept_ms;
	unsigned connections;
	bool stopped;
};

struct queue_ready *queue_ready_new(const struct queue_limits *limits,
                                    const struct queue_schedule *schedule)
{
	struct queue_ready *r = mem_zero(1, sizeof(*r));
	*r = (struct queue_ready){ .limits = *limits, .schedule = *schedule };
	pthread_mutex_init(&r->lock, NULL);
	r->destinations = hash_new();
	list_init(&r->hungry);
	list_init(&r->touched);
	list_init(&r->refills);
	r->way_meters = mem_zero(limits->way_count + 1, sizeof(*r->way_meters));
	if (limits->first_connections_per_destination == 0 ||
	    limits->first_connections_per_destination > limits->max_connections_per_destination)
		r->limits.first_connections_per_destination =
			limits->max_connections_per_destination;
	return r;
}

static void destination_free(struct queue_destination *d)
{
	for (int class = 0; class < READY_CLASSES; class ++) {
		LIST_EACH (&d->ready[class], link, following) {
			queue_job_free(LIST_ENTRY(link, struct queue_job, link));
		}
	}
	free(d->key);
	free(d);
}

void queue_ready_free(struct queue_ready *r)
{
	if (!r)
		return;
	size_t position = 0;
	struct slice key;
	void *value;
	while (hash_next(r->destinations, &position, &key, &value))
		destination_free(value);
	hash_free(r->destinations);
	free(r->way_meters);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct queue_destination *get_destination(struct queue_ready *r, struct slice key)
{
	struct queue_destination *d = hash_find(r->destinations, key);
	if (d)
		return d;
	d = mem_zero(1, sizeof(*d));
	d->key = mem_str(key);
	list_init(&d->link);
	for (int class = 0; class < READY_CLASSES; class ++)
		list_init(&d->ready[class]);
	list_init(&d->idle);
	list_init(&d->page);
	list_init(&d->refill);
	queue_pace_begin(&d->pace, r->limits.first_connections_per_destination);
	hash_put(r->destinations, key, d);
	return d;
}

static int64_t now_us(void) { return clock_monotonic_ms() * 1000; }

static bool has_used_rate(const struct queue_destination *d)
{
	int64_t now = now_us();
	return d->meters.messages.until_us > now || d->meters.recipients.until_us > now ||
	       d->meters.connections.until_us > now;
}

/* Those of the way that a job goes by; NULL: it has no rates. */
static struct queue_meters *meters_of_way(const struct queue_ready *r, const struct queue_job *job)
{
	for (size_t i = 0; i < r->limits.way_count; i++) {
		if (&r->limits.ways[i] == job->way)
			return &r->way_meters[i];
	}
	return NULL;
}

/* A destination is forgotten when nothing is there, nothing is open and there is nothing to
 * remember. After a pause its failures are remembered until a step later than the next attempt
 * could be, so that the probe goes on where the last one was. */
static void forget_if_unused(struct queue_ready *r, struct queue_destination *d, int64_t now_ms)
{
	bool remembers = d->failures > 0 && now_ms < d->pause_until_ms + r->schedule.max_ms;
	bool awaited = d->watched || !list_is_empty(&d->refill);
	remembers |= clock_monotonic_ms() < d->pace.calm_until_ms || has_used_rate(d);
	if (d->ready_jobs > 0 || d->connections > 0 || d->admitted > 0 || remembers || awaited)
		return;
	list_remove(&d->link);
	list_remove(&d->page);
	hash_remove(r->destinations, slice_from_str(d->key));
	destination_free(d);
}

/* --- the feeder ----------------------------------------------------------------------- */

static bool is_paused(const struct queue_destination *d, int64_t now_ms)
{
	return now_ms < d->pause_until_ms;
}

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
	if (is_paused(d, now_ms))
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
static void note_room(struct queue_ready *r, struct queue_destination *d)
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
	struct queue_destination *d = get_destination(r, key);
	d->watched = list_is_empty(&d->refill);
	/* Otherwise the next one that is taken tells. */
	if (d->ready_jobs + d->connections == 0)
		note_room(r, d);
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
		forget_if_unused(r, d, clock_wall_ms());
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
	if (asked && is_paused(d, now_ms))
		d->pause_until_ms = 0;
	if (is_paused(d, now_ms) && now_ms >= expires_ms)
		return QUEUE_REFUSE;
	if (is_paused(d, now_ms)) {
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
                                       int64_t *due_ms_out, struct slice *why_out)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = get_destination(r, key);
	bool paused = is_paused(d, now_ms);
	if (list_is_empty(&d->page))
		list_append(&r->touched, &d->page);
	enum queue_admission a = admit(r, d, asked, now_ms, expires_ms, due_ms_out);
	*why_out = SLICE_EMPTY;
	if (a != QUEUE_ADMIT && paused)
		*why_out = arena_copy(arena, slice_from_str(d->why));
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
		forget_if_unused(r, value, now_ms);
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
		forget_if_unused(r, d, now_ms);
	}
	sweep(r, now_ms);
	pthread_mutex_unlock(&r->lock);
}

static struct queue_job *first_job(const struct queue_destination *d)
{
	struct queue_job *job = NULL;
	for (int class = 0; class < READY_CLASSES && !job; class ++)
		job = LIST_FIRST(&d->ready[class], struct queue_job, link);
	return job;
}

static int64_t pace_ms(const struct queue_ready *r, const struct queue_destination *d)
{
	const struct queue_job *job = first_job(d);
	if (!job)
		return 0;
	int64_t now = now_us();
	int64_t own_ms = job->is_counted_there
	                         ? 0
	                         : queue_meters_wait_ms(&d->meters, &r->limits.rates, now);
	const struct queue_meters *way = job->is_counted ? NULL : meters_of_way(r, job);
	int64_t way_ms = way ? queue_meters_wait_ms(way, &job->way->rates, now) : 0;
	return own_ms > way_ms ? own_ms : way_ms;
}

/* Once only, as a job comes back that is moved to another destination or had no connection. */
static void count_job(struct queue_ready *r, struct queue_destination *d, struct queue_job *job)
{
	int64_t now = now_us();
	struct queue_meters *way = job->is_counted ? NULL : meters_of_way(r, job);
	if (!job->is_counted_there)
		queue_meters_count(&d->meters, &r->limits.rates, job->count, now);
	if (way)
		queue_meters_count(way, &job->way->rates, job->count, now);
	job->is_counted = job->is_counted_there = true;
}

/* Does it want one more connection? One at a time while its host is in doubt. The second is had
 * for the asking, so that one large message does not hold up the next; further ones when there is
 * a job waiting for each that is open, as few connections with many messages are cheapest for
 * both sides. */
static bool is_hungry(const struct queue_ready *r, const struct queue_destination *d)
{
	unsigned most = d->failures > 0 ? 1 : d->pace.allowed;
	if (d->ready_jobs > 0 && pace_ms(r, d) > 0)
		most = 1;
	size_t enough = d->connections < 2 ? d->idle_connections : d->connections;
	return d->ready_jobs > enough && d->connections < most;
}

static void note_hunger(struct queue_ready *r, struct queue_destination *d)
{
	bool listed = !list_is_empty(&d->link);
	bool hungry = is_hungry(r, d);
	/* Behind the others, unless what waits is urgent. */
	bool urgent = !list_is_empty(&d->ready[READY_HIGH]);
	if (hungry && !listed)
		list_insert_before(urgent ? r->hungry.next : &r->hungry, &d->link);
	else if (!hungry && listed)
		list_remove(&d->link);
}

static void wake_one(struct queue_destination *d)
{
	LIST_EACH (&d->idle, link, following) {
		struct waiter *w = LIST_ENTRY(link, struct waiter, link);
		if (w->woken)
			continue;
		w->woken = true;
		fiber_wake(w->fiber);
		return;
	}
}

static enum ready_class class_of(const struct queue_job *job)
{
	if (job->options.priority == 0)
		return READY_NORMAL;
	return job->options.priority > 0 ? READY_HIGH : READY_LOW;
}

/* In the order of priority, and those of the same one in the order in which they came. */
static void insert_ready(struct queue_destination *d, struct queue_job *job)
{
	struct list *class = &d->ready[class_of(job)];
	struct list *behind = class->prev;
	while (behind != class &&
	       LIST_ENTRY(behind, struct queue_job, link)->options.priority < job->options.priority)
		behind = behind->prev;
	list_insert_before(behind->next, &job->link);
}

bool queue_ready_put(struct queue_ready *r, struct slice key, struct queue_job *job, int64_t now_ms,
                     int64_t *due_ms_out, struct slice *why_out)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = get_destination(r, key);
	if (is_paused(d, now_ms)) {
		*due_ms_out = d->pause_until_ms;
		*why_out = arena_copy(job->arena, slice_from_str(d->why));
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	job->is_counted_there = false;
	insert_ready(d, job);
	d->ready_jobs++;
	d->recipients += job->count;
	r->recipients += job->count;
	wake_one(d);
	note_hunger(r, d);
	pthread_mutex_unlock(&r->lock);
	return true;
}

struct queue_destination *queue_ready_next_connection(struct queue_ready *r)
{
	struct queue_destination *d = NULL;
	pthread_mutex_lock(&r->lock);
	if (!r->stopped && r->connections < r->limits.max_connections)
		d = LIST_FIRST(&r->hungry, struct queue_destination, link);
	if (d) {
		/* To the end of the line, if it wants another. */
		list_remove(&d->link);
		d->connections++;
		r->connections++;
		note_hunger(r, d);
	}
	pthread_mutex_unlock(&r->lock);
	return d;
}

/* --- a delivery fiber ----------------------------------------------------------------- */

static void take_out(struct queue_ready *r, struct queue_destination *d, struct queue_job *job)
{
	list_remove(&job->link);
	d->ready_jobs--;
	d->recipients -= job->count;
	r->recipients -= job->count;
	note_hunger(r, d);
	note_room(r, d);
}

static struct queue_job *take(struct queue_ready *r, struct queue_destination *d)
{
	struct queue_job *job = first_job(d);
	if (job)
		take_out(r, d, job);
	return job;
}

/* As fast as the destination is to be served. */
static struct queue_job *take_paced(struct queue_ready *r, struct queue_destination *d)
{
	if (r->stopped || d->connections > d->pace.allowed || pace_ms(r, d) > 0)
		return NULL;
	struct queue_job *job = take(r, d);
	if (job)
		count_job(r, d, job);
	return job;
}

static void withdraw(struct queue_ready *r, struct queue_destination *d, struct list *ready,
                     bool (*wants)(const struct queue_job *job, void *arg), void *arg,
                     struct list *out)
{
	LIST_EACH (ready, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		if (!wants(job, arg))
			continue;
		take_out(r, d, job);
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

struct queue_job *queue_ready_take(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	struct queue_job *job = take_paced(r, d);
	pthread_mutex_unlock(&r->lock);
	return job;
}

int64_t queue_ready_pace_ms(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	bool leaves = r->stopped || d->connections > d->pace.allowed;
	int64_t wait_ms = leaves ? 0 : pace_ms(r, d);
	pthread_mutex_unlock(&r->lock);
	return wait_ms;
}

int64_t queue_ready_connect_ms(struct queue_ready *r, struct queue_destination *d,
                               const struct queue_job *job)
{
	int64_t now = now_us();
	pthread_mutex_lock(&r->lock);
	unsigned rate = r->limits.rates.connections;
	struct queue_meters *way = meters_of_way(r, job);
	int64_t wait_ms = queue_meter_wait_ms(&d->meters.connections, rate, now);
	int64_t way_ms = way ? queue_meter_wait_ms(&way->connections, job->way->rates.connections,
	                                           now)
	                     : 0;
	if (wait_ms < way_ms)
		wait_ms = way_ms;
	if (wait_ms == 0)
		queue_meter_count(&d->meters.connections, rate, 1, now);
	if (wait_ms == 0 && way)
		queue_meter_count(&way->connections, job->way->rates.connections, 1, now);
	pthread_mutex_unlock(&r->lock);
	return wait_ms;
}

bool queue_ready_faster(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	queue_pace_faster(&d->pace, r->limits.max_connections_per_destination,
	                  clock_monotonic_ms());
	note_hunger(r, d);
	bool hungry = !list_is_empty(&r->hungry) && r->connections < r->limits.max_connections;
	pthread_mutex_unlock(&r->lock);
	return hungry;
}

void queue_ready_slower(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	queue_pace_slower(&d->pace, d->connections, clock_monotonic_ms());
	note_hunger(r, d);
	pthread_mutex_unlock(&r->lock);
}

bool queue_ready_one_less(struct queue_ready *r, struct queue_destination *d, struct queue_job *job)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&r->lock);
	bool works = !r->stopped && d->connections > 1 && queue_pace_works(&d->pace, now_ms);
	if (works) {
		queue_pace_one_less(&d->pace, d->connections, now_ms);
		queue_job_begin_anew(job);
		list_insert_before(d->ready[class_of(job)].next, &job->link);
		d->ready_jobs++;
		d->recipients += job->count;
		r->recipients += job->count;
		wake_one(d);
		note_hunger(r, d);
	}
	pthread_mutex_unlock(&r->lock);
	return works;
}

/* Others have jobs and no connection, and there are no more to be had. */
static bool is_wanted_elsewhere(const struct queue_ready *r)
{
	return r->connections >= r->limits.max_connections && !list_is_empty(&r->hungry);
}

struct queue_job *queue_ready_wait(struct queue_ready *r, struct queue_destination *d,
                                   int64_t idle_ms)
{
	struct waiter w = { .fiber = fiber_self() };
	int64_t deadline = deadline_in(idle_ms);
	int rc = 0;
	pthread_mutex_lock(&r->lock);
	struct queue_job *job = take_paced(r, d);
	if (job || r->stopped || d->connections > d->pace.allowed || is_wanted_elsewhere(r)) {
		pthread_mutex_unlock(&r->lock);
		return job;
	}
	list_append(&d->idle, &w.link);
	d->idle_connections++;
	while (!job && rc == 0 && !r->stopped) {
		pthread_mutex_unlock(&r->lock);
		rc = fiber_park("queue idle connection", deadline);
		pthread_mutex_lock(&r->lock);
		w.woken = false;
		job = take_paced(r, d);
	}
	list_remove(&w.link);
	d->idle_connections--;
	note_hunger(r, d);
	pthread_mutex_unlock(&r->lock);
	return job;
}

void queue_ready_renew(struct queue_ready *r, struct slice key)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = hash_find(r->destinations, key);
	if (d)
		d->era++;
	pthread_mutex_unlock(&r->lock);
}

unsigned queue_ready_era(struct queue_ready *r, const struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	unsigned era = d->era;
	pthread_mutex_unlock(&r->lock);
	return era;
}

void queue_ready_works(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	if (d->failures > 0) {
		d->failures = 0;
		d->pause_until_ms = 0;
		note_hunger(r, d);
		note_room(r, d);
	}
	pthread_mutex_unlock(&r->lock);
}

int64_t queue_ready_pause(struct queue_ready *r, struct queue_destination *d,
                          const struct queue_schedule *schedule, int64_t now_ms, unsigned attempts,
                          struct slice why, struct list *returned)
{
	struct queue_job *job;
	pthread_mutex_lock(&r->lock);
	/* Several connections that fail together are one failure. */
	if (!is_paused(d, now_ms)) {
		d->failures = (d->failures > attempts ? d->failures : attempts) + 1;
		int64_t pause = queue_schedule_pause(schedule, d->failures, random_u64());
		d->pause_until_ms = now_ms + pause;
	}
	snprintf(d->why, sizeof(d->why), "%.*s", SLICE_ARG(why));
	while ((job = take(r, d)))
		list_append(returned, &job->link);
	note_room(r, d);
	int64_t until = d->pause_until_ms;
	pthread_mutex_unlock(&r->lock);
	return until;
}

void queue_ready_leave(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	d->connections--;
	r->connections--;
	note_hunger(r, d);
	note_room(r, d);
	forget_if_unused(r, d, clock_wall_ms());
	pthread_mutex_unlock(&r->lock);
}

void queue_ready_set_clock(struct queue_ready *r, int64_t by_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	pthread_mutex_lock(&r->lock);
	r->swept_ms += by_ms;
	while (hash_next(r->destinations, &position, &key, &value)) {
		struct queue_destination *d = value;
		d->pause_until_ms += d->pause_until_ms > 0 ? by_ms : 0;
		d->pushed_until_us += d->pushed_until_us > 0 ? by_ms * 1000 : 0;
	}
	pthread_mutex_unlock(&r->lock);
}

struct queue_ready_counts queue_ready_counts(struct queue_ready *r)
{
	pthread_mutex_lock(&r->lock);
	struct queue_ready_counts counts = { r->recipients, r->connections };
	pthread_mutex_unlock(&r->lock);
	return counts;
}

void queue_ready_stop(struct queue_ready *r)
{
	size_t position = 0;
	struct slice key;
	void *value;
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	while (hash_next(r->destinations, &position, &key, &value)) {
		struct queue_destination *d = value;
		LIST_EACH (&d->idle, link, following) {
			fiber_wake(LIST_ENTRY(link, struct waiter, link)->fiber);
		}
	}
	pthread_mutex_unlock(&r->lock);
}
