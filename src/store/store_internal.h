/* What the files of the store share. */
#ifndef VEREDUS_STORE_STORE_INTERNAL_H
#define VEREDUS_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "fiber/fiber.h"
#include "store/db_sqlite.h"
#include "store/segment_files.h"
#include "store/segment_log.h"
#include "store/store.h"

#define STORE_DATABASE "veredus.db"
#define STORE_LOCK     "store.lock"

enum {
	STORE_NODE_LEN = 16,
	STORE_WRITERS = 2,              /* while one syncs a group's blobs, one commits its rows */
	STORE_CHECKPOINT_PAGES = 16000, /* of the write-ahead log */
	STORE_FRESH_BYTES = 32 << 10,   /* two syncs cost more than writing these twice */
};

/* A commit that waits; lies on the stack of who called. */
struct commit {
	struct commit *next;
	store_fn fn;
	void *arg;
	struct store_blob *blobs;
	size_t blob_count;
	bool moves; /* the blobs have their ids already and go to a new place */
	int rc;
	fiber_id fiber; /* 0: a thread that blocks */
	atomic_bool done;
};

/* A thread that does one kind of work in the background whenever it is asked to. */
struct keeper {
	struct store *store;
	/* Returns after how many milliseconds it wants to be called again; -1: when asked. */
	int64_t (*work)(struct store *s);
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool wanted, stopping;
};

struct store_writer {
	struct store *store;
	pthread_t thread;
	bool started;
	fiber_id *fibers; /* of a group, to be woken */
	size_t fiber_capacity;
};

struct store {
	char *dir;
	char *database;
	char node[STORE_NODE_LEN + 1]; /* what the lock's file says */
	int lock_fd;
	int segments_fd;
	bool read_only;
	const struct store_io *io;
	atomic_bool failed;

	/* Commits that wait, oldest first. */
	pthread_mutex_t queue_lock;
	pthread_cond_t queue_filled;
	struct commit *queue;
	struct commit **queue_end;
	bool busy; /* with a group whose closures have not run: until they have, more may come */
	bool stopping;

	/* Who makes the store busy has the segments to itself. It takes the turn to commit before
	 * another can, so groups commit in the order of their blobs. */
	struct segment_log *log;
	uint64_t next_blob_id;
	pthread_mutex_t commit_turn;
	struct db *writer; /* commit turn */
	int careful;       /* commit turn: groups to be run in savepoints */
	int wal_pages;     /* commit turn */
	bool full;         /* commit turn: told that the disk is */
	struct store_writer writers[STORE_WRITERS];

	/* Threads that wait for a commit. */
	pthread_mutex_t done_lock;
	pthread_cond_t done_some;
	size_t blocked;

	pthread_mutex_t readers_lock;
	struct db *readers; /* idle connections */
	struct segment_files *files;
	struct squeezer *squeezer;
	uint64_t fresh_bytes;
	bool compress;
	int64_t compress_after_ms;

	atomic_bool collecting;
	struct keeper filler, checkpointer, settler;
	struct db *checkpoint_db;
	_Atomic int checkpoint_due; /* pages in the log that call the checkpointer */
	atomic_bool checkpoint_rest;

	_Atomic uint64_t commits, groups, syncs, blob_bytes, reads, commits_failed;
};

/* store.c */
/* After this every commit fails. */
void store_fail(struct store *s, const char *what, int error);

/* store_commit.c */
int store_start_writers(struct store *s);
void store_stop_writers(struct store *s);
/* Writes blobs that exist to the end of the log and lets their rows name the new place. */
int store_commit_moved(struct store *s, struct store_blob *blobs, size_t blob_count, store_fn fn,
                       void *arg);

/* store_read.c */
int store_take_reader(struct store *s, struct db **out);
void store_give_reader(struct store *s, struct db *db);

/* store_blob.c: inside a commit, after its closure. */
int store_write_blob_rows(struct db *db, const struct store_blob *blobs, size_t count, bool moves);

/* store_fresh.c: the first two inside a closure. */
int fresh_write(struct db *db, const struct store_blob *blob);
/* -EBADMSG: it is not there. */
int fresh_read(struct db *db, int64_t blob_id, struct blob_view *out);
/* Carries all that is fresh over into the segments. */
int store_settle(struct store *s, uint64_t *settled_out);
int64_t store_settle_some(struct store *s); /* what the settler does */

/* store_keep.c */
int store_start_keepers(struct store *s);
/* Settles what is fresh; before the writers stop. */
void store_stop_settler(struct store *s);
/* After them, as they may ask a keeper until they have. */
void store_stop_keepers(struct store *s);
void keeper_ask(struct keeper *k);
/* With the turn to commit, after a commit. */
void store_after_commit(struct store *s);

#endif
