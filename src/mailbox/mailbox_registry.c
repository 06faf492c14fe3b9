#include <errno.h>
#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"
#include "mailbox/mailbox_chunk.h"
#include "mailbox/mailbox_keep.h"
#include "mailbox/mailbox_news.h"
#include "mailbox/mailbox_rows.h"
#include "mailbox/mailbox_seen.h"
#include "net/service.h"

/* Views that nobody uses are kept for the next who asks, up to these numbers. */
enum { CACHED_VIEWS_MAX = 1024, CACHED_MESSAGES_MAX = 1000 * 1000 };
/* So many entries are looked at for one that may be dropped, each time one is added. */
enum { CACHE_LOOK_MAX = 8 };

struct view_key {
	int64_t mailbox_id;
	int64_t viewer; /* as in mailbox_seen.h */
};

/* What is known of a mailbox that somebody looks at, or did lately; and of what somebody sees of it
 * who is not the owner. Changes and who waits for them are in the owner's, which stays as long as
 * there is another. */
struct view_entry {
	struct view_key key;
	struct view_entry *base;      /* the owner's; NULL: it is */
	unsigned viewers;             /* entries whose base it is */
	struct list link;             /* in mailboxes.entries, the latest used first */
	struct mailbox_view *current; /* NULL before the first load */
	uint64_t changes;             /* mailboxes_changed() so far */
	uint64_t loaded;              /* the value of changes when current was read, or earlier */
	unsigned loading;             /* who reads it now: a notice of a change must not be lost */
	watch_id *watchers;
	size_t watcher_count, watcher_capacity;
};

/* The mutex guards all but the store; it is not held over a wait, nor over a read. */
struct mailboxes {
	struct store *store;
	pthread_mutex_t lock;
	struct hash *by_id;
	struct list entries;
	uint64_t cached_messages;
	void (*listener)(int64_t mailbox_id, void *arg); /* NULL: nobody */
	void *listener_arg;
	struct mailbox_forget forget;
	_Atomic int64_t keep_ms;
	_Atomic uint64_t keep_bytes; /* 0: no limit */
	struct mailbox_news *annotation_news, *key_news;
};

static struct slice entry_key(const struct view_key *key) { return slice_of(key, sizeof(*key)); }

static struct view_entry *entry_find(struct mailboxes *m, int64_t mailbox_id)
{
	const struct view_key key = { .mailbox_id = mailbox_id };
	return hash_find(m->by_id, entry_key(&key));
}

static uint64_t entry_changes(const struct view_entry *e)
{
	return e->base ? e->base->changes : e->changes;
}

static uint32_t entry_messages(const struct view_entry *e)
{
	return e->current ? e->current->count : 0;
}

static void entry_free(struct mailboxes *m, struct view_entry *e)
{
	m->cached_messages -= entry_messages(e);
	hash_remove(m->by_id, entry_key(&e->key));
	if (e->base)
		e->base->viewers--;
	list_remove(&e->link);
	mailbox_view_release(e->current);
	free(e->watchers);
	free(e);
}

/* Nobody but the registry refers to it. */
static bool entry_is_idle(const struct view_entry *e)
{
	return e->watcher_count == 0 && e->loading == 0 && e->viewers == 0 &&
	       (!e->current || atomic_load_explicit(&e->current->refs, memory_order_acquire) == 1);
}

/* A few of the longest unused go when there are too many. */
static void entries_trim(struct mailboxes *m, const struct view_entry *keep)
{
	int looked = 0;
	for (struct list *l = m->entries.prev, *before = l->prev; l != &m->entries;
	     l = before, before = l->prev) {
		struct view_entry *e = LIST_ENTRY(l, struct view_entry, link);
		if (++looked > CACHE_LOOK_MAX || (hash_count(m->by_id) <= CACHED_VIEWS_MAX &&
		                                  m->cached_messages <= CACHED_MESSAGES_MAX))
			return;
		if (e != keep && entry_is_idle(e)) {
			entry_free(m, e);
		} else {
			/* In use: out of the way of the next look. */
			list_remove(&e->link);
			list_insert_before(m->entries.next, &e->link);
		}
	}
}

static struct view_entry *entry_get(struct mailboxes *m, int64_t mailbox_id, int64_t viewer)
{
	const struct view_key key = { mailbox_id, viewer };
	struct view_entry *e = hash_find(m->by_id, entry_key(&key));
	if (!e) {
		struct view_entry *base = viewer ? entry_get(m, mailbox_id, 0) : NULL;
		e = mem_zero(1, sizeof(*e));
		e->key = key;
		e->base = base;
		if (base)
			base->viewers++;
		list_init(&e->link);
		hash_put(m->by_id, entry_key(&e->key), e);
	}
	list_remove(&e->link);
	list_insert_before(m->entries.next, &e->link);
	return e;
}

/* --- loading ------------------------------------------------------------------------- */

struct view_load {
	int64_t mailbox_id, viewer;
	const struct mailbox_view *old; /* chunks that did not change are taken from it */
	struct mailbox_view *view;      /* out */
};

static int load_keywords(struct db *db, const struct view_load *load,
                         const struct mailbox_keywords **out)
{
	struct arena *arena = arena_new();
	struct mailbox_keywords *k = ARENA_NEW(arena, struct mailbox_keywords);
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT number, name FROM keyword WHERE mailbox_id = $1", "i",
	                  load->mailbox_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t number = db_int(&rows, 0);
		if (number < 0 || number >= MAILBOX_KEYWORD_MAX)
			continue;
		k->names[number] = arena_copy(arena, db_text(&rows, 1));
		if ((size_t)number >= k->count)
			k->count = (size_t)number + 1;
	}
	db_end(&rows);
	if (rc == -ENODATA) {
		rc = 0;
		*out = load->old && keywords_equal(load->old->keywords, k)
		               ? keywords_retain(load->old->keywords)
		               : keywords_new(k);
	}
	arena_free(arena);
	return rc;
}

/* The viewer's records, walked beside those of the mailbox. */
struct seen_rows {
	struct db_rows rows;
	bool here; /* the row is of the chunk that is looked at */
	bool more; /* there is a row */
};

static int seen_rows_next(struct seen_rows *seen)
{
	int rc = db_next(&seen->rows);
	seen->more = rc == 0;
	return rc == -ENODATA ? 0 : rc;
}

static int seen_rows_begin(struct db *db, const struct view_load *load, struct seen_rows *seen)
{
	if (!load->viewer)
		return 0;
	int rc = db_query(db, &seen->rows,
	                  "SELECT number, mod_seq, data FROM seen_chunk"
	                  " WHERE mailbox_id = $1 AND account_id = $2 ORDER BY number",
	                  "ii", load->mailbox_id, load->viewer);
	return rc == 0 ? seen_rows_next(seen) : rc;
}

static int seen_rows_to(struct seen_rows *seen, uint32_t number)
{
	int rc = 0;
	while (seen->more && db_int(&seen->rows, 0) < number && rc == 0)
		rc = seen_rows_next(seen);
	seen->here = rc == 0 && seen->more && db_int(&seen->rows, 0) == number;
	return rc;
}

/* The chunk of a row: that of the old view if it is the same. *old_at walks along. NULL if the
 * row is empty. */
static int load_chunk(const struct db_rows *rows, const struct view_load *load,
                      struct seen_rows *seen, size_t *old_at, struct mailbox_chunk **out)
{
	const struct mailbox_view *old = load->old;
	uint32_t number = (uint32_t)(db_int(rows, 0) - pack_key(load->mailbox_id, 0));
	uint64_t mod_seq = (uint64_t)db_int(rows, 1);
	struct flag_pack pack;

	int rc = seen_rows_to(seen, number);
	if (rc != 0)
		return rc;
	/* One counter gives both MODSEQs: their maximum tells any two states of the chunk apart. */
	if (seen->here && (uint64_t)db_int(&seen->rows, 1) > mod_seq)
		mod_seq = (uint64_t)db_int(&seen->rows, 1);
	while (old && *old_at < old->chunk_count && old->chunks[*old_at].chunk->number < number)
		++*old_at;
	if (old && *old_at < old->chunk_count) {
		struct mailbox_chunk *c = old->chunks[*old_at].chunk;
		if (c->number == number && c->mod_seq == mod_seq) {
			*out = chunk_retain(c);
			return 0;
		}
	}
	pack.number = number;
	rc = pack_decode(db_bytes(rows, 2), &pack);
	if (rc == 0 && load->viewer)
		rc = seen_overlay_bytes(seen->here ? db_bytes(&seen->rows, 2) : SLICE_EMPTY, &pack);
	if (rc == 0)
		*out = pack.count > 0 ? chunk_new(&pack, mod_seq) : NULL;
	return rc;
}

static int load_chunks(struct db *db, const struct view_load *load, struct view_builder *b)
{
	struct db_rows rows;
	struct seen_rows seen = { 0 };
	size_t old_at = 0;
	int rc = seen_rows_begin(db, load, &seen);
	if (rc != 0)
		return rc;
	rc = db_query(db, &rows,
	              "SELECT id, mod_seq, data FROM flag_chunk WHERE id >= $1 AND id <= $2"
	              " ORDER BY id",
	              "ii", pack_key(load->mailbox_id, 0),
	              pack_key(load->mailbox_id, pack_number(UINT32_MAX)));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct mailbox_chunk *chunk = NULL;
		rc = load_chunk(&rows, load, &seen, &old_at, &chunk);
		if (chunk)
			view_builder_add(b, chunk);
	}
	db_end(&rows);
	if (load->viewer)
		db_end(&seen.rows);
	return rc == -ENODATA ? 0 : rc;
}

static int load_view(struct db *db, void *arg)
{
	struct view_load *load = arg;
	struct view_builder b = { 0 };
	struct mailbox_view fields = { .mailbox_id = load->mailbox_id, .viewer = load->viewer };
	struct mailbox_info info;
	struct arena *arena = arena_new();

	int rc = mailbox_get(db, arena, load->mailbox_id, &info);
	if (rc == 0) {
		fields.uid_validity = info.uid_validity;
		fields.uid_next = info.uid_next;
		fields.recent_uid = info.recent_uid;
		fields.mod_seq = info.mod_seq;
		rc = load_chunks(db, load, &b);
	}
	if (rc == 0)
		rc = load_keywords(db, load, &fields.keywords);
	if (rc == 0)
		load->view = view_builder_end(&b, &fields);
	else
		view_builder_drop(&b);
	arena_free(arena);
	return rc;
}

/* --- getting ------------------------------------------------------------------------- */

/* Makes a view that was read the current one, unless somebody else has brought a newer. */
static void entry_install(struct mailboxes *m, struct mailbox_view *view, uint64_t changes)
{
	struct view_entry *e = entry_get(m, view->mailbox_id, view->viewer);
	if (!e->current || view->mod_seq >= e->current->mod_seq) {
		m->cached_messages += view->count;
		m->cached_messages -= entry_messages(e);
		mailbox_view_release(e->current);
		e->current = mailbox_view_retain(view);
	}
	if (changes > e->loaded)
		e->loaded = changes;
	entries_trim(m, e);
}

int mailbox_view_get(struct mailboxes *m, int64_t mailbox_id, struct mailbox_view **out)
{
	return mailbox_view_get_for(m, mailbox_id, 0, out);
}

int mailbox_view_get_for(struct mailboxes *m, int64_t mailbox_id, int64_t viewer,
                         struct mailbox_view **out)
{
	struct view_load load = { .mailbox_id = mailbox_id, .viewer = viewer };
	struct mailbox_view *old = NULL;

	pthread_mutex_lock(&m->lock);
	struct view_entry *e = entry_get(m, mailbox_id, viewer);
	uint64_t changes = entry_changes(e);
	if (e->current)
		old = mailbox_view_retain(e->current);
	bool fresh = old && e->loaded == changes;
	if (!fresh)
		e->loading++;
	pthread_mutex_unlock(&m->lock);
	if (fresh) {
		*out = old;
		return 0;
	}

	load.old = old;
	int rc = store_read(m->store, load_view, &load);
	mailbox_view_release(old);
	pthread_mutex_lock(&m->lock);
	e->loading--;
	if (rc == 0)
		entry_install(m, load.view, changes);
	else if (!e->current && entry_is_idle(e))
		entry_free(m, e);
	pthread_mutex_unlock(&m->lock);
	if (rc == 0)
		*out = load.view;
	return rc;
}

void mailboxes_changed(struct mailboxes *m, int64_t mailbox_id)
{
	pthread_mutex_lock(&m->lock);
	struct view_entry *e = entry_find(m, mailbox_id);
	if (e) {
		e->changes++;
		for (size_t i = 0; i < e->watcher_count; i++)
			session_notify(e->watchers[i]);
	}
	pthread_mutex_unlock(&m->lock);
	if (m->listener)
		m->listener(mailbox_id, m->listener_arg);
}

void mailboxes_listen(struct mailboxes *m, void (*listener)(int64_t mailbox_id, void *arg),
                      void *arg)
{
	m->listener = listener;
	m->listener_arg = arg;
}

void mailboxes_keep(struct mailboxes *m, int64_t keep_ms) { m->keep_ms = keep_ms; }

void mailboxes_keep_at_most(struct mailboxes *m, uint64_t bytes) { m->keep_bytes = bytes; }

int mailboxes_limit_kept(struct mailboxes *m)
{
	int rc = m->keep_bytes > 0 ? mailbox_keep_limit(&m->forget, m->keep_bytes) : 0;
	return rc == 0 ? mailboxes_purge(m) : rc;
}

void mailboxes_on_forget(struct mailboxes *m, mailbox_forget_hook hook, void *arg)
{
	m->forget.hook = hook;
	m->forget.arg = arg;
}

int mailboxes_purge(struct mailboxes *m)
{
	return mailbox_forget(&m->forget, clock_wall_ms() - m->keep_ms + 1);
}

void mailboxes_watch(struct mailboxes *m, int64_t mailbox_id, watch_id watcher)
{
	pthread_mutex_lock(&m->lock);
	struct view_entry *e = entry_get(m, mailbox_id, 0);
	if (e->watcher_count == e->watcher_capacity) {
		e->watcher_capacity = e->watcher_capacity ? e->watcher_capacity * 2 : 2;
		e->watchers = mem_grow(e->watchers, e->watcher_capacity * sizeof(watch_id));
	}
	e->watchers[e->watcher_count++] = watcher;
	pthread_mutex_unlock(&m->lock);
}

void mailboxes_unwatch(struct mailboxes *m, int64_t mailbox_id, watch_id watcher)
{
	pthread_mutex_lock(&m->lock);
	struct view_entry *e = entry_find(m, mailbox_id);
	for (size_t i = 0; e && i < e->watcher_count; i++) {
		if (e->watchers[i] == watcher) {
			e->watchers[i] = e->watchers[--e->watcher_count];
			break;
		}
	}
	pthread_mutex_unlock(&m->lock);
}

/* Names are watched as a mailbox would be whose id is that of no mailbox: the account's, negative.
 */
void mailboxes_watch_names(struct mailboxes *m, int64_t account_id, watch_id watcher)
{
	mailboxes_watch(m, -account_id, watcher);
}

void mailboxes_unwatch_names(struct mailboxes *m, int64_t account_id, watch_id watcher)
{
	mailboxes_unwatch(m, -account_id, watcher);
}

void mailboxes_names_changed(struct mailboxes *m, int64_t account_id)
{
	mailboxes_changed(m, -account_id);
}

struct mailbox_news *mailboxes_annotation_news(struct mailboxes *m) { return m->annotation_news; }

struct mailbox_news *mailboxes_key_news(struct mailboxes *m) { return m->key_news; }

/* --- life ---------------------------------------------------------------------------- */

int mailboxes_open(struct store *store, struct mailboxes **out)
{
	struct mailboxes *m = mem_zero(1, sizeof(*m));
	m->store = store;
	m->by_id = hash_new();
	list_init(&m->entries);
	pthread_mutex_init(&m->lock, NULL);
	m->annotation_news = mailbox_news_new();
	m->key_news = mailbox_news_new();
	m->forget = (struct mailbox_forget){ .store = store };
	int rc = mailbox_forget(&m->forget, 1);
	if (rc != 0) {
		mailboxes_close(m);
		return rc;
	}
	*out = m;
	return 0;
}

void mailboxes_close(struct mailboxes *m)
{
	if (!m)
		return;
	/* None refers to another one any more, which may go before it. */
	LIST_EACH (&m->entries, link, following) {
		LIST_ENTRY(link, struct view_entry, link)->base = NULL;
	}
	LIST_EACH (&m->entries, link, following) {
		entry_free(m, LIST_ENTRY(link, struct view_entry, link));
	}
	hash_free(m->by_id);
	mailbox_news_free(m->annotation_news);
	mailbox_news_free(m->key_news);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
