#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <argon2.h>
#include <cmocka.h>
#include <crypt.h>
#include <stdio.h>

#include "auth/password_scheme.h"

static bool is_right(const char *stored, const char *password)
{
	return password_scheme_is_right(slice_from_str(stored), password);
}

/* What crypt(3) makes of a setting is what it was. */
static void check_crypt(const char *scheme, const char *setting)
{
	struct crypt_data *data = test_calloc(1, sizeof(*data)); /* 32 KiB */
	char stored[600];
	const char *made = crypt_rn("se:cret", setting, data, sizeof(*data));
	assert_non_null(made);
	assert_int_not_equal(made[0], '*');
	snprintf(stored, sizeof(stored), "%s%s", scheme, made);
	test_free(data);
	assert_true(password_scheme_is_known(slice_from_str(stored)));
	assert_true(is_right(stored, "se:cret"));
	assert_false(is_right(stored, "se:creT"));
	assert_false(is_right(stored, ""));
}

static void schemes_of_crypt(void **state)
{
	(void)state;
	check_crypt("", "$6$rounds=1000$saltsalt");
	check_crypt("{SHA512-CRYPT}", "$6$rounds=1000$saltsalt");
	check_crypt("{sha256-crypt}", "$5$rounds=1000$saltsalt");
	check_crypt("{CRYPT}", "$y$j75$saltsalt");
	check_crypt("{BLF-CRYPT}", "$2y$04$abcdefghijklmnopqrstuu");
	check_crypt("{MD5-CRYPT}", "$1$saltsalt");
	check_crypt("{DES-CRYPT}", "ab");
}

static void argon2(void **state)
{
	char hash[200], stored[300];
	(void)state;
	assert_int_equal(
		argon2id_hash_encoded(1, 64, 1, "secret", 6, "saltsalt", 8, 32, hash, sizeof(hash)),
		ARGON2_OK);
	snprintf(stored, sizeof(stored), "{ARGON2ID}%s", hash);
	assert_true(is_right(stored, "secret"));
	assert_true(is_right(hash, "secret"));
	assert_false(is_right(hash, "other"));
	assert_int_equal(
		argon2i_hash_encoded(1, 64, 1, "secret", 6, "saltsalt", 8, 32, hash, sizeof(hash)),
		ARGON2_OK);
	assert_true(is_right(hash, "secret"));
}

/* Made by `doveadm pw -s SCHEME -p secret`. */
static void digests_with_and_without_salt(void **state)
{
	static const char *const good[] = {
		"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
		"{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
		"{ssha}Cxi5XNrNYpQNyTxnIZfWpYffzI1aYSwI",
		"{SSHA256}2panAJrY37H3upKT+QrlXj4qsuu9zafPxDnNJ9kIjJfhrzSX",
		"{SSHA512}sYxwojKx/"
		"whKX8Yg1q1S5MdQcjvMR4zq3qiBhUyIrMnItIpMw3dSv+kUnHpxb3rvtb1izqjJWLVz+"
		"YzfsV8OdfCZyeg=",
		"{SMD5}xZ0fqbGLK5Kv9F9zpkGwGWtnA3k=",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(is_right(good[i], "secret"));
		assert_false(is_right(good[i], "Secret"));
		assert_false(is_right(good[i], ""));
	}
}

static void odd_ones(void **state)
{
	static const char *const never[] = { "",          "*",           "!",         "x",
		                             "*0",        "*1",          "{CRYPT}",   "{SSHA}abcd",
		                             "{CRYPT",    "$6$",         "$",         "$argon2id$",
		                             "{PLAIN}",   "{ARGON2ID}x", "{}",        "{SHA}",
		                             "{SSHA512}", "{SHA}====",   "{NTLM}abcd" };
	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_false(is_right(never[i], ""));
		assert_false(is_right(never[i], "x"));
		assert_false(is_right(never[i], "*0"));
	}
	assert_true(is_right("{PLAIN}pass word", "pass word"));
	assert_false(is_right("{PLAIN}pass word", "pass"));
	assert_true(is_right("{CLEARTEXT}word", "word"));
	assert_false(password_scheme_is_known(slice_from_str("{NTLM}abcd")));
	assert_false(password_scheme_is_known(slice_from_str("{CRYPT")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemes_of_crypt),
		cmocka_unit_test(argon2),
		cmocka_unit_test(digests_with_and_without_salt),
		cmocka_unit_test(odd_ones),
	};
	return cmocka_run_group_tests_name("password_scheme", tests, NULL, NULL);
}
