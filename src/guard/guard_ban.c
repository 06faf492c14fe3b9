#include "guard/guard_ban.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"

/* How long a ban is remembered, so that the next lasts longer. */
#define REMEMBER_MS (24 * 3600 * 1000LL)
enum { KEY_BYTES = 17, BITS_MAX = 128 };

struct score {
	double points;
	int64_t at_ms;
};

struct entry {
	struct net_network network;
	int64_t until_ms; /* GUARD_BAN_FOR_EVER: no end */
	int64_t begun_wall_ms;
	unsigned count;
	bool by_hand;
	char reason[GUARD_REASON_MAX];
};

struct guard_bans {
	struct guard_bans_config config;
	pthread_mutex_t lock; /* of all below */
	struct hash *scores, *bans;
	size_t position;                /* in scores: of the walk that makes room */
	bool forgot;                    /* a ban, by itself: its row may go, too */
	unsigned of_bits[BITS_MAX + 1]; /* bans by the length of their prefix */
	atomic_size_t ban_count;        /* read without the lock, as is score_count */
	atomic_size_t score_count;
};

struct guard_bans *guard_bans_new(const struct guard_bans_config *config)
{
	struct guard_bans *b = mem_zero(1, sizeof(*b));
	b->config = *config;
	b->scores = hash_new();
	b->bans = hash_new();
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void guard_bans_free(struct guard_bans *b)
{
	if (!b)
		return;
	hash_free_all(b->scores);
	hash_free_all(b->bans);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void guard_bans_set(struct guard_bans *b, const struct guard_bans_config *config)
{
	pthread_mutex_lock(&b->lock);
	b->config.score_limit = config->score_limit;
	b->config.half_life_ms = config->half_life_ms;
	b->config.ban_ms = config->ban_ms;
	b->config.ban_max_ms = config->ban_max_ms;
	pthread_mutex_unlock(&b->lock);
}

static void forget_score(struct guard_bans *b, struct slice key)
{
	free(hash_remove(b->scores, key));
	atomic_store(&b->score_count, hash_count(b->scores));
}

static struct slice key_of(const struct net_network *n, char key[static KEY_BYTES])
{
	memcpy(key, n->base.s6_addr, KEY_BYTES - 1);
	key[KEY_BYTES - 1] = (char)n->bits;
	return slice_of(key, KEY_BYTES);
}

/* --- bans ------------------------------------------------------------------------------- */

static bool is_active(const struct entry *e, int64_t now_ms) { return e->until_ms > now_ms; }

static void tell(const struct entry *e, int64_t now_ms, struct guard_ban *out)
{
	*out = (struct guard_ban){ .network = e->network,
		                   .begun_wall_ms = e->begun_wall_ms,
		                   .count = e->count,
		                   .by_hand = e->by_hand };
	if (e->until_ms == GUARD_BAN_FOR_EVER)
		out->left_ms = GUARD_BAN_FOR_EVER;
	else if (is_active(e, now_ms))
		out->left_ms = e->until_ms - now_ms;
	snprintf(out->reason, sizeof(out->reason), "%s", e->reason);
}

static struct entry *find_entry(const struct guard_bans *b, const struct net_network *n)
{
	char key[KEY_BYTES];
	return hash_find(b->bans, key_of(n, key));
}

static void forget_entry(struct guard_bans *b, struct entry *e)
{
	char key[KEY_BYTES];
	hash_remove(b->bans, key_of(&e->network, key));
	b->of_bits[e->network.bits]--;
	atomic_fetch_sub(&b->ban_count, 1);
	free(e);
}

/* Those that are over go, or else the one that ends first. What people banned stays. */
static void make_room_for_ban(struct guard_bans *b, int64_t now_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	struct entry *first = NULL;
	b->forgot = true;
	while (hash_next(b->bans, &position, &key, &value)) {
		struct entry *e = value;
		if (!is_active(e, now_ms))
			forget_entry(b, e);
		else if (!e->by_hand && (!first || e->until_ms < first->until_ms))
			first = e;
	}
	if (first && hash_count(b->bans) >= b->config.max)
		forget_entry(b, first);
}

/* NULL when there are too many by hand. */
static struct entry *find_or_add(struct guard_bans *b, const struct net_network *n, int64_t now_ms)
{
	char key[KEY_BYTES];
	struct entry *e = find_entry(b, n);
	if (!e && hash_count(b->bans) >= b->config.max)
		make_room_for_ban(b, now_ms);
	if (e || hash_count(b->bans) >= b->config.max)
		return e;
	e = mem_zero(1, sizeof(*e));
	e->network = *n;
	hash_put(b->bans, key_of(n, key), e);
	b->of_bits[n->bits]++;
	atomic_fetch_add(&b->ban_count, 1);
	return e;
}

bool guard_bans_has(struct guard_bans *b, const struct net_address *client, int64_t now_ms)
{
	struct net_network n;
	bool found = false;
	if (atomic_load_explicit(&b->ban_count, memory_order_relaxed) == 0 ||
	    !net_network_of(client, 32, BITS_MAX, &n))
		return false;
	pthread_mutex_lock(&b->lock);
	for (unsigned bits = BITS_MAX + 1; bits-- > 0 && !found;) {
		if (b->of_bits[bits] == 0)
			continue;
		n.bits = bits;
		net_network_trim(&n);
		const struct entry *e = find_entry(b, &n);
		found = e && is_active(e, now_ms);
	}
	pthread_mutex_unlock(&b->lock);
	return found;
}

int guard_bans_put(struct guard_bans *b, const struct guard_ban *ban, int64_t now_ms)
{
	pthread_mutex_lock(&b->lock);
	struct entry *e = find_or_add(b, &ban->network, now_ms);
	if (e) {
		e->until_ms = ban->left_ms == GUARD_BAN_FOR_EVER ? GUARD_BAN_FOR_EVER
		                                                 : now_ms + ban->left_ms;
		e->begun_wall_ms = ban->begun_wall_ms;
		e->count = ban->count;
		e->by_hand = ban->by_hand;
		snprintf(e->reason, sizeof(e->reason), "%s", ban->reason);
	}
	pthread_mutex_unlock(&b->lock);
	return e ? 0 : -ENOSPC;
}

static bool lies_in(const struct net_network *outer, struct slice key)
{
	struct net_network n = { .bits = outer->bits };
	memcpy(n.base.s6_addr, key.data, KEY_BYTES - 1);
	net_network_trim(&n);
	return (unsigned char)key.data[KEY_BYTES - 1] >= outer->bits &&
	       memcmp(&n.base, &outer->base, sizeof(n.base)) == 0;
}

int guard_bans_remove(struct guard_bans *b, const struct net_network *network, int64_t now_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	pthread_mutex_lock(&b->lock);
	struct entry *e = find_entry(b, network);
	bool was_active = e && is_active(e, now_ms);
	if (e)
		forget_entry(b, e);
	while (e && hash_next(b->scores, &position, &key, &value)) {
		if (lies_in(network, key))
			forget_score(b, key);
	}
	pthread_mutex_unlock(&b->lock);
	return was_active ? 0 : -ENOENT;
}

void guard_bans_each(struct guard_bans *b, int64_t now_ms, guard_ban_visit visit, void *arg)
{
	size_t position = 0;
	struct slice key;
	void *value;
	pthread_mutex_lock(&b->lock);
	while (hash_next(b->bans, &position, &key, &value)) {
		struct guard_ban ban;
		tell(value, now_ms, &ban);
		if (ban.left_ms > 0)
			visit(arg, &ban);
	}
	pthread_mutex_unlock(&b->lock);
}

static void count_one(void *arg, const struct guard_ban *ban)
{
	(void)ban;
	(*(size_t *)arg)++;
}

size_t guard_bans_count(struct guard_bans *b, int64_t now_ms)
{
	size_t count = 0;
	guard_bans_each(b, now_ms, count_one, &count);
	return count;
}

size_t guard_bans_tracked(struct guard_bans *b)
{
	pthread_mutex_lock(&b->lock);
	size_t count = hash_count(b->scores);
	pthread_mutex_unlock(&b->lock);
	return count;
}

bool guard_bans_expire(struct guard_bans *b, int64_t now_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	pthread_mutex_lock(&b->lock);
	while (hash_next(b->bans, &position, &key, &value)) {
		struct entry *e = value;
		if (e->until_ms != GUARD_BAN_FOR_EVER && e->until_ms + REMEMBER_MS < now_ms) {
			forget_entry(b, e);
			b->forgot = true;
		}
	}
	bool forgot = b->forgot;
	b->forgot = false;
	pthread_mutex_unlock(&b->lock);
	return forgot;
}

/* --- scores ----------------------------------------------------------------------------- */

/* The oldest go; one of them is enough. */
static void make_room(struct guard_bans *b)
{
	struct slice key;
	void *value;
	while (hash_count(b->scores) >= b->config.max) {
		if (hash_next(b->scores, &b->position, &key, &value))
			forget_score(b, key);
		else
			b->position = 0;
	}
}

static void decay(const struct guard_bans *b, struct score *s, int64_t now_ms)
{
	s->points *= exp2((double)(s->at_ms - now_ms) / (double)b->config.half_life_ms);
	s->at_ms = now_ms;
}

static double add_points(struct guard_bans *b, const struct net_network *n, unsigned points,
                         int64_t now_ms)
{
	char key[KEY_BYTES];
	struct score *s = hash_find(b->scores, key_of(n, key));
	if (!s) {
		make_room(b);
		s = mem_zero(1, sizeof(*s));
		s->at_ms = now_ms;
		hash_put(b->scores, key_of(n, key), s);
		atomic_store(&b->score_count, hash_count(b->scores));
	}
	decay(b, s, now_ms);
	s->points += points;
	return s->points;
}

void guard_bans_credit(struct guard_bans *b, const struct net_address *client, unsigned points,
                       int64_t now_ms)
{
	struct net_network n;
	char key[KEY_BYTES];
	if (atomic_load_explicit(&b->score_count, memory_order_relaxed) == 0 ||
	    !net_network_of(client, b->config.bits_v4, b->config.bits_v6, &n))
		return;
	pthread_mutex_lock(&b->lock);
	struct score *s = hash_find(b->scores, key_of(&n, key));
	if (s) {
		decay(b, s, now_ms);
		s->points -= points;
	}
	if (s && s->points <= 0)
		forget_score(b, key_of(&n, key));
	pthread_mutex_unlock(&b->lock);
}

/* False when there are too many by hand. The score begins anew. */
static bool ban(struct guard_bans *b, const struct net_network *n, const char *reason,
                int64_t now_ms, struct guard_ban *out)
{
	char key[KEY_BYTES];
	struct entry *e = find_or_add(b, n, now_ms);
	int64_t for_ms = b->config.ban_ms;
	if (!e || is_active(e, now_ms))
		return false;
	for (unsigned i = 0; i < e->count && for_ms < b->config.ban_max_ms; i++)
		for_ms *= 2;
	if (for_ms > b->config.ban_max_ms && b->config.ban_max_ms > b->config.ban_ms)
		for_ms = b->config.ban_max_ms;
	e->count++;
	e->until_ms = now_ms + for_ms;
	e->begun_wall_ms = clock_wall_ms();
	e->by_hand = false;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	tell(e, now_ms, out);
	forget_score(b, key_of(n, key));
	return true;
}

bool guard_bans_note(struct guard_bans *b, const struct net_address *client, unsigned points,
                     const char *reason, int64_t now_ms, double *score_out,
                     struct guard_ban *ban_out)
{
	struct net_network n;
	bool banned = false;
	*score_out = 0;
	if (!net_network_of(client, b->config.bits_v4, b->config.bits_v6, &n))
		return false;
	pthread_mutex_lock(&b->lock);
	*score_out = add_points(b, &n, points, now_ms);
	/* Upwards: what a moment takes away of a score must not make the limit one more. */
	if (b->config.score_limit > 0 && ceil(*score_out) >= b->config.score_limit)
		banned = ban(b, &n, reason, now_ms, ban_out);
	pthread_mutex_unlock(&b->lock);
	return banned;
}
