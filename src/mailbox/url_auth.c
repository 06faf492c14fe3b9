#include "mailbox/url_auth.h"

#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/codec.h"

enum { URL_KEY_BYTES = 32, URL_DIGEST_BYTES = 32 };

/* RFC 4467 section 2.4.1: which algorithm it was, so that there can be another one day. */
#define URL_TOKEN_KIND "01"

struct url_key {
	uint8_t bytes[URL_KEY_BYTES];
};

static struct slice token_of(struct arena *arena, const struct url_key *key, struct slice rump)
{
	uint8_t digest[URL_DIGEST_BYTES];
	unsigned len = sizeof(digest);
	if (!HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), (const uint8_t *)rump.data,
	          rump.len, digest, &len))
		abort();
	struct slice parts[] = { SLICE(URL_TOKEN_KIND),
		                 hex_encode(arena, slice_of(digest, sizeof(digest))) };
	return arena_concat(arena, parts, 2);
}

/* --- keys ---------------------------------------------------------------------------- */

/* -ENOENT: there is none. */
static int key_find(struct db *db, int64_t account_id, int64_t mailbox_id, struct url_key *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT secret FROM url_key WHERE account_id = $1 AND mailbox_id = $2",
	                  "ii", account_id, mailbox_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		struct slice secret = db_bytes(&rows, 0);
		if (secret.len == sizeof(out->bytes))
			memcpy(out->bytes, secret.data, sizeof(out->bytes));
		else
			rc = -EIO;
	}
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

static int key_make(struct db *db, int64_t account_id, int64_t mailbox_id, struct url_key *out)
{
	random_bytes(out->bytes, sizeof(out->bytes));
	return db_run(db,
	              "INSERT INTO url_key (account_id, mailbox_id, secret) VALUES ($1, $2, $3)",
	              "iib", account_id, mailbox_id, slice_of(out->bytes, sizeof(out->bytes)));
}

#define KEYS_OF " FROM url_key WHERE account_id = $1 AND ($2 = 0 OR mailbox_id = $2)"

int url_auth_reset(struct db *db, struct arena *arena, int64_t account_id, int64_t mailbox_id,
                   struct url_keys *gone_out)
{
	int64_t count;
	struct db_rows rows;
	struct url_keys gone = { 0 };
	int rc = db_get_int(db, &count, "SELECT count(*)" KEYS_OF, "ii", account_id, mailbox_id);
	if (rc != 0)
		return rc;
	gone.mailbox_ids = ARENA_ARRAY(arena, (size_t)count + 1, int64_t);
	rc = db_query(db, &rows, "DELETE" KEYS_OF " RETURNING mailbox_id", "ii", account_id,
	              mailbox_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		gone.mailbox_ids[gone.count++] = db_int(&rows, 0);
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	*gone_out = gone;
	return 0;
}

int url_auth_drop_mailbox(struct db *db, int64_t mailbox_id)
{
	return db_run(db, "DELETE FROM url_key WHERE mailbox_id = $1", "i", mailbox_id);
}

int url_auth_drop_account(struct db *db, int64_t account_id)
{
	return db_run(db, "DELETE FROM url_key WHERE account_id = $1", "i", account_id);
}

/* --- making -------------------------------------------------------------------------- */

int url_auth_make(struct db *db, struct arena *arena, const struct share_user *user,
                  const struct imap_url *url, struct slice *token_out)
{
	struct share_user named;
	struct mailbox_info mailbox;
	struct url_key key;
	if (url->access == URL_ACCESS_NONE || url->token.len > 0)
		return -EACCES;
	int rc = url_find_user(db, arena, url->user, &named);
	if (rc == -ENOENT || (rc == 0 && named.account_id != user->account_id))
		return -EACCES;
	if (rc == 0)
		rc = url_find_mailbox(db, arena, user, url, &mailbox);
	if (rc != 0)
		return rc;
	rc = key_find(db, user->account_id, mailbox.id, &key);
	if (rc == -ENOENT)
		rc = key_make(db, user->account_id, mailbox.id, &key);
	if (rc == 0)
		*token_out = token_of(arena, &key, url->rump);
	return rc;
}

/* --- checking ------------------------------------------------------------------------ */

struct url_check {
	struct arena *arena;
	const struct url_visitor *who;
	const struct imap_url *url;
	int64_t now_ms;
	struct share_user as;
};

/* Is it for this visitor? */
static int check_access(struct db *db, const struct url_check *c)
{
	const struct imap_url *url = c->url;
	struct share_user named;
	if (url->access == URL_ACCESS_ANONYMOUS || url->access == URL_ACCESS_AUTHUSER)
		return 0;
	if (url->access == URL_ACCESS_SUBMIT && c->who->role == URL_SUBMITTER)
		return 0;
	if (url->access == URL_ACCESS_SUBMIT ? c->who->role != URL_SUBMISSION
	                                     : url->access != URL_ACCESS_USER)
		return -ENOENT;
	int rc = url_find_user(db, c->arena, url->access_user, &named);
	return rc == 0 && named.account_id != c->who->account_id ? -ENOENT : rc;
}

/* Without a mailbox or a key the token is compared with one of chance: how long it takes tells
 * nothing of what is there. */
static int check_token(struct db *db, struct url_check *c)
{
	struct mailbox_info mailbox;
	struct url_key key;
	int rc = url_find_user(db, c->arena, c->url->user, &c->as);
	if (rc == 0)
		rc = url_find_mailbox(db, c->arena, &c->as, c->url, &mailbox);
	if (rc == 0)
		rc = key_find(db, c->as.account_id, mailbox.id, &key);
	if (rc == -ENOENT)
		random_bytes(key.bytes, sizeof(key.bytes));
	else if (rc < 0)
		return rc;
	struct slice right = token_of(c->arena, &key, c->url->rump);
	struct slice token = arena_lower(c->arena, c->url->token);
	if (token.len != right.len || CRYPTO_memcmp(token.data, right.data, right.len) != 0)
		return -ENOENT;
	return rc;
}

static int check_step(struct db *db, void *arg)
{
	struct url_check *c = arg;
	int rc = check_token(db, c);
	if (rc == 0)
		rc = check_access(db, c);
	return rc == 0 && c->url->has_expiry && c->url->expiry_s * 1000 <= c->now_ms ? -ENOENT : rc;
}

int url_auth_open(struct store *store, const struct message_limits *limits, struct arena *arena,
                  const struct url_visitor *who, const struct imap_url *url, struct url_part *out)
{
	struct url_check check = {
		.arena = arena, .who = who, .url = url, .now_ms = clock_wall_ms()
	};
	if (url->token.len == 0 || url->user.len == 0 ||
	    !slice_equal_nocase(url->mechanism, SLICE(URL_MECHANISM)))
		return -EACCES;
	int rc = store_read(store, check_step, &check);
	if (rc == -ENOENT)
		return -EACCES;
	return rc < 0 ? rc : url_open(store, limits, arena, &check.as, 0, url, out);
}
