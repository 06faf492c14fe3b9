/* Taking messages that are forgotten out of the index. */
#include <errno.h>

#include "base/log.h"
#include "imap/imap_index_internal.h"

struct forgetting {
	struct imap_index *x;
	const struct mailbox_gone *gone;
	size_t count;
	struct trigrams *words;
	/* of one mailbox */
	int64_t mailbox_id, account_id;
	const struct mailbox_gone *first;
	size_t run;
};

/* Of a mailbox that was deleted, too. */
static int find_account(struct db *db, void *arg)
{
	struct forgetting *f = arg;
	return db_get_int(db, &f->account_id,
	                  "SELECT CASE account_id WHEN 0 THEN gone_account ELSE account_id END"
	                  " FROM mailbox WHERE id = $1",
	                  "i", f->mailbox_id);
}

struct place {
	int64_t mailbox_id, blob_id;
	uint32_t uid;
	bool taken;
};

static int note_place(const struct mailbox_message *m, void *arg)
{
	struct place *p = arg;
	p->taken = m->blob_id == p->blob_id;
	return 0;
}

static int look_at_place(struct db *db, void *arg)
{
	struct place *p = arg;
	struct uid_range range = { p->uid, p->uid };
	const struct uid_set uids = { .ranges = &range, .count = 1 };
	p->taken = false;
	return mailbox_each_message(db, p->mailbox_id, &uids, 0, note_place, p);
}

/* Is there another message of the account with these bytes? */
static int is_elsewhere(struct db *db, const struct forgetting *f, int64_t blob_id, bool *out)
{
	struct place p = { .blob_id = blob_id };
	int rc = 0;
	while (rc == 0 && !p.taken) {
		rc = text_index_next_place(db, blob_id, &p.mailbox_id, &p.uid);
		if (rc == 0)
			rc = store_read(f->x->config.store, look_at_place, &p);
	}
	*out = p.taken;
	return rc == -ENODATA ? 0 : rc;
}

/* Its words are read once more, as the index does not know what they were. */
static int drop(struct db *db, const struct forgetting *f, const struct mailbox_gone *g)
{
	bool looked, elsewhere = false;
	int rc = text_index_displace(db, g->blob_id, g->mailbox_id, g->uid);
	if (rc == 0)
		rc = text_index_has(db, g->blob_id, &looked);
	if (rc == 0)
		rc = is_elsewhere(db, f, g->blob_id, &elsewhere);
	if (rc != 0 || elsewhere)
		return rc == -ENODATA ? 0 : rc;
	if (looked)
		(void)imap_index_words(f->x, g->blob_id, g->size_bytes, g->envelope, f->words);
	return text_index_drop(db, g->blob_id, looked ? f->words : NULL);
}

static int drop_run(struct db *db, void *arg)
{
	struct forgetting *f = arg;
	int rc = 0;
	for (size_t i = 0; i < f->run && rc == 0; i++)
		rc = drop(db, f, &f->first[i]);
	return rc;
}

static int forget_run(struct forgetting *f)
{
	struct side *side;
	int rc = store_read(f->x->config.store, find_account, f);
	/* An account without an index gets none by this. */
	if (rc == 0 && text_index_bytes(f->x->dir, f->account_id) == 0)
		return 0;
	if (rc == 0)
		rc = text_index_open(f->x->dir, f->account_id, true, &side);
	if (rc != 0)
		return rc == -ENODATA ? 0 : rc;
	rc = side_change(side, drop_run, f);
	side_close(side);
	return rc;
}

static void forget_all(void *arg)
{
	struct forgetting *f = arg;
	for (size_t i = 0; i < f->count; i += f->run) {
		f->first = &f->gone[i];
		f->mailbox_id = f->first->mailbox_id;
		f->run = 1;
		while (i + f->run < f->count && f->first[f->run].mailbox_id == f->mailbox_id)
			f->run++;
		int rc = forget_run(f);
		/* What is left in it is found by nobody: the mailbox says what is there. */
		if (rc < 0)
			log_warn("imap.index", kv_error(rc), kv_int("account", f->account_id),
			         kv_int("mailbox", f->mailbox_id));
	}
}

void imap_index_forget(const struct mailbox_gone *gone, size_t count, void *index)
{
	struct forgetting f = { .x = index, .gone = gone, .count = count, .words = trigrams_new() };
	fiber_offload(forget_all, &f);
	trigrams_free(f.words);
}
