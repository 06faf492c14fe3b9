#include "auth/password_scheme.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/codec.h"

static bool is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

static bool plain_is_right(const char *stored, const char *password)
{
	return is_same(stored, password);
}

/* A hash that is none ("*", "!", "x": a locked account) never comes out of crypt(3). */
static bool crypt_is_right(const char *stored, const char *password)
{
	struct crypt_data *data = mem_zero(1, sizeof(*data)); /* 32 KiB */
	const char *made = crypt_rn(password, stored, data, sizeof(*data));
	bool right = made && made[0] != '*' && is_same(made, stored);
	OPENSSL_cleanse(data, sizeof(*data));
	free(data);
	return right;
}

static bool argon2id_is_right(const char *stored, const char *password)
{
	return argon2id_verify(stored, password, strlen(password)) == ARGON2_OK;
}

static bool argon2i_is_right(const char *stored, const char *password)
{
	return argon2i_verify(stored, password, strlen(password)) == ARGON2_OK;
}

/* base64(digest(password, salt), salt), as OpenLDAP began it
 * (draft-stroeder-hashed-userpassword-values, section 2); the salt may be empty. */
static bool digest_is_right(const char *stored, const char *password, const EVP_MD *digest)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct arena *scratch = arena_new();
	struct slice kept, salt;
	bool right = false;
	if (base64_decode(scratch, slice_from_str(stored), &kept)) {
		size_t size = (size_t)EVP_MD_get_size(digest);
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		salt = slice_from(kept, size);
		right = kept.len >= size && context &&
		        EVP_DigestInit_ex(context, digest, NULL) == 1 &&
		        EVP_DigestUpdate(context, password, strlen(password)) == 1 &&
		        EVP_DigestUpdate(context, salt.data, salt.len) == 1 &&
		        EVP_DigestFinal_ex(context, made, &len) == 1 &&
		        CRYPTO_memcmp(made, kept.data, size) == 0;
		EVP_MD_CTX_free(context);
	}
	arena_free(scratch);
	return right;
}

static bool md5_is_right(const char *stored, const char *password)
{
	return digest_is_right(stored, password, EVP_md5());
}

static bool sha1_is_right(const char *stored, const char *password)
{
	return digest_is_right(stored, password, EVP_sha1());
}

static bool sha256_is_right(const char *stored, const char *password)
{
	return digest_is_right(stored, password, EVP_sha256());
}

static bool sha512_is_right(const char *stored, const char *password)
{
	return digest_is_right(stored, password, EVP_sha512());
}

struct scheme {
	struct slice prefix;
	bool (*is_right)(const char *stored, const char *password);
};

#define PREFIX(text)                                                                               \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct scheme schemes[] = {
	{ PREFIX("{ARGON2ID}"), argon2id_is_right },  { PREFIX("{ARGON2I}"), argon2i_is_right },
	{ PREFIX("{CRYPT}"), crypt_is_right },        { PREFIX("{DES-CRYPT}"), crypt_is_right },
	{ PREFIX("{MD5-CRYPT}"), crypt_is_right },    { PREFIX("{BLF-CRYPT}"), crypt_is_right },
	{ PREFIX("{SHA256-CRYPT}"), crypt_is_right }, { PREFIX("{SHA512-CRYPT}"), crypt_is_right },
	{ PREFIX("{SMD5}"), md5_is_right },           { PREFIX("{SSHA}"), sha1_is_right },
	{ PREFIX("{SHA}"), sha1_is_right },           { PREFIX("{SSHA256}"), sha256_is_right },
	{ PREFIX("{SHA256}"), sha256_is_right },      { PREFIX("{SSHA512}"), sha512_is_right },
	{ PREFIX("{SHA512}"), sha512_is_right },      { PREFIX("{PLAIN}"), plain_is_right },
	{ PREFIX("{CLEARTEXT}"), plain_is_right },
};
/* Without a scheme: what says itself what it is. */
static const struct scheme marks[] = {
	{ PREFIX("$argon2id$"), argon2id_is_right },
	{ PREFIX("$argon2i$"), argon2i_is_right },
	{ PREFIX(""), crypt_is_right },
};

/* *hash_out: what stands behind the scheme. NULL: an unknown one. */
static const struct scheme *find_scheme(struct slice stored, struct slice *hash_out)
{
	if (!slice_starts_with(stored, SLICE("{"))) {
		const struct scheme *mark = marks;
		while (!slice_starts_with(stored, mark->prefix))
			mark++;
		*hash_out = stored;
		return mark;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (slice_starts_with_nocase(stored, schemes[i].prefix)) {
			*hash_out = slice_from(stored, schemes[i].prefix.len);
			return &schemes[i];
		}
	}
	return NULL;
}

bool password_scheme_is_known(struct slice stored)
{
	struct slice hash;
	return find_scheme(stored, &hash) != NULL;
}

bool password_scheme_is_right(struct slice stored, const char *password)
{
	struct slice hash;
	const struct scheme *scheme = find_scheme(stored, &hash);
	if (!scheme || hash.len == 0)
		return false;
	char *text = mem_str(hash);
	bool right = scheme->is_right(text, password);
	OPENSSL_cleanse(text, hash.len);
	free(text);
	return right;
}
