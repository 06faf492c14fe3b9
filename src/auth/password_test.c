#include "base/base_testing.h"

#include <errno.h>

#include "auth/password.h"
#include "base/clock.h"

static const char *make(struct arena *a, struct slice password)
{
	struct directory_verifier v[PASSWORD_VERIFIERS];
	assert_int_equal(password_make(a, password, v), 0);
	assert_string_equal(v[0].kind, "argon2id");
	assert_string_equal(v[1].kind, "scram-sha-256");
	assert_string_equal(v[2].kind, "scram-sha-1");
	return v[0].value;
}

static void right_and_wrong(void **state)
{
	const char *verifier = make(*state, SLICE("correct horse"));
	assert_int_equal(strncmp(verifier, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
	assert_true(password_is_right(verifier, SLICE("correct horse")));
	assert_false(password_is_right(verifier, SLICE("Correct horse")));
	assert_false(password_is_right(verifier, SLICE("correct horse ")));
	assert_false(password_is_right(verifier, SLICE("")));
	assert_false(password_is_right("nonsense", SLICE("correct horse")));
}

static void salts_differ(void **state)
{
	assert_string_not_equal(make(*state, SLICE("pw")), make(*state, SLICE("pw")));
}

static void impossible_passwords(void **state)
{
	struct directory_verifier v[PASSWORD_VERIFIERS];
	char longest[PASSWORD_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(password_make(*state, SLICE(""), v), -EINVAL);
	assert_int_equal(password_make(*state, slice_of("a\0b", 3), v), -EINVAL);
	assert_int_equal(password_make(*state, slice_of(longest, PASSWORD_MAX + 1), v), -EINVAL);
	assert_int_equal(password_make(*state, slice_of(longest, PASSWORD_MAX), v), 0);
	const char *verifier = make(*state, SLICE("a"));
	assert_false(password_is_right(verifier, slice_of("a\0b", 3)));
	assert_false(password_is_right(verifier, slice_of(longest, PASSWORD_MAX + 1)));
}

/* e with an accent as one character, and as a letter and a combining one. */
static void spellings_are_one(void **state)
{
	const char *verifier = make(*state, SLICE("caf\xc3\xa9"));
	assert_true(password_is_right(verifier, SLICE("cafe\xcc\x81")));
	assert_false(password_is_right(verifier, SLICE("cafe")));
	/* What is no UTF-8 is taken as it is. */
	verifier = make(*state, SLICE("caf\xe9"));
	assert_true(password_is_right(verifier, SLICE("caf\xe9")));
}

static void scram_has_its_parts(void **state)
{
	struct directory_verifier v[PASSWORD_VERIFIERS];
	assert_int_equal(password_make(*state, SLICE("pw"), v), 0);
	struct slice rest = slice_from_str(v[1].value);
	assert_true(slice_equal(slice_split(&rest, '$'), SLICE("SCRAM-SHA-256")));
	assert_true(slice_equal(slice_split(&rest, ':'), SLICE("65536")));
	assert_int_equal(slice_split(&rest, '$').len, 24);
	assert_int_equal(slice_split(&rest, ':').len, 44);
	assert_int_equal(rest.len, 44);
	rest = slice_from_str(v[2].value);
	assert_true(slice_equal(slice_split(&rest, '$'), SLICE("SCRAM-SHA-1")));
	assert_true(slice_equal(slice_split(&rest, ':'), SLICE("65536")));
	assert_int_equal(slice_split(&rest, '$').len, 24);
	assert_int_equal(slice_split(&rest, ':').len, 28);
	assert_int_equal(rest.len, 28);
}

/* An unknown name takes about as long as a wrong password: within a factor of three, which an
 * answer that skips the work misses by far. */
static void nobody_takes_as_long(void **state)
{
	const char *verifier = make(*state, SLICE("pw"));
	int64_t start = clock_monotonic_ns();
	assert_false(password_is_right(verifier, SLICE("wrong")));
	int64_t wrong = clock_monotonic_ns() - start;
	start = clock_monotonic_ns();
	assert_false(password_is_right(NULL, SLICE("wrong")));
	int64_t nobody = clock_monotonic_ns() - start;
	assert_true(nobody * 3 > wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(right_and_wrong),      ARENA_TEST(salts_differ),
		ARENA_TEST(impossible_passwords), ARENA_TEST(spellings_are_one),
		ARENA_TEST(scram_has_its_parts),  ARENA_TEST(nobody_takes_as_long),
	};
	return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
