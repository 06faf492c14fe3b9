#include "queue/queue_group.h"

#include <pthread.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"

#define KNOWN_MS (30 * 60 * 1000)
#define MOST     100000
/* Of twenty hosts, the longest names that there can be. */
#define NAME_MAX_BYTES 6000

struct group {
	int64_t until_ms; /* monotonic */
	char name[];
};

struct queue_groups {
	pthread_mutex_t lock;
	struct hash *groups; /* by base */
};

struct queue_groups *queue_groups_new(void)
{
	struct queue_groups *g = mem_zero(1, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	g->groups = hash_new();
	return g;
}

/* Those that are known no longer, or all. */
static void forget(struct queue_groups *g, int64_t now_ms)
{
	size_t position = 0;
	struct slice key;
	void *value;
	while (hash_next(g->groups, &position, &key, &value)) {
		const struct group *group = value;
		if (group->until_ms <= now_ms)
			free(hash_remove(g->groups, key));
	}
}

void queue_groups_free(struct queue_groups *g)
{
	if (!g)
		return;
	forget(g, INT64_MAX);
	hash_free(g->groups);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

struct slice queue_groups_find(struct queue_groups *g, struct arena *arena, struct slice base)
{
	pthread_mutex_lock(&g->lock);
	const struct group *group = hash_find(g->groups, base);
	if (group && clock_monotonic_ms() < group->until_ms)
		base = arena_copy(arena, slice_from_str(group->name));
	pthread_mutex_unlock(&g->lock);
	return base;
}

void queue_groups_note(struct queue_groups *g, struct slice base, struct slice name)
{
	bool is_group = !slice_equal(base, name);
	int64_t now_ms = clock_monotonic_ms();
	struct group *group = mem_zero(1, sizeof(*group) + name.len + 1);
	group->until_ms = now_ms + KNOWN_MS;
	memcpy(group->name, name.data, name.len);
	pthread_mutex_lock(&g->lock);
	if (hash_count(g->groups) >= MOST)
		forget(g, now_ms);
	if (hash_count(g->groups) >= MOST)
		forget(g, INT64_MAX);
	free(hash_remove(g->groups, base));
	if (is_group)
		hash_put(g->groups, base, group);
	else
		free(group);
	pthread_mutex_unlock(&g->lock);
}

/* --- names ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct client_hop *x = *(const struct client_hop *const *)a;
	const struct client_hop *y = *(const struct client_hop *const *)b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcasecmp(x->host, y->host);
}

static bool is_shared(const struct client_route *route, const struct tls_policy_domain *policy)
{
	return route->kind == CLIENT_BY_MX && route->count > 0 &&
	       policy->demand == TLS_DEMAND_USUAL && !(policy->sts && policy->sts->has_policy);
}

static void add_host(struct buf *name, const char *host)
{
	for (; *host; host++)
		buf_append_byte(name, byte_lower(*host));
}

static void add_hosts(struct buf *name, const struct client_route *route)
{
	const struct client_hop *hops[CLIENT_ROUTE_HOPS_MAX];
	const struct client_hop *last = NULL;
	for (size_t i = 0; i < route->count; i++)
		hops[i] = &route->hops[i];
	qsort(hops, route->count, sizeof(hops[0]), compare);
	for (size_t i = 0; i < route->count; i++) {
		if (last && compare(&last, &hops[i]) == 0)
			continue;
		if (last)
			buf_append_byte(name, last->preference == hops[i]->preference ? ',' : ';');
		add_host(name, hops[i]->host);
		last = hops[i];
	}
}

struct slice queue_group_of(struct arena *arena, struct slice base, struct slice domain,
                            const struct client_route *route,
                            const struct tls_policy_domain *policy)
{
	if (!is_shared(route, policy) || !slice_starts_with(base, domain))
		return base;
	struct buf name = buf_make(NAME_MAX_BYTES);
	buf_append(&name, SLICE("mx:"));
	add_hosts(&name, route);
	if (policy->mx_secure)
		buf_append(&name, SLICE(" dnssec"));
	if (policy->minimum)
		buf_printf(&name, " tls:%d.%d", (int)policy->minimum->level,
		           (int)policy->minimum->oldest);
	/* As of a section route. */
	buf_append(&name, slice_from(base, domain.len));
	struct slice out = buf_failed(&name) ? base : arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return out;
}
