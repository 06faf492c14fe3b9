#include "client/sts.h"

#include <errno.h>
#include <pthread.h>

#include "base/hash.h"
#include "base/log.h"
#include "client/sts_internal.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"

/* Each takes a thread of the pool while it lasts. */
enum { FETCHES_AT_ONCE = 3, BACKOFFS_MAX = 10000 };
/* A domain whose policy could not be fetched is left alone for so long: section 3.3 suggests it. */
#define BACKOFF_MS (5 * 60 * 1000)
#define DAY_MS     (86400 * 1000LL)
#define LOOK_MS    (10 * 60 * 1000)

struct sts {
	struct sts_config config;
	struct semaphore *fetches;
	pthread_mutex_t lock;
	struct hash *backoffs; /* domain -> int64_t, monotonic */
};

struct sts *sts_new(const struct sts_config *config)
{
	struct sts *s = mem_zero(1, sizeof(*s));
	s->config = *config;
	s->fetches = semaphore_new(FETCHES_AT_ONCE);
	s->backoffs = hash_new();
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sts_free(struct sts *s)
{
	if (!s)
		return;
	hash_free_all(s->backoffs);
	semaphore_free(s->fetches);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- domains that failed lately ------------------------------------------------------- */

static bool backs_off(struct sts *s, struct slice domain)
{
	pthread_mutex_lock(&s->lock);
	const int64_t *until = hash_find(s->backoffs, domain);
	bool is_early = until && clock_monotonic_ms() < *until;
	pthread_mutex_unlock(&s->lock);
	return is_early;
}

static void back_off(struct sts *s, struct slice domain)
{
	int64_t *until = mem_alloc(sizeof(*until));
	*until = clock_monotonic_ms() + BACKOFF_MS;
	pthread_mutex_lock(&s->lock);
	if (hash_count(s->backoffs) >= BACKOFFS_MAX) {
		hash_free_all(s->backoffs);
		s->backoffs = hash_new();
	}
	free(hash_put(s->backoffs, domain, until));
	pthread_mutex_unlock(&s->lock);
}

/* --- asking --------------------------------------------------------------------------- */

/* The id that the domain announces; empty: it announces nothing (that can be read). */
static int find_id(struct dns *dns, struct arena *arena, struct slice domain, int64_t deadline,
                   struct slice *id_out)
{
	struct dns_answer answer;
	size_t records = 0;
	*id_out = SLICE_EMPTY;
	const char *name = arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(domain));
	int rc = dns_txt(dns, arena, name, deadline, &answer);
	if (rc < 0)
		return rc == -ECANCELED ? rc : 0;
	for (size_t i = 0; i < answer.count; i++) {
		if (!sts_record_is(answer.texts[i]))
			continue;
		records++;
		if (!sts_record_parse(answer.texts[i], id_out))
			*id_out = SLICE_EMPTY;
	}
	if (records != 1)
		*id_out = SLICE_EMPTY;
	return 0;
}

/* A row of the store as a policy, if it is still good. */
static bool take_known(struct arena *arena, const struct sts_row *known, struct sts_found *out)
{
	const char *why;
	if (!known || known->expires_ms <= clock_wall_ms() ||
	    sts_policy_parse(arena, known->text, &out->policy, &why) < 0)
		return false;
	out->has_policy = true;
	out->row = *known;
	return true;
}

struct question {
	struct sts *sts; /* NULL: nothing is kept */
	struct dns *dns;
	const struct config *config;
	struct arena *arena;
	struct slice domain;
	int64_t deadline;
};

struct row_task {
	struct arena *arena;
	struct slice domain;
	struct sts_row *row;
};

static int get_row(struct db *db, void *arg)
{
	struct row_task *t = arg;
	return sts_row_get(db, t->arena, t->domain, t->row);
}

/* Only so many at a time; who waited may find that another one has fetched it meanwhile. */
static int fetch_in_turn(const struct question *q, struct slice id, struct sts_found *out)
{
	struct sts_found fresh = { 0 };
	if (!q->sts)
		return sts_fetch(q->dns, q->config, q->arena, q->domain, q->deadline, out);
	int rc = semaphore_take(q->sts->fetches, q->deadline);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		out->trouble = STS_UNREACHABLE;
		out->why = "too many policies are being fetched";
		return -ENODATA;
	}
	struct sts_row row;
	struct row_task task = { q->arena, q->domain, &row };
	bool has = store_read(q->sts->config.store, get_row, &task) == 0;
	if (has && slice_equal(row.id, id) && take_known(q->arena, &row, out))
		rc = 0;
	else if (backs_off(q->sts, q->domain))
		rc = -ENODATA;
	else
		rc = sts_fetch(q->dns, q->config, q->arena, q->domain, q->deadline, &fresh);
	semaphore_post(q->sts->fetches);
	if (fresh.has_policy || fresh.trouble)
		*out = fresh;
	return rc;
}

static int ask(const struct question *q, const struct sts_row *known, struct sts_found *out)
{
	struct slice id;
	*out = (struct sts_found){ .has_policy = false };
	int rc = find_id(q->dns, q->arena, q->domain, q->deadline, &id);
	if (rc < 0)
		return rc;
	bool has = take_known(q->arena, known, out);
	if (id.len == 0 || (has && slice_equal(known->id, id)))
		return 0;
	if (q->sts && backs_off(q->sts, q->domain))
		return 0;
	struct sts_found fresh = { .has_policy = false };
	rc = fetch_in_turn(q, id, &fresh);
	if (rc == 0) {
		if (fresh.is_new)
			fresh.row.id = id;
		*out = fresh;
		return 0;
	}
	out->trouble = fresh.trouble;
	out->why = fresh.why;
	return rc == -ECANCELED ? rc : 0;
}

int sts_ask(struct dns *dns, const struct config *config, struct arena *arena, struct slice domain,
            const struct sts_row *known, int64_t deadline, struct sts_found *out)
{
	const struct question q = {
		.dns = dns, .config = config, .arena = arena, .domain = domain, .deadline = deadline
	};
	return ask(&q, known, out);
}

/* --- with the store ------------------------------------------------------------------- */

static int put_row(struct db *db, void *arg)
{
	const struct row_task *t = arg;
	return sts_row_put(db, t->domain, t->row);
}

static int touch_row(struct db *db, void *arg)
{
	const struct row_task *t = arg;
	return sts_row_touch(db, t->domain, t->row->used_ms, t->row->tried_ms);
}

static int keep(struct sts *s, store_fn fn, struct slice domain, struct sts_row *row)
{
	struct row_task task = { .domain = domain, .row = row };
	int rc = store_commit(s->config.store, NULL, 0, fn, &task);
	if (rc < 0)
		log_error("sts.store", kv_slice("domain", domain), kv_error(rc));
	return rc;
}

int sts_find(struct sts *s, struct arena *arena, struct slice domain, int64_t deadline,
             struct sts_found *out)
{
	const struct question q = { s, s->config.dns, s->config.config, arena, domain, deadline };
	struct sts_row row = { .fetched_ms = 0 };
	struct row_task task = { arena, domain, &row };
	bool has = store_read(s->config.store, get_row, &task) == 0;
	int rc = ask(&q, has ? &row : NULL, out);
	if (rc < 0)
		return rc;
	if (out->trouble != STS_FINE) {
		log_info("sts.fetch", kv_slice("domain", domain), kv_str("why", out->why));
		back_off(s, domain);
	}
	int64_t now_ms = clock_wall_ms();
	if (out->is_new) {
		keep(s, put_row, domain, &out->row);
	} else if (out->has_policy && now_ms - out->row.used_ms > DAY_MS) {
		out->row.used_ms = now_ms;
		keep(s, touch_row, domain, &out->row);
	}
	return 0;
}

/* --- ahead of expiry ------------------------------------------------------------------ */

static int find_due(struct db *db, void *arg) { return sts_row_due(db, arg); }

static int expire(struct db *db, void *arg)
{
	const int64_t *now_ms = arg;
	return sts_row_expire(db, *now_ms);
}

static int refresh(struct sts *s, struct arena *arena, struct slice domain,
                   const struct sts_row *known)
{
	struct sts_found found = { .has_policy = false };
	struct sts_row row = *known;
	struct slice id;
	int64_t deadline = deadline_in(2 * s->config.config->mta_sts.timeout_ms);
	int rc = find_id(s->config.dns, arena, domain, deadline, &id);
	if (rc == 0)
		rc = sts_fetch(s->config.dns, s->config.config, arena, domain, deadline, &found);
	if (rc == -ECANCELED)
		return rc;
	row.tried_ms = clock_wall_ms();
	if (rc < 0) {
		log_info("sts.refresh", kv_slice("domain", domain), kv_str("why", found.why));
		return keep(s, touch_row, domain, &row);
	}
	found.row.id = id.len > 0 ? id : known->id;
	found.row.used_ms = known->used_ms;
	return keep(s, put_row, domain, &found.row);
}

/* One after the other; what was tried is not due any more. */
static int refresh_next(struct sts *s, struct arena *arena, int64_t now_ms)
{
	const struct config *c = s->config.config;
	struct sts_due due = { .now_ms = now_ms,
		               .refresh_ms = c->mta_sts.refresh_ms,
		               .retry_ms = c->mta_sts.refresh_ms / 24,
		               .arena = arena };
	int rc = store_read(s->config.store, find_due, &due);
	return rc == 0 ? refresh(s, arena, due.domain, &due.row) : rc;
}

static int refresh_all(struct sts *s)
{
	int64_t now_ms = clock_wall_ms();
	int rc = store_commit(s->config.store, NULL, 0, expire, &now_ms);
	while (rc == 0) {
		struct arena *arena = arena_new();
		rc = refresh_next(s, arena, now_ms);
		arena_free(arena);
	}
	return rc;
}

static void keep_up(void *arg)
{
	struct sts *s = arg;
	int64_t look_ms = s->config.config->mta_sts.refresh_ms / 4;
	if (look_ms > LOOK_MS)
		look_ms = LOOK_MS;
	while (fiber_sleep(deadline_in(look_ms)) == 0) {
		if (refresh_all(s) == -ECANCELED)
			break;
	}
}

void sts_start(struct sts *s)
{
	if (s->config.config->mta_sts.enabled)
		fiber_start(-1, "sts refresh", keep_up, s);
}
