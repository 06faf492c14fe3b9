#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth_toll.h"

static struct net_address address(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_from_str(text), 1, &a), 0);
	return a;
}

static int setup(void **state)
{
	*state = auth_toll_new();
	return 0;
}

static int teardown(void **state)
{
	auth_toll_free(*state);
	return 0;
}

static void score_up(struct auth_toll *t, const char *from, const char *name, int times)
{
	struct net_address a = address(from);
	for (int i = 0; i < times; i++)
		auth_toll_fail(t, &a, slice_from_str(name), 0, 0);
}

static int64_t toll(struct auth_toll *t, const char *from, const char *name, int64_t now_ms)
{
	struct net_address a = address(from);
	return auth_toll_of(t, &a, slice_from_str(name), now_ms);
}

static void forgive(struct auth_toll *t, const char *from, const char *name)
{
	struct net_address a = address(from);
	auth_toll_forgive(t, &a, slice_from_str(name), 0);
}

static void grows_and_fades(void **state)
{
	static const int64_t expected[] = { 0, 1000, 2000, 4000, 8000, 16000, 20000, 20000 };
	struct auth_toll *t = *state;
	score_up(t, "192.0.2.1", "alice", AUTH_TOLL_FREE);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(toll(t, "192.0.2.1", "alice", 0), expected[i]);
		score_up(t, "192.0.2.1", "alice", 1);
	}
	/* Thirteen; six and a half; a little more than three. */
	assert_int_equal(toll(t, "192.0.2.1", "bob", AUTH_TOLL_HALF_MS), 1000);
	assert_int_equal(toll(t, "192.0.2.1", "bob", 2 * AUTH_TOLL_HALF_MS), 0);
	assert_int_equal(toll(t, "192.0.2.1", "bob", INT64_MAX / 2), 0);
	auth_toll_set(t, 0, AUTH_TOLL_HALF_MS);
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 0);
}

/* The attack comes from many places, the owner from his own. */
static void others_wait_little(void **state)
{
	struct auth_toll *t = *state;
	for (int i = 0; i < 50; i++) {
		char from[32];
		snprintf(from, sizeof(from), "198.51.100.%d", i);
		score_up(t, from, "Alice@example.test", 1);
	}
	assert_int_equal(toll(t, "198.51.100.7", "alice@example.test", 0), AUTH_TOLL_MAX_MS);
	assert_int_equal(toll(t, "192.0.2.1", "alice@example.test", 0), AUTH_TOLL_LITTLE_MS);
	assert_int_equal(toll(t, "192.0.2.1", "bob@example.test", 0), 0);
	/* One that is nobody's is as dear. */
	for (int i = 0; i < 50; i++) {
		char from[32];
		snprintf(from, sizeof(from), "203.0.113.%d", i);
		score_up(t, from, "nobody@example.test", 1);
	}
	assert_int_equal(toll(t, "192.0.2.1", "nobody@example.test", 0), AUTH_TOLL_LITTLE_MS);
}

static void networks(void **state)
{
	struct auth_toll *t = *state;
	score_up(t, "2001:db8:1:2::1", "a", 10);
	assert_int_equal(toll(t, "2001:db8:1:2::ffff", "b", 0), 16000);
	assert_int_equal(toll(t, "2001:db8:1:3::1", "b", 0), 0);
	/* A loopback address is not one client. */
	score_up(t, "127.0.0.1", "c", 10);
	assert_int_equal(toll(t, "127.0.0.1", "c", 0), 16000);
	assert_int_equal(toll(t, "127.0.0.1", "d", 0), 0);
	assert_int_equal(toll(t, "192.0.2.1", "c", 0), AUTH_TOLL_LITTLE_MS);
}

static void forgives_ones_own(void **state)
{
	struct auth_toll *t = *state;
	score_up(t, "192.0.2.1", "alice", 10);
	forgive(t, "192.0.2.1", "alice");
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 0);
	/* Whoever has an account does not get guesses at others back. */
	score_up(t, "192.0.2.1", "bob", 10);
	forgive(t, "192.0.2.1", "alice");
	assert_int_equal(toll(t, "192.0.2.1", "carol", 0), 16000);
	forgive(t, "192.0.2.2", "bob");
	assert_int_equal(toll(t, "192.0.2.1", "carol", 0), 16000);
}

static void fail_with(struct auth_toll *t, const char *from, const char *name, uint64_t guess)
{
	struct net_address a = address(from);
	auth_toll_fail(t, &a, slice_from_str(name), guess, 0);
}

/* A telephone that was not told of the new password. */
static void repeats_are_no_guesses(void **state)
{
	struct auth_toll *t = *state;
	for (int i = 0; i < 100; i++)
		fail_with(t, "192.0.2.1", "alice", 77);
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 0);
	for (uint64_t i = 1; i < 10; i++)
		fail_with(t, "192.0.2.1", "alice", i);
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 16000);
	/* Nor is it the same one of somebody else, or from elsewhere. */
	fail_with(t, "192.0.2.1", "bob", 9);
	assert_int_equal(toll(t, "192.0.2.1", "carol", 0), AUTH_TOLL_MAX_MS);
}

/* Others behind the same address fail; whoever got in from there lately does not pay for them. */
static void known_ones_are_apart(void **state)
{
	struct auth_toll *t = *state;
	forgive(t, "192.0.2.1", "alice");
	score_up(t, "192.0.2.1", "bob", 10);
	assert_int_equal(toll(t, "192.0.2.1", "bob", 0), 16000);
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 0);
	assert_int_equal(toll(t, "192.0.2.1", "carol", 0), 16000);
	/* But for guesses at him. */
	score_up(t, "192.0.2.1", "alice", 10);
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 16000);
}

/* Names without end push out each other, not what has failed often. */
static void full_tables(void **state)
{
	struct auth_toll *t = *state;
	score_up(t, "192.0.2.1", "alice", 10);
	for (int i = 0; i < 50000; i++) {
		char from[32], name[32];
		snprintf(from, sizeof(from), "10.%d.%d.1", i >> 8, i & 255);
		snprintf(name, sizeof(name), "name%d", i);
		score_up(t, from, name, 1);
	}
	assert_int_equal(toll(t, "192.0.2.1", "alice", 0), 16000);
	assert_int_equal(toll(t, "192.0.2.9", "alice", 0), AUTH_TOLL_LITTLE_MS);
}

static void places(void **state)
{
	struct auth_toll *t = *state;
	struct net_address a = address("192.0.2.1"), b = address("192.0.2.2");
	for (int i = 0; i < AUTH_TOLL_CLIENT_WAITERS; i++)
		assert_true(auth_toll_enter(t, &a));
	assert_false(auth_toll_enter(t, &a));
	assert_false(auth_toll_has_room(t, &a));
	assert_true(auth_toll_enter(t, &b));
	assert_true(auth_toll_enter(t, NULL));
	assert_int_equal(auth_toll_waiting(t), AUTH_TOLL_CLIENT_WAITERS + 2);
	auth_toll_leave(t, &a);
	assert_true(auth_toll_has_room(t, &a));
	auth_toll_leave(t, &b);
	auth_toll_leave(t, NULL);
	for (int i = 1; i < AUTH_TOLL_CLIENT_WAITERS; i++)
		auth_toll_leave(t, &a);
	assert_int_equal(auth_toll_waiting(t), 0);
	for (int i = 0; i < AUTH_TOLL_WAITERS; i++) {
		char text[32];
		snprintf(text, sizeof(text), "10.0.%d.%d", i >> 8, i & 255);
		struct net_address c = address(text);
		assert_true(auth_toll_enter(t, &c));
	}
	assert_false(auth_toll_enter(t, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(grows_and_fades, setup, teardown),
		cmocka_unit_test_setup_teardown(others_wait_little, setup, teardown),
		cmocka_unit_test_setup_teardown(networks, setup, teardown),
		cmocka_unit_test_setup_teardown(forgives_ones_own, setup, teardown),
		cmocka_unit_test_setup_teardown(repeats_are_no_guesses, setup, teardown),
		cmocka_unit_test_setup_teardown(known_ones_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(full_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(places, setup, teardown),
	};
	return cmocka_run_group_tests_name("auth_toll", tests, NULL, NULL);
}
