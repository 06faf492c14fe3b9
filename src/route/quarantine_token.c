#include "route/quarantine_token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/codec.h"
#include "store/db.h"
#include "store/store.h"

enum {
	NUMBERS = 3,
	PLAIN_BYTES = 8 * NUMBERS,
	MAC_BYTES = 16,
	ALL_BYTES = PLAIN_BYTES + MAC_BYTES
};
_Static_assert(2 * ALL_BYTES == QUARANTINE_TOKEN_LEN, "two digits a byte");

/* --- the key ------------------------------------------------------------------------------ */

static int read_key(struct db *db, void *arg)
{
	struct quarantine_key *key = arg;
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT secret FROM quarantine_key WHERE id = 1", "");
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		struct slice secret = db_bytes(&rows, 0);
		if (secret.len == sizeof(key->secret))
			memcpy(key->secret, secret.data, sizeof(key->secret));
		else
			rc = -EBADMSG;
	}
	db_end(&rows);
	return rc;
}

/* Another may have made one meanwhile. */
static int make_key(struct db *db, void *arg)
{
	char secret[QUARANTINE_KEY_BYTES];
	random_bytes(secret, sizeof(secret));
	int rc = db_run(db,
	                "INSERT INTO quarantine_key (id, secret) VALUES (1, $1)"
	                " ON CONFLICT (id) DO NOTHING",
	                "b", slice_of(secret, sizeof(secret)));
	OPENSSL_cleanse(secret, sizeof(secret));
	return rc == 0 ? read_key(db, arg) : rc;
}

int quarantine_key_get(struct store *store, struct quarantine_key *out)
{
	int rc = store_read(store, read_key, out);
	return rc == -ENODATA ? store_commit(store, NULL, 0, make_key, out) : rc;
}

/* --- tokens ------------------------------------------------------------------------------- */

static void put_number(unsigned char *out, int64_t number)
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

static int64_t get_number(const unsigned char *in)
{
	uint64_t number = 0;
	for (int i = 0; i < 8; i++)
		number = number << 8 | in[i];
	return (int64_t)number;
}

/* What is signed begins with what it is for, should the key ever sign something else. */
static bool sign(const struct quarantine_key *key, const unsigned char plain[PLAIN_BYTES],
                 unsigned char mac_out[MAC_BYTES])
{
	static const char label[] = "quarantine";
	unsigned char text[sizeof(label) + PLAIN_BYTES], mac[EVP_MAX_MD_SIZE];
	unsigned len;
	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), plain, PLAIN_BYTES);
	if (!HMAC(EVP_sha256(), key->secret, sizeof(key->secret), text, sizeof(text), mac, &len))
		return false;
	memcpy(mac_out, mac, MAC_BYTES);
	return true;
}

struct slice quarantine_token_text(struct arena *arena, const struct quarantine_key *key,
                                   const struct quarantine_token *token)
{
	unsigned char bytes[ALL_BYTES] = { 0 };
	put_number(bytes, token->id);
	put_number(bytes + 8, token->account_id);
	put_number(bytes + 16, token->until_s);
	if (!sign(key, bytes, bytes + PLAIN_BYTES))
		return SLICE_EMPTY;
	return hex_encode(arena, slice_of((const char *)bytes, sizeof(bytes)));
}

static bool read_bytes(struct slice text, unsigned char out[ALL_BYTES])
{
	struct arena *arena = arena_new();
	struct slice bytes;
	bool good = text.len == QUARANTINE_TOKEN_LEN && hex_decode(arena, text, &bytes) &&
	            bytes.len == ALL_BYTES;
	if (good)
		memcpy(out, bytes.data, ALL_BYTES);
	arena_free(arena);
	return good;
}

int quarantine_token_read(const struct quarantine_key *key, struct slice text, int64_t now_s,
                          struct quarantine_token *out)
{
	unsigned char bytes[ALL_BYTES], mac[MAC_BYTES];
	if (!read_bytes(text, bytes) || !sign(key, bytes, mac) ||
	    CRYPTO_memcmp(mac, bytes + PLAIN_BYTES, MAC_BYTES) != 0)
		return -EINVAL;
	*out = (struct quarantine_token){ .id = get_number(bytes),
		                          .account_id = get_number(bytes + 8),
		                          .until_s = get_number(bytes + 16) };
	return now_s <= out->until_s ? 0 : -ETIME;
}
