/* The store: rows in SQL, message bytes in segments, and one way to change them.
 *
 * Callers hand the store a closure. store_commit() runs it inside a transaction and returns when
 * what it did is durable; store_read() runs it on a snapshot. A closure touches the database only
 * through db_* calls (db.h), does not wait, and does not know which engine is below.
 *
 * On SQLite a writer thread takes every commit that is waiting, appends their blobs to the
 * segment and syncs it once (a few small ones lie beside the rows for a second instead), runs the
 * closures one after another, and commits them together. A
 * closure that fails is rolled back alone: then all of the group are run once more. The calling
 * fiber is parked meanwhile; outside a fiber (command line) the calling thread blocks. Reads run
 * on the calling thread.
 *
 *   1. When store_commit() returns 0 the change survives power loss.
 *   2. When it returns an error nothing of the change is there, now or after a crash. (After
 *      the -EIO of 4 alone a restart may find the change: whole, never half.)
 *   3. A row never names a blob that is not durable.
 *   4. After a failed sync nothing is committed any more: store_failed() is true, every commit
 *      returns -EIO, and the operator is told. Reads go on. */
#ifndef VEREDUS_STORE_STORE_H
#define VEREDUS_STORE_STORE_H

#include "base/arena.h"

struct store;
struct store_io;
struct db;

struct store_config {
	const char *dir;           /* the data directory */
	bool create;               /* make it and the database if there is none */
	bool read_only;            /* a backup: nothing is changed, locked or migrated */
	uint64_t segment_bytes;    /* 0: the default (64 MiB) */
	const struct store_io *io; /* NULL: the system's own calls */
	/* A group of commits with as many bytes of blobs or fewer keeps them beside its rows for a
	 * second or two: then one sync makes both durable. 0: the default (32 KiB); 1: all blobs
	 * go into segments at once. */
	uint64_t fresh_bytes;
	/* Blobs are compressed when their segment is full and that old; store_collect() does it. */
	bool compress;
	int64_t compress_after_ms;
};

/* Opens and, if the schema is older, migrates. Takes the directory's lock: -EWOULDBLOCK when
 * another process has it, -ENOENT when there is no database and create is false, -EPROTO when the
 * schema is newer than this program. With read_only every commit returns -EROFS, and -ESTALE tells
 * a schema that is older than this program. [any thread] */
int store_open(const struct store_config *config, struct store **out);
/* Ends after the commits that wait are done. */
void store_close(struct store *s);
/* A random name that the directory has had since it was made. While the store is open nobody else
 * goes by it, as who has it open holds the lock. [any thread] */
const char *store_node(const struct store *s);
/* True once a sync failed; see invariant 4. [any thread] */
bool store_failed(const struct store *s);

/* A closure: 0, or a negative error that rolls its change back and is returned to the caller.
 *
 * In a commit it may be run twice, since another one failed that shared its transaction; what the
 * first run did to the database is gone by then. So it sets what it tells its caller (an id, a
 * count) anew each time, takes nothing from a run before, and does nothing outside the database
 * that can't be done again. */
typedef int (*store_fn)(struct db *db, void *arg);

/* A blob to be written with a commit: immutable bytes, given in parts. */
struct store_blob {
	const struct slice *parts; /* must stay where they are until the commit returns */
	size_t part_count;
	struct slice note; /* where it goes, for `veredus recover`; at most STORE_NOTE_MAX bytes */
	int64_t id;        /* out: set before the closure runs */
	struct {           /* the store's own; callers leave it alone */
		uint64_t length;
		uint64_t position;
		uint32_t segment;
		uint32_t bytes_checksum;
		uint32_t note_checksum;
		int64_t refs;
		int form;              /* of a blob that is moved */
		uint64_t plain_length; /* likewise: of its bytes as they are read */
	} own;
};
enum { STORE_NOTE_MAX = 16 * 1024 };

/* Errors besides the closure's own: -ENOSPC (disk full: nothing was changed, later commits may
 * succeed), -EIO (the store has failed), -ECANCELED never: a commit once begun is waited for. */
int store_commit(struct store *s, struct store_blob *blobs, size_t blob_count, store_fn fn,
                 void *arg);
int store_read(struct store *s, store_fn fn, void *arg);

/* --- blobs --------------------------------------------------------------------------- */

/* Inside a commit: references to a blob. A new blob has none, and one that still has none when
 * its commit ends is garbage; so is one that loses its last. Garbage is collected later. */
int blob_retain(struct db *db, int64_t blob_id, int64_t count);
int blob_release(struct db *db, int64_t blob_id, int64_t count);

/* The bytes of a blob, for reading. Their checksum has been verified. Those of a large one are
 * mapped: where the disk can't give them any more there are zeros, and blob_is_whole() is false
 * from then on. Who hands them on asks that before he says that it was all. */
struct blob_view {
	struct slice bytes;
	void *owner; /* the store's own */
};
/* -ENOENT: no such blob. -EBADMSG: damaged (and logged). The view stays valid while open even
 * if the blob is released or moved meanwhile. Not inside a closure. */
int blob_open(struct store *s, int64_t blob_id, struct blob_view *out);
void blob_close(struct blob_view *v);
bool blob_is_whole(const struct blob_view *v);
/* The same for who has read the blob's row already, which saves a look-up: the columns segment,
 * position and length of table blob. They may be out of date. */
struct blob_place {
	uint32_t segment;
	uint64_t position, length;
};
int blob_open_at(struct store *s, int64_t blob_id, const struct blob_place *place,
                 struct blob_view *out);

/* --- upkeep -------------------------------------------------------------------------- */

/* Rewrites segments that are mostly garbage or not compressed yet, and removes those that are all
 * garbage. *freed_out: bytes given back. Runs beside commits, on a thread of the pool if called on
 * a fiber, and may take minutes. -EALREADY: somebody else is at it. */
int store_collect(struct store *s, uint64_t *freed_out);

/* Walks every record of every segment in a data directory, in the order of writing, without a
 * database: what `veredus recover` stands on. bad tells a record whose checksum is wrong (its bytes
 * are then not to be trusted), disowned one whose commit was refused or named it nowhere. A
 * segment also holds blobs that were deleted since or whose commit a crash cut off, and one that
 * was moved is there twice until its old segment has gone. What the disk can't read is left out,
 * or bad, and logged. Slices are valid during the visit. Stops at a non-zero return. */
struct segment_record {
	int64_t blob_id;
	uint32_t segment;
	uint64_t offset;
	struct slice note;
	struct slice bytes;
	uint64_t stored_bytes; /* of them in the segment, where they may be compressed */
	int form;              /* the store's own */
	bool bad, disowned;
};
typedef int (*segment_visit_fn)(const struct segment_record *record, void *arg);
int store_walk_segments(const char *dir, segment_visit_fn visit, void *arg);
/* Inside a commit, into a new database: makes the record a blob again, without references.
 * *known_out: it was one already; then the record is where it is from now on. */
int blob_adopt(struct db *db, const struct segment_record *record, bool *known_out);

struct store_check {
	uint64_t blobs, rows; /* looked at */
	uint64_t damaged;     /* checksum wrong */
	uint64_t missing;     /* a row names a blob that is not in a segment */
	uint64_t wrong_count; /* references counted wrong */
	void (*report)(const char *what, void *arg); /* one call a finding */
	void *arg;
};
/* Checks the database (SQLite's own integrity check too), rows against blobs, and references
 * against the tables that hold them. 0 also when there are findings: look at the counts. */
int store_check(struct store *s, struct store_check *check);

/* How much the blobs take. Bytes of records, without garbage and the headers of records. */
struct store_space {
	uint64_t blobs, stored_bytes, plain_bytes;
	uint64_t waiting_blobs, waiting_bytes; /* that nobody has tried to compress yet */
	uint64_t segments, segment_bytes;      /* files */
};
/* Some rows at a time; a second or so for a million blobs. */
int store_space(struct store *s, struct store_space *out);
/* The same as store_collect(), but segments need not be old to be compressed. */
int store_compress(struct store *s, uint64_t *freed_out);

struct store_counts {
	uint64_t commits, groups, syncs, blob_bytes, reads, failed;
};
/* [any thread] */
struct store_counts store_counts(const struct store *s);

#endif
