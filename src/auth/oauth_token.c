#include "auth/oauth_token.h"

#include <errno.h>
#include <stdatomic.h>

#include "auth/jwk.h"

enum { TOKEN_MAX_BYTES = 16 * 1024 };

struct key {
	EVP_PKEY *key;
	char *id;        /* NULL: it has none */
	char *algorithm; /* NULL: any that fits it */
};

struct oauth_keys {
	atomic_int references;
	size_t count;
	struct key keys[OAUTH_KEYS_MAX];
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

static void add_key(struct oauth_keys *keys, struct arena *arena, const json_t *given)
{
	const char *use = text_of(given, "use");
	if ((use && !same(use, "sig")) || keys->count == OAUTH_KEYS_MAX)
		return;
	EVP_PKEY *key = jwk_read(arena, given);
	if (!key)
		return;
	keys->keys[keys->count++] = (struct key){ .key = key,
		                                  .id = copy(text_of(given, "kid")),
		                                  .algorithm = copy(text_of(given, "alg")) };
}

int oauth_keys_read(struct slice json, struct oauth_keys **out)
{
	struct oauth_keys *keys;
	struct arena *arena;
	size_t index;
	json_t *given;
	if (json.len > OAUTH_KEYS_MAX_BYTES)
		return -EINVAL;
	json_t *set = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	keys = mem_zero(1, sizeof(*keys));
	atomic_store(&keys->references, 1);
	arena = arena_new();
	json_array_foreach(json_object_get(set, "keys"), index, given)
	{
		add_key(keys, arena, given);
	}
	arena_free(arena);
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
		EVP_PKEY_free(keys->keys[i].key);
		free(keys->keys[i].id);
		free(keys->keys[i].algorithm);
	}
	free(keys);
}

size_t oauth_keys_count(const struct oauth_keys *keys) { return keys->count; }

/* --- signatures --------------------------------------------------------------------------- */

/* header.claims.signature                                      RFC 7515 section 3.1 */
struct parts {
	struct slice header, claims, signature;
	struct slice is_signed; /* as it stands there: header.claims */
};

static bool read_parts(struct arena *a, struct slice token, struct parts *out)
{
	struct slice rest = token;
	if (token.len == 0 || token.len > TOKEN_MAX_BYTES)
		return false;
	struct slice header = slice_split(&rest, '.'), claims = slice_split(&rest, '.');
	out->is_signed = slice_sub(token, 0, header.len + 1 + claims.len);
	return rest.len > 0 && jwk_decode(a, header, &out->header) &&
	       jwk_decode(a, claims, &out->claims) && jwk_decode(a, rest, &out->signature) &&
	       out->header.len > 0 && out->claims.len > 0 && out->signature.len > 0;
}

static json_t *read_object(struct slice text)
{
	json_t *object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

/* By any of the keys that fit: a token need not say by which. */
static int verify_signature(const struct oauth_keys *keys, const json_t *header,
                            const struct parts *parts)
{
	const struct jwk_algorithm *algorithm = jwk_algorithm(text_of(header, "alg"));
	const char *id = text_of(header, "kid");
	int rc = -ENOKEY;
	/* What must be understood (RFC 7515 section 4.1.11) is not. */
	if (!algorithm || json_object_get(header, "crit"))
		return -EINVAL;
	for (size_t i = 0; i < keys->count; i++) {
		const struct key *key = &keys->keys[i];
		if ((id && !same(key->id, id)) || !jwk_fits(key->key, algorithm) ||
		    (key->algorithm && jwk_algorithm(key->algorithm) != algorithm))
			continue;
		if (jwk_verify(key->key, algorithm, parts->is_signed, parts->signature))
			return 0;
		rc = -EACCES;
	}
	return rc;
}

static int verify_parts(const struct oauth_keys *keys, const struct parts *parts, json_t **out)
{
	json_t *header = read_object(parts->header);
	int rc = header ? verify_signature(keys, header, parts) : -EINVAL;
	json_decref(header);
	if (rc < 0)
		return rc;
	json_t *claims = read_object(parts->claims);
	if (!claims)
		return -EINVAL;
	*out = claims;
	return 0;
}

int oauth_verify(const struct oauth_keys *keys, struct slice token, json_t **claims_out)
{
	struct arena *arena = arena_new();
	struct parts parts;
	int rc = read_parts(arena, token, &parts) ? verify_parts(keys, &parts, claims_out)
	                                          : -EINVAL;
	arena_free(arena);
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
