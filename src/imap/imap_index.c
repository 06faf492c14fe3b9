#include "imap/imap_index.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "imap/imap_index_internal.h"

enum {
	LOOK_MS = 1000,
	RETRY_MS = 60000,
	CHANGES_DUE = 200, /* changes of a mailbox that are waited for at most */
	LIST_PAGE = 1000,
	CLEAN_LOOKS = 3600, /* between two looks for indexes whose account is gone */
};

/* --- what waits ---------------------------------------------------------------------- */

static struct slice key_of(const int64_t *mailbox_id)
{
	return slice_of(mailbox_id, sizeof(*mailbox_id));
}

static struct index_entry *get_entry(struct imap_index *x, int64_t mailbox_id, int64_t delay_ms)
{
	struct index_entry *e = hash_find(x->by_id, key_of(&mailbox_id));
	if (e)
		return e;
	e = mem_zero(1, sizeof(*e));
	e->mailbox_id = mailbox_id;
	e->due_ms = clock_monotonic_ms() + delay_ms;
	hash_put(x->by_id, key_of(&mailbox_id), e);
	list_append(&x->waiting, &e->link);
	return e;
}

void imap_index_note(struct imap_index *x, int64_t mailbox_id, int64_t delay_ms)
{
	pthread_mutex_lock(&x->lock);
	struct index_entry *e = get_entry(x, mailbox_id, delay_ms);
	if (delay_ms == 0 || ++e->changes == CHANGES_DUE) {
		e->due_ms = 0;
		list_remove(&e->link);
		list_insert_before(x->waiting.next, &e->link);
	}
	pthread_mutex_unlock(&x->lock);
}

static void hear(int64_t mailbox_id, void *arg)
{
	struct imap_index *x = arg;
	imap_index_note(x, mailbox_id, x->config.delay_ms);
}

/* False: none is due. */
static bool take_due(struct imap_index *x, int64_t *mailbox_id_out)
{
	pthread_mutex_lock(&x->lock);
	struct index_entry *e = LIST_FIRST(&x->waiting, struct index_entry, link);
	bool due = e && e->due_ms <= clock_monotonic_ms() && x->rebuild_count == 0;
	if (due) {
		*mailbox_id_out = e->mailbox_id;
		hash_remove(x->by_id, key_of(&e->mailbox_id));
		list_remove(&e->link);
		free(e);
	}
	pthread_mutex_unlock(&x->lock);
	return due;
}

/* --- all mailboxes ------------------------------------------------------------------- */

struct listing {
	int64_t after, account_id; /* 0: of all accounts */
	int64_t ids[LIST_PAGE];
	size_t count;
};

static int list_page(struct db *db, void *arg)
{
	struct listing *l = arg;
	struct db_rows rows;
	l->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT id FROM mailbox WHERE id > $1 AND account_id <> 0"
	                  " AND (account_id = $2 OR $2 = 0) AND uid_next > 1 ORDER BY id LIMIT $3",
	                  "iii", l->after, l->account_id, (int64_t)LIST_PAGE);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		l->after = l->ids[l->count++] = db_int(&rows, 0);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static void note_all(struct imap_index *x, int64_t account_id)
{
	struct listing *l = mem_zero(1, sizeof(*l));
	int rc;
	l->account_id = account_id;
	do {
		rc = store_read(x->config.store, list_page, l);
		for (size_t i = 0; i < l->count; i++)
			imap_index_note(x, l->ids[i], 1);
		fiber_yield();
	} while (rc == 0 && l->count == LIST_PAGE);
	if (rc < 0)
		log_warn("imap.index", kv_error(rc), kv_str("what", "list of mailboxes"));
	free(l);
}

struct owner {
	int64_t account_id;
	bool is_there;
};

static int look_for_account(struct db *db, void *arg)
{
	struct owner *o = arg;
	int64_t id;
	/* Public mailboxes are of no account, and have an index as long as there is one of them. */
	int rc = db_get_int(db, &id,
	                    "SELECT id FROM account WHERE id = $1 UNION ALL"
	                    " SELECT id FROM mailbox WHERE account_id = $1 AND $1 < 0 UNION ALL"
	                    " SELECT id FROM mailbox WHERE account_id = 0 AND gone_account = $1"
	                    " AND $1 < 0 LIMIT 1",
	                    "i", o->account_id);
	o->is_there = rc == 0;
	return rc == -ENODATA ? 0 : rc;
}

/* Indexes whose account has gone; or, with all, each. */
static void remove_indexes(struct imap_index *x, bool all)
{
	DIR *dir = opendir(x->dir);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		struct slice name = slice_from_str(d->d_name);
		bool is_public = slice_starts_with(name, SLICE("-"));
		uint64_t id;
		if (!slice_ends_with(name, SLICE(".db")) ||
		    !slice_to_u64(slice_sub(name, is_public, name.len - 3 - is_public), &id))
			continue;
		struct owner o = { .account_id = is_public ? -(int64_t)id : (int64_t)id,
			           .is_there = true };
		if (all || (store_read(x->config.store, look_for_account, &o) == 0 && !o.is_there))
			text_index_remove(x->dir, o.account_id);
	}
	if (dir)
		closedir(dir);
}

static void rebuild_wanted(struct imap_index *x)
{
	pthread_mutex_lock(&x->lock);
	int64_t *wanted = x->rebuilds;
	size_t count = x->rebuild_count;
	x->rebuilds = NULL;
	x->rebuild_count = 0;
	pthread_mutex_unlock(&x->lock);
	for (size_t i = 0; i < count; i++) {
		if (wanted[i] == 0)
			remove_indexes(x, true);
		else
			text_index_remove(x->dir, wanted[i]);
		note_all(x, wanted[i]);
	}
	free(wanted);
}

void imap_index_rebuild(struct imap_index *x, int64_t account_id)
{
	pthread_mutex_lock(&x->lock);
	x->rebuilds = mem_grow(x->rebuilds, (x->rebuild_count + 1) * sizeof(*x->rebuilds));
	x->rebuilds[x->rebuild_count++] = account_id;
	pthread_mutex_unlock(&x->lock);
}

static bool is_rebuild_wanted(struct imap_index *x)
{
	pthread_mutex_lock(&x->lock);
	bool wanted = x->rebuild_count > 0;
	pthread_mutex_unlock(&x->lock);
	return wanted;
}

/* --- the fiber ----------------------------------------------------------------------- */

/* Rests in proportion to the work; -ECANCELED at the end. */
static int rest_after(const struct imap_index *x, int64_t spent_ms)
{
	return fiber_sleep(deadline_in(spent_ms * (100 - x->config.share) / x->config.share));
}

/* One that is of no use is made anew, but not again and again. */
static void after_error(struct imap_index *x, const struct index_fill *f)
{
	bool of_use = (f->rc != -EPROTO && f->rc != -EIO) || f->account_id == 0;
	int64_t now_ms = clock_monotonic_ms();
	log_warn("imap.index", kv_error(f->rc), kv_int("account", f->account_id),
	         kv_int("mailbox", f->mailbox_id));
	if (of_use || now_ms < x->remade_ms + RETRY_MS) {
		imap_index_note(x, f->mailbox_id, RETRY_MS);
		return;
	}
	x->remade_ms = now_ms;
	text_index_remove(x->dir, f->account_id);
	note_all(x, f->account_id);
}

/* -ECANCELED: the server stops. */
static int take_in_mailbox(struct imap_index *x, int64_t mailbox_id)
{
	struct index_fill f = { .x = x, .mailbox_id = mailbox_id };
	int rc;
	do {
		fiber_offload(imap_index_fill, &f);
		rc = rest_after(x, f.spent_ms);
	} while (rc == 0 && f.rc == 0 && f.more && !is_rebuild_wanted(x));
	side_close(f.side);
	if (f.more)
		imap_index_note(x, mailbox_id, 1);
	if (f.rc < 0)
		after_error(x, &f);
	return rc;
}

static void run(void *arg)
{
	struct imap_index *x = arg;
	int64_t mailbox_id;
	note_all(x, 0);
	for (unsigned looks = 0; fiber_sleep(deadline_in(LOOK_MS)) == 0; looks++) {
		if (looks % CLEAN_LOOKS == 0)
			remove_indexes(x, false);
		rebuild_wanted(x);
		while (take_due(x, &mailbox_id)) {
			if (take_in_mailbox(x, mailbox_id) < 0)
				return;
		}
	}
}

void imap_index_start(struct imap_index *x) { fiber_start(-1, "imap.index", run, x); }

/* --- life ---------------------------------------------------------------------------- */

const char *imap_index_dir(struct arena *arena, const char *dir)
{
	return arena_printf(arena, "%s/index", dir);
}

int imap_index_open(const struct imap_index_config *config, struct imap_index **out)
{
	struct imap_index *x = mem_zero(1, sizeof(*x));
	struct arena *arena = arena_new();
	x->config = *config;
	x->dir = mem_str(slice_from_str(imap_index_dir(arena, config->dir)));
	x->words = trigrams_new();
	x->by_id = hash_new();
	list_init(&x->waiting);
	x->remade_ms = -RETRY_MS;
	pthread_mutex_init(&x->lock, NULL);
	arena_free(arena);
	if (mkdir(x->dir, 0700) != 0 && errno != EEXIST) {
		int rc = -errno;
		imap_index_close(x);
		return rc;
	}
	mailboxes_listen(config->mailboxes, hear, x);
	mailboxes_on_forget(config->mailboxes, imap_index_forget, x);
	*out = x;
	return 0;
}

void imap_index_close(struct imap_index *x)
{
	if (!x)
		return;
	LIST_EACH (&x->waiting, link, following)
		free(LIST_ENTRY(link, struct index_entry, link));
	hash_free(x->by_id);
	trigrams_free(x->words);
	pthread_mutex_destroy(&x->lock);
	free(x->rebuilds);
	free(x->dir);
	free(x);
}
