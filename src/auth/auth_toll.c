#include "auth/auth_toll.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

enum { BUCKETS = 1024, BUCKET_SLOTS = 8, NAME_MAX_BYTES = 320 };

#define KNOWN_MS    (7 * 86400000LL) /* for so long it counts to have got in */
#define KNOWN_SCORE 1e12             /* of what is known, so that the oldest is forgotten first */

struct slot {
	uint64_t tag; /* hash of what is scored; 0: free */
	int64_t at_ms;
	double score;   /* as of then */
	uint64_t guess; /* the last one, of a client and name; 0: not known */
};

struct table {
	struct slot slots[BUCKETS][BUCKET_SLOTS];
};

struct auth_toll {
	pthread_mutex_t lock;
	struct table clients, names, both;
	struct table known;   /* clients and names that have got in, and when */
	struct hash *waiting; /* client -> how many wait (as a pointer) */
	unsigned waiting_count;
	int64_t max_ms, half_ms;
};

struct auth_toll *auth_toll_new(void)
{
	struct auth_toll *t = mem_zero(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->waiting = hash_new();
	t->max_ms = AUTH_TOLL_MAX_MS;
	t->half_ms = AUTH_TOLL_HALF_MS;
	return t;
}

void auth_toll_free(struct auth_toll *t)
{
	if (!t)
		return;
	hash_free(t->waiting);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void auth_toll_set(struct auth_toll *t, int64_t max_ms, int64_t half_ms)
{
	pthread_mutex_lock(&t->lock);
	t->max_ms = max_ms;
	t->half_ms = half_ms;
	pthread_mutex_unlock(&t->lock);
}

/* --- scores, under the lock --------------------------------------------------------------- */

/* Halved for each half-life, and in a straight line in between. */
static double score_now(const struct auth_toll *t, const struct slot *slot, int64_t now_ms)
{
	double score = slot->score;
	int64_t age_ms = now_ms - slot->at_ms;
	if (slot->tag == 0)
		return 0;
	for (; age_ms >= t->half_ms && score > 0.01; age_ms -= t->half_ms)
		score /= 2;
	return score > 0.01 ? score * (1 - 0.5 * (double)age_ms / (double)t->half_ms) : 0;
}

static struct slot *find_slot(struct table *table, uint64_t tag)
{
	struct slot *bucket = table->slots[tag % BUCKETS];
	for (size_t i = 0; i < BUCKET_SLOTS; i++) {
		if (bucket[i].tag == tag)
			return &bucket[i];
	}
	return NULL;
}

static struct slot *lowest_slot(struct auth_toll *t, struct table *table, uint64_t tag,
                                int64_t now_ms)
{
	struct slot *bucket = table->slots[tag % BUCKETS], *lowest = &bucket[0];
	for (size_t i = 1; i < BUCKET_SLOTS; i++) {
		if (score_now(t, &bucket[i], now_ms) < score_now(t, lowest, now_ms))
			lowest = &bucket[i];
	}
	return lowest;
}

static double get_score(struct auth_toll *t, struct table *table, uint64_t tag, int64_t now_ms)
{
	const struct slot *slot = find_slot(table, tag);
	return slot ? score_now(t, slot, now_ms) : 0;
}

/* Does not go below 0. NULL if there was nothing to take from. */
static struct slot *add_score(struct auth_toll *t, struct table *table, uint64_t tag, double by,
                              int64_t now_ms)
{
	struct slot *slot = find_slot(table, tag);
	if (!slot && by <= 0)
		return NULL;
	double score = slot ? score_now(t, slot, now_ms) : 0;
	if (!slot)
		slot = lowest_slot(t, table, tag, now_ms);
	score = score + by > 0 ? score + by : 0;
	*slot = (struct slot){ .tag = tag, .at_ms = now_ms, .score = score };
	return slot;
}

struct tags {
	uint64_t client, name, both;
	bool shared;
};

static uint64_t tag_of(const char *bytes, size_t len)
{
	uint64_t tag = hash_bytes(slice_of(bytes, len));
	return tag ? tag : 1;
}

static struct slice client_key(const struct net_address *from)
{
	return from ? net_address_client(from) : SLICE("none");
}

static bool is_shared(const struct net_address *from)
{
	return !from || net_address_is_loopback(from);
}

static struct tags tags_of(const struct net_address *from, struct slice name)
{
	char text[NAME_MAX_BYTES + sizeof(struct sockaddr_storage)];
	struct slice client = client_key(from);
	size_t len = 0;
	for (; len < name.len && len < NAME_MAX_BYTES; len++)
		text[len] = byte_lower(name.data[len]);
	struct tags tags = { .client = tag_of(client.data, client.len),
		             .name = tag_of(text, len),
		             .shared = is_shared(from) };
	/* The client behind it is never longer than what is left. */
	memcpy(text + len, client.data, client.len);
	tags.both = tag_of(text, len + client.len);
	return tags;
}

/* To the nearest whole failure: each fades a little before the next comes. */
static bool is_known(struct auth_toll *t, uint64_t tag, int64_t now_ms)
{
	const struct slot *slot = find_slot(&t->known, tag);
	return slot && now_ms - slot->at_ms < KNOWN_MS;
}

static int64_t price(const struct auth_toll *t, double score)
{
	int64_t ms = AUTH_TOLL_FIRST_MS;
	score -= AUTH_TOLL_FREE;
	if (score <= 0.5)
		return 0;
	while (score > 1.5 && ms < t->max_ms) {
		score -= 1;
		ms *= 2;
	}
	return ms < t->max_ms ? ms : t->max_ms;
}

/* --- what is asked ------------------------------------------------------------------------ */

int64_t auth_toll_of(struct auth_toll *t, const struct net_address *from, struct slice name,
                     int64_t now_ms)
{
	struct tags tags = tags_of(from, name);
	pthread_mutex_lock(&t->lock);
	bool apart = tags.shared || is_known(t, tags.both, now_ms);
	double score = apart ? get_score(t, &t->both, tags.both, now_ms)
	                     : get_score(t, &t->clients, tags.client, now_ms);
	int64_t own = price(t, score);
	int64_t others = price(t, get_score(t, &t->names, tags.name, now_ms));
	pthread_mutex_unlock(&t->lock);
	if (score < 1 && others > AUTH_TOLL_LITTLE_MS)
		others = AUTH_TOLL_LITTLE_MS;
	return own > others ? own : others;
}

void auth_toll_fail(struct auth_toll *t, const struct net_address *from, struct slice name,
                    uint64_t guess, int64_t now_ms)
{
	struct tags tags = tags_of(from, name);
	pthread_mutex_lock(&t->lock);
	const struct slot *before = find_slot(&t->both, tags.both);
	bool again = before && guess != 0 && before->guess == guess &&
	             score_now(t, before, now_ms) > 0;
	if (!again) {
		add_score(t, &t->clients, tags.client, 1, now_ms);
		add_score(t, &t->names, tags.name, 1, now_ms);
		add_score(t, &t->both, tags.both, 1, now_ms)->guess = guess;
	}
	pthread_mutex_unlock(&t->lock);
}

void auth_toll_forgive(struct auth_toll *t, const struct net_address *from, struct slice name,
                       int64_t now_ms)
{
	struct tags tags = tags_of(from, name);
	pthread_mutex_lock(&t->lock);
	double score = get_score(t, &t->both, tags.both, now_ms);
	add_score(t, &t->clients, tags.client, -score, now_ms);
	add_score(t, &t->names, tags.name, -score, now_ms);
	add_score(t, &t->both, tags.both, -score, now_ms);
	add_score(t, &t->known, tags.both, KNOWN_SCORE, now_ms);
	pthread_mutex_unlock(&t->lock);
}

/* --- places to wait ----------------------------------------------------------------------- */

static uintptr_t waiting_of(const struct auth_toll *t, const struct net_address *from)
{
	return (uintptr_t)hash_find(t->waiting, client_key(from));
}

static bool has_room(const struct auth_toll *t, const struct net_address *from)
{
	uintptr_t most = is_shared(from) ? AUTH_TOLL_SHARED_WAITERS : AUTH_TOLL_CLIENT_WAITERS;
	return t->waiting_count < AUTH_TOLL_WAITERS && waiting_of(t, from) < most;
}

bool auth_toll_has_room(struct auth_toll *t, const struct net_address *from)
{
	pthread_mutex_lock(&t->lock);
	bool room = has_room(t, from);
	pthread_mutex_unlock(&t->lock);
	return room;
}

bool auth_toll_enter(struct auth_toll *t, const struct net_address *from)
{
	pthread_mutex_lock(&t->lock);
	bool room = has_room(t, from);
	if (room) {
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number is all there is to keep */
		hash_put(t->waiting, client_key(from), (void *)(waiting_of(t, from) + 1));
		t->waiting_count++;
	}
	pthread_mutex_unlock(&t->lock);
	return room;
}

void auth_toll_leave(struct auth_toll *t, const struct net_address *from)
{
	pthread_mutex_lock(&t->lock);
	uintptr_t left = waiting_of(t, from) - 1;
	if (left == 0)
		hash_remove(t->waiting, client_key(from));
	else /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		hash_put(t->waiting, client_key(from), (void *)left);
	t->waiting_count--;
	pthread_mutex_unlock(&t->lock);
}

unsigned auth_toll_waiting(struct auth_toll *t)
{
	pthread_mutex_lock(&t->lock);
	unsigned count = t->waiting_count;
	pthread_mutex_unlock(&t->lock);
	return count;
}
