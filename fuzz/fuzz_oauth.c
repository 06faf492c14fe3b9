/* What a client says in OAUTHBEARER and XOAUTH2, and the token that it shows. Nothing may be taken
 * for signed. */
#include "fuzz.h"

#include "auth/oauth_message.h"
#include "auth/oauth_token.h"

static const char jwks[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\","
			   "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_token(struct slice token)
{
	static struct oauth_keys *keys; /* made once: that takes long */
	json_t *claims;
	FUZZ_CHECK(keys || oauth_keys_read(slice_from_str(jwks), &keys) == 0);
	FUZZ_CHECK(oauth_verify(keys, token, &claims) < 0);
}

static void check_claims(struct slice text)
{
	static const struct oauth_rules rules = { .issuer = "https://id.example.test",
		                                  .audience = "mail",
		                                  .scope = "mail imap",
		                                  .account_claim = "email",
		                                  .must_expire = true,
		                                  .must_name_issuer = true };
	const char *name, *why;
	json_t *claims = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	const char *status = oauth_check_claims(&rules, claims, 1700000000, &name, &why);
	FUZZ_CHECK(name && !status == !why && (status || name[0]));
	json_decref(claims);
}

static void check_keys(struct slice text)
{
	struct oauth_keys *keys;
	if (oauth_keys_read(text, &keys) < 0)
		return;
	FUZZ_CHECK(oauth_keys_count(keys) > 0 && oauth_keys_count(keys) <= OAUTH_KEYS_MAX);
	oauth_keys_release(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct oauth_message m;
	if (oauth_parse_bearer(arena, input, &m)) {
		FUZZ_CHECK(slice_find_byte(m.identity, '\1') < 0);
		check_token(m.token);
	}
	if (oauth_parse_xoauth2(input, &m))
		check_token(m.token);
	check_token(input);
	check_claims(input);
	check_keys(input);
	arena_free(arena);
	return 0;
}
