#include "dns/dns_query.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unbound.h>

#include "base/hash.h"

enum { CLASS_IN = 1 };
enum { RCODE_OK = 0, RCODE_NXDOMAIN = 3 }; /* RFC 1035 section 4.1.1 */

struct dns_queries {
	struct ub_ctx *ub;
	struct dns_cache *cache; /* NULL: none */
	pthread_mutex_t lock;
	struct hash *under_way; /* by key: those that others may join */
	atomic_uint_fast64_t known, asked, shared;
};

struct dns_query {
	struct dns_queries *queries;
	struct dns_key key;
	int async_id;
	/* Under the lock. */
	int holders; /* who waits, and libunbound until it has answered */
	struct list waiters;
	/* Written once, before it is done. */
	struct arena *arena;
	struct ub_result *result;
	struct dns_cached cached; /* its result may be any of dns.h */
	atomic_bool done;
};

struct dns_queries *dns_queries_new(struct ub_ctx *ub, struct dns_cache *cache)
{
	struct dns_queries *q = mem_zero(1, sizeof(*q));
	q->ub = ub;
	q->cache = cache;
	q->under_way = hash_new();
	pthread_mutex_init(&q->lock, NULL);
	return q;
}

void dns_queries_free(struct dns_queries *q)
{
	if (!q)
		return;
	dns_cache_free(q->cache);
	hash_free(q->under_way);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

struct dns_counts dns_queries_count(struct dns_queries *q)
{
	struct dns_counts c = { .known = atomic_load(&q->known),
		                .asked = atomic_load(&q->asked),
		                .shared = atomic_load(&q->shared) };
	if (q->cache)
		dns_cache_size(q->cache, &c.cached, &c.cached_bytes);
	return c;
}

static void query_free(struct dns_query *q)
{
	ub_resolve_free(q->result);
	arena_free(q->arena);
	free(q);
}

static struct slice key_of(const struct dns_query *q) { return slice_of(q->key.bytes, q->key.len); }

/* --- in the thread of the resolver ------------------------------------------------------- */

/* What a finished question came to; see dns.h. */
static int verdict(int error, const struct ub_result *r)
{
	if (error || !r)
		return -EAGAIN;
	if (r->bogus)
		return -EBADMSG;
	if (r->rcode == RCODE_NXDOMAIN || r->nxdomain)
		return -ENOENT;
	if (r->rcode != RCODE_OK)
		return -EAGAIN;
	return r->havedata ? 0 : -ENODATA;
}

static bool is_answer(int result) { return result == 0 || result == -ENODATA || result == -ENOENT; }

static void read_result(struct dns_query *q, int error)
{
	const struct ub_result *r = q->result;
	q->cached = (struct dns_cached){ .result = verdict(error, r), .canonical = SLICE_EMPTY };
	if (!is_answer(q->cached.result))
		return;
	q->arena = arena_new();
	q->cached.security = r->secure ? DNS_SECURE : DNS_INSECURE;
	q->cached.ttl = r->ttl > 0 ? (uint32_t)r->ttl : 0;
	q->cached.canonical = slice_from_str(
		dns_name_normal(q->arena, slice_from_str(r->canonname ? r->canonname : r->qname)));
	if (q->cached.result < 0)
		return;
	while (r->data[q->cached.count])
		q->cached.count++;
	struct slice *data = ARENA_ARRAY(q->arena, q->cached.count + 1, struct slice);
	for (size_t i = 0; i < q->cached.count; i++)
		data[i] = slice_of(r->data[i], r->len[i] > 0 ? (size_t)r->len[i] : 0);
	q->cached.data = data;
}

/* Under the lock: nobody joins from now on, and libunbound's hold is over. True if nobody else has
 * one. */
static bool leave(struct dns_query *q)
{
	if (hash_find(q->queries->under_way, key_of(q)) == q)
		hash_remove(q->queries->under_way, key_of(q));
	return --q->holders == 0;
}

static void finish(struct dns_query *q)
{
	struct dns_queries *all = q->queries;
	pthread_mutex_lock(&all->lock);
	atomic_store(&q->done, true);
	while (!list_is_empty(&q->waiters)) {
		struct dns_asked *asked = LIST_FIRST(&q->waiters, struct dns_asked, link);
		list_remove(&asked->link);
		fiber_wake(asked->waiter);
	}
	bool is_last = leave(q);
	pthread_mutex_unlock(&all->lock);
	if (is_last)
		query_free(q);
}

static void on_answer(void *arg, int error, struct ub_result *result)
{
	struct dns_query *q = arg;
	struct dns_queries *all = q->queries;
	/* libunbound's locks order this after the question; the sanitizer, which can't see them,
	 * sees this. */
	pthread_mutex_lock(&all->lock);
	q->result = result;
	pthread_mutex_unlock(&all->lock);
	read_result(q, error);
	if (all->cache && is_answer(q->cached.result))
		dns_cache_put(all->cache, &q->key, &q->cached, clock_monotonic_ms());
	finish(q);
}

/* --- on fibers --------------------------------------------------------------------------- */

static int answer(const struct dns_cached *cached, enum dns_type type, struct arena *a,
                  struct dns_answer *out)
{
	if (!is_answer(cached->result))
		return cached->result;
	*out = (struct dns_answer){ .security = cached->security,
		                    .ttl = cached->ttl,
		                    .canonical_name = arena_str(a, cached->canonical) };
	if (cached->result < 0)
		return cached->result;
	dns_records_parse(a, type, cached->data, cached->count, out);
	/* Records of which none can be read are no answer. */
	return out->count > 0 ? 0 : -EAGAIN;
}

/* Under the lock: the question, and whether it is a new one. */
static struct dns_query *join(struct dns_queries *all, const struct dns_key *key, bool *is_new)
{
	struct dns_query *q = hash_find(all->under_way, slice_of(key->bytes, key->len));
	*is_new = !q;
	if (q) {
		q->holders++;
		return q;
	}
	q = mem_zero(1, sizeof(*q));
	q->queries = all;
	q->key = *key;
	q->holders = 2;
	list_init(&q->waiters);
	hash_put(all->under_way, key_of(q), q);
	return q;
}

static void ask(struct dns_queries *all, const char *name, enum dns_type type,
                const struct dns_key *key, struct dns_asked *asked)
{
	bool is_new;
	pthread_mutex_lock(&all->lock);
	asked->query = join(all, key, &is_new);
	if (!atomic_load(&asked->query->done))
		list_append(&asked->query->waiters, &asked->link);
	pthread_mutex_unlock(&all->lock);
	atomic_fetch_add_explicit(is_new ? &all->asked : &all->shared, 1, memory_order_relaxed);
	if (is_new && ub_resolve_async(all->ub, name, (int)type, CLASS_IN, asked->query, on_answer,
	                               &asked->query->async_id) != UB_NOERROR) {
		asked->query->cached.result = -EAGAIN;
		finish(asked->query);
	}
}

void dns_ask_begin(struct dns_queries *q, struct arena *a, const char *name, enum dns_type type,
                   struct dns_asked *asked, struct dns_answer *out)
{
	struct dns_key key;
	struct dns_cached cached;
	*asked = (struct dns_asked){ .queries = q, .type = type, .waiter = fiber_self() };
	list_init(&asked->link);
	if (!dns_name_is_valid(slice_from_str(name))) {
		asked->result = -EINVAL;
		return;
	}
	dns_key_make(slice_from_str(name), type, &key);
	if (q->cache && dns_cache_find(q->cache, &key, a, clock_monotonic_ms(), &cached)) {
		atomic_fetch_add_explicit(&q->known, 1, memory_order_relaxed);
		asked->result = answer(&cached, type, a, out);
		return;
	}
	ask(q, name, type, &key, asked);
}

int dns_ask_wait(struct dns_asked *asked, struct arena *a, int64_t deadline, struct dns_answer *out)
{
	const struct dns_query *q = asked->query;
	if (!q)
		return 0;
	while (!atomic_load(&q->done)) {
		int rc = fiber_park("dns", deadline);
		if (rc < 0 && !atomic_load(&q->done))
			return rc;
	}
	asked->result = answer(&q->cached, asked->type, a, out);
	return 0;
}

/* Once libunbound has agreed to forget a question it does not call back; if it can't, it does, or
 * has. */
void dns_ask_end(struct dns_asked *asked)
{
	struct dns_query *q = asked->query;
	struct dns_queries *all = asked->queries;
	if (!q)
		return;
	pthread_mutex_lock(&all->lock);
	list_remove(&asked->link);
	bool is_over = --q->holders == 0;
	bool is_unwanted = q->holders == 1 && !atomic_load(&q->done);
	int async_id = q->async_id;
	if (is_unwanted && hash_find(all->under_way, key_of(q)) == q)
		hash_remove(all->under_way, key_of(q));
	pthread_mutex_unlock(&all->lock);
	if (is_over || (is_unwanted && ub_cancel(all->ub, async_id) == UB_NOERROR))
		query_free(q);
}
