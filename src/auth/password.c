#include "auth/password.h"

#include <argon2.h>
#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"

enum { HASH_BYTES = 32 };

/* Of a random password that nobody knows, with the parameters of password.h. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1"
			     "$9Ct2QuH+QDCLOyw+2QulAw$kLfpokxmRTaOuLrCXo07YWSEVSC9TiNCxW0JF4Kcs58";

/* SASLprep, or the bytes as they are where it has nothing to say. A copy, to be wiped. */
static char *prepare(struct slice password)
{
	char *plain = mem_str(password), *prepared = NULL;
	if (slice_is_ascii(password) || !slice_is_utf8(password) ||
	    gsasl_saslprep(plain, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) != GSASL_OK)
		return plain;
	explicit_bzero(plain, password.len);
	free(plain);
	return prepared;
}

static bool is_possible(struct slice password)
{
	return password.len > 0 && password.len <= PASSWORD_MAX &&
	       slice_find_byte(password, '\0') < 0;
}

char *password_prepare(struct slice password)
{
	return is_possible(password) ? prepare(password) : NULL;
}

void password_wipe(char *prepared)
{
	explicit_bzero(prepared, strlen(prepared));
	free(prepared);
}

static int make_argon2(struct arena *arena, const char *password, const char **out)
{
	uint8_t salt[PASSWORD_SALT_BYTES];
	char text[256];
	random_bytes(salt, sizeof(salt));
	int rc = argon2id_hash_encoded(PASSWORD_ARGON2_PASSES, PASSWORD_ARGON2_KIB, 1, password,
	                               strlen(password), salt, sizeof(salt), HASH_BYTES, text,
	                               sizeof(text));
	if (rc != ARGON2_OK)
		return rc == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EINVAL;
	*out = arena_str(arena, slice_from_str(text));
	return 0;
}

struct scram {
	const char *kind, *name;
	const EVP_MD *(*digest)(void);
	int bytes;
};

static const struct scram scrams[] = {
	{ PASSWORD_KIND_SCRAM, "SCRAM-SHA-256", EVP_sha256, 32 },
	{ PASSWORD_KIND_SCRAM_SHA1, "SCRAM-SHA-1", EVP_sha1, 20 },
};

static bool hmac(const struct scram *s, const uint8_t *key, const char *text, uint8_t *out)
{
	unsigned len = (unsigned)s->bytes;
	return HMAC(s->digest(), key, s->bytes, (const uint8_t *)text, strlen(text), out, &len);
}

static const char *in_base64(struct arena *arena, const uint8_t *bytes, int len)
{
	struct slice text = slice_of((const char *)bytes, (size_t)len);
	return arena_str(arena, base64_encode_arena(arena, text));
}

/* name "$" iterations ":" salt "$" StoredKey ":" ServerKey, the last three in base64; the keys as
 * RFC 5802 section 3 makes them. */
static int make_scram(struct arena *arena, const struct scram *s, const char *password,
                      struct directory_verifier *out)
{
	uint8_t salt[PASSWORD_SALT_BYTES], salted[HASH_BYTES], client[HASH_BYTES];
	uint8_t stored[HASH_BYTES], server[HASH_BYTES];
	random_bytes(salt, sizeof(salt));
	bool good = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof(salt),
	                              PASSWORD_SCRAM_ITERATIONS, s->digest(), s->bytes,
	                              salted) == 1 &&
	            hmac(s, salted, "Client Key", client) &&
	            hmac(s, salted, "Server Key", server) &&
	            EVP_Digest(client, (size_t)s->bytes, stored, NULL, s->digest(), NULL) == 1;
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	if (!good)
		return -ENOMEM;
	out->kind = s->kind;
	out->value = arena_printf(arena, "%s$%d:%s$%s:%s", s->name, PASSWORD_SCRAM_ITERATIONS,
	                          in_base64(arena, salt, sizeof(salt)),
	                          in_base64(arena, stored, s->bytes),
	                          in_base64(arena, server, s->bytes));
	return 0;
}

int password_make(struct arena *arena, struct slice password,
                  struct directory_verifier out[static PASSWORD_VERIFIERS])
{
	char *prepared = password_prepare(password);
	if (!prepared)
		return -EINVAL;
	out[0].kind = PASSWORD_KIND_ARGON2;
	int rc = make_argon2(arena, prepared, &out[0].value);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = make_scram(arena, &scrams[i], prepared, &out[1 + i]);
	password_wipe(prepared);
	return rc;
}

bool password_is_right(const char *verifier, struct slice password)
{
	/* Bytes that can't be in a password are compared as an empty one, which is none either. */
	bool possible = is_possible(password);
	char *prepared = prepare(possible ? password : SLICE_EMPTY);
	int rc = argon2id_verify(verifier ? verifier : nobody, prepared, strlen(prepared));
	password_wipe(prepared);
	return rc == ARGON2_OK && possible && verifier;
}
