#include "trust/dkim_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/codec.h"
#include "trust/dkim_tag.h"

enum { ED25519_BYTES = 32 };

bool dkim_key_is_record(struct slice record)
{
	struct dkim_tags tags;
	struct slice version = SLICE("v=");
	struct slice text = slice_trim(record);
	if (slice_starts_with(text, version))
		return slice_starts_with(slice_trim(slice_from(text, version.len)), SLICE("DKIM1"));
	return dkim_tags_parse(text, &tags) && dkim_tags_find(&tags, "p");
}

static const char *read_rsa(struct slice bytes, struct dkim_key *out)
{
	const unsigned char *at = (const unsigned char *)bytes.data;
	ERR_clear_error();
	out->pkey = d2i_PUBKEY(NULL, &at, (long)bytes.len);
	if (!out->pkey) {
		at = (const unsigned char *)bytes.data;
		out->pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)bytes.len);
	}
	ERR_clear_error();
	if (!out->pkey || EVP_PKEY_get_base_id(out->pkey) != EVP_PKEY_RSA)
		return "the key record holds no RSA key";
	out->bits = (unsigned)EVP_PKEY_get_bits(out->pkey);
	if (out->bits < DKIM_RSA_BITS_MIN)
		return "the key has fewer than 1024 bits (RFC 8301)";
	return out->bits > DKIM_RSA_BITS_MAX ? "the key has more bits than are checked" : NULL;
}

static const char *read_ed25519(struct slice bytes, struct dkim_key *out)
{
	if (bytes.len != ED25519_BYTES)
		return "the key record holds no Ed25519 key";
	out->ed25519 = true;
	out->bits = ED25519_BYTES * 8;
	out->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	                                        (const unsigned char *)bytes.data, bytes.len);
	return out->pkey ? NULL : "the key record holds no Ed25519 key";
}

static const char *read_key(struct arena *arena, const struct dkim_tags *tags, struct dkim_key *out)
{
	struct slice kind = dkim_tags_value(tags, "k"), bytes;
	const struct dkim_tag *key = dkim_tags_find(tags, "p");
	if (!key)
		return "the key record has no key (p=)";
	if (key->value.len == 0)
		return "the key was revoked (p= is empty)";
	if (!base64_decode(arena, dkim_strip(arena, key->value), &bytes))
		return "the key (p=) is no base64";
	if (kind.len == 0 || slice_equal_nocase(kind, SLICE("rsa")))
		return read_rsa(bytes, out);
	if (slice_equal_nocase(kind, SLICE("ed25519")))
		return read_ed25519(bytes, out);
	return "the key is of an unknown kind (k=)";
}

static const char not_for_mail[] = "the key is not for mail (s=)";

static const char *read_record(struct arena *arena, const struct dkim_tags *tags,
                               struct dkim_key *out)
{
	const struct dkim_tag *version = dkim_tags_find(tags, "v");
	const struct dkim_tag *hashes = dkim_tags_find(tags, "h");
	const struct dkim_tag *services = dkim_tags_find(tags, "s");
	struct slice flags = dkim_tags_value(tags, "t");
	if (version && (version != tags->items || !slice_equal(version->value, SLICE("DKIM1"))))
		return "the key record is not of version DKIM1";
	out->for_mail = !services || dkim_list_has(services->value, SLICE("*")) ||
	                dkim_list_has(services->value, SLICE("email"));
	if (!out->for_mail && !dkim_list_has(services->value, SLICE("tlsrpt")))
		return not_for_mail;
	out->for_sha1 = !hashes || dkim_list_has(hashes->value, SLICE("sha1"));
	out->for_sha256 = !hashes || dkim_list_has(hashes->value, SLICE("sha256"));
	out->testing = dkim_list_has(flags, SLICE("y"));
	out->exact = dkim_list_has(flags, SLICE("s"));
	return read_key(arena, tags, out);
}

const char *dkim_key_parse(struct arena *arena, struct slice record, struct dkim_key *out)
{
	struct dkim_tags tags;
	*out = (struct dkim_key){ 0 };
	if (record.len > DKIM_RECORD_MAX || !dkim_tags_parse(record, &tags))
		return "the key record is no list of tags";
	const char *wrong = read_record(arena, &tags, out);
	if (wrong)
		dkim_key_end(out);
	return wrong;
}

void dkim_key_end(struct dkim_key *key)
{
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
}

const char *dkim_key_fits(const struct dkim_key *key, const struct dkim_signature *s,
                          bool tls_report)
{
	bool sha1 = s->algorithm == DKIM_RSA_SHA1;
	if (!key->for_mail && !tls_report)
		return not_for_mail;
	if (key->ed25519 != (s->algorithm == DKIM_ED25519_SHA256))
		return "the key is of another kind than the signature (k=)";
	if (sha1 ? !key->for_sha1 : !key->for_sha256)
		return "the key is not for this hash (h=)";
	if (key->exact && s->identity_below)
		return "the key is not for domains below (t=s)";
	return NULL;
}

static bool verify_rsa(EVP_PKEY_CTX *context, const struct dkim_signature *s)
{
	return EVP_PKEY_verify_init(context) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(
		       context, s->algorithm == DKIM_RSA_SHA1 ? EVP_sha1() : EVP_sha256()) == 1;
}

/* RFC 8463 section 3: PureEdDSA over the SHA-256 digest. */
static bool verify_ed25519(const struct dkim_key *key, const struct dkim_signature *s,
                           struct slice digest)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool right = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
	             EVP_DigestVerify(context, (const unsigned char *)s->bytes.data, s->bytes.len,
	                              (const unsigned char *)digest.data, digest.len) == 1;
	EVP_MD_CTX_free(context);
	return right;
}

bool dkim_key_verify(const struct dkim_key *key, const struct dkim_signature *s,
                     struct slice digest)
{
	ERR_clear_error();
	if (key->ed25519)
		return verify_ed25519(key, s, digest);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
	bool right = context && verify_rsa(context, s) &&
	             EVP_PKEY_verify(context, (const unsigned char *)s->bytes.data, s->bytes.len,
	                             (const unsigned char *)digest.data, digest.len) == 1;
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return right;
}
