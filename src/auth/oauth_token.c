#include "auth/oauth_token.h"

#include <cjose/cjose.h>
#include <errno.h>
#include <stdatomic.h>

enum { TOKEN_MAX_BYTES = 16 * 1024 };

struct key {
	cjose_jwk_t *jwk;
	char *id;        /* NULL: it has none */
	char *algorithm; /* NULL: any that fits it */
};

struct oauth_keys {
	atomic_int references;
	size_t count;
	struct key keys[OAUTH_KEYS_MAX];
};

/* curve: of those by an elliptic curve (RFC 7518 section 3.4). */
static const struct algorithm {
	const char *name;
	cjose_jwk_kty_t kind;
	cjose_jwk_ec_curve curve;
} algorithms[] = {
	{ "RS256", CJOSE_JWK_KTY_RSA, 0 },
	{ "RS384", CJOSE_JWK_KTY_RSA, 0 },
	{ "RS512", CJOSE_JWK_KTY_RSA, 0 },
	{ "PS256", CJOSE_JWK_KTY_RSA, 0 },
	{ "PS384", CJOSE_JWK_KTY_RSA, 0 },
	{ "PS512", CJOSE_JWK_KTY_RSA, 0 },
	{ "ES256", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_256 },
	{ "ES384", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_384 },
	{ "ES512", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_521 },
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool same(const char *a, const char *b)
{
	return a && b && slice_equal(slice_from_str(a), slice_from_str(b));
}

/* --- keys --------------------------------------------------------------------------------- */

static char *copy(const char *text) { return text ? mem_str(slice_from_str(text)) : NULL; }

static void add_key(struct oauth_keys *keys, json_t *given)
{
	cjose_err error;
	const char *use = text_of(given, "use");
	if ((use && !same(use, "sig")) || keys->count == OAUTH_KEYS_MAX)
		return;
	cjose_jwk_t *jwk = cjose_jwk_import_json((cjose_header_t *)given, &error);
	if (!jwk)
		return;
	if (cjose_jwk_get_kty(jwk, &error) == CJOSE_JWK_KTY_OCT) {
		cjose_jwk_release(jwk);
		return;
	}
	keys->keys[keys->count++] = (struct key){ .jwk = jwk,
		                                  .id = copy(text_of(given, "kid")),
		                                  .algorithm = copy(text_of(given, "alg")) };
}

int oauth_keys_read(struct slice json, struct oauth_keys **out)
{
	struct oauth_keys *keys;
	size_t index;
	json_t *given;
	if (json.len > OAUTH_KEYS_MAX_BYTES)
		return -EINVAL;
	json_t *set = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	keys = mem_zero(1, sizeof(*keys));
	atomic_store(&keys->references, 1);
	json_array_foreach(json_object_get(set, "keys"), index, given) add_key(keys, given);
	json_decref(set);
	if (keys->count == 0) {
		oauth_keys_release(keys);
		return -EINVAL;
	}
	*out = keys;
	return 0;
}

struct oauth_keys *oauth_keys_hold(struct oauth_keys *keys)
{
	atomic_fetch_add(&keys->references, 1);
	return keys;
}

void oauth_keys_release(struct oauth_keys *keys)
{
	if (!keys || atomic_fetch_sub(&keys->references, 1) > 1)
		return;
	for (size_t i = 0; i < keys->count; i++) {
		cjose_jwk_release(keys->keys[i].jwk);
		free(keys->keys[i].id);
		free(keys->keys[i].algorithm);
	}
	free(keys);
}

size_t oauth_keys_count(const struct oauth_keys *keys) { return keys->count; }

/* --- signatures --------------------------------------------------------------------------- */

static const struct algorithm *find_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (same(name, algorithms[i].name))
			return &algorithms[i];
	}
	return NULL;
}

static bool fits(const struct key *key, const struct algorithm *algorithm, const char *id)
{
	cjose_err error;
	if (id && !same(key->id, id))
		return false;
	if (key->algorithm && !same(key->algorithm, algorithm->name))
		return false;
	return cjose_jwk_get_kty(key->jwk, &error) == algorithm->kind &&
	       (algorithm->kind != CJOSE_JWK_KTY_EC ||
	        cjose_jwk_EC_get_curve(key->jwk, &error) == algorithm->curve);
}

/* By any of the keys that fit: a token need not say by which. */
static int verify_signature(const struct oauth_keys *keys, cjose_jws_t *jws)
{
	const json_t *header = (const json_t *)cjose_jws_get_protected(jws);
	const struct algorithm *algorithm = find_algorithm(text_of(header, "alg"));
	const char *id = text_of(header, "kid");
	int rc = -ENOKEY;
	cjose_err error;
	/* What must be understood (RFC 7515 section 4.1.11) is not. */
	if (!algorithm || json_object_get(header, "crit"))
		return -EINVAL;
	for (size_t i = 0; i < keys->count; i++) {
		if (!fits(&keys->keys[i], algorithm, id))
			continue;
		if (cjose_jws_verify(jws, keys->keys[i].jwk, &error))
			return 0;
		rc = -EACCES;
	}
	return rc;
}

static bool is_compact(char c) { return byte_is_alnum(c) || c == '-' || c == '_' || c == '.'; }

/* Three parts of base64url, none of them empty. */
static bool looks_like_jwt(struct slice token)
{
	size_t parts = 0;
	if (token.len == 0 || token.len > TOKEN_MAX_BYTES)
		return false;
	for (size_t i = 0; i < token.len; i++) {
		if (!is_compact(token.data[i]))
			return false;
	}
	while (token.len > 0 && parts <= 3) {
		if (slice_split(&token, '.').len == 0)
			return false;
		parts++;
	}
	return parts == 3;
}

static int read_claims(cjose_jws_t *jws, json_t **out)
{
	cjose_err error;
	uint8_t *text;
	size_t len;
	if (!cjose_jws_get_plaintext(jws, &text, &len, &error))
		return -EINVAL;
	json_t *claims = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(claims)) {
		json_decref(claims);
		return -EINVAL;
	}
	*out = claims;
	return 0;
}

int oauth_verify(const struct oauth_keys *keys, struct slice token, json_t **claims_out)
{
	cjose_err error;
	if (!looks_like_jwt(token))
		return -EINVAL;
	cjose_jws_t *jws = cjose_jws_import(token.data, token.len, &error);
	if (!jws)
		return -EINVAL;
	int rc = verify_signature(keys, jws);
	if (rc == 0)
		rc = read_claims(jws, claims_out);
	cjose_jws_release(jws);
	return rc;
}

/* --- claims ------------------------------------------------------------------------------- */

/* A text, or a list of texts that has it. */
static bool names(const json_t *claim, const char *wanted)
{
	size_t index;
	json_t *item;
	if (json_is_string(claim))
		return same(json_string_value(claim), wanted);
	json_array_foreach((json_t *)(uintptr_t)claim, index, item)
	{
		if (same(json_string_value(item), wanted))
			return true;
	}
	return false;
}

static bool has_word(const json_t *claim, struct slice word)
{
	struct slice rest = slice_from_str(json_string_value(claim));
	while (rest.len > 0) {
		if (slice_equal(slice_split(&rest, ' '), word))
			return true;
	}
	return false;
}

/* Each word of the rule: in "scope" (RFC 8693 section 4.2), or in "scp", as others call it, which
 * may be a list. */
static bool has_scopes(const json_t *claims, const char *wanted)
{
	struct slice rest = slice_from_str(wanted);
	const json_t *scope = json_object_get(claims, "scope"),
		     *scp = json_object_get(claims, "scp");
	while (rest.len > 0) {
		char word[256];
		struct slice next = slice_split(&rest, ' ');
		if (next.len == 0)
			continue;
		snprintf(word, sizeof(word), "%.*s", SLICE_ARG(next));
		if (!has_word(scope, next) && !has_word(scp, next) && !names(scp, word) &&
		    !names(scope, word))
			return false;
	}
	return true;
}

/* Seconds since 1970, perhaps with a fraction. False: it is there, and no time. */
static bool read_time(const json_t *claims, const char *key, int64_t otherwise, int64_t *out)
{
	const json_t *claim = json_object_get(claims, key);
	double number = json_number_value(claim);
	*out = otherwise;
	if (!claim)
		return true;
	if (!json_is_number(claim) || number < 0 || number > 1e15)
		return false;
	*out = (int64_t)number;
	return true;
}

static const char *check_times(const struct oauth_rules *rules, const json_t *claims, int64_t now)
{
	int64_t until, from;
	if (!read_time(claims, "exp", INT64_MAX / 2, &until) || !read_time(claims, "nbf", 0, &from))
		return "a time that is none";
	if (rules->must_expire && !json_object_get(claims, "exp"))
		return "it never expires";
	if (now >= until + rules->leeway_s)
		return "it has expired";
	return now + rules->leeway_s < from ? "it is not good yet" : NULL;
}

static const char *check_parties(const struct oauth_rules *rules, const json_t *claims)
{
	const json_t *issuer = json_object_get(claims, "iss");
	if (rules->issuer && (issuer || rules->must_name_issuer) &&
	    !same(json_string_value(issuer), rules->issuer))
		return "it is another's: iss";
	if (rules->audience && !names(json_object_get(claims, "aud"), rules->audience))
		return "it is for others: aud";
	return NULL;
}

static const char *check_name(const struct oauth_rules *rules, const json_t *claims,
                              const char **name_out)
{
	const char *name = text_of(claims, rules->account_claim);
	if (!name || !*name)
		return "nobody is named in it";
	*name_out = name;
	/* An address that somebody has merely typed (OpenID Connect Core section 5.1); some write
	 * the truth as a text. */
	const json_t *verified = json_object_get(claims, "email_verified");
	if (same(rules->account_claim, "email") &&
	    (json_is_false(verified) || same(json_string_value(verified), "false")))
		return "the address in it is not verified";
	return NULL;
}

const char *oauth_check_claims(const struct oauth_rules *rules, const json_t *claims, int64_t now_s,
                               const char **name_out, const char **why_out)
{
	const char *why = check_times(rules, claims, now_s);
	*name_out = "";
	if (!why)
		why = check_parties(rules, claims);
	if (!why)
		why = check_name(rules, claims, name_out);
	*why_out = why;
	if (why)
		return "invalid_token";
	if (!rules->scope || has_scopes(claims, rules->scope))
		return NULL;
	*why_out = "it lacks a scope";
	return "insufficient_scope";
}
