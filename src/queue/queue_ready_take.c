/* The side of the delivery fibers: connections, and jobs for them as fast as it is to be. */
#include <errno.h>

#include "queue/queue_ready_internal.h"

/* Once only, as a job comes back that is moved to another destination or had no connection. */
static void count_job(struct queue_ready *r, struct queue_destination *d, struct queue_job *job)
{
	int64_t now = queue_ready_now_us();
	struct queue_meters *way = job->is_counted ? NULL : queue_ready_meters(r, job);
	if (!job->is_counted_there)
		queue_meters_count(&d->meters, &r->limits.rates, job->count, now);
	if (way)
		queue_meters_count(way, &job->way->rates, job->count, now);
	job->is_counted = job->is_counted_there = true;
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
		queue_ready_note_hunger(r, d);
	}
	pthread_mutex_unlock(&r->lock);
	return d;
}

static struct queue_job *take(struct queue_ready *r, struct queue_destination *d)
{
	struct queue_job *job = queue_ready_first(d);
	if (job)
		queue_ready_take_out(r, d, job);
	return job;
}

/* As fast as the destination is to be served. */
static struct queue_job *take_paced(struct queue_ready *r, struct queue_destination *d)
{
	if (r->stopped || d->connections > d->pace.allowed || queue_ready_wait_ms(r, d) > 0)
		return NULL;
	struct queue_job *job = take(r, d);
	if (job)
		count_job(r, d, job);
	return job;
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
	int64_t wait_ms = leaves ? 0 : queue_ready_wait_ms(r, d);
	pthread_mutex_unlock(&r->lock);
	return wait_ms;
}

int64_t queue_ready_connect_ms(struct queue_ready *r, struct queue_destination *d,
                               const struct queue_job *job)
{
	int64_t now = queue_ready_now_us();
	pthread_mutex_lock(&r->lock);
	unsigned rate = r->limits.rates.connections;
	struct queue_meters *way = queue_ready_meters(r, job);
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
	queue_ready_note_hunger(r, d);
	bool hungry = !list_is_empty(&r->hungry) && r->connections < r->limits.max_connections;
	pthread_mutex_unlock(&r->lock);
	return hungry;
}

void queue_ready_slower(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	queue_pace_slower(&d->pace, d->connections, clock_monotonic_ms());
	queue_ready_note_hunger(r, d);
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
		queue_ready_insert(r, d, job, true);
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
	struct queue_ready_waiter w = { .fiber = fiber_self() };
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
	queue_ready_note_hunger(r, d);
	pthread_mutex_unlock(&r->lock);
	return job;
}

void queue_ready_leave(struct queue_ready *r, struct queue_destination *d)
{
	pthread_mutex_lock(&r->lock);
	d->connections--;
	r->connections--;
	queue_ready_note_hunger(r, d);
	queue_ready_note_room(r, d);
	queue_ready_forget(r, d, clock_wall_ms());
	pthread_mutex_unlock(&r->lock);
}
