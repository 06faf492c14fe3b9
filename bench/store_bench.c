/* How many messages a second become durable, and what each costs.
 *
 * The yardstick is a plain loop without any of our code: one thread writes a group of messages
 * into a file that was written once before, syncs it, and commits their rows in one SQLite
 * transaction. The store does the same for fibers that each wait for their own message. Both have
 * the same tables; the store keeps a row a blob on top of them.
 *
 *     store_bench [DIRECTORY [MESSAGES [ROUNDS [yardstick|store]]]]
 *
 * With a fourth argument only that half is run, once a round: for perf, which counts a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "fiber/fiber.h"
#include "store/db.h"
#include "store/store.h"

enum {
	WRITERS = 100,
	MESSAGE_BYTES = 10 * 1024,
	MAILBOXES = 1000,
	ENVELOPE_BYTES = 300,
	STRUCTURE_BYTES = 100,
	ROUNDS_MAX = 9,
	ROWS_BYTES = 8 * 1024, /* of a message in the log and the database, about */
	WARM_BYTES_MAX = 1 << 30,
};

#define GOAL_RATIO 0.8

#define MAKE_MAILBOXES                                                                             \
	"CREATE TABLE bench_mailbox (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"                  \
	" uid_next INTEGER NOT NULL, mod_seq INTEGER NOT NULL,"                                    \
	" message_count INTEGER NOT NULL, size_bytes INTEGER NOT NULL)"
#define MAKE_MESSAGES                                                                              \
	"CREATE TABLE bench_message (id INTEGER PRIMARY KEY, blob_id INTEGER NOT NULL,"            \
	" size_bytes INTEGER NOT NULL, internal_ms INTEGER NOT NULL,"                              \
	" envelope BLOB NOT NULL, body_structure BLOB NOT NULL)"
#define FILL_MAILBOXES                                                                             \
	"INSERT INTO bench_mailbox WITH RECURSIVE n(i) AS"                                         \
	" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"                                 \
	" SELECT i, 'user' || i || '@example.test/INBOX', 1, 1, 0, 0 FROM n"
#define NEXT_UID                                                                                   \
	"UPDATE bench_mailbox SET uid_next = uid_next + 1, mod_seq = mod_seq + 1,"                 \
	" message_count = message_count + 1, size_bytes = size_bytes + $2 WHERE id = $1"           \
	" RETURNING uid_next"
#define ADD_MESSAGE "INSERT INTO bench_message VALUES ($1, $2, $3, $4, $5, $6)"

/* The bytes that every message has. */
struct content {
	char message[MESSAGE_BYTES];
	char envelope[ENVELOPE_BYTES];
	char structure[STRUCTURE_BYTES];
};

struct result {
	double rate;   /* messages a second */
	double cpu_us; /* a message */
};

struct usage {
	int64_t wall_ns, cpu_us;
};

static struct usage usage_now(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (struct usage){ clock_monotonic_ns(),
		               (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
		                       r.ru_utime.tv_usec + r.ru_stime.tv_usec };
}

static struct result result_since(struct usage start, int messages)
{
	struct usage now = usage_now();
	return (struct result){ messages * 1e9 / (double)(now.wall_ns - start.wall_ns),
		                (double)(now.cpu_us - start.cpu_us) / messages };
}

_Noreturn static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Touches as much memory as a run fills with pages of its files. The host of a virtual machine that
 * takes back what is free charges a first touch ten times what the writing costs, and whoever came
 * second would find pages that the first had paid for. */
static void warm_memory(int messages)
{
	size_t size = (size_t)messages * (MESSAGE_BYTES + ROWS_BYTES);
	if (size > WARM_BYTES_MAX)
		size = WARM_BYTES_MAX;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory != MAP_FAILED)
		munmap(memory, size);
}

static void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* The same for both: which mailbox the n-th message goes to. */
static int64_t mailbox_of(uint32_t n) { return (n * 2654435761u >> 8) % MAILBOXES + 1; }

/* --- the yardstick -------------------------------------------------------------------- */

struct yardstick {
	const struct content *content;
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *next_uid, *add;
	int fd;
	off_t at;
};

static void yardstick_prepare(struct yardstick *y, const char *sql, sqlite3_stmt **out)
{
	if (sqlite3_prepare_v2(y->db, sql, -1, out, NULL) != SQLITE_OK)
		give_up(sqlite3_errmsg(y->db));
}

static void yardstick_open(struct yardstick *y, const char *dir, int messages)
{
	char path[2048 + 32];
	snprintf(path, sizeof(path), "%s/yardstick.db", dir);
	if (sqlite3_open_v2(path, &y->db,
	                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	                    NULL) != SQLITE_OK ||
	    sqlite3_exec(y->db,
	                 "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
	                 "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000;"
	                 "PRAGMA cache_size = -65536;" MAKE_MAILBOXES ";" MAKE_MESSAGES
	                 ";" FILL_MAILBOXES,
	                 NULL, NULL, NULL) != SQLITE_OK)
		give_up(path);
	yardstick_prepare(y, "BEGIN IMMEDIATE", &y->begin);
	yardstick_prepare(y, "COMMIT", &y->commit);
	yardstick_prepare(y, NEXT_UID, &y->next_uid);
	yardstick_prepare(y, ADD_MESSAGE, &y->add);
	snprintf(path, sizeof(path), "%s/yardstick.segment", dir);
	y->fd = open(path, O_RDWR | O_CREAT, 0600);
	char *zeros = mem_zero(1, 1 << 20);
	for (off_t at = 0; at < (off_t)messages * MESSAGE_BYTES; at += 1 << 20) {
		if (pwrite(y->fd, zeros, 1 << 20, at) != 1 << 20)
			give_up(path);
	}
	free(zeros);
	if (fsync(y->fd) != 0)
		give_up(path);
	/* No server has a file that it is yet to fill in its memory. */
	posix_fadvise(y->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void yardstick_close(struct yardstick *y)
{
	sqlite3_finalize(y->begin);
	sqlite3_finalize(y->commit);
	sqlite3_finalize(y->next_uid);
	sqlite3_finalize(y->add);
	sqlite3_close(y->db);
	close(y->fd);
}

static void yardstick_step(struct yardstick *y, sqlite3_stmt *statement)
{
	int rc;
	do {
		rc = sqlite3_step(statement);
	} while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE)
		give_up(sqlite3_errmsg(y->db));
	sqlite3_reset(statement);
}

static void yardstick_rows(struct yardstick *y, int n)
{
	int64_t mailbox = mailbox_of((uint32_t)n);
	sqlite3_bind_int64(y->next_uid, 1, MESSAGE_BYTES);
	sqlite3_bind_int64(y->next_uid, 2, mailbox);
	if (sqlite3_step(y->next_uid) != SQLITE_ROW)
		give_up(sqlite3_errmsg(y->db));
	int64_t uid = sqlite3_column_int64(y->next_uid, 0);
	yardstick_step(y, y->next_uid);
	sqlite3_bind_int64(y->add, 1, mailbox << 32 | uid);
	sqlite3_bind_int64(y->add, 2, n);
	sqlite3_bind_int64(y->add, 3, MESSAGE_BYTES);
	sqlite3_bind_int64(y->add, 4, clock_wall_ms());
	sqlite3_bind_blob(y->add, 5, y->content->envelope, ENVELOPE_BYTES, SQLITE_STATIC);
	sqlite3_bind_blob(y->add, 6, y->content->structure, STRUCTURE_BYTES, SQLITE_STATIC);
	yardstick_step(y, y->add);
}

static void yardstick_group(struct yardstick *y, int first, int count)
{
	struct iovec iov[WRITERS];
	for (int i = 0; i < count; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)y->content->message, MESSAGE_BYTES };
	if (pwritev(y->fd, iov, count, y->at) != (ssize_t)count * MESSAGE_BYTES ||
	    fdatasync(y->fd) != 0)
		give_up("segment");
	y->at += (off_t)count * MESSAGE_BYTES;
	yardstick_step(y, y->begin);
	for (int i = 0; i < count; i++)
		yardstick_rows(y, first + i);
	yardstick_step(y, y->commit);
}

static struct result yardstick_run(const char *dir, const struct content *content, int messages,
                                   int group)
{
	struct yardstick y = { .content = content };
	yardstick_open(&y, dir, messages);
	struct usage start = usage_now();
	for (int n = 0; n < messages; n += group)
		yardstick_group(&y, n, n + group <= messages ? group : messages - n);
	struct result result = result_since(start, messages);
	yardstick_close(&y);
	return result;
}

/* --- the store ------------------------------------------------------------------------ */

struct run {
	const struct content *content;
	struct store *store;
	int messages, writers;
	atomic_int next;
	fiber_id fibers[WRITERS];
	struct result result;
};

struct delivery {
	const struct run *run;
	struct store_blob *blob;
	int64_t mailbox;
};

static int make_tables(struct db *db, void *arg)
{
	(void)arg;
	int rc = db_run(db, MAKE_MAILBOXES, "");
	if (rc == 0)
		rc = db_run(db, MAKE_MESSAGES, "");
	return rc == 0 ? db_run(db, FILL_MAILBOXES, "") : rc;
}

static int deliver(struct db *db, void *arg)
{
	const struct delivery *d = arg;
	const struct content *content = d->run->content;
	int64_t uid;
	int rc = db_get_int(db, &uid, NEXT_UID, "ii", d->mailbox, (int64_t)MESSAGE_BYTES);
	if (rc == 0)
		rc = db_run(db, ADD_MESSAGE, "iiiibb", d->mailbox << 32 | uid, d->blob->id,
		            (int64_t)MESSAGE_BYTES, clock_wall_ms(),
		            slice_of(content->envelope, ENVELOPE_BYTES),
		            slice_of(content->structure, STRUCTURE_BYTES));
	return rc == 0 ? blob_retain(db, d->blob->id, 1) : rc;
}

static void writer(void *arg)
{
	struct run *run = arg;
	struct slice bytes = slice_of(run->content->message, MESSAGE_BYTES);
	for (;;) {
		int n = atomic_fetch_add(&run->next, 1);
		if (n >= run->messages)
			return;
		struct store_blob blob = { .parts = &bytes,
			                   .part_count = 1,
			                   .note = SLICE("user@example.test INBOX") };
		struct delivery d = { run, &blob, mailbox_of((uint32_t)n) };
		int rc = store_commit(run->store, &blob, 1, deliver, &d);
		if (rc != 0) {
			errno = -rc;
			give_up("store_commit");
		}
	}
}

static void first_fiber(void *arg)
{
	struct run *run = arg;
	struct usage start = usage_now();
	for (int i = 0; i < run->writers; i++)
		run->fibers[i] = fiber_start(i % runtime_workers(), "writer", writer, run);
	for (int i = 0; i < run->writers; i++)
		fiber_join(run->fibers[i], DEADLINE_NEVER);
	run->result = result_since(start, run->messages);
	runtime_stop(0);
}

static struct result store_run(const char *dir, const struct content *content, int messages,
                               int writers)
{
	struct run run = { .content = content, .messages = messages, .writers = writers };
	struct store_config config = { .dir = dir, .create = true };
	struct runtime_config runtime = { .workers = 0 };
	int rc = store_open(&config, &run.store);
	if (rc == 0)
		rc = store_commit(run.store, NULL, 0, make_tables, NULL);
	if (rc == 0)
		rc = runtime_run(&runtime, first_fiber, &run);
	if (rc != 0) {
		errno = -rc;
		give_up(dir);
	}
	struct store_counts counts = store_counts(run.store);
	printf("  %" PRIu64 " commits in %" PRIu64 " groups\n", counts.commits, counts.groups);
	store_close(run.store);
	return run.result;
}

/* --- both ----------------------------------------------------------------------------- */

typedef struct result (*run_fn)(const char *dir, const struct content *content, int messages,
                                int writers);

static struct result in_new_dir(const char *parent, run_fn fn, const struct content *content,
                                int messages, int writers)
{
	char dir[2048];
	snprintf(dir, sizeof(dir), "%s/store-bench-XXXXXX", parent);
	if (!mkdtemp(dir))
		give_up(dir);
	warm_memory(messages);
	struct result result = fn(dir, content, messages, writers);
	remove_tree(dir);
	return result;
}

static int compare_rates(const void *a, const void *b)
{
	double x = ((const struct result *)a)->rate;
	double y = ((const struct result *)b)->rate;
	return (x > y) - (x < y);
}

static struct result median(struct result *results, int count)
{
	qsort(results, (size_t)count, sizeof(*results), compare_rates);
	return results[count / 2];
}

static void print(const char *name, struct result r)
{
	printf("  %-10s %8.0f messages/s  %6.1f us CPU each\n", name, r.rate, r.cpu_us);
}

/* Rounds take turns, so that what else the disk does meets both. Medians are compared. */
static double compare(const char *dir, const struct content *content, int messages, int writers,
                      int rounds)
{
	struct result yardsticks[ROUNDS_MAX], stores[ROUNDS_MAX];
	printf("%d writer%s, %d messages of %d bytes, %d mailboxes, %d rounds\n", writers,
	       writers == 1 ? "" : "s", messages, MESSAGE_BYTES, MAILBOXES, rounds);
	for (int i = 0; i < rounds; i++) {
		yardsticks[i] = in_new_dir(dir, yardstick_run, content, messages, writers);
		print("yardstick", yardsticks[i]);
		stores[i] = in_new_dir(dir, store_run, content, messages, writers);
		print("store", stores[i]);
	}
	double ratio = median(stores, rounds).rate / median(yardsticks, rounds).rate;
	printf("  median: store %.0f, yardstick %.0f messages/s, ratio %.2f\n\n",
	       median(stores, rounds).rate, median(yardsticks, rounds).rate, ratio);
	return ratio;
}

/* One half alone, for who counts what it costs from outside. */
static int run_alone(const char *name, const char *dir, const struct content *content, int messages,
                     int rounds)
{
	bool is_store = strcmp(name, "store") == 0;
	for (int i = 0; i < rounds; i++)
		print(name, in_new_dir(dir, is_store ? store_run : yardstick_run, content, messages,
		                       WRITERS));
	return 0;
}

static int number_argument(int argc, char **argv, int index, int otherwise, int max)
{
	uint64_t value;
	if (argc <= index)
		return otherwise;
	if (!slice_to_u64(slice_from_str(argv[index]), &value) || value == 0 ||
	    value > (uint64_t)max) {
		fprintf(stderr, "usage: store_bench [DIRECTORY [MESSAGES [ROUNDS"
		                " [yardstick|store]]]]\n");
		exit(2);
	}
	return (int)value;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	int messages = number_argument(argc, argv, 2, 50000, 10000000);
	int rounds = number_argument(argc, argv, 3, 3, ROUNDS_MAX);
	struct content *content = mem_alloc(sizeof(*content));
	memset(content, 'x', sizeof(*content));
	if (argc > 4)
		return run_alone(argv[4], dir, content, messages, rounds);
	double ratio = compare(dir, content, messages, WRITERS, rounds);
	compare(dir, content, messages / 20 + 1, 1, rounds);
	free(content);
	printf("goal: %.2f with %d writers: %s\n", GOAL_RATIO, WRITERS,
	       ratio >= GOAL_RATIO ? "reached" : "MISSED");
	return ratio >= GOAL_RATIO ? 0 : 1;
}
