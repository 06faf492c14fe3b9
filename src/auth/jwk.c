#include "auth/jwk.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/codec.h"

enum { RSA_BITS_MIN = 2048, RSA_BYTES_MAX = 2048, POINT_BYTES_MAX = 66, ED25519_BYTES = 32 };

/* kind and bits: of the key. */
struct jwk_algorithm {
	const char *name;
	int kind, bits;
	const EVP_MD *(*hash)(void);
	bool pss;
};

static const struct jwk_algorithm algorithms[] = {
	{ "RS256", EVP_PKEY_RSA, 0, EVP_sha256, false },
	{ "RS384", EVP_PKEY_RSA, 0, EVP_sha384, false },
	{ "RS512", EVP_PKEY_RSA, 0, EVP_sha512, false },
	{ "PS256", EVP_PKEY_RSA, 0, EVP_sha256, true },
	{ "PS384", EVP_PKEY_RSA, 0, EVP_sha384, true },
	{ "PS512", EVP_PKEY_RSA, 0, EVP_sha512, true },
	{ "ES256", EVP_PKEY_EC, 256, EVP_sha256, false },
	{ "ES384", EVP_PKEY_EC, 384, EVP_sha384, false },
	{ "ES512", EVP_PKEY_EC, 521, EVP_sha512, false },
	{ "EdDSA", EVP_PKEY_ED25519, 0, NULL, false },
};

const struct jwk_algorithm *jwk_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (slice_equal(slice_from_str(name), slice_from_str(algorithms[i].name)))
			return &algorithms[i];
	}
	return NULL;
}

bool jwk_decode(struct arena *a, struct slice text, struct slice *bytes_out)
{
	size_t padding = (4 - text.len % 4) % 4;
	char *plain = arena_alloc(a, text.len + padding);
	if (padding == 3)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (!byte_is_alnum(c) && c != '-' && c != '_')
			return false;
		plain[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
	}
	memset(plain + text.len, '=', padding);
	return base64_decode(a, slice_of(plain, text.len + padding), bytes_out);
}

/* --- keys --------------------------------------------------------------------------------- */

static struct slice member(const json_t *jwk, const char *name)
{
	return slice_from_str(json_string_value(json_object_get(jwk, name)));
}

/* Not empty, and no longer than max. */
static bool read_bytes(struct arena *a, const json_t *jwk, const char *name, size_t max,
                       struct slice *out)
{
	return jwk_decode(a, member(jwk, name), out) && out->len > 0 && out->len <= max;
}

static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *parts)
{
	OSSL_PARAM *given = OSSL_PARAM_BLD_to_param(parts);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;
	if (!given || !context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, given) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(given);
	return key;
}

static BIGNUM *number(struct slice bytes)
{
	return BN_bin2bn((const unsigned char *)bytes.data, (int)bytes.len, NULL);
}

static EVP_PKEY *read_rsa(struct arena *a, const json_t *jwk)
{
	struct slice modulus, exponent;
	EVP_PKEY *key = NULL;
	if (!read_bytes(a, jwk, "n", RSA_BYTES_MAX, &modulus) ||
	    !read_bytes(a, jwk, "e", sizeof(uint32_t), &exponent))
		return NULL;
	BIGNUM *n = number(modulus), *e = number(exponent);
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	if (n && e && parts && BN_num_bits(n) >= RSA_BITS_MIN &&
	    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = make_key("RSA", parts);
	OSSL_PARAM_BLD_free(parts);
	BN_free(n);
	BN_free(e);
	return key;
}

static EVP_PKEY *read_curve(struct arena *a, const json_t *jwk)
{
	static const struct {
		const char *name, *group;
		size_t bytes;
	} curves[] = { { "P-256", "prime256v1", 32 },
		       { "P-384", "secp384r1", 48 },
		       { "P-521", "secp521r1", 66 } };
	char point[1 + 2 * POINT_BYTES_MAX] = { 4 }; /* not compressed */
	EVP_PKEY *key = NULL;
	struct slice x, y;
	size_t i = 0;
	while (i < 3 && !slice_equal(member(jwk, "crv"), slice_from_str(curves[i].name)))
		i++;
	if (i == 3 || !read_bytes(a, jwk, "x", POINT_BYTES_MAX, &x) ||
	    !read_bytes(a, jwk, "y", POINT_BYTES_MAX, &y) || x.len != curves[i].bytes ||
	    y.len != x.len)
		return NULL;
	memcpy(point + 1, x.data, x.len);
	memcpy(point + 1 + x.len, y.data, y.len);
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	if (parts &&
	    OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group,
	                                    0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point,
	                                     1 + 2 * x.len) == 1)
		key = make_key("EC", parts);
	OSSL_PARAM_BLD_free(parts);
	return key;
}

static EVP_PKEY *read_edwards(struct arena *a, const json_t *jwk)
{
	struct slice x;
	if (!slice_equal(member(jwk, "crv"), SLICE("Ed25519")) ||
	    !read_bytes(a, jwk, "x", ED25519_BYTES, &x))
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.data,
	                                   x.len);
}

EVP_PKEY *jwk_read(struct arena *a, const json_t *jwk)
{
	struct slice kind = member(jwk, "kty");
	EVP_PKEY *key = NULL;
	ERR_clear_error();
	if (slice_equal(kind, SLICE("RSA")))
		key = read_rsa(a, jwk);
	else if (slice_equal(kind, SLICE("EC")))
		key = read_curve(a, jwk);
	else if (slice_equal(kind, SLICE("OKP")))
		key = read_edwards(a, jwk);
	ERR_clear_error();
	return key;
}

/* --- signatures --------------------------------------------------------------------------- */

bool jwk_fits(const EVP_PKEY *key, const struct jwk_algorithm *algorithm)
{
	return EVP_PKEY_get_base_id(key) == algorithm->kind &&
	       (algorithm->bits == 0 || EVP_PKEY_get_bits(key) == algorithm->bits);
}

/* The two numbers, each as long as the curve is wide (RFC 7518 section 3.4), as OpenSSL has them.
 * -1: they are not. */
static int curve_signature(const struct jwk_algorithm *algorithm, struct slice signature,
                           unsigned char **out)
{
	size_t half = ((size_t)algorithm->bits + 7) / 8;
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	int len = -1;
	if (numbers && signature.len == 2 * half) {
		BIGNUM *r = number(slice_sub(signature, 0, half));
		BIGNUM *s = number(slice_from(signature, half));
		if (r && s && ECDSA_SIG_set0(numbers, r, s) == 1) {
			len = i2d_ECDSA_SIG(numbers, out);
		} else {
			BN_free(r);
			BN_free(s);
		}
	}
	ECDSA_SIG_free(numbers);
	return len;
}

static bool verify(EVP_PKEY *key, const struct jwk_algorithm *algorithm, struct slice text,
                   const unsigned char *signature, size_t len)
{
	const EVP_MD *hash = algorithm->hash ? algorithm->hash() : NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;
	bool good = context && EVP_DigestVerifyInit(context, &options, hash, NULL, key) == 1 &&
	            (!algorithm->pss ||
	             (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
	              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	            EVP_DigestVerify(context, signature, len, (const unsigned char *)text.data,
	                             text.len) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

bool jwk_verify(EVP_PKEY *key, const struct jwk_algorithm *algorithm, struct slice text,
                struct slice signature)
{
	unsigned char *bytes = NULL;
	bool good;
	ERR_clear_error();
	if (algorithm->kind == EVP_PKEY_EC) {
		int len = curve_signature(algorithm, signature, &bytes);
		good = len > 0 && verify(key, algorithm, text, bytes, (size_t)len);
		OPENSSL_free(bytes);
	} else {
		good = verify(key, algorithm, text, (const unsigned char *)signature.data,
		              signature.len);
	}
	ERR_clear_error();
	return good;
}
