/* Bans and buckets as rows. Both are kept by the wall clock; what is read back never lasts longer
 * than it was to last when it was written, however the clock was set meanwhile. */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "guard/guard_internal.h"
#include "store/db.h"
#include "store/store.h"

enum { ROWS_AT_ONCE = 2000 };
#define REMEMBER_MS (24 * 3600 * 1000LL) /* as guard_ban.c does */
#define FOR_EVER_MS INT64_MAX            /* until_ms of a ban without an end */

/* --- bans ------------------------------------------------------------------------------- */

int guard_row_put(struct db *db, const struct guard_ban *ban)
{
	char network[NET_ADDRESS_TEXT_MAX];
	int64_t now_ms = clock_wall_ms();
	return db_run(
		db,
		"INSERT INTO guard_ban (network, begun_ms, saved_ms, until_ms, count, by_hand,"
		" reason) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (network) DO UPDATE"
		" SET begun_ms = excluded.begun_ms, saved_ms = excluded.saved_ms,"
		" until_ms = excluded.until_ms, count = excluded.count,"
		" by_hand = excluded.by_hand, reason = excluded.reason",
		"siiiiis", net_network_text(&ban->network, network), ban->begun_wall_ms, now_ms,
		ban->left_ms == GUARD_BAN_FOR_EVER ? FOR_EVER_MS : now_ms + ban->left_ms,
		(int64_t)ban->count, (int64_t)ban->by_hand, ban->reason);
}

int guard_row_remove(struct db *db, const struct net_network *network)
{
	char text[NET_ADDRESS_TEXT_MAX];
	int64_t changed = 0;
	int rc = db_change(db, &changed, "DELETE FROM guard_ban WHERE network = $1", "s",
	                   net_network_text(network, text));
	return rc < 0 || changed > 0 ? rc : -ENOENT;
}

/* What is left of a time that was to end then, as of when it was written. */
static int64_t left_of(int64_t end_ms, int64_t saved_ms, int64_t now_ms)
{
	int64_t left_ms = end_ms - now_ms;
	if (left_ms > end_ms - saved_ms)
		left_ms = end_ms - saved_ms;
	return left_ms > 0 ? left_ms : 0;
}

static void read_ban(const struct db_rows *rows, int64_t now_ms, struct guard_ban *out)
{
	int64_t until_ms = db_int(rows, 3);
	struct slice reason = db_text(rows, 6);
	*out = (struct guard_ban){
		.begun_wall_ms = db_int(rows, 1),
		.left_ms = until_ms == FOR_EVER_MS ? GUARD_BAN_FOR_EVER
		                                   : left_of(until_ms, db_int(rows, 2), now_ms),
		.count = (unsigned)db_int(rows, 4),
		.by_hand = db_int(rows, 5) != 0,
	};
	snprintf(out->reason, sizeof(out->reason), "%.*s", SLICE_ARG(reason));
}

int guard_row_each(struct db *db, guard_ban_visit visit, void *arg)
{
	struct db_rows rows;
	struct guard_ban ban;
	int64_t now_ms = clock_wall_ms();
	int rc = db_query(db, &rows,
	                  "SELECT network, begun_ms, saved_ms, until_ms, count, by_hand, reason"
	                  " FROM guard_ban ORDER BY begun_ms",
	                  "");
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		read_ban(&rows, now_ms, &ban);
		if (net_network_parse(db_text(&rows, 0), &ban.network) == 0)
			visit(arg, &ban);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int put_ban(struct db *db, void *arg) { return guard_row_put(db, arg); }

int guard_store_put_ban(struct guard *g, const struct guard_ban *ban)
{
	struct guard_ban copy = *ban;
	return !g->store ? 0 : store_commit(g->store, NULL, 0, put_ban, &copy);
}

static int remove_ban(struct db *db, void *arg) { return guard_row_remove(db, arg); }

int guard_store_remove_ban(struct guard *g, const struct net_network *network)
{
	struct net_network copy = *network;
	return !g->store ? 0 : store_commit(g->store, NULL, 0, remove_ban, &copy);
}

/* --- reading ---------------------------------------------------------------------------- */

static void load_ban(void *arg, const struct guard_ban *ban)
{
	struct guard *g = arg;
	(void)guard_bans_put(g->bans, ban, clock_monotonic_ms());
}

static int load_buckets(struct db *db, struct guard *g)
{
	struct db_rows rows;
	int64_t wall_ms = clock_wall_ms(), now_ms = clock_monotonic_ms();
	int rc = db_query(db, &rows,
	                  "SELECT key, full_ms, saved_ms FROM guard_bucket WHERE full_ms > $1", "i",
	                  wall_ms);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t left_ms = left_of(db_int(&rows, 1), db_int(&rows, 2), wall_ms);
		guard_buckets_put(g->buckets, db_text(&rows, 0), (now_ms + left_ms) * 1000);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* The newest last, as they were used. */
static int load_greylist(struct db *db, struct guard *g)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT key, kind, first_ms, last_ms, until_ms, count FROM greylist"
	                  " WHERE until_ms > $1 ORDER BY last_ms",
	                  "i", clock_wall_ms());
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct guard_grey_entry entry = {
			.key = db_text(&rows, 0),
			.kind = db_int(&rows, 1) > GREY_NETWORK
			                ? GREY_WAITS
			                : (enum guard_grey_kind)db_int(&rows, 1),
			.first_ms = db_int(&rows, 2),
			.last_ms = db_int(&rows, 3),
			.until_ms = db_int(&rows, 4),
			.count = (unsigned)db_int(&rows, 5),
		};
		guard_grey_put(g->grey, &entry);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int load(struct db *db, void *arg)
{
	int rc = guard_row_each(db, load_ban, arg);
	rc = rc < 0 ? rc : load_buckets(db, arg);
	return rc < 0 ? rc : load_greylist(db, arg);
}

int guard_store_load(struct guard *g) { return store_read(g->store, load, g); }

/* --- saving ----------------------------------------------------------------------------- */

struct saved_bucket {
	struct slice key;
	int64_t full_us;
};

struct saving {
	struct arena *arena;
	struct saved_bucket *buckets;
	size_t count, capacity, done;
	int64_t wall_ms, now_us;
};

static void gather(void *arg, struct slice key, int64_t full_us)
{
	struct saving *s = arg;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->buckets = mem_grow(s->buckets, s->capacity * sizeof(*s->buckets));
	}
	s->buckets[s->count++] = (struct saved_bucket){ arena_copy(s->arena, key), full_us };
}

static int save_some(struct db *db, void *arg)
{
	const struct saving *s = arg;
	size_t end = s->done + ROWS_AT_ONCE < s->count ? s->done + ROWS_AT_ONCE : s->count;
	int rc = 0;
	for (size_t i = s->done; i < end && rc == 0; i++) {
		const struct saved_bucket *b = &s->buckets[i];
		rc = db_run(db,
		            "INSERT INTO guard_bucket (key, full_ms, saved_ms) VALUES ($1, $2, $3)"
		            " ON CONFLICT (key) DO UPDATE SET full_ms = excluded.full_ms,"
		            " saved_ms = excluded.saved_ms",
		            "tii", b->key, s->wall_ms + (b->full_us - s->now_us) / 1000 + 1,
		            s->wall_ms);
	}
	/* Once a save: it looks at every row. */
	if (rc == 0 && s->done == 0)
		rc = db_run(db, "DELETE FROM guard_bucket WHERE full_ms <= $1", "i", s->wall_ms);
	return rc;
}

/* The rows of bans that are forgotten: over for a day, or too many. */
static int forget_bans(struct db *db, void *arg)
{
	const struct guard *g = arg;
	int rc = db_run(db, "DELETE FROM guard_ban WHERE until_ms <= $1", "i",
	                clock_wall_ms() - REMEMBER_MS);
	return rc < 0 ? rc
	              : db_run(db,
	                       "DELETE FROM guard_ban WHERE by_hand = 0"
	                       " AND (SELECT count(*) FROM guard_ban) > $1"
	                       " AND network NOT IN (SELECT network FROM guard_ban"
	                       " ORDER BY by_hand DESC, until_ms DESC LIMIT $1)",
	                       "i", (int64_t)g->config->guard.max_tracked);
}

/* --- saving the greylist, and refusals ---------------------------------------------------- */

struct saving_grey {
	struct guard *guard;
	struct arena *arena;
	struct guard_grey_entry *entries;
	size_t count, capacity, done;
	int64_t wall_ms;
};

static void gather_grey(void *arg, const struct guard_grey_entry *entry)
{
	struct saving_grey *s = arg;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->entries = mem_grow(s->entries, s->capacity * sizeof(*s->entries));
	}
	s->entries[s->count] = *entry;
	s->entries[s->count++].key = arena_copy(s->arena, entry->key);
}

static int save_grey(struct db *db, void *arg)
{
	const struct saving_grey *s = arg;
	size_t end = s->done + ROWS_AT_ONCE < s->count ? s->done + ROWS_AT_ONCE : s->count;
	int rc = 0;
	for (size_t i = s->done; i < end && rc == 0; i++) {
		const struct guard_grey_entry *e = &s->entries[i];
		rc = db_run(db,
		            "INSERT INTO greylist (key, kind, first_ms, last_ms, until_ms, count)"
		            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET"
		            " kind = excluded.kind, first_ms = excluded.first_ms,"
		            " last_ms = excluded.last_ms, until_ms = excluded.until_ms,"
		            " count = excluded.count",
		            "tiiiii", e->key, (int64_t)e->kind, e->first_ms, e->last_ms,
		            e->until_ms, (int64_t)e->count);
	}
	if (rc == 0 && s->done == 0)
		rc = db_run(db, "DELETE FROM greylist WHERE until_ms <= $1", "i", s->wall_ms);
	return rc;
}

static int save_greylist(struct guard *g)
{
	struct saving_grey s = { .guard = g, .arena = arena_new(), .wall_ms = clock_wall_ms() };
	int rc = 0;
	guard_grey_changed(g->grey, s.wall_ms, gather_grey, &s);
	for (; s.done < s.count && rc == 0; s.done += ROWS_AT_ONCE)
		rc = store_commit(g->store, NULL, 0, save_grey, &s);
	arena_free(s.arena);
	free(s.entries);
	return rc;
}

static int save_refusals(struct db *db, void *arg)
{
	const struct guard *g = arg;
	const struct config_guard *c = &g->config->guard;
	return guard_refusals_write(db, g->refusals, clock_wall_ms() - c->keep_refusals_ms,
	                            c->max_refusals);
}

/* Which of them a commit has not written nobody knows: the next save writes all. */
static int not_saved(struct guard *g, int rc)
{
	guard_buckets_unsaved(g->buckets);
	guard_grey_unsaved(g->grey);
	log_warn("guard.save.failed", kv_error(rc));
	return rc;
}

int guard_store_save(struct guard *g)
{
	struct saving s = { .arena = arena_new(),
		            .wall_ms = clock_wall_ms(),
		            .now_us = clock_monotonic_ms() * 1000 };
	int rc = 0;
	guard_buckets_changed(g->buckets, s.now_us, gather, &s);
	if (guard_bans_expire(g->bans, clock_monotonic_ms()))
		rc = store_commit(g->store, NULL, 0, forget_bans, g);
	for (; s.done < s.count && rc == 0; s.done += ROWS_AT_ONCE)
		rc = store_commit(g->store, NULL, 0, save_some, &s);
	arena_free(s.arena);
	free(s.buckets);
	if (rc == 0)
		rc = save_greylist(g);
	if (rc == 0 && guard_refusals_any(g->refusals)) {
		rc = store_commit(g->store, NULL, 0, save_refusals, g);
		guard_refusals_saved(g->refusals, rc == 0);
	}
	return rc < 0 ? not_saved(g, rc) : 0;
}
