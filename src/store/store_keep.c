/* What goes on beside commits: filling the file that becomes the next segment, and carrying the
 * write-ahead log over into the database.
 *
 * SQLite would do the second inside a commit, which then takes a second or so while everybody
 * waits. Here a thread with its own connection does most of it beside the writers; the writer
 * does the rest, which is short, since only when nothing is left can the log start over. */
#include <errno.h>

#include "base/log.h"
#include "store/store_internal.h"

enum {
	CHECKPOINT_PASSES = 4,
	CHECKPOINT_REST_PAGES = 1000,  /* few enough for the writer */
	CHECKPOINT_AGAIN_PAGES = 8000, /* if the log could not start over */
	RETRY_MS = 2000,
	KEEPER_STACK_BYTES = 256 << 10,
};

/* --- keepers ------------------------------------------------------------------------- */

void keeper_ask(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->wanted = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
}

static void wait_ms(struct keeper *k, int64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!k->stopping && pthread_cond_timedwait(&k->wake, &k->lock, &until) != ETIMEDOUT)
		;
	k->wanted = true;
}

static void *run_keeper(void *arg)
{
	struct keeper *k = arg;
	pthread_mutex_lock(&k->lock);
	while (!k->stopping) {
		if (!k->wanted) {
			pthread_cond_wait(&k->wake, &k->lock);
			continue;
		}
		k->wanted = false;
		pthread_mutex_unlock(&k->lock);
		int64_t again_ms = k->work(k->store);
		pthread_mutex_lock(&k->lock);
		if (again_ms >= 0)
			wait_ms(k, again_ms);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static int start_keeper(struct keeper *k, struct store *s, const char *name,
                        int64_t (*work)(struct store *s))
{
	pthread_condattr_t monotonic;
	pthread_attr_t attr;
	k->store = s;
	k->work = work;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, KEEPER_STACK_BYTES);
	int rc = pthread_create(&k->thread, &attr, run_keeper, k);
	pthread_attr_destroy(&attr);
	k->started = rc == 0;
	if (k->started)
		pthread_setname_np(k->thread, name);
	return -rc;
}

static void stop_keeper(struct keeper *k)
{
	if (!k->started)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	k->started = false;
}

void store_stop_settler(struct store *s)
{
	uint64_t settled;
	stop_keeper(&s->settler);
	if (s->writers[0].started && !store_failed(s))
		store_settle(s, &settled);
}

/* --- files filled ahead -------------------------------------------------------------- */

static int64_t fill(struct store *s)
{
	int rc = segment_log_prepare(s->log);
	if (rc != 0 && rc != -ENOSPC)
		log_warn("store.fill", kv_error(rc), kv_str("dir", s->dir));
	return rc != 0 ? RETRY_MS : -1;
}

/* --- the write-ahead log ------------------------------------------------------------- */

/* *log_out: as many pages as the log had when this began. */
static int checkpoint(struct store *s, struct db *db, int *log_out)
{
	int rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, log_out,
	                                   NULL);
	if (rc == SQLITE_OK)
		return 0;
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return -EBUSY;
	int error = db_error(db, rc, "checkpoint");
	if (error == -EIO)
		store_fail(s, "checkpoint", error);
	return error;
}

/* The log grows meanwhile, so the writer always has a rest to do; each pass leaves it less. */
static int64_t carry_over(struct store *s)
{
	int log = 0, before;
	int rc = store_failed(s) ? -EIO : 0;
	for (int pass = 0; rc == 0 && pass < CHECKPOINT_PASSES; pass++) {
		before = log;
		rc = checkpoint(s, s->checkpoint_db, &log);
		if (log - before <= CHECKPOINT_REST_PAGES)
			break;
	}
	atomic_store(&s->checkpoint_due, log + CHECKPOINT_AGAIN_PAGES);
	atomic_store(&s->checkpoint_rest, rc == 0);
	return rc == -ENOSPC || rc == -EBUSY ? RETRY_MS : -1;
}

static int count_pages(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct store *s = arg;
	(void)sqlite;
	(void)name;
	if (pages < s->wal_pages) /* it started over */
		atomic_store(&s->checkpoint_due, STORE_CHECKPOINT_PAGES);
	s->wal_pages = pages;
	return SQLITE_OK;
}

void store_after_commit(struct store *s)
{
	int log;
	if (atomic_exchange(&s->checkpoint_rest, false))
		checkpoint(s, s->writer, &log);
	if (s->wal_pages < atomic_load(&s->checkpoint_due))
		return;
	atomic_store(&s->checkpoint_due, INT32_MAX);
	keeper_ask(&s->checkpointer);
}

int store_start_keepers(struct store *s)
{
	sqlite3_wal_hook(s->writer->sqlite, count_pages, s);
	int rc = start_keeper(&s->filler, s, "store-fill", fill);
	if (rc == 0)
		rc = start_keeper(&s->checkpointer, s, "store-carry", carry_over);
	return rc == 0 ? start_keeper(&s->settler, s, "store-settle", store_settle_some) : rc;
}

void store_stop_keepers(struct store *s)
{
	stop_keeper(&s->filler);
	stop_keeper(&s->checkpointer);
}
