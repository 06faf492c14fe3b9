#include "auth/legacy.h"

#include <errno.h>
#include <openssl/evp.h>

#include "auth/auth_key.h"
#include "auth/password.h"
#include "base/codec.h"
#include "base/cursor.h"
#include "base/log.h"
#include "store/store.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, EDGES = NONCE_BYTES + TAG_BYTES, NOBODY_BYTES = 24 };

/* --- sealing: nonce, then the encrypted password, then the tag, in base64 ----------------- */

struct seal {
	uint8_t key[AUTH_KEY_BYTES];
	EVP_CIPHER_CTX *context;
};

/* The address is bound to it: one account's row is nothing in another's place. */
static bool seal_begin(struct seal *s, const uint8_t *key, struct slice address,
                       const uint8_t *nonce, bool encrypt)
{
	int len;
	auth_key_derive(key, "legacy passwords", SLICE_EMPTY, s->key);
	s->context = EVP_CIPHER_CTX_new();
	return s->context &&
	       EVP_CipherInit_ex(s->context, EVP_aes_256_gcm(), NULL, s->key, nonce, encrypt) ==
	               1 &&
	       EVP_CipherUpdate(s->context, NULL, &len, (const uint8_t *)address.data,
	                        (int)address.len) == 1;
}

static void seal_end(struct seal *s)
{
	EVP_CIPHER_CTX_free(s->context);
	explicit_bzero(s->key, sizeof(s->key));
}

static bool encrypt(struct seal *s, struct slice text, uint8_t *out)
{
	int len, rest;
	return EVP_CipherUpdate(s->context, out, &len, (const uint8_t *)text.data, (int)text.len) ==
	               1 &&
	       EVP_CipherFinal_ex(s->context, out + len, &rest) == 1 &&
	       EVP_CIPHER_CTX_ctrl(s->context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + text.len) ==
	               1;
}

static int seal(struct arena *arena, const uint8_t *key, struct slice address, struct slice text,
                const char **out)
{
	uint8_t bytes[NONCE_BYTES + PASSWORD_MAX + TAG_BYTES];
	struct seal s;
	if (text.len > PASSWORD_MAX)
		return -EINVAL;
	random_bytes(bytes, NONCE_BYTES);
	bool good = seal_begin(&s, key, address, bytes, true) &&
	            encrypt(&s, text, bytes + NONCE_BYTES);
	seal_end(&s);
	if (!good)
		return -ENOMEM;
	struct slice sealed = slice_of((const char *)bytes, text.len + EDGES);
	*out = arena_str(arena, base64_encode_arena(arena, sealed));
	return 0;
}

int legacy_seal(struct arena *arena, const uint8_t *key, struct slice address,
                struct slice password, const char **out)
{
	char *prepared = password_prepare(password);
	if (!prepared)
		return -EINVAL;
	int rc = seal(arena, key, address, slice_from_str(prepared), out);
	password_wipe(prepared);
	return rc;
}

static bool decrypt(struct seal *s, struct slice sealed, uint8_t *out)
{
	struct slice text = slice_sub(sealed, NONCE_BYTES, sealed.len - EDGES);
	struct slice tag = slice_from(sealed, sealed.len - TAG_BYTES);
	int len, rest;
	return EVP_CipherUpdate(s->context, out, &len, (const uint8_t *)text.data, (int)text.len) ==
	               1 &&
	       EVP_CIPHER_CTX_ctrl(s->context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES,
	                           (void *)(uintptr_t)tag.data) == 1 &&
	       EVP_CipherFinal_ex(s->context, out + len, &rest) == 1;
}

/* NULL: not sealed with this key for this address. */
static const char *unseal(struct arena *arena, const uint8_t *key, struct slice address,
                          const char *value)
{
	struct slice sealed;
	struct seal s;
	if (!base64_decode(arena, slice_from_str(value), &sealed) || sealed.len <= EDGES)
		return NULL;
	uint8_t *text = ARENA_ARRAY(arena, sealed.len - EDGES + 1, uint8_t);
	bool good = seal_begin(&s, key, address, (const uint8_t *)sealed.data, false) &&
	            decrypt(&s, sealed, text);
	seal_end(&s);
	text[sealed.len - EDGES] = '\0';
	return good ? (const char *)text : NULL;
}

/* --- finding ------------------------------------------------------------------------------ */

struct lookup {
	struct arena *arena;
	struct slice name;
	struct account account;
	const char *value;
};

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	int rc = directory_find_login(db, l->arena, l->name, &l->account);
	if (rc == 0 || rc == -ENOENT) /* account 0 is none: it takes as long */
		rc = directory_get_verifier(db, l->arena, l->account.id, LEGACY_KIND, &l->value);
	return rc == -ENOENT ? 0 : rc;
}

int legacy_find(struct store *store, struct arena *arena, const uint8_t *key, struct slice name,
                struct legacy_finding *out)
{
	uint8_t nobody[NOBODY_BYTES];
	struct lookup l = { .arena = arena, .name = name };
	int rc = store_read(store, look_up, &l);
	if (rc < 0)
		return rc;
	const char *password = NULL;
	if (l.value) {
		password = unseal(arena, key, slice_from_str(l.account.address), l.value);
		if (!password)
			log_error("auth.unseal", kv_str("account", l.account.address),
			          kv_str("remedy", "auth.key is not the one of this database: "
			                           "restore it, or set the password again"));
	}
	random_bytes(nobody, sizeof(nobody));
	struct slice decoy = hex_encode(arena, slice_of((const char *)nobody, sizeof(nobody)));
	*out = (struct legacy_finding){ .password = password ? password : arena_str(arena, decoy),
		                        .identity = { l.account.id, l.account.address },
		                        .may_login = password && l.account.enabled &&
		                                     !l.account.app_only };
	return 0;
}

/* --- DIGEST-MD5 --------------------------------------------------------------------------- */

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || c == '-'; }

static bool is_quoted(char c) { return c != '"' && c != '\\' && c != '\0'; }

static bool is_bare(char c) { return is_quoted(c) && c > ' ' && c != ',' && c != '='; }

/* directive = name "=" ( DQUOTE *quoted DQUOTE / 1*bare )          RFC 2831 section 2.1.2 */
static bool take_directive(struct cursor *c, struct slice *name, struct slice *value)
{
	if (!take_while(c, is_name, 32, name) || !take_byte(c, '='))
		return false;
	if (!take_byte(c, '"'))
		return take_while(c, is_bare, SIZE_MAX, value);
	if (!take_while(c, is_quoted, SIZE_MAX, value))
		*value = SLICE_EMPTY;
	return take_byte(c, '"');
}

static void skip_spaces(struct cursor *c)
{
	while (take_byte(c, ' '))
		;
}

bool legacy_digest_is_plain(struct slice answer)
{
	struct cursor c = cursor_of(answer);
	struct slice name, value;
	bool safe = false;
	do {
		skip_spaces(&c);
		if (!take_directive(&c, &name, &value))
			return false;
		safe = safe || slice_equal(name, SLICE("realm")) ||
		       (slice_equal(name, SLICE("charset")) && slice_equal(value, SLICE("utf-8")));
	} while (take_byte(&c, ','));
	return cursor_at_end(&c) && safe;
}
