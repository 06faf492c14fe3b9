#include "guard/guard_grey.h"

#include <pthread.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"

enum { KEY_MAX = 700 };

struct entry {
	struct list link; /* by when it was looked at last */
	struct guard_grey_entry seen;
	bool changed;
	char key[];
};

struct table {
	struct hash *entries;
	struct list used; /* the latest last */
};

struct guard_grey {
	struct config_greylist config;
	pthread_mutex_t lock;
	struct table waiting, known;
	uint64_t delayed, passed;
};

struct guard_grey *guard_grey_new(const struct config_greylist *config)
{
	struct guard_grey *g = mem_zero(1, sizeof(*g));
	g->config = *config;
	pthread_mutex_init(&g->lock, NULL);
	g->waiting.entries = hash_new();
	g->known.entries = hash_new();
	list_init(&g->waiting.used);
	list_init(&g->known.used);
	return g;
}

void guard_grey_set(struct guard_grey *g, const struct config_greylist *config)
{
	pthread_mutex_lock(&g->lock);
	g->config.delay_ms = config->delay_ms;
	g->config.window_ms = config->window_ms;
	g->config.remember_ms = config->remember_ms;
	g->config.known_after = config->known_after;
	g->config.max_entries = config->max_entries;
	pthread_mutex_unlock(&g->lock);
}

static void drop(struct table *t, struct entry *e)
{
	hash_remove(t->entries, e->seen.key);
	list_remove(&e->link);
	free(e);
}

static void table_free(struct table *t)
{
	LIST_EACH (&t->used, link, following) {
		free(LIST_ENTRY(link, struct entry, link));
	}
	hash_free(t->entries);
}

void guard_grey_free(struct guard_grey *g)
{
	if (!g)
		return;
	table_free(&g->waiting);
	table_free(&g->known);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* --- keys --------------------------------------------------------------------------------- */

/* "bounce-123@list" and "bounce-124@list" are one sender. */
static void put_sender(struct buf *out, struct slice sender)
{
	ptrdiff_t at = slice_find_last_byte(sender, '@');
	for (size_t i = 0; i < sender.len; i++) {
		bool is_digit = at >= 0 && (ptrdiff_t)i < at && byte_is_digit(sender.data[i]);
		if (!is_digit)
			buf_append_byte(out, sender.data[i]);
		else if (i == 0 || !byte_is_digit(sender.data[i - 1]))
			buf_append_byte(out, '#');
	}
}

static void put_network(struct buf *out, const struct config_greylist *c,
                        const struct net_address *client)
{
	char text[NET_ADDRESS_TEXT_MAX];
	struct net_network network;
	if (net_network_of(client, c->bits_v4, c->bits_v6, &network)) {
		net_network_trim(&network);
		buf_printf(out, "%s", net_network_text(&network, text));
	}
}

/* --- entries ------------------------------------------------------------------------------ */

/* Under the lock. One that is over is none. */
static struct entry *find(struct table *t, struct slice key, int64_t now_ms)
{
	struct entry *e = hash_find(t->entries, key);
	if (e && e->seen.until_ms <= now_ms) {
		drop(t, e);
		return NULL;
	}
	if (e) {
		list_remove(&e->link);
		list_append(&t->used, &e->link);
	}
	return e;
}

static struct entry *add(struct guard_grey *g, struct table *t, const struct guard_grey_entry *seen)
{
	struct entry *old = hash_find(t->entries, seen->key);
	if (old)
		drop(t, old);
	LIST_EACH (&t->used, link, following) {
		if (hash_count(t->entries) < g->config.max_entries)
			break;
		drop(t, LIST_ENTRY(link, struct entry, link));
	}
	struct entry *e = mem_alloc(sizeof(*e) + seen->key.len);
	memcpy(e->key, seen->key.data, seen->key.len);
	e->seen = *seen;
	e->seen.key = slice_of(e->key, seen->key.len);
	e->changed = true;
	hash_put(t->entries, e->seen.key, e);
	list_append(&t->used, &e->link);
	return e;
}

/* It has come again, and is remembered from now on. */
static void pass(struct guard_grey *g, struct entry *e, int64_t now_ms)
{
	e->seen.last_ms = now_ms;
	e->seen.until_ms = now_ms + g->config.remember_ms;
	e->seen.count++;
	e->changed = true;
}

/* One more of the network has come again. */
static void learn_network(struct guard_grey *g, struct slice network, int64_t now_ms)
{
	struct entry *e = find(&g->known, network, now_ms);
	const struct guard_grey_entry seen = { .kind = GREY_NETWORK,
		                               .key = network,
		                               .first_ms = now_ms };
	pass(g, e ? e : add(g, &g->known, &seen), now_ms);
}

static int64_t wait_for_it(struct guard_grey *g, struct slice key, int64_t now_ms, bool note)
{
	struct entry *e = find(&g->waiting, key, now_ms);
	const struct guard_grey_entry seen = { .kind = GREY_WAITS,
		                               .key = key,
		                               .first_ms = now_ms,
		                               .last_ms = now_ms,
		                               .until_ms = now_ms + g->config.window_ms };
	/* The clock was set back. */
	if (e && e->seen.first_ms > now_ms)
		e->seen.first_ms = now_ms;
	if (!e && note)
		add(g, &g->waiting, &seen);
	int64_t since_ms = e ? now_ms - e->seen.first_ms : 0;
	return since_ms < g->config.delay_ms ? g->config.delay_ms - since_ms : 0;
}

static int64_t ask(struct guard_grey *g, struct slice network, struct slice key, int64_t now_ms,
                   bool note)
{
	struct entry *n = find(&g->known, network, now_ms), *e = find(&g->known, key, now_ms);
	bool is_known = n && n->seen.count >= g->config.known_after;
	if (is_known || e) {
		if (note)
			pass(g, e ? e : n, now_ms);
		return 0;
	}
	int64_t wait_ms = wait_for_it(g, key, now_ms, note);
	if (!note)
		return wait_ms;
	if (wait_ms > 0) {
		g->delayed++;
		return wait_ms;
	}
	struct entry *waiting = hash_find(g->waiting.entries, key);
	const struct guard_grey_entry seen = { .kind = GREY_KNOWN, .key = key, .first_ms = now_ms };
	pass(g, add(g, &g->known, &seen), now_ms);
	if (waiting)
		drop(&g->waiting, waiting);
	learn_network(g, network, now_ms);
	g->passed++;
	return 0;
}

int64_t guard_grey_ask(struct guard_grey *g, const struct net_address *client, struct slice sender,
                       struct slice recipient, int64_t now_ms, bool note)
{
	struct buf key = buf_make(KEY_MAX);
	put_network(&key, &g->config, client);
	size_t network_len = key.len;
	buf_append_byte(&key, ' ');
	put_sender(&key, sender.len > 0 ? sender : SLICE("<>"));
	buf_append_byte(&key, ' ');
	buf_append(&key, recipient);
	if (buf_failed(&key) || network_len == 0) {
		buf_free(&key);
		return 0;
	}
	pthread_mutex_lock(&g->lock);
	int64_t wait_ms = ask(g, slice_of(key.data, network_len), buf_slice(&key), now_ms, note);
	pthread_mutex_unlock(&g->lock);
	buf_free(&key);
	return wait_ms;
}

/* --- people ------------------------------------------------------------------------------- */

static bool is_address(struct slice address, struct slice text)
{
	ptrdiff_t at = slice_find_last_byte(address, '@');
	return slice_equal_nocase(address, text) ||
	       (at >= 0 && slice_equal_nocase(slice_from(address, (size_t)at + 1), text));
}

bool guard_grey_means(const struct guard_grey_entry *entry, struct slice text)
{
	struct slice rest = entry->key, network = slice_split(&rest, ' ');
	struct net_network n;
	struct net_address a;
	struct slice sender = slice_split(&rest, ' ');
	if (slice_equal_nocase(network, text) || is_address(sender, text) || is_address(rest, text))
		return true;
	return net_address_parse(text, 0, &a) == 0 && net_network_parse(network, &n) == 0 &&
	       net_network_contains(&n, &a);
}

size_t guard_grey_release(struct guard_grey *g, struct slice text, int64_t now_ms)
{
	size_t count = 0;
	pthread_mutex_lock(&g->lock);
	LIST_EACH (&g->waiting.used, link, following) {
		struct entry *e = LIST_ENTRY(link, struct entry, link);
		if (e->seen.until_ms <= now_ms || !guard_grey_means(&e->seen, text))
			continue;
		e->seen.first_ms = now_ms - g->config.delay_ms;
		e->seen.until_ms = now_ms + g->config.window_ms;
		e->changed = true;
		count++;
	}
	pthread_mutex_unlock(&g->lock);
	return count;
}

static void visit_table(struct table *t, int64_t now_ms, bool changed, guard_grey_visit visit,
                        void *arg)
{
	LIST_EACH (&t->used, link, following) {
		struct entry *e = LIST_ENTRY(link, struct entry, link);
		if (e->seen.until_ms <= now_ms) {
			drop(t, e);
			continue;
		}
		if (!changed || e->changed)
			visit(arg, &e->seen);
		e->changed &= !changed;
	}
}

void guard_grey_each(struct guard_grey *g, int64_t now_ms, guard_grey_visit visit, void *arg)
{
	pthread_mutex_lock(&g->lock);
	visit_table(&g->waiting, now_ms, false, visit, arg);
	visit_table(&g->known, now_ms, false, visit, arg);
	pthread_mutex_unlock(&g->lock);
}

/* --- saving ------------------------------------------------------------------------------- */

void guard_grey_changed(struct guard_grey *g, int64_t now_ms, guard_grey_visit visit, void *arg)
{
	pthread_mutex_lock(&g->lock);
	visit_table(&g->waiting, now_ms, true, visit, arg);
	visit_table(&g->known, now_ms, true, visit, arg);
	pthread_mutex_unlock(&g->lock);
}

static void mark_table(struct table *t)
{
	LIST_EACH (&t->used, link, following)
		LIST_ENTRY(link, struct entry, link)->changed = true;
}

void guard_grey_unsaved(struct guard_grey *g)
{
	pthread_mutex_lock(&g->lock);
	mark_table(&g->waiting);
	mark_table(&g->known);
	pthread_mutex_unlock(&g->lock);
}

void guard_grey_put(struct guard_grey *g, const struct guard_grey_entry *entry)
{
	pthread_mutex_lock(&g->lock);
	add(g, entry->kind == GREY_WAITS ? &g->waiting : &g->known, entry)->changed = false;
	pthread_mutex_unlock(&g->lock);
}

struct guard_grey_counts guard_grey_count(struct guard_grey *g)
{
	pthread_mutex_lock(&g->lock);
	const struct guard_grey_counts c = { .delayed = g->delayed,
		                             .passed = g->passed,
		                             .waiting = hash_count(g->waiting.entries),
		                             .known = hash_count(g->known.entries) };
	pthread_mutex_unlock(&g->lock);
	return c;
}
