/* The writers: how commits become durable, many at a time.
 *
 * Two threads do the same. Each takes all commits that wait (a group), appends their blobs to the
 * segment and syncs it, then runs the closures in one transaction and commits that. While one
 * group's rows are committed the other thread writes and syncs the blobs of the next; a group that
 * comes alone goes through without changing or waking threads.
 *
 * A group is taken no sooner than the closures of the one before have run: what comes until then
 * would wait anyway, and two groups of fifty take fewer syncs than one of ten and one of ninety.
 *
 * The closures of a group run without a savepoint each, since that costs as much as a small
 * closure. When one of them fails the transaction is rolled back and all of them are run again,
 * now in savepoints, so that only the one that fails is undone. */
#include <errno.h>

#include "base/checksum.h"
#include "base/log.h"
#include "store/store_internal.h"

enum {
	GROUP_COMMITS_MAX = 1024,
	GROUP_BYTES_MAX = 16 << 20, /* of blobs; a larger one is a group of its own */
	CAREFUL_GROUPS = 32,        /* with savepoints, after a closure failed */
	WRITER_STACK_BYTES = 1 << 20,
};

/* --- a caller ------------------------------------------------------------------------ */

static void summarize_blob(struct store_blob *blob, bool moves)
{
	uint64_t length = 0;
	uint32_t checksum = 0;
	for (size_t i = 0; i < blob->part_count; i++) {
		checksum = checksum_add(checksum, blob->parts[i]);
		length += blob->parts[i].len;
	}
	int form = moves ? blob->own.form : RECORD_PLAIN;
	uint64_t plain_length = moves ? blob->own.plain_length : 0;
	if (!moves)
		blob->id = 0;
	memset(&blob->own, 0, sizeof(blob->own));
	blob->own.form = form;
	blob->own.plain_length = plain_length;
	blob->own.length = length;
	blob->own.bytes_checksum = checksum;
	blob->own.note_checksum = checksum_add(0, blob->note);
}

static void enqueue(struct store *s, struct commit *c)
{
	pthread_mutex_lock(&s->queue_lock);
	bool ring = !s->queue && !s->busy;
	*s->queue_end = c;
	s->queue_end = &c->next;
	pthread_mutex_unlock(&s->queue_lock);
	if (ring)
		pthread_cond_signal(&s->queue_filled);
}

static void block(struct store *s, struct commit *c)
{
	pthread_mutex_lock(&s->done_lock);
	s->blocked++;
	while (!atomic_load(&c->done))
		pthread_cond_wait(&s->done_some, &s->done_lock);
	s->blocked--;
	pthread_mutex_unlock(&s->done_lock);
}

/* A commit that was begun is waited for even by a fiber that has been cancelled. When the runtime
 * stops, or the fiber's grace is over, its thread blocks for the milliseconds that are left: a
 * fiber that is parked may be given up, and its stack with the commit on it. */
static void wait_until_done(struct store *s, struct commit *c)
{
	int cancelled = 0;
	while (c->fiber && cancelled < 2 && !runtime_stopping() && !atomic_load(&c->done)) {
		if (fiber_park("store.commit", DEADLINE_NEVER) == -ECANCELED)
			cancelled++;
	}
	if (!atomic_load(&c->done))
		block(s, c);
}

static int commit(struct store *s, struct commit *c)
{
	if (s->read_only)
		return -EROFS;
	if (store_failed(s))
		return -EIO;
	for (size_t i = 0; i < c->blob_count; i++) {
		if (c->blobs[i].note.len > STORE_NOTE_MAX)
			return -EINVAL;
		summarize_blob(&c->blobs[i], c->moves);
		if (c->blobs[i].own.length > SEGMENT_RECORD_MAX)
			return -EFBIG;
	}
	c->fiber = fiber_self();
	enqueue(s, c);
	wait_until_done(s, c);
	return c->rc;
}

int store_commit(struct store *s, struct store_blob *blobs, size_t blob_count, store_fn fn,
                 void *arg)
{
	struct commit c = { .fn = fn, .arg = arg, .blobs = blobs, .blob_count = blob_count };
	return commit(s, &c);
}

int store_commit_moved(struct store *s, struct store_blob *blobs, size_t blob_count, store_fn fn,
                       void *arg)
{
	struct commit c = {
		.fn = fn, .arg = arg, .blobs = blobs, .blob_count = blob_count, .moves = true
	};
	return commit(s, &c);
}

/* --- a group ------------------------------------------------------------------------- */

static uint64_t commit_bytes(const struct commit *c)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < c->blob_count; i++)
		bytes += c->blobs[i].own.length;
	return bytes;
}

/* Waits for commits and takes them, in the order in which they came; NULL: the store closes. The
 * other writer stays asleep until let_next_group(). */
static struct commit *take_group(struct store *s)
{
	pthread_mutex_lock(&s->queue_lock);
	while (s->busy || (!s->queue && !s->stopping))
		pthread_cond_wait(&s->queue_filled, &s->queue_lock);
	s->busy = s->queue != NULL;
	struct commit *group = s->queue;
	struct commit **end = &s->queue;
	uint64_t bytes = 0;
	for (int count = 0; *end && count < GROUP_COMMITS_MAX; count++) {
		bytes += commit_bytes(*end);
		if (count > 0 && bytes > GROUP_BYTES_MAX)
			break;
		end = &(*end)->next;
	}
	struct commit *rest = *end;
	*end = NULL;
	s->queue = rest;
	if (!rest)
		s->queue_end = &s->queue;
	pthread_mutex_unlock(&s->queue_lock);
	return group;
}

/* What was to go into the newest segment has no place there: the next group writes over it. */
static void fail_those_with_blobs(struct store *s, struct commit *group, int error)
{
	uint32_t newest = segment_log_number(s->log);
	for (struct commit *c = group; c; c = c->next) {
		if (c->blob_count > 0)
			c->rc = error;
		for (size_t i = 0; i < c->blob_count; i++) {
			if (c->blobs[i].own.segment == newest)
				c->blobs[i].own.segment = 0;
		}
	}
}

static int append_blob(struct store *s, struct store_blob *blob, bool moves)
{
	struct segment_place place;
	if (!moves)
		blob->id = (int64_t)s->next_blob_id++;
	struct record_header header = {
		.blob_id = (uint64_t)blob->id,
		.length = blob->own.length,
		.note_length = (uint32_t)blob->note.len,
		.bytes_checksum = blob->own.bytes_checksum,
		.note_checksum = blob->own.note_checksum,
		.form = (enum record_form)blob->own.form,
	};
	int rc = segment_log_add(s->log, header, blob->parts, blob->part_count, blob->note,
	                         s->next_blob_id, &place);
	if (rc != 0)
		return rc;
	blob->own.segment = place.segment;
	blob->own.position = place.position;
	return 0;
}

static int append_commit(struct store *s, struct commit *c)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < c->blob_count; i++)
		rc = append_blob(s, &c->blobs[i], c->moves);
	return rc;
}

static bool is_small(const struct store *s, const struct commit *group)
{
	uint64_t bytes = 0;
	for (const struct commit *c = group; c; c = c->next) {
		bytes += commit_bytes(c);
		if (c->moves || bytes > s->fresh_bytes)
			return false;
	}
	return true;
}

static void number_blobs(struct store *s, struct commit *group)
{
	for (struct commit *c = group; c; c = c->next) {
		for (size_t i = 0; i < c->blob_count; i++)
			c->blobs[i].id = (int64_t)s->next_blob_id++;
		atomic_fetch_add(&s->blob_bytes, commit_bytes(c));
	}
}

/* Makes the group's blobs durable, but for those that its rows will hold (store_fresh.c). A commit
 * that there was no room for has its rc set. */
static void append_group(struct store *s, struct commit *group)
{
	uint64_t bytes = 0;
	bool any = false;
	int rc = 0;
	if (is_small(s, group)) {
		number_blobs(s, group);
		return;
	}
	segment_log_begin(s->log);
	for (struct commit *c = group; c && (rc == 0 || rc == -ENOSPC); c = c->next) {
		if (c->blob_count == 0)
			continue;
		rc = c->rc = append_commit(s, c);
		bytes += commit_bytes(c);
		any = true;
	}
	if (!any)
		return;
	if (rc == 0 || rc == -ENOSPC)
		rc = segment_log_end(s->log);
	if (rc != 0)
		fail_those_with_blobs(s, group, rc);
	if (rc != 0 && rc != -ENOSPC)
		store_fail(s, "segment", rc);
	atomic_fetch_add(&s->syncs, 1);
	atomic_fetch_add(&s->blob_bytes, bytes);
	if (segment_log_wants_file(s->log))
		keeper_ask(&s->filler);
}

/* --- its transaction ----------------------------------------------------------------- */

/* May be for the second time. */
static int run_closure(struct db *db, struct commit *c)
{
	db->broken = 0;
	db->blobs = c->blobs;
	db->blob_count = c->blob_count;
	for (size_t i = 0; i < c->blob_count; i++)
		c->blobs[i].own.refs = 0;
	int rc = c->fn ? c->fn(db, c->arg) : 0;
	db->blob_count = 0;
	if (rc == 0)
		rc = store_write_blob_rows(db, c->blobs, c->blob_count, c->moves);
	return db->broken ? db->broken : rc;
}

static void run_in_savepoint(struct db *db, struct commit *c)
{
	c->rc = db_execute(db, "SAVEPOINT one");
	if (c->rc == 0)
		c->rc = run_closure(db, c);
	if (!db_in_transaction(db))
		return;
	int rc = c->rc != 0 ? db_execute(db, "ROLLBACK TO one") : 0;
	if (rc == 0)
		rc = db_execute(db, "RELEASE one");
	if (rc != 0 && c->rc == 0)
		c->rc = rc;
}

/* What the two below return when the transaction is lost as a whole. */
static int lost(const struct db *db) { return db->broken ? db->broken : -EIO; }

/* Runs what can be run of a group; *kept_out tells how many closures are to be committed. */
static int run_with_care(struct db *db, struct commit *group, size_t *kept_out)
{
	size_t kept = 0;
	for (struct commit *c = group; c; c = c->next) {
		if (c->rc != 0)
			continue;
		run_in_savepoint(db, c);
		if (!db_in_transaction(db))
			return lost(db);
		kept += c->rc == 0;
	}
	*kept_out = kept;
	return 0;
}

/* The same without savepoints. -EAGAIN: one of several failed. */
static int run_freely(struct db *db, struct commit *group, size_t *kept_out)
{
	size_t kept = 0;
	for (struct commit *c = group; c; c = c->next) {
		if (c->rc != 0)
			continue;
		int rc = run_closure(db, c);
		if (db_in_transaction(db) && rc != 0 && group->next)
			return -EAGAIN;
		c->rc = rc;
		if (!db_in_transaction(db))
			return lost(db);
		kept += rc == 0;
	}
	*kept_out = kept;
	return 0;
}

static int begin_again(struct db *db)
{
	int rc = db_execute(db, "ROLLBACK");
	return rc == 0 ? db_execute(db, "BEGIN IMMEDIATE") : rc;
}

/* Who makes closures fail now and then must not have every group run twice. */
static int run_group(struct store *s, struct commit *group, size_t *kept_out)
{
	struct db *db = s->writer;
	int rc = -EAGAIN;
	if (s->careful == 0 || !group->next) {
		rc = run_freely(db, group, kept_out);
		if (rc != -EAGAIN)
			return rc;
		s->careful = CAREFUL_GROUPS;
		rc = begin_again(db);
		if (rc != 0)
			return rc;
	}
	s->careful--;
	return run_with_care(db, group, kept_out);
}

/* While the rows of this group are synced, the blobs of the next can be. */
static void let_next_group(struct store *s)
{
	pthread_mutex_lock(&s->queue_lock);
	s->busy = false;
	bool ring = s->queue || s->stopping;
	pthread_mutex_unlock(&s->queue_lock);
	if (ring)
		pthread_cond_signal(&s->queue_filled);
}

static int transact(struct store *s, struct commit *group)
{
	struct db *db = s->writer;
	size_t kept = 0;
	int rc = store_failed(s) ? -EIO : db_execute(db, "BEGIN IMMEDIATE");
	if (rc == 0)
		rc = run_group(s, group, &kept);
	let_next_group(s);
	if (rc == 0)
		rc = db_execute(db, kept > 0 ? "COMMIT" : "ROLLBACK");
	if (rc != 0 && db_in_transaction(db))
		db_execute(db, "ROLLBACK");
	return rc;
}

/* One line when it begins and one when it ends, however many are refused between. */
static void note_space(struct store *s, bool full)
{
	if (full == s->full)
		return;
	s->full = full;
	if (full)
		log_error("store.full", kv_str("dir", s->dir), kv_str("remedy", "make space"));
	else
		log_info("store.space", kv_str("dir", s->dir));
}

/* Records that no row came to name, so that they are not taken for mail when the rows are lost. */
static void disown_records(struct store *s, const struct commit *c)
{
	for (size_t i = 0; i < c->blob_count; i++) {
		const struct store_blob *b = &c->blobs[i];
		bool named = c->rc == 0 && (c->moves || b->own.refs > 0);
		if (b->own.segment > 0 && !named)
			record_disown(s->segments_fd, s->io, b->own.segment, b->own.position);
	}
}

static void commit_group(struct store *s, struct commit *group)
{
	int rc = transact(s, group);
	bool full = false, kept = false, fresh = false;
	if (rc == -EIO)
		store_fail(s, "database", rc);
	for (struct commit *c = group; c; c = c->next) {
		if (rc != 0)
			c->rc = rc;
		if (c->rc != 0)
			atomic_fetch_add(&s->commits_failed, 1);
		/* After a failure a restart may find that the rows are there after all. */
		if (!store_failed(s))
			disown_records(s, c);
		full |= c->rc == -ENOSPC;
		kept |= c->rc == 0 && c->blob_count > 0;
		fresh |= c->rc == 0 && c->blob_count > 0 && c->blobs[0].own.segment == 0;
	}
	if (full || kept)
		note_space(s, full);
	atomic_fetch_add(&s->groups, 1);
	if (rc == 0)
		store_after_commit(s);
	if (fresh)
		keeper_ask(&s->settler);
	if (rc == -ENOSPC) /* the log takes no more, but can start over */
		keeper_ask(&s->checkpointer);
}

/* --- the end of it ------------------------------------------------------------------- */

static void note_fiber(struct store_writer *w, size_t count, fiber_id fiber)
{
	if (count == w->fiber_capacity) {
		w->fiber_capacity = count ? count * 2 : 128;
		w->fibers = mem_grow(w->fibers, w->fiber_capacity * sizeof(*w->fibers));
	}
	w->fibers[count] = fiber;
}

/* A commit lies on the stack of its caller, and is gone as soon as it is done. */
static void wake_group(struct store_writer *w, struct commit *group)
{
	struct store *s = w->store;
	size_t fibers = 0, commits = 0;
	for (struct commit *c = group, *next; c; c = next) {
		next = c->next;
		commits++;
		if (c->fiber)
			note_fiber(w, fibers++, c->fiber);
		atomic_store(&c->done, true);
	}
	atomic_fetch_add(&s->commits, commits);
	pthread_mutex_lock(&s->done_lock);
	if (s->blocked > 0)
		pthread_cond_broadcast(&s->done_some);
	pthread_mutex_unlock(&s->done_lock);
	if (fibers > 0)
		fiber_wake_all(w->fibers, fibers);
}

static void *run_writer(void *arg)
{
	struct store_writer *w = arg;
	struct store *s = w->store;
	for (;;) {
		struct commit *group = take_group(s);
		if (!group)
			return NULL;
		append_group(s, group);
		pthread_mutex_lock(&s->commit_turn);
		commit_group(s, group);
		pthread_mutex_unlock(&s->commit_turn);
		wake_group(w, group);
	}
}

int store_start_writers(struct store *s)
{
	pthread_attr_t attr;
	int rc = 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
	for (int i = 0; rc == 0 && i < STORE_WRITERS; i++) {
		struct store_writer *w = &s->writers[i];
		w->store = s;
		rc = pthread_create(&w->thread, &attr, run_writer, w);
		w->started = rc == 0;
		if (w->started)
			pthread_setname_np(w->thread, "store-writer");
	}
	pthread_attr_destroy(&attr);
	return -rc;
}

void store_stop_writers(struct store *s)
{
	pthread_mutex_lock(&s->queue_lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->queue_filled);
	pthread_mutex_unlock(&s->queue_lock);
	for (int i = 0; i < STORE_WRITERS; i++) {
		if (s->writers[i].started)
			pthread_join(s->writers[i].thread, NULL);
		free(s->writers[i].fibers);
	}
}
