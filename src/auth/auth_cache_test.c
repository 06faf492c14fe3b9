#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/auth_cache.h"

static int setup(void **state)
{
	*state = auth_cache_new();
	return 0;
}

static int teardown(void **state)
{
	auth_cache_free(*state);
	return 0;
}

static void remembers_for_a_while(void **state)
{
	struct auth_cache *c = *state;
	assert_false(auth_cache_has(c, "verifier", SLICE("pw"), 100));
	auth_cache_add(c, "verifier", SLICE("pw"), 200);
	assert_true(auth_cache_has(c, "verifier", SLICE("pw"), 199));
	assert_false(auth_cache_has(c, "verifier", SLICE("pw"), 200));
}

static void only_the_same_is_known(void **state)
{
	struct auth_cache *c = *state;
	auth_cache_add(c, "verifier", SLICE("pw"), 200);
	assert_false(auth_cache_has(c, "verifier", SLICE("pW"), 100));
	assert_false(auth_cache_has(c, "verifier", SLICE(""), 100));
	assert_false(auth_cache_has(c, "another", SLICE("pw"), 100));
	assert_false(auth_cache_has(c, "verifierp", SLICE("w"), 100));
	assert_false(auth_cache_has(c, "verifier", slice_of("pw\0", 3), 100));
}

/* A full table forgets, and never takes one for another. */
static void many_are_kept_apart(void **state)
{
	struct auth_cache *c = *state;
	char password[32];
	size_t known = 0;
	for (int i = 0; i < 2 * AUTH_CACHE_SLOTS; i++) {
		snprintf(password, sizeof(password), "%d", i);
		auth_cache_add(c, "v", slice_from_str(password), 200);
	}
	for (int i = 0; i < 4 * AUTH_CACHE_SLOTS; i++) {
		snprintf(password, sizeof(password), "%d", i);
		bool found = auth_cache_has(c, "v", slice_from_str(password), 100);
		assert_false(found && i >= 2 * AUTH_CACHE_SLOTS);
		known += found;
	}
	assert_in_range(known, AUTH_CACHE_SLOTS / 2, AUTH_CACHE_SLOTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(remembers_for_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_same_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(many_are_kept_apart, setup, teardown),
	};
	return cmocka_run_group_tests_name("auth_cache", tests, NULL, NULL);
}
