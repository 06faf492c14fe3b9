#include "guard/guard.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"
#include "guard/guard_internal.h"
#include "guard/guard_listed.h"

enum {
	/* Sessions that are made to wait hold a stack each: beyond so many none is. */
	SLOWED_MAX = 2000,
	SLOW_MS_A_POINT = 100, /* beyond slow-score */
	CREDIT_POINTS = 2,     /* of a message that was taken */
};

/* What a misstep weighs against ban-score (100). People mistype passwords, and lists have dead
 * addresses; nobody speaks before he was greeted by mistake. */
static const struct {
	const char *name;
	unsigned points;
} offences[GUARD_OFFENCES] = {
	[GUARD_FAILED_LOGIN] = { "failed_login", 5 },
	[GUARD_UNKNOWN_USER] = { "unknown_user", 3 },
	[GUARD_PROTOCOL_ERROR] = { "protocol_error", 3 },
	[GUARD_EARLY_TALK] = { "early_talk", 20 },
	[GUARD_BAD_PIPELINING] = { "bad_pipelining", 5 },
	[GUARD_FLOOD] = { "flood", 2 },
	[GUARD_HARVEST] = { "harvest", 3 },
	[GUARD_NO_RELAY] = { "no_relay", 5 },
	[GUARD_REFUSED] = { "refused", 2 },
};

const char *guard_offence_name(enum guard_offence offence) { return offences[offence].name; }

/* --- the guard -------------------------------------------------------------------------- */

static void free_all(struct guard *g)
{
	guard_buckets_free(g->buckets);
	guard_bans_free(g->bans);
	guard_grey_free(g->grey);
	guard_refusals_free(g->refusals);
	geoip_close(g->geoip);
	pthread_rwlock_destroy(&g->geoip_lock);
	guard_tables_free(g);
	free(g);
}

static int open_countries(struct guard *g)
{
	const char *path = g->config->account.country_database;
	int rc = path && g->store ? geoip_open(path, &g->geoip) : 0;
	if (rc < 0)
		log_error("guard.countries", kv_str("file", path), kv_error(rc),
		          kv_str("remedy", "see country-database of section account-limits"));
	return rc;
}

static struct guard_bans_config bans_of(const struct config *c)
{
	return (struct guard_bans_config){
		.score_limit = c->guard.bans ? c->guard.ban_score : 0,
		.half_life_ms = c->guard.score_half_life_ms,
		.ban_ms = c->guard.ban_ms,
		.ban_max_ms = c->guard.ban_max_ms,
		.bits_v4 = c->guard.network_bits_v4,
		.bits_v6 = c->guard.network_bits_v6,
		.max = c->guard.max_tracked,
	};
}

struct attachment_helper *guard_files(const struct guard *g) { return g ? g->files : NULL; }

int guard_open(const struct guard_config *config, struct guard **out)
{
	const struct config *c = config->config;
	struct guard *g = mem_zero(1, sizeof(*g));
	const struct guard_bans_config bans = bans_of(c);
	g->config = c;
	g->store = config->store;
	g->dns = config->dns;
	g->files = config->files;
	g->buckets = guard_buckets_new(c->guard.max_tracked);
	g->bans = guard_bans_new(&bans);
	g->grey = guard_grey_new(&c->greylist);
	g->refusals = guard_refusals_new();
	pthread_rwlock_init(&g->geoip_lock, NULL);
	guard_tables_put(g, c);
	int rc = open_countries(g);
	if (rc == 0 && g->store)
		rc = guard_store_load(g);
	if (rc == 0) {
		*out = g;
		return 0;
	}
	free_all(g);
	return rc;
}

void guard_use(struct guard *g, const struct config *c, struct geoip *countries)
{
	const struct guard_bans_config bans = bans_of(c);
	if (c != g->config)
		guard_tables_put(g, c);
	guard_bans_set(g->bans, &bans);
	guard_grey_set(g->grey, &c->greylist);
	pthread_rwlock_wrlock(&g->geoip_lock);
	struct geoip *old = g->geoip;
	g->geoip = countries;
	pthread_rwlock_unlock(&g->geoip_lock);
	geoip_close(old);
	g->config = c;
}

static void keep_saving(void *arg)
{
	struct guard *g = arg;
	while (fiber_park("guard.save", deadline_in(g->config->guard.save_interval_ms)) !=
	       -ECANCELED)
		(void)guard_store_save(g);
}

void guard_start(struct guard *g)
{
	atomic_store(&g->saver, fiber_start(-1, "guard.save", keep_saving, g));
}

void guard_close(struct guard *g)
{
	if (!g)
		return;
	if (g->store)
		(void)guard_store_save(g);
	free_all(g);
}

static bool is_in(const struct net_network *networks, size_t count, const struct net_address *a)
{
	for (size_t i = 0; i < count; i++) {
		if (net_network_contains(&networks[i], a))
			return true;
	}
	return false;
}

/* A Unix socket is loopback whatever is configured: it has no network to be counted by. */
bool guard_is_exempt(const struct guard *g, const struct net_address *client)
{
	const struct config *c = g->config;
	if (client->any.sa_family == AF_UNIX)
		return true;
	if (c->guard.exempt_loopback && net_address_is_loopback(client))
		return true;
	if (c->guard.exempt_relay_networks &&
	    is_in(c->relay_networks, c->relay_network_count, client))
		return true;
	return is_in(c->guard.exempt_networks, c->guard.exempt_network_count, client);
}

/* --- bans ------------------------------------------------------------------------------- */

bool guard_is_banned(struct guard *g, const struct net_address *client)
{
	if (!g || !guard_bans_has(g->bans, client, clock_monotonic_ms()) ||
	    guard_is_exempt(g, client))
		return false;
	atomic_fetch_add(&g->turned_away, 1);
	return true;
}

static void log_ban(const struct guard_ban *ban)
{
	char network[NET_ADDRESS_TEXT_MAX];
	log_warn("guard.ban", kv_str("network", net_network_text(&ban->network, network)),
	         kv_int("for_ms", ban->left_ms == GUARD_BAN_FOR_EVER ? -1 : ban->left_ms),
	         kv_int("count", ban->count), kv_str("reason", ban->reason));
}

/* From slow-score on each misstep costs more than the one before. */
static int64_t slowness(struct guard *g, double score)
{
	double over = ceil(score) - g->config->guard.slow_score;
	if (over < 0 || atomic_load(&g->slowed_now) >= SLOWED_MAX)
		return 0;
	double ms = (over + 1) * SLOW_MS_A_POINT;
	int64_t max_ms = g->config->guard.slow_max_ms;
	atomic_fetch_add(&g->slowed, 1);
	return ms < (double)max_ms ? (int64_t)ms : max_ms;
}

int64_t guard_note(struct guard *g, const struct net_address *client, enum guard_offence offence)
{
	struct guard_ban ban;
	double score;
	if (!g || guard_is_exempt(g, client))
		return 0;
	atomic_fetch_add(&g->offences[offence], 1);
	if (guard_bans_note(g->bans, client, offences[offence].points, offences[offence].name,
	                    clock_monotonic_ms(), &score, &ban)) {
		atomic_fetch_add(&g->banned, 1);
		log_ban(&ban);
		/* It holds in any case; if it can't be kept the store has told why. */
		(void)guard_store_put_ban(g, &ban);
		return -EACCES;
	}
	if (guard_bans_has(g->bans, client, clock_monotonic_ms()))
		return -EACCES;
	return slowness(g, score);
}

void guard_credit(struct guard *g, const struct net_address *client)
{
	if (g)
		guard_bans_credit(g->bans, client, CREDIT_POINTS, clock_monotonic_ms());
}

int guard_pause(struct guard *g, int64_t ms)
{
	if (!g || ms <= 0 || atomic_load(&g->slowed_now) >= SLOWED_MAX)
		return 0;
	atomic_fetch_add(&g->slowed_now, 1);
	int rc = fiber_sleep(deadline_in(ms));
	atomic_fetch_sub(&g->slowed_now, 1);
	return rc;
}

int guard_weigh(struct guard *g, const struct net_address *client, enum guard_offence offence)
{
	int64_t ms = guard_note(g, client, offence);
	return ms < 0 ? (int)ms : guard_pause(g, ms);
}

int guard_ban_add(struct guard *g, const struct guard_ban *ban)
{
	int rc = guard_bans_put(g->bans, ban, clock_monotonic_ms());
	if (rc < 0)
		return rc;
	log_ban(ban);
	return guard_store_put_ban(g, ban);
}

int guard_ban_remove(struct guard *g, const struct net_network *network)
{
	char text[NET_ADDRESS_TEXT_MAX];
	int rc = guard_bans_remove(g->bans, network, clock_monotonic_ms());
	int row = guard_store_remove_ban(g, network);
	if (rc == 0)
		log_info("guard.unban", kv_str("network", net_network_text(network, text)));
	return row < 0 && row != -ENOENT ? row : rc;
}

void guard_ban_each(struct guard *g, guard_ban_visit visit, void *arg)
{
	guard_bans_each(g->bans, clock_monotonic_ms(), visit, arg);
}

/* --- what is counted -------------------------------------------------------------------- */

struct guard_counts guard_counts(struct guard *g)
{
	struct guard_counts out = {
		.bans = atomic_load(&g->banned),
		.turned_away = atomic_load(&g->turned_away),
		.over_rate = atomic_load(&g->over_rate),
		.slowed = atomic_load(&g->slowed),
		.accounts_limited = atomic_load(&g->accounts_limited),
		.account_refused = atomic_load(&g->account_refused),
		.banned = guard_bans_count(g->bans, clock_monotonic_ms()),
		.tracked = guard_bans_tracked(g->bans),
		.buckets = guard_buckets_count(g->buckets),
	};
	for (size_t i = 0; i < RULE_VERDICTS; i++)
		out.verdicts[i] = atomic_load(&g->verdicts[i]);
	for (size_t i = 0; i < GUARD_OFFENCES; i++)
		out.offences[i] = atomic_load(&g->offences[i]);
	return out;
}

uint64_t guard_rule_count(const struct guard *g, const struct config_rule *rule)
{
	return atomic_load(guard_count_of(g, rule));
}

const struct config_rules *guard_rules(const struct guard *g) { return &g->config->rules; }

struct guard_list_counts guard_list_count(const struct guard *g, const struct config_dns_list *list)
{
	struct guard_list_state *s = guard_state_of(g, list);
	return (struct guard_list_counts){ .listed = atomic_load(&s->listed),
		                           .clear = atomic_load(&s->clear),
		                           .failed = atomic_load(&s->failed) };
}

const struct config_dns_lists *guard_lists(const struct guard *g) { return &g->config->dns_lists; }

struct guard_grey *guard_greylist(struct guard *g) { return g->grey; }

struct guard_refusals *guard_refusals_of(struct guard *g) { return g->refusals; }

void guard_refuse(struct guard *g, const struct guard_refusal *refusal,
                  char code_out[static GUARD_CODE_LEN + 1])
{
	guard_code_make(code_out);
	/* In a flood they would be forgotten before the next save. */
	if (guard_refusals_note(g->refusals, code_out, refusal))
		fiber_wake(atomic_load(&g->saver));
}
