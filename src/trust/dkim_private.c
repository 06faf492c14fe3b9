#include "trust/dkim_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/codec.h"

enum { ED25519_BYTES = 32 };

static EVP_PKEY *make(enum dkim_algorithm algorithm, unsigned bits)
{
	if (algorithm == DKIM_ED25519_SHA256)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
}

struct slice dkim_private_make(struct arena *arena, enum dkim_algorithm algorithm, unsigned bits)
{
	unsigned char *der = NULL;
	struct slice out = { .data = NULL };
	EVP_PKEY *key = make(algorithm, bits);
	int len = key ? i2d_PrivateKey(key, &der) : -1;
	if (len > 0)
		out = arena_copy(arena, slice_of(der, (size_t)len));
	if (len > 0)
		OPENSSL_clear_free(der, (size_t)len);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return out;
}

EVP_PKEY *dkim_private_read(enum dkim_algorithm algorithm, struct slice der)
{
	int kind = algorithm == DKIM_ED25519_SHA256 ? EVP_PKEY_ED25519 : EVP_PKEY_RSA;
	const unsigned char *at = (const unsigned char *)der.data;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (key && EVP_PKEY_get_base_id(key) == kind)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static struct slice public_bytes(struct arena *arena, enum dkim_algorithm algorithm,
                                 const EVP_PKEY *key)
{
	unsigned char raw[ED25519_BYTES], *der = NULL;
	size_t raw_len = sizeof(raw);
	if (algorithm == DKIM_ED25519_SHA256)
		return EVP_PKEY_get_raw_public_key(key, raw, &raw_len) == 1
		               ? arena_copy(arena, slice_of(raw, raw_len))
		               : SLICE_EMPTY;
	int len = i2d_PUBKEY(key, &der);
	struct slice out = len > 0 ? arena_copy(arena, slice_of(der, (size_t)len)) : SLICE_EMPTY;
	OPENSSL_free(der);
	return out;
}

struct slice dkim_private_record(struct arena *arena, enum dkim_algorithm algorithm,
                                 const EVP_PKEY *key)
{
	const struct slice parts[] = {
		algorithm == DKIM_ED25519_SHA256 ? SLICE("v=DKIM1; k=ed25519; p=")
						 : SLICE("v=DKIM1; k=rsa; p="),
		base64_encode_arena(arena, public_bytes(arena, algorithm, key)),
	};
	return arena_concat(arena, parts, 2);
}

static bool sign_rsa(EVP_PKEY *key, struct slice digest, unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context && EVP_PKEY_sign_init(context) == 1 &&
	            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	            EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
	            EVP_PKEY_sign(context, out, len, (const unsigned char *)digest.data,
	                          digest.len) == 1;
	EVP_PKEY_CTX_free(context);
	return done;
}

static bool sign_ed25519(EVP_PKEY *key, struct slice digest, unsigned char *out, size_t *len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
	            EVP_DigestSign(context, out, len, (const unsigned char *)digest.data,
	                           digest.len) == 1;
	EVP_MD_CTX_free(context);
	return done;
}

struct slice dkim_private_sign(struct arena *arena, enum dkim_algorithm algorithm, EVP_PKEY *key,
                               struct slice digest)
{
	size_t len = (size_t)EVP_PKEY_get_size(key);
	unsigned char *bytes = arena_alloc(arena, len);
	ERR_clear_error();
	bool done = algorithm == DKIM_ED25519_SHA256 ? sign_ed25519(key, digest, bytes, &len)
	                                             : sign_rsa(key, digest, bytes, &len);
	ERR_clear_error();
	return done ? slice_of(bytes, len) : SLICE_EMPTY;
}
