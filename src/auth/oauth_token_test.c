/* Signatures of the RFCs' own examples, and what claims must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "auth/oauth_token.h"

/* RFC 7515 appendix A.3 and RFC 8037 appendix A. */
static const char jwks[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\","
			   "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
			   "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
			   "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
			   "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}]}";
#define EC_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define EC_CLAIMS                                                                                  \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"
#define EC_SIGNATURE                                                                               \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define ED_TOKEN                                                                                   \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."                                \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static int verify(const char *token, json_t **claims_out)
{
	struct oauth_keys *keys;
	assert_int_equal(oauth_keys_read(slice_from_str(jwks), &keys), 0);
	assert_int_equal(oauth_keys_count(keys), 2);
	int rc = oauth_verify(keys, slice_from_str(token), claims_out);
	oauth_keys_release(keys);
	return rc;
}

static void signatures(void **state)
{
	json_t *claims = NULL;
	(void)state;
	assert_int_equal(verify(EC_HEADER "." EC_CLAIMS "." EC_SIGNATURE, &claims), 0);
	assert_string_equal(json_string_value(json_object_get(claims, "iss")), "joe");
	json_decref(claims);
	/* The signature is good, but what it is of are no claims. */
	assert_int_equal(verify(ED_TOKEN, &claims), -EINVAL);
	assert_int_equal(verify(EC_HEADER "." EC_CLAIMS ".EEE" EC_SIGNATURE, &claims), -EINVAL);
	assert_int_equal(verify(EC_HEADER "." EC_CLAIMS "." EC_SIGNATURE "AA", &claims), -EACCES);
	assert_int_equal(verify(EC_HEADER ".e30." EC_SIGNATURE, &claims), -EACCES);
	assert_int_equal(verify(EC_HEADER "." EC_CLAIMS ".AA", &claims), -EACCES);
	/* {"alg":"ES256","kid":"x"}, {"alg":"RS256"}, {"alg":"none"}, {"alg":"HS256"} */
	assert_int_equal(
		verify("eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ." EC_CLAIMS "." EC_SIGNATURE, &claims),
		-ENOKEY);
	assert_int_equal(verify("eyJhbGciOiJSUzI1NiJ9." EC_CLAIMS "." EC_SIGNATURE, &claims),
	                 -ENOKEY);
	assert_int_equal(verify("eyJhbGciOiJub25lIn0." EC_CLAIMS "." EC_SIGNATURE, &claims),
	                 -EINVAL);
	assert_int_equal(verify("eyJhbGciOiJIUzI1NiJ9." EC_CLAIMS "." EC_SIGNATURE, &claims),
	                 -EINVAL);
	static const char *const bad[] = { "",
		                           ".",
		                           "..",
		                           "...",
		                           "a.b.c",
		                           EC_HEADER "." EC_CLAIMS,
		                           EC_HEADER "." EC_CLAIMS ".",
		                           EC_HEADER ".." EC_SIGNATURE,
		                           "." EC_CLAIMS "." EC_SIGNATURE,
		                           EC_HEADER "." EC_CLAIMS "." EC_SIGNATURE "." };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(verify(bad[i], &claims), -EINVAL);
}

static const char off_curve[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
				"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}";
static const char other_use[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\","
				"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static void sets_of_keys(void **state)
{
	struct oauth_keys *keys;
	(void)state;
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"keys\":[]}",
		"{\"keys\":[1,{}]}",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
		off_curve,
		"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
		other_use,
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(oauth_keys_read(slice_from_str(bad[i]), &keys), -EINVAL);
}

static void claims(void **state)
{
	static const struct oauth_rules rules = { .issuer = "a",
		                                  .audience = "b",
		                                  .account_claim = "email",
		                                  .leeway_s = 10,
		                                  .must_expire = true,
		                                  .must_name_issuer = true };
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":995,\"nbf\":1005,\"email\":\"x\"}", true },
		{ "{\"iss\":\"a\",\"aud\":[\"c\",\"b\"],\"exp\":1e9,\"email\":\"x\"}", true },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":990,\"email\":\"x\"}", false },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":2000,\"nbf\":1011,\"email\":\"x\"}",
		  false },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":1e300,\"email\":\"x\"}", false },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":-1,\"email\":\"x\"}", false },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"email\":\"x\"}", false },
		{ "{\"iss\":\"A\",\"aud\":\"b\",\"exp\":2000,\"email\":\"x\"}", false },
		{ "{\"iss\":\"a\",\"aud\":\"bb\",\"exp\":2000,\"email\":\"x\"}", false },
		{ "{\"iss\":\"a\",\"aud\":\"b\",\"exp\":2000,\"email\":7}", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name, *why;
		json_t *object = json_loads(cases[i].text, 0, NULL);
		assert_non_null(object);
		const char *status = oauth_check_claims(&rules, object, 1000, &name, &why);
		assert_int_equal(status == NULL, cases[i].good);
		assert_int_equal(why == NULL, cases[i].good);
		assert_string_equal(name, cases[i].good ? "x" : "");
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(signatures),
		                            cmocka_unit_test(sets_of_keys),
		                            cmocka_unit_test(claims) };
	return cmocka_run_group_tests_name("oauth_token", tests, NULL, NULL);
}
