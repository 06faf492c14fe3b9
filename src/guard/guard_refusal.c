#include "guard/guard_refusal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "store/db.h"

#define CODE_BYTES "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

struct kept {
	struct list link;
	struct arena *arena; /* owns all of it */
	char code[GUARD_CODE_LEN + 1];
	struct guard_refusal refusal;
	bool writing; /* by the commit that is under way */
};

struct guard_refusals {
	pthread_mutex_t lock;
	struct list all; /* the oldest first */
	size_t count;
};

void guard_code_make(char out[static GUARD_CODE_LEN + 1])
{
	for (size_t i = 0; i < GUARD_CODE_LEN; i++)
		out[i] = CODE_BYTES[arc4random_uniform(sizeof(CODE_BYTES) - 1)];
	out[GUARD_CODE_LEN] = '\0';
}

bool guard_code_is(struct slice text)
{
	if (text.len != GUARD_CODE_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (slice_find_byte(SLICE(CODE_BYTES), byte_upper(text.data[i])) < 0)
			return false;
	}
	return true;
}

struct guard_refusals *guard_refusals_new(void)
{
	struct guard_refusals *r = mem_zero(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->all);
	return r;
}

static void drop(struct guard_refusals *r, struct kept *k)
{
	list_remove(&k->link);
	r->count--;
	arena_free(k->arena);
}

void guard_refusals_free(struct guard_refusals *r)
{
	if (!r)
		return;
	LIST_EACH (&r->all, link, following) {
		drop(r, LIST_ENTRY(link, struct kept, link));
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static const char *copy(struct arena *arena, const char *text)
{
	return text ? arena_str(arena, slice_from_str(text)) : NULL;
}

static void copy_all(struct arena *arena, const struct guard_refusal *from,
                     struct guard_refusal *to)
{
	*to = (struct guard_refusal){ .at_ms = from->at_ms,
		                      .stage = copy(arena, from->stage),
		                      .by = copy(arena, from->by),
		                      .client = copy(arena, from->client),
		                      .helo = copy(arena, from->helo),
		                      .account = copy(arena, from->account),
		                      .sender = copy(arena, from->sender),
		                      .recipient = copy(arena, from->recipient),
		                      .reply = copy(arena, from->reply),
		                      .checked = copy(arena, from->checked),
		                      .scored = copy(arena, from->scored) };
}

bool guard_refusals_note(struct guard_refusals *r, const char code[static GUARD_CODE_LEN + 1],
                         const struct guard_refusal *refusal)
{
	struct arena *arena = arena_new();
	struct kept *k = ARENA_NEW(arena, struct kept);
	k->arena = arena;
	memcpy(k->code, code, sizeof(k->code));
	copy_all(arena, refusal, &k->refusal);
	pthread_mutex_lock(&r->lock);
	list_append(&r->all, &k->link);
	struct kept *oldest = LIST_FIRST(&r->all, struct kept, link);
	/* What is being written is still looked at. */
	if (++r->count > GUARD_REFUSALS_MAX && oldest && !oldest->writing)
		drop(r, oldest);
	bool many = r->count == GUARD_REFUSALS_MAX / 2;
	pthread_mutex_unlock(&r->lock);
	return many;
}

bool guard_refusals_find(struct guard_refusals *r, struct arena *arena, struct slice code,
                         struct guard_refusal *out)
{
	bool found = false;
	pthread_mutex_lock(&r->lock);
	LIST_EACH (&r->all, link, following) {
		const struct kept *k = LIST_ENTRY(link, struct kept, link);
		if (!slice_equal_nocase(code, slice_from_str(k->code)))
			continue;
		copy_all(arena, &k->refusal, out);
		found = true;
		break;
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

/* --- rows --------------------------------------------------------------------------------- */

static const char *column(struct arena *arena, const struct db_rows *rows, int i)
{
	return db_is_null(rows, i) ? NULL : arena_str(arena, db_text(rows, i));
}

int guard_refusal_read(struct db *db, struct arena *arena, struct slice code,
                       struct guard_refusal *out)
{
	char upper[GUARD_CODE_LEN + 1] = "";
	struct db_rows rows;
	for (size_t i = 0; i < code.len && i < GUARD_CODE_LEN; i++)
		upper[i] = byte_upper(code.data[i]);
	int rc = db_query(db, &rows,
	                  "SELECT at_ms, stage, by_what, client, helo, account, sender, recipient,"
	                  " reply, checked, scored FROM guard_refusal WHERE code = $1",
	                  "s", upper);
	rc = rc == 0 ? db_next(&rows) : rc;
	if (rc == 0)
		*out = (struct guard_refusal){ .at_ms = db_int(&rows, 0),
			                       .stage = column(arena, &rows, 1),
			                       .by = column(arena, &rows, 2),
			                       .client = column(arena, &rows, 3),
			                       .helo = column(arena, &rows, 4),
			                       .account = column(arena, &rows, 5),
			                       .sender = column(arena, &rows, 6),
			                       .recipient = column(arena, &rows, 7),
			                       .reply = column(arena, &rows, 8),
			                       .checked = column(arena, &rows, 9),
			                       .scored = column(arena, &rows, 10) };
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* Marks what is to be written; from then on nobody drops it but guard_refusals_saved(). */
static void begin_writing(struct guard_refusals *r)
{
	pthread_mutex_lock(&r->lock);
	LIST_EACH (&r->all, link, following) {
		LIST_ENTRY(link, struct kept, link)->writing = true;
	}
	pthread_mutex_unlock(&r->lock);
}

/* Others only append meanwhile, behind what is marked. */
static struct kept *next_to_write(struct guard_refusals *r, const struct kept *before)
{
	pthread_mutex_lock(&r->lock);
	struct list *link = before ? before->link.next : r->all.next;
	struct kept *k = link == &r->all ? NULL : LIST_ENTRY(link, struct kept, link);
	if (k && !k->writing)
		k = NULL;
	pthread_mutex_unlock(&r->lock);
	return k;
}

int guard_refusals_write(struct db *db, struct guard_refusals *r, int64_t before_ms, int64_t max)
{
	int rc = 0;
	begin_writing(r);
	for (const struct kept *k = next_to_write(r, NULL); k && rc == 0; k = next_to_write(r, k)) {
		const struct guard_refusal *f = &k->refusal;
		rc = db_run(
			db,
			"INSERT INTO guard_refusal (code, at_ms, stage, by_what, client, helo,"
			" account, sender, recipient, reply, checked, scored) VALUES ($1, $2, $3,"
			" $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (code) DO NOTHING",
			"sissssssssss", k->code, f->at_ms, f->stage, f->by, f->client, f->helo,
			f->account, f->sender, f->recipient, f->reply, f->checked, f->scored);
	}
	if (rc == 0)
		rc = db_run(db, "DELETE FROM guard_refusal WHERE at_ms < $1", "i", before_ms);
	if (rc == 0)
		rc = db_run(db,
		            "DELETE FROM guard_refusal WHERE at_ms < (SELECT at_ms FROM"
		            " guard_refusal ORDER BY at_ms DESC LIMIT 1 OFFSET $1)",
		            "i", max);
	return rc;
}

void guard_refusals_saved(struct guard_refusals *r, bool done)
{
	pthread_mutex_lock(&r->lock);
	LIST_EACH (&r->all, link, following) {
		struct kept *k = LIST_ENTRY(link, struct kept, link);
		if (k->writing && done)
			drop(r, k);
		else
			k->writing = false;
	}
	pthread_mutex_unlock(&r->lock);
}

bool guard_refusals_any(struct guard_refusals *r)
{
	pthread_mutex_lock(&r->lock);
	bool any = r->count > 0;
	pthread_mutex_unlock(&r->lock);
	return any;
}
