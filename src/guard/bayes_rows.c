#include "guard/bayes_rows.h"

#include <errno.h>

#include "store/db.h"

enum { SPARE_PARTS = 20 }; /* a full corpus gives up one such part at once */

struct corpus {
	int64_t account_id;
	struct bayes_count messages;
	int64_t tokens;
	int64_t clock; /* messages that were learned ever: what is old is told by it */
};

/* --- the corpus --------------------------------------------------------------------------- */

static int get_corpus(struct db *db, int64_t account_id, struct corpus *out)
{
	struct db_rows rows;
	*out = (struct corpus){ .account_id = account_id };
	int rc = db_query(db, &rows,
	                  "SELECT spam, ham, tokens, clock FROM bayes_corpus WHERE account_id = $1",
	                  "i", account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		out->messages = (struct bayes_count){ db_int(&rows, 0), db_int(&rows, 1) };
		out->tokens = db_int(&rows, 2);
		out->clock = db_int(&rows, 3);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int put_corpus(struct db *db, const struct corpus *c)
{
	return db_run(db,
	              "INSERT INTO bayes_corpus (account_id, spam, ham, tokens, clock)"
	              " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) DO UPDATE SET"
	              " spam = excluded.spam, ham = excluded.ham, tokens = excluded.tokens,"
	              " clock = excluded.clock",
	              "iiiii", c->account_id, c->messages.spam, c->messages.ham, c->tokens,
	              c->clock);
}

static void count_message(struct corpus *c, bool is_spam, int64_t change)
{
	int64_t *count = is_spam ? &c->messages.spam : &c->messages.ham;
	*count = *count + change > 0 ? *count + change : 0;
}

/* --- tokens ------------------------------------------------------------------------------- */

static int add_token(struct db *db, struct corpus *c, uint64_t hash, bool is_spam)
{
	int64_t changed = 0, spam = is_spam, ham = !is_spam;
	int rc = db_change(db, &changed,
	                   "UPDATE bayes_token SET spam = spam + $1, ham = ham + $2, touched = $3"
	                   " WHERE account_id = $4 AND hash = $5",
	                   "iiiii", spam, ham, c->clock, c->account_id, (int64_t)hash);
	if (rc < 0 || changed > 0)
		return rc;
	c->tokens++;
	return db_run(db,
	              "INSERT INTO bayes_token (account_id, hash, spam, ham, touched)"
	              " VALUES ($1, $2, $3, $4, $5)",
	              "iiiii", c->account_id, (int64_t)hash, spam, ham, c->clock);
}

/* Its row may have gone, and come again since. */
static int take_token(struct db *db, const struct corpus *c, uint64_t hash, bool is_spam)
{
	return is_spam ? db_run(db,
	                        "UPDATE bayes_token SET spam = spam - 1"
	                        " WHERE account_id = $1 AND hash = $2 AND spam > 0",
	                        "ii", c->account_id, (int64_t)hash)
	               : db_run(db,
	                        "UPDATE bayes_token SET ham = ham - 1"
	                        " WHERE account_id = $1 AND hash = $2 AND ham > 0",
	                        "ii", c->account_id, (int64_t)hash);
}

static int take_tokens(struct db *db, struct corpus *c, const struct bayes_tokens *tokens,
                       bool is_spam)
{
	int rc = 0;
	for (size_t i = 0; i < tokens->count && rc == 0; i++)
		rc = take_token(db, c, tokens->items[i].hash, is_spam);
	count_message(c, is_spam, -1);
	return rc;
}

static int add_tokens(struct db *db, struct corpus *c, const struct bayes_tokens *tokens,
                      bool is_spam)
{
	int rc = 0;
	for (size_t i = 0; i < tokens->count && rc == 0; i++)
		rc = add_token(db, c, tokens->items[i].hash, is_spam);
	count_message(c, is_spam, 1);
	return rc;
}

/* Some more than must go, as it looks at all of them. */
static int drop_old(struct db *db, struct corpus *c, int64_t max_tokens)
{
	int64_t dropped = 0, count = c->tokens - max_tokens + max_tokens / SPARE_PARTS;
	if (c->tokens <= max_tokens)
		return 0;
	int rc = db_change(db, &dropped,
	                   "DELETE FROM bayes_token WHERE account_id = $1 AND hash IN"
	                   " (SELECT hash FROM bayes_token WHERE account_id = $1"
	                   " ORDER BY touched, spam + ham, hash LIMIT $2)",
	                   "ii", c->account_id, count);
	c->tokens -= dropped;
	return rc;
}

/* --- learning ----------------------------------------------------------------------------- */

/* 1 or 0: as spam or ham. -ENOENT: never, or too long ago. */
static int find_message(struct db *db, int64_t account_id, const struct bayes_tokens *tokens)
{
	int64_t spam = 0;
	int rc = db_get_int(db, &spam,
	                    "SELECT spam FROM bayes_message WHERE account_id = $1 AND digest = $2",
	                    "ib", account_id, slice_of(tokens->digest, sizeof(tokens->digest)));
	if (rc < 0)
		return rc == -ENODATA ? -ENOENT : rc;
	return spam != 0;
}

static int remember(struct db *db, const struct corpus *c, const struct bayes_tokens *tokens,
                    bool is_spam, int64_t max_messages)
{
	int rc = db_run(db,
	                "INSERT INTO bayes_message (account_id, digest, spam, learned)"
	                " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, digest) DO UPDATE SET"
	                " spam = excluded.spam, learned = excluded.learned",
	                "ibii", c->account_id, slice_of(tokens->digest, sizeof(tokens->digest)),
	                (int64_t)is_spam, c->clock);
	return rc < 0 ? rc
	              : db_run(db,
	                       "DELETE FROM bayes_message WHERE account_id = $1 AND learned <= $2",
	                       "ii", c->account_id, c->clock - max_messages);
}

int bayes_learn(struct db *db, int64_t account_id, const struct bayes_tokens *tokens, bool is_spam,
                const struct bayes_bounds *bounds, enum bayes_learned *out)
{
	struct corpus c;
	int before = find_message(db, account_id, tokens);
	if (before < 0 && before != -ENOENT)
		return before;
	*out = before == -ENOENT ? BAYES_NEW : before == is_spam ? BAYES_KNOWN : BAYES_CHANGED;
	if (*out == BAYES_KNOWN)
		return 0;
	int rc = get_corpus(db, account_id, &c);
	c.clock++;
	if (rc == 0 && *out == BAYES_CHANGED)
		rc = take_tokens(db, &c, tokens, !is_spam);
	if (rc == 0)
		rc = add_tokens(db, &c, tokens, is_spam);
	if (rc == 0)
		rc = drop_old(db, &c, bounds->max_tokens);
	if (rc == 0)
		rc = remember(db, &c, tokens, is_spam, bounds->max_messages);
	return rc == 0 ? put_corpus(db, &c) : rc;
}

int bayes_unlearn(struct db *db, int64_t account_id, const struct bayes_tokens *tokens)
{
	struct corpus c;
	int before = find_message(db, account_id, tokens);
	if (before < 0)
		return before;
	int rc = get_corpus(db, account_id, &c);
	if (rc == 0)
		rc = take_tokens(db, &c, tokens, before);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM bayes_message WHERE account_id = $1 AND digest = $2",
		            "ib", account_id, slice_of(tokens->digest, sizeof(tokens->digest)));
	return rc == 0 ? put_corpus(db, &c) : rc;
}

int bayes_forget(struct db *db, int64_t account_id)
{
	int rc = db_run(db, "DELETE FROM bayes_token WHERE account_id = $1", "i", account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM bayes_message WHERE account_id = $1", "i", account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM bayes_corpus WHERE account_id = $1", "i", account_id);
	return rc;
}

/* --- reading ------------------------------------------------------------------------------ */

int bayes_get_status(struct db *db, int64_t account_id, struct bayes_status *out)
{
	struct corpus c;
	int rc = get_corpus(db, account_id, &c);
	*out = (struct bayes_status){ c.messages, c.tokens };
	return rc;
}

static int read_token(struct db *db, int64_t account_id, uint64_t hash, struct bayes_count *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT spam, ham FROM bayes_token WHERE account_id = $1 AND hash = $2",
	                  "ii", account_id, (int64_t)hash);
	if (rc == 0)
		rc = db_next(&rows);
	*out = rc == 0 ? (struct bayes_count){ db_int(&rows, 0), db_int(&rows, 1) }
	               : (struct bayes_count){ 0, 0 };
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int bayes_add_counts(struct db *db, int64_t account_id, const struct bayes_tokens *tokens,
                     int64_t weight, struct bayes_count *counts, struct bayes_count *totals)
{
	struct corpus c;
	struct bayes_count one;
	int rc = get_corpus(db, account_id, &c);
	if (rc < 0 || c.tokens == 0)
		return rc;
	for (size_t i = 0; i < tokens->count && rc == 0; i++) {
		rc = read_token(db, account_id, tokens->items[i].hash, &one);
		counts[i].spam += weight * one.spam;
		counts[i].ham += weight * one.ham;
	}
	totals->spam += weight * c.messages.spam;
	totals->ham += weight * c.messages.ham;
	return rc;
}
