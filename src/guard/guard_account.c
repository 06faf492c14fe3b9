/* Accounts that send: what a session is told about its own. */
#include "guard/guard_account.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "guard/guard_internal.h"
#include "guard/guard_pattern.h"
#include "store/db.h"
#include "store/store.h"

#define DAY_MS (24 * 3600 * 1000LL)

struct question {
	const struct config_account *config;
	int64_t account_id, now_ms;
	struct slice address;
	const struct account_place *place;
	struct account_use use;
	enum account_standing standing; /* the new one */
	bool tell;
};

static bool is_exempt(const struct config_account *c, struct slice address)
{
	for (unsigned i = 0; i < c->exempt_count; i++) {
		if (guard_pattern_match(slice_from_str(c->exempt[i]), address))
			return true;
	}
	return false;
}

static int read_use(struct db *db, void *arg)
{
	struct question *q = arg;
	return account_read_use(db, q->config, q->account_id, q->address, q->place, q->now_ms,
	                        &q->use);
}

/* Another session may have done it meanwhile: then nobody is told again. */
static int set_standing(struct db *db, void *arg)
{
	struct question *q = arg;
	struct account_use now;
	int rc = account_read_use(db, q->config, q->account_id, q->address, q->place, q->now_ms,
	                          &now);
	q->tell = false;
	if (rc < 0 || now.standing == q->standing)
		return rc;
	q->tell = q->standing != ACCOUNT_FREE && q->now_ms - now.told_ms >= DAY_MS;
	return db_run(db,
	              "INSERT INTO account_standing (account_id, standing, since_ms, why, told_ms,"
	              " released_ms, refused) VALUES ($1, $2, $3, $4, $5, $6, 0)"
	              " ON CONFLICT (account_id) DO UPDATE SET standing = excluded.standing,"
	              " since_ms = excluded.since_ms, why = excluded.why,"
	              " told_ms = excluded.told_ms, refused = 0",
	              "iiisii", q->account_id, (int64_t)q->standing, q->now_ms, q->use.why,
	              q->tell ? q->now_ms : now.told_ms, now.released_ms);
}

static int add_refused(struct db *db, void *arg)
{
	const struct question *q = arg;
	return db_run(db, "UPDATE account_standing SET refused = refused + 1 WHERE account_id = $1",
	              "i", q->account_id);
}

static bool store_step(struct guard *g, store_fn fn, struct question *q, bool change)
{
	int rc = change ? store_commit(g->store, NULL, 0, fn, q) : store_read(g->store, fn, q);
	if (rc < 0)
		log_warn("guard.account.failed", kv_slice("account", q->address), kv_error(rc));
	return rc == 0;
}

static void become(struct guard *g, struct question *q, enum account_standing standing)
{
	q->standing = standing;
	if (!store_step(g, set_standing, q, true))
		return;
	q->use.standing = standing;
	q->use.since_ms = q->now_ms;
	if (standing != ACCOUNT_FREE)
		atomic_fetch_add(&g->accounts_limited, 1);
	log_write(standing == ACCOUNT_FREE ? LOG_INFO : LOG_WARN, "guard.account",
	          (struct log_kv[]){ kv_slice("account", q->address),
	                             kv_str("standing", account_standing_name(standing)),
	                             kv_str("why", q->use.why) },
	          3);
}

/* What follows from what it has sent. */
static void judge(struct guard *g, struct question *q)
{
	const struct config_account *c = q->config;
	char why[ACCOUNT_WHY_MAX];
	const char *beyond = account_beyond(c, &q->use, why);
	if (q->use.standing == ACCOUNT_FREE && beyond) {
		snprintf(q->use.why, sizeof(q->use.why), "%s", why);
		become(g, q, ACCOUNT_SLOWED);
	} else if (q->use.standing == ACCOUNT_SLOWED && !beyond && c->slow_ms > 0 &&
	           q->now_ms - q->use.since_ms >= c->slow_ms) {
		q->use.why[0] = '\0';
		become(g, q, ACCOUNT_FREE);
	} else if (q->use.standing == ACCOUNT_SLOWED && c->hold_after > 0 &&
	           q->use.refused >= c->hold_after) {
		become(g, q, ACCOUNT_HELD);
	}
}

static void answer_from(const struct question *q, struct account_answer *out)
{
	out->use = q->use;
	out->room = account_room(q->config, &q->use);
	out->delay_ms = q->use.standing == ACCOUNT_SLOWED ? q->config->delay_ms : 0;
	out->tell = q->config->tell && q->tell;
}

static struct question question_of(const struct guard *g, int64_t account_id, const char *address,
                                   const struct account_place *place)
{
	return (struct question){ .config = &g->config->account,
		                  .account_id = account_id,
		                  .now_ms = clock_wall_ms(),
		                  .address = slice_from_str(address),
		                  .place = place };
}

void guard_account_ask(struct guard *g, int64_t account_id, const char *address,
                       const struct net_address *client, struct account_answer *out)
{
	*out = (struct account_answer){ .room = INT64_MAX };
	if (!g || !g->store || !g->config->account.enabled || account_id == 0 ||
	    is_exempt(&g->config->account, slice_from_str(address)))
		return;
	pthread_rwlock_rdlock(&g->geoip_lock);
	geoip_country(g->geoip, client, out->country);
	pthread_rwlock_unlock(&g->geoip_lock);
	const struct account_place place = { client, out->country };
	struct question q = question_of(g, account_id, address, &place);
	if (!store_step(g, read_use, &q, false))
		return;
	out->watched = true;
	judge(g, &q);
	answer_from(&q, out);
}

void guard_account_refused(struct guard *g, int64_t account_id, const char *address,
                           struct account_answer *answer)
{
	struct question q = question_of(g, account_id, address, NULL);
	q.use = answer->use;
	atomic_fetch_add(&g->account_refused, 1);
	answer->tell = false;
	if (q.use.standing == ACCOUNT_FREE) {
		snprintf(q.use.why, sizeof(q.use.why), "%s",
		         q.config->hour_recipients > 0 &&
		                         q.use.hour + answer->room >= q.config->hour_recipients
		                 ? "more recipients within an hour than it may"
		                 : "more recipients within a day than it may");
		become(g, &q, ACCOUNT_SLOWED);
		answer->use = q.use;
		answer->tell = q.config->tell && q.tell;
	}
	if (q.config->hold_after > 0 && q.use.standing == ACCOUNT_SLOWED)
		store_step(g, add_refused, &q, true);
}
