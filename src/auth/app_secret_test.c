#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/app_secret.h"

static void forms(void **state)
{
	static const struct slice same[] = {
		SLICE("k7mq-2xaw-bbbb-cccc-dddd"),
		SLICE("K7MQ 2XAW BBBB CCCC DDDD"),
		SLICE("k7mq2xawbbbbccccdddd"),
		SLICE("  k7mq2xawbbbbccccdddd-"),
	};
	static const struct slice none[] = {
		SLICE(""),
		SLICE("k7mq-2xaw-bbbb-cccc-ddd"),
		SLICE("k7mq-2xaw-bbbb-cccc-dddde"),
		SLICE("k7mq-2xaw-bbbb-cccc-ddd0"),
		SLICE("k7mq-2xaw-bbbb-cccc-ddd\xc3\xa9"),
		{ "k7mq2xawbbbbccccddd\0", 20 },
	};
	char first[APP_DIGEST_TEXT], other[APP_DIGEST_TEXT];
	(void)state;
	assert_true(app_secret_digest(same[0], first));
	for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(app_secret_digest(same[i], other));
		assert_string_equal(first, other);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(app_secret_digest(none[i], other));
	assert_true(app_secret_digest(SLICE("k7mq-2xaw-bbbb-cccc-ddde"), other));
	assert_string_not_equal(first, other);
}

static void random_ones(void **state)
{
	char a[APP_SECRET_TEXT], b[APP_SECRET_TEXT], digest[APP_DIGEST_TEXT];
	(void)state;
	app_secret_make(a);
	app_secret_make(b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), APP_SECRET_TEXT - 1);
	assert_int_equal(a[4], '-');
	assert_true(app_secret_digest(slice_from_str(a), digest));
	assert_int_equal(strlen(digest), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(random_ones),
	};
	return cmocka_run_group_tests_name("app_secret", tests, NULL, NULL);
}
