#include "queue/queue_ready.h"

#include "base/codec.h"
#include "queue/queue_ready_internal.h"

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

struct queue_destination *queue_ready_get(struct queue_ready *r, struct slice key)
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

static bool has_used_rate(const struct queue_destination *d)
{
	int64_t now = queue_ready_now_us();
	return d->meters.messages.until_us > now || d->meters.recipients.until_us > now ||
	       d->meters.connections.until_us > now;
}

/* Those of the way that a job goes by; NULL: it has no rates. */
struct queue_meters *queue_ready_meters(const struct queue_ready *r, const struct queue_job *job)
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
void queue_ready_forget(struct queue_ready *r, struct queue_destination *d, int64_t now_ms)
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

struct queue_job *queue_ready_first(const struct queue_destination *d)
{
	struct queue_job *job = NULL;
	for (int class = 0; class < READY_CLASSES && !job; class ++)
		job = LIST_FIRST(&d->ready[class], struct queue_job, link);
	return job;
}

int64_t queue_ready_wait_ms(const struct queue_ready *r, const struct queue_destination *d)
{
	const struct queue_job *job = queue_ready_first(d);
	if (!job)
		return 0;
	int64_t now = queue_ready_now_us();
	int64_t own_ms = job->is_counted_there
	                         ? 0
	                         : queue_meters_wait_ms(&d->meters, &r->limits.rates, now);
	const struct queue_meters *way = job->is_counted ? NULL : queue_ready_meters(r, job);
	int64_t way_ms = way ? queue_meters_wait_ms(way, &job->way->rates, now) : 0;
	return own_ms > way_ms ? own_ms : way_ms;
}

/* Does it want one more connection? One at a time while its host is in doubt. The second is had
 * for the asking, so that one large message does not hold up the next; further ones when there is
 * a job waiting for each that is open, as few connections with many messages are cheapest for
 * both sides. */
static bool is_hungry(const struct queue_ready *r, const struct queue_destination *d)
{
	unsigned most = d->failures > 0 ? 1 : d->pace.allowed;
	if (d->ready_jobs > 0 && queue_ready_wait_ms(r, d) > 0)
		most = 1;
	size_t enough = d->connections < 2 ? d->idle_connections : d->connections;
	return d->ready_jobs > enough && d->connections < most;
}

void queue_ready_note_hunger(struct queue_ready *r, struct queue_destination *d)
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
		struct queue_ready_waiter *w = LIST_ENTRY(link, struct queue_ready_waiter, link);
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
static void insert_behind(struct list *class, struct queue_job *job)
{
	struct list *behind = class->prev;
	while (behind != class &&
	       LIST_ENTRY(behind, struct queue_job, link)->options.priority < job->options.priority)
		behind = behind->prev;
	list_insert_before(behind->next, &job->link);
}

void queue_ready_insert(struct queue_ready *r, struct queue_destination *d, struct queue_job *job,
                        bool is_next)
{
	struct list *class = &d->ready[class_of(job)];
	if (is_next)
		list_insert_before(class->next, &job->link);
	else
		insert_behind(class, job);
	d->ready_jobs++;
	d->recipients += job->count;
	r->recipients += job->count;
	wake_one(d);
	queue_ready_note_hunger(r, d);
}

bool queue_ready_put(struct queue_ready *r, struct slice key, struct queue_job *job, int64_t now_ms,
                     int64_t *due_ms_out, struct queue_trouble *why_out)
{
	pthread_mutex_lock(&r->lock);
	struct queue_destination *d = queue_ready_get(r, key);
	if (queue_ready_is_paused(d, now_ms)) {
		*due_ms_out = d->pause_until_ms;
		*why_out = queue_ready_trouble(d, job->arena);
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	job->is_counted_there = false;
	queue_ready_insert(r, d, job, false);
	pthread_mutex_unlock(&r->lock);
	return true;
}

void queue_ready_take_out(struct queue_ready *r, struct queue_destination *d, struct queue_job *job)
{
	list_remove(&job->link);
	d->ready_jobs--;
	d->recipients -= job->count;
	r->recipients -= job->count;
	queue_ready_note_hunger(r, d);
	queue_ready_note_room(r, d);
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
		queue_ready_note_hunger(r, d);
		queue_ready_note_room(r, d);
	}
	pthread_mutex_unlock(&r->lock);
}

int64_t queue_ready_pause(struct queue_ready *r, struct queue_destination *d,
                          const struct queue_schedule *schedule, int64_t now_ms,
                          struct queue_trouble why, struct list *returned)
{
	struct queue_job *job;
	pthread_mutex_lock(&r->lock);
	/* Several connections that fail together are one failure. */
	if (!queue_ready_is_paused(d, now_ms)) {
		d->failures++;
		int64_t pause = queue_schedule_pause(schedule, d->failures, random_u64());
		d->pause_until_ms = now_ms + pause;
	}
	d->why_status = why.status;
	snprintf(d->why, sizeof(d->why), "%.*s", SLICE_ARG(why.text));
	while ((job = queue_ready_first(d))) {
		queue_ready_take_out(r, d, job);
		list_append(returned, &job->link);
	}
	queue_ready_note_room(r, d);
	int64_t until = d->pause_until_ms;
	pthread_mutex_unlock(&r->lock);
	return until;
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
			fiber_wake(LIST_ENTRY(link, struct queue_ready_waiter, link)->fiber);
		}
	}
	pthread_mutex_unlock(&r->lock);
}
