#include "auth/password.h"

#include <argon2.h>
#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"

enum { SALT_BYTES = 16, HASH_BYTES = 32 };

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

static void wipe(char *text)
{
	explicit_bzero(text, strlen(text));
	free(text);
}

static int make_argon2(struct arena *arena, const char *password, const char **out)
{
	uint8_t salt[SALT_BYTES];
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

static bool hmac(const uint8_t key[static HASH_BYTES], const char *text,
                 uint8_t out[static HASH_BYTES])
{
	unsigned len = HASH_BYTES;
	return HMAC(EVP_sha256(), key, HASH_BYTES, (const uint8_t *)text, strlen(text), out, &len);
}

/* "SCRAM-SHA-256$" iterations ":" salt "$" StoredKey ":" ServerKey, the last three in base64;
 * the keys as RFC 5802 section 3 makes them. */
static int make_scram(struct arena *arena, const char *password, const char **out)
{
	uint8_t salt[SALT_BYTES], salted[HASH_BYTES], client[HASH_BYTES];
	uint8_t stored[HASH_BYTES], server[HASH_BYTES];
	random_bytes(salt, sizeof(salt));
	bool good = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof(salt),
	                              PASSWORD_SCRAM_ITERATIONS, EVP_sha256(), HASH_BYTES,
	                              salted) == 1 &&
	            hmac(salted, "Client Key", client) && hmac(salted, "Server Key", server) &&
	            EVP_Digest(client, HASH_BYTES, stored, NULL, EVP_sha256(), NULL) == 1;
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	if (!good)
		return -ENOMEM;
	*out = arena_printf(
		arena, "SCRAM-SHA-256$%d:%.*s$%.*s:%.*s", PASSWORD_SCRAM_ITERATIONS,
		SLICE_ARG(base64_encode_arena(arena, slice_of(salt, sizeof(salt)))),
		SLICE_ARG(base64_encode_arena(arena, slice_of(stored, sizeof(stored)))),
		SLICE_ARG(base64_encode_arena(arena, slice_of(server, sizeof(server)))));
	return 0;
}

int password_make(struct arena *arena, struct slice password,
                  struct directory_verifier out[static PASSWORD_VERIFIERS])
{
	if (password.len == 0 || password.len > PASSWORD_MAX ||
	    slice_find_byte(password, '\0') >= 0)
		return -EINVAL;
	char *prepared = prepare(password);
	out[0].kind = PASSWORD_KIND_ARGON2;
	out[1].kind = PASSWORD_KIND_SCRAM;
	int rc = make_argon2(arena, prepared, &out[0].value);
	if (rc == 0)
		rc = make_scram(arena, prepared, &out[1].value);
	wipe(prepared);
	return rc;
}

bool password_is_right(const char *verifier, struct slice password)
{
	/* Bytes that can't be in a password are compared as an empty one, which is none either. */
	bool possible = password.len > 0 && password.len <= PASSWORD_MAX &&
	                slice_find_byte(password, '\0') < 0;
	char *prepared = prepare(possible ? password : SLICE_EMPTY);
	int rc = argon2id_verify(verifier ? verifier : nobody, prepared, strlen(prepared));
	wipe(prepared);
	return rc == ARGON2_OK && possible && verifier;
}
