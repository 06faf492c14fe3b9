#include "queue/queue_lease.h"

#include <errno.h>

#include "base/log.h"
#include "queue/queue_agenda.h"

/* Beats in lease-time: a few may come late or get lost. */
#define BEATS 6
/* Owners that one look takes over from; the next look finds the others. */
#define DEAD_MAX 16

struct dead {
	struct slice owner;
	int64_t beat; /* that stood still; -1: it has no row */
	int64_t rows; /* out: leases that it had; -1: it lives */
};

struct look {
	struct queue_leases *leases;
	struct arena *arena;
	struct dead dead[DEAD_MAX];
	size_t count;
	int64_t now_ms; /* wall clock */
	bool lost;
};

void queue_leases_create(struct queue_leases *l, struct store *store, const char *node,
                         const char *owner, int64_t lease_ms)
{
	*l = (struct queue_leases){
		.store = store, .node = node, .owner = owner, .lease_ms = lease_ms
	};
	l->others = queue_beats_new(2 * queue_lease_beat_ms(l));
}

void queue_leases_destroy(struct queue_leases *l) { queue_beats_free(l->others); }

int64_t queue_lease_beat_ms(const struct queue_leases *l) { return l->lease_ms / BEATS + 1; }

bool queue_lease_holds(const struct queue_leases *l)
{
	return clock_uptime_ms() - atomic_load(&l->beaten_ms) < l->lease_ms / 2;
}

bool queue_lease_covers(const struct queue_leases *l, const struct queue_job *job)
{
	return !queue_lease_is_over(l, job) && queue_lease_holds(l);
}

bool queue_lease_is_over(const struct queue_leases *l, const struct queue_job *job)
{
	return job->era != atomic_load(&l->era);
}

struct queue_lease_name queue_lease_name(const struct queue_leases *l)
{
	struct queue_lease_name name = { .era = atomic_load(&l->era) };
	snprintf(name.text, sizeof(name.text), "%s+%u", l->owner, name.era);
	return name;
}

/* --- rows ----------------------------------------------------------------------------- */

/* Of all names under which it has leases: what follows begins with a byte before the comma. */
static int give_back(struct db *db, struct slice owner, int64_t now_ms, int64_t *rows_out)
{
	return db_change(db, rows_out,
	                 "UPDATE queue_recipient SET lease_owner = NULL,"
	                 " due_ms = CASE held WHEN 1 THEN $3 ELSE $2 END"
	                 " WHERE lease_owner >= $1 AND lease_owner < $1 || ','",
	                 "tii", owner, now_ms, QUEUE_NEVER_MS);
}

/* "1f00+3" is a lease of 1f00. */
static struct slice owner_of(struct slice lease)
{
	size_t len = 0;
	while (len < lease.len && lease.data[len] != '+' && lease.data[len] != ' ')
		len++;
	return slice_sub(lease, 0, len);
}

/* The next owner of leases behind that one; a seek for each. */
static int next_owner(struct db *db, struct arena *arena, struct slice *owner)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT lease_owner FROM queue_recipient WHERE lease_owner >= $1 || ','"
	                  " ORDER BY lease_owner LIMIT 1",
	                  "t", *owner);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*owner = arena_copy(arena, owner_of(db_text(&rows, 0)));
	db_end(&rows);
	return rc;
}

static int has_row(struct db *db, struct slice owner)
{
	int64_t one;
	return db_get_int(db, &one, "SELECT 1 FROM queue_owner WHERE owner = $1", "t", owner);
}

/* Who has leases, and no row. */
static int find_strays(struct db *db, struct look *k)
{
	struct slice owner = SLICE_EMPTY;
	int rc = 0;
	while (k->count < DEAD_MAX && (rc = next_owner(db, k->arena, &owner)) == 0) {
		rc = has_row(db, owner);
		if (rc < 0 && rc != -ENODATA)
			return rc;
		if (rc == -ENODATA && !slice_equal(owner, slice_from_str(k->leases->owner)))
			k->dead[k->count++] = (struct dead){ .owner = owner, .beat = -1 };
	}
	return rc == -ENODATA ? 0 : rc;
}

/* --- the start ------------------------------------------------------------------------ */

static int insert_own(struct db *db, const struct queue_leases *l, int64_t now_ms)
{
	return db_run(db,
	              "INSERT INTO queue_owner (owner, node, beat, at_ms) VALUES ($1, $2, 0, $3)"
	              " ON CONFLICT (owner) DO UPDATE SET beat = 0",
	              "ssi", l->owner, l->node, now_ms);
}

int queue_lease_begin(struct db *db, struct queue_leases *l, int64_t now_ms)
{
	struct arena *arena = arena_new();
	struct slice owner = SLICE_EMPTY;
	int64_t rows;
	int rc = db_run(db, "DELETE FROM queue_owner WHERE node = $1", "s", l->node);
	while (rc == 0 && (rc = next_owner(db, arena, &owner)) == 0) {
		rc = has_row(db, owner);
		if (rc == -ENODATA)
			rc = give_back(db, owner, now_ms, &rows);
	}
	arena_free(arena);
	return rc == -ENODATA ? insert_own(db, l, now_ms) : rc;
}

void queue_lease_began(struct queue_leases *l, int64_t began_ms)
{
	l->beat = 0;
	atomic_store(&l->beaten_ms, began_ms);
}

/* --- a beat --------------------------------------------------------------------------- */

static int write_beat(struct db *db, void *arg)
{
	struct look *k = arg;
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE queue_owner SET beat = $2, at_ms = $3 WHERE owner = $1", "sii",
	                   k->leases->owner, k->leases->beat + 1, k->now_ms);
	k->lost = rc == 0 && changed == 0;
	return rc;
}

static int find_owners(struct db *db, struct look *k)
{
	struct queue_leases *l = k->leases;
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT owner, beat FROM queue_owner WHERE owner <> $1", "s",
	                  l->owner);
	queue_beats_look(l->others, clock_monotonic_ms());
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice owner = db_text(&rows, 0);
		int64_t beat = db_int(&rows, 1);
		int64_t still_ms = queue_beats_see(l->others, owner, beat);
		if (still_ms >= l->lease_ms && k->count < DEAD_MAX)
			k->dead[k->count++] = (struct dead){ .owner = arena_copy(k->arena, owner),
				                             .beat = beat };
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int find_dead(struct db *db, void *arg)
{
	struct look *k = arg;
	k->count = 0;
	int rc = find_owners(db, k);
	return rc < 0 ? rc : find_strays(db, k);
}

/* Unless it has given a sign of life since. */
static int bury(struct db *db, struct look *k, struct dead *d)
{
	int64_t gone = 0;
	int rc;
	d->rows = -1;
	if (d->beat >= 0) {
		rc = db_change(db, &gone, "DELETE FROM queue_owner WHERE owner = $1 AND beat = $2",
		               "ti", d->owner, d->beat);
	} else {
		rc = has_row(db, d->owner);
		gone = rc == -ENODATA;
		rc = rc == -ENODATA ? 0 : rc;
	}
	return rc < 0 || gone == 0 ? rc : give_back(db, d->owner, k->now_ms, &d->rows);
}

static int bury_all(struct db *db, void *arg)
{
	struct look *k = arg;
	int rc = 0;
	for (size_t i = 0; i < k->count && rc == 0; i++)
		rc = bury(db, k, &k->dead[i]);
	return rc;
}

static int look(struct look *k, bool *taken_over_out)
{
	struct store *store = k->leases->store;
	int rc = store_read(store, find_dead, k);
	if (rc == 0 && k->count > 0)
		rc = store_commit(store, NULL, 0, bury_all, k);
	for (size_t i = 0; i < k->count && rc == 0; i++) {
		const struct dead *d = &k->dead[i];
		if (d->rows < 0)
			continue;
		*taken_over_out = true;
		log_warn("queue.lease.taken_over", kv_slice("owner", d->owner),
		         kv_int("recipients", d->rows));
	}
	return rc;
}

int queue_lease_beat(struct queue_leases *l, bool *taken_over_out)
{
	struct look k = { .leases = l, .now_ms = clock_wall_ms() };
	int64_t began_ms = clock_uptime_ms();
	*taken_over_out = false;
	if (atomic_load(&l->lost))
		return 0;
	int rc = store_commit(l->store, NULL, 0, write_beat, &k);
	if (rc < 0)
		return rc;
	if (k.lost) {
		log_error("queue.lease.lost", kv_str("owner", l->owner),
		          kv_str("why", "it was not heard of for lease-time"));
		atomic_store(&l->lost, true);
		return 0;
	}
	l->beat++;
	atomic_store(&l->beaten_ms, began_ms);
	k.arena = arena_new();
	rc = look(&k, taken_over_out);
	arena_free(k.arena);
	return rc;
}

/* --- anew, and the end ---------------------------------------------------------------- */

static int renew(struct db *db, void *arg)
{
	const struct look *k = arg;
	int64_t rows;
	int rc = give_back(db, slice_from_str(k->leases->owner), k->now_ms, &rows);
	return rc < 0 ? rc : insert_own(db, k->leases, k->now_ms);
}

int queue_lease_renew(struct queue_leases *l)
{
	struct look k = { .leases = l, .now_ms = clock_wall_ms() };
	int64_t began_ms = clock_uptime_ms();
	int rc = store_commit(l->store, NULL, 0, renew, &k);
	if (rc < 0)
		return rc;
	atomic_fetch_add(&l->era, 1);
	queue_lease_began(l, began_ms);
	atomic_store(&l->lost, false);
	return 0;
}

static int leave(struct db *db, void *arg)
{
	const struct look *k = arg;
	return db_run(db, "DELETE FROM queue_owner WHERE owner = $1", "s", k->leases->owner);
}

void queue_lease_end(struct queue_leases *l)
{
	struct look k = { .leases = l };
	int rc = store_commit(l->store, NULL, 0, leave, &k);
	if (rc < 0)
		log_warn("queue.lease.left", kv_error(rc));
}
