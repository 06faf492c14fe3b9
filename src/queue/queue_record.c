/* The recorder: one fiber that commits what became of many recipients at once.
 *
 * Delivery fibers hand their jobs over and go on with the next message on their connection; all
 * jobs that came while one commit was made go into the next. Until its record is durable a job
 * stays leased, so the worst that a crash does is to send again what was sent in these
 * milliseconds. */
#include <errno.h>

#include "base/log.h"
#include "queue/queue_digest.h"
#include "queue/queue_internal.h"

#define BATCH_MAX        256
#define BEHIND_JOBS      1024
#define TROUBLE_PAUSE_MS 1000
/* A commit costs a sync of the disk: with less than this many it is worth a moment's wait for more.
 * It widens the time in which a crash sends a message twice by as much. */
#define BATCH_WORTH 32
#define LINGER_MS   5

struct batch {
	struct queue *queue;
	struct queue_job *jobs[BATCH_MAX];
	struct queue_report *reports[BATCH_MAX];
	size_t count;
	struct store_blob *blobs;
	size_t blob_count;
	bool due_now; /* of queue_table_record() */
};

void queue_record_put(struct queue *q, struct queue_job *job)
{
	struct queue_recorder *r = &q->recorder;
	pthread_mutex_lock(&r->lock);
	bool was_empty = list_is_empty(&r->jobs);
	list_append(&r->jobs, &job->link);
	pthread_mutex_unlock(&r->lock);
	atomic_fetch_add(&r->waiting, 1);
	if (was_empty)
		fiber_wake(r->fiber);
}

bool queue_record_is_behind(struct queue *q)
{
	return atomic_load(&q->recorder.waiting) > BEHIND_JOBS;
}

size_t queue_record_part(struct queue *q, struct queue_job *job, size_t end)
{
	struct queue_job *part = queue_job_take_relayed(job, end);
	if (!part)
		return 0;
	size_t count = part->count;
	queue_job_judge(part, clock_wall_ms(), 0);
	queue_record_put(q, part);
	while (queue_record_is_behind(q) && fiber_sleep(deadline_in(LINGER_MS)) == 0)
		continue;
	return count;
}

static void take_jobs(struct queue_recorder *r, struct batch *b)
{
	b->count = 0;
	pthread_mutex_lock(&r->lock);
	while (b->count < BATCH_MAX && !list_is_empty(&r->jobs)) {
		struct queue_job *job = LIST_FIRST(&r->jobs, struct queue_job, link);
		list_remove(&job->link);
		b->jobs[b->count++] = job;
	}
	pthread_mutex_unlock(&r->lock);
}

/* --- the commit ----------------------------------------------------------------------- */

static int batch_commit(struct db *db, void *arg)
{
	struct batch *b = arg;
	const struct store_blob *blobs = b->blobs;
	b->due_now = false;
	for (size_t i = 0; i < b->count; i++) {
		struct queue_recorded recorded;
		int rc = queue_table_record(db, b->jobs[i], &recorded);
		b->due_now |= recorded.due_now;
		/* A job whose rows the operator dropped meanwhile ends without a word. */
		bool is_known = recorded.gone > 0 ||
		                b->jobs[i]->targets[0].end == QUEUE_END_DEFERRED;
		if (rc == 0 && is_known)
			rc = queue_report_commit(db, b->reports[i], blobs);
		if (rc == 0 && is_known)
			rc = queue_digest_note(db, b->jobs[i]);
		if (rc < 0)
			return rc;
		blobs += queue_report_blob_count(b->reports[i]);
	}
	return 0;
}

static void gather_blobs(struct batch *b)
{
	b->blob_count = 0;
	for (size_t i = 0; i < b->count; i++)
		b->blob_count += queue_report_blob_count(b->reports[i]);
	b->blobs = mem_zero(b->blob_count, sizeof(*b->blobs));
	size_t at = 0;
	for (size_t i = 0; i < b->count; i++) {
		queue_report_blobs(b->reports[i], &b->blobs[at]);
		at += queue_report_blob_count(b->reports[i]);
	}
}

/* One try for some of the jobs. */
static int record_some(struct queue *q, struct queue_job *const *jobs,
                       struct queue_report **reports, size_t count, struct batch *part)
{
	part->queue = q;
	part->count = count;
	memcpy(part->jobs, jobs, count * sizeof(*jobs));
	memcpy(part->reports, reports, count * sizeof(*reports));
	gather_blobs(part);
	int rc = store_commit(q->config.store, part->blobs, part->blob_count, batch_commit, part);
	free(part->blobs);
	if (rc == 0 && part->due_now)
		queue_kick(q);
	return rc;
}

/* --- afterwards ----------------------------------------------------------------------- */

static void tell(struct queue *q, const struct queue_job *job, size_t i)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	const struct log_kv kv[] = { kv_str("queue_id", job->queue_id),
		                     kv_slice("to", job->wire[i].path), kv_slice("peer", job->peer),
		                     kv_slice("reply", o->text) };
	switch (job->targets[i].end) {
	case QUEUE_END_RELAYED:
		atomic_fetch_add(&q->relayed, 1);
		log_write(LOG_DEBUG, "queue.relayed", kv, 4);
		break;
	case QUEUE_END_DEFERRED:
		atomic_fetch_add(&q->deferred, 1);
		log_write(LOG_INFO, "queue.deferred", kv, 4);
		break;
	case QUEUE_END_FAILED:
	case QUEUE_END_EXPIRED:
		atomic_fetch_add(&q->bounced, 1);
		log_write(job->reverse_path.len > 0 ? LOG_INFO : LOG_WARN, "queue.bounced", kv, 4);
		break;
	case QUEUE_END_RELEASED:
		log_write(LOG_DEBUG, "queue.released", kv, 2);
		break;
	case QUEUE_END_RETURNED:
		break;
	}
}

static void end_jobs(struct queue *q, struct queue_job **jobs, struct queue_report **reports,
                     size_t count)
{
	for (size_t n = 0; n < count; n++) {
		for (size_t i = 0; i < jobs[n]->count; i++) {
			const struct queue_target *t = &jobs[n]->targets[i];
			tell(q, jobs[n], i);
			if (t->end == QUEUE_END_DEFERRED || t->end == QUEUE_END_RETURNED)
				queue_note_domain(q, t->domain, t->due_ms);
		}
		queue_report_end(reports[n], true);
		queue_job_free(jobs[n]);
	}
	atomic_fetch_add(&q->records, 1);
	atomic_fetch_sub(&q->recorder.waiting, (unsigned)count);
}

static void give_back(struct queue_recorder *r, struct queue_job *job)
{
	pthread_mutex_lock(&r->lock);
	list_append(&r->jobs, &job->link);
	pthread_mutex_unlock(&r->lock);
}

/* The whole batch at once; if that fails one by one, so that a single bad one holds up no other.
 * What can't be recorded goes back to the list. Returns an error if there was one. */
static int record_batch(struct queue *q, struct batch *b, struct batch *part)
{
	int rc = record_some(q, b->jobs, b->reports, b->count, part);
	if (rc == 0) {
		end_jobs(q, b->jobs, b->reports, b->count);
		return 0;
	}
	int failed = rc;
	size_t lost = 0;
	const char *queue_id = "";
	bool one_by_one = b->count > 1 && rc != -EIO && rc != -ENOSPC;
	for (size_t i = 0; i < b->count; i++) {
		rc = one_by_one ? record_some(q, &b->jobs[i], &b->reports[i], 1, part) : rc;
		if (rc == 0) {
			end_jobs(q, &b->jobs[i], &b->reports[i], 1);
			continue;
		}
		queue_id = b->jobs[i]->queue_id;
		lost++;
		queue_report_end(b->reports[i], false);
		give_back(&q->recorder, b->jobs[i]);
	}
	/* One line, however many: a store that fails does so for all, every second. */
	if (lost > 0)
		log_error("queue.record.failed", kv_int("messages", (int64_t)lost),
		          kv_str("queue_id", queue_id), kv_error(failed),
		          kv_str("remedy", "see the errors of the store; it is tried again"));
	return failed;
}

static int prepare(struct queue *q, struct batch *b)
{
	int failed = 0;
	size_t kept = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct queue_job *job = b->jobs[i];
		int rc = queue_report_prepare(q, job, &b->reports[kept]);
		if (rc == 0) {
			b->jobs[kept++] = job;
			continue;
		}
		failed = rc;
		give_back(&q->recorder, job);
	}
	b->count = kept;
	return failed;
}

static bool is_over(struct queue *q)
{
	return atomic_load(&q->recorder.ended) && atomic_load(&q->carriers) == 0 &&
	       atomic_load(&q->recorder.waiting) == 0;
}

void queue_record_run(void *queue)
{
	struct queue *q = queue;
	struct batch *b = mem_zero(2, sizeof(*b));
	int cancelled = 0;
	/* The first cancellation says that the server stops; deliveries still end, and are
	 * recorded. The second says that the grace is over. */
	while (!is_over(q) && cancelled < 2) {
		unsigned waiting = atomic_load(&q->recorder.waiting);
		if (waiting > 0 && waiting < BATCH_WORTH && cancelled == 0)
			cancelled += fiber_sleep(deadline_in(LINGER_MS)) == -ECANCELED;
		take_jobs(&q->recorder, b);
		int64_t deadline = DEADLINE_NEVER;
		int rc = b->count > 0 ? prepare(q, b) : 0;
		if (b->count > 0) {
			int failed = record_batch(q, b, &b[1]);
			rc = failed < 0 ? failed : rc;
			if (rc == 0)
				continue;
		}
		if (rc < 0)
			deadline = deadline_in(TROUBLE_PAUSE_MS);
		if (fiber_park("queue: nothing to record", deadline) == -ECANCELED)
			cancelled++;
	}
	if (is_over(q))
		queue_lease_end(&q->leases);
	free(b);
}
