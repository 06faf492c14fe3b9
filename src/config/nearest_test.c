#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "config/nearest.h"

static const char *choose(const char *word, const char *const *names)
{
	const char *name = NULL;
	struct nearest best = nearest_begin(slice_from_str(word));
	for (; *names; names++) {
		if (nearest_offer(&best, *names))
			name = *names;
	}
	return name;
}

static const char *const names[] = { "max-message", "max-recipients", "hostname", "user", NULL };

static void takes_the_nearest(void **state)
{
	(void)state;
	assert_string_equal(choose("max-mesage", names), "max-message");
	assert_string_equal(choose("max-messages", names), "max-message");
	assert_string_equal(choose("max_recipients", names), "max-recipients");
	assert_string_equal(choose("hsotname", names), "hostname");
	assert_string_equal(choose("HOSTNAME", names), "hostname");
	assert_string_equal(choose("users", names), "user");
}

static void takes_none_that_is_far(void **state)
{
	(void)state;
	assert_null(choose("colour", names));
	assert_null(choose("u", names));
	assert_null(choose("", names));
}

static void long_words_are_left_alone(void **state)
{
	(void)state;
	char word[200];
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(choose(word, names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_nearest),
		cmocka_unit_test(takes_none_that_is_far),
		cmocka_unit_test(long_words_are_left_alone),
	};
	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
