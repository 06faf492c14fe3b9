#include "store/store_testing.h"

#include "base/clock.h"
#include "guard/guard.h"

static struct guard *open_guard(const struct config *config, struct store *store)
{
	const struct guard_config parts = { .config = config, .store = store };
	struct guard *g = NULL;
	assert_int_equal(guard_open(&parts, &g), 0);
	return g;
}

static struct net_address address(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_from_str(text), 0, &a), 0);
	return a;
}

static void bans_hold_without_a_store(void **state)
{
	struct config *config = config_defaults(*state);
	struct guard *g = open_guard(config, NULL);
	struct net_address a = address("192.0.2.1");
	struct guard_ban ban = { .left_ms = GUARD_BAN_FOR_EVER, .by_hand = true, .reason = "me" };
	for (int i = 0; i < 5; i++)
		guard_note(g, &a, GUARD_EARLY_TALK);
	assert_true(guard_is_banned(g, &a));
	net_network_parse(SLICE("198.51.100.0/24"), &ban.network);
	assert_int_equal(guard_ban_add(g, &ban), 0);
	assert_int_equal(guard_ban_remove(g, &ban.network), 0);
	guard_close(g);
	config_free(config);
}

static void bans_and_rates_survive(void **state)
{
	struct store *store = testing_open(*state);
	struct config *config = config_defaults(*state);
	struct guard *g = open_guard(config, store);
	struct net_address a = address("192.0.2.1"), b = address("192.0.2.2");
	struct guard_ban ban = { .left_ms = GUARD_BAN_FOR_EVER, .by_hand = true, .reason = "me" };
	config->guard.max_questions = 2;
	for (int i = 0; i < 5; i++)
		guard_note(g, &a, GUARD_EARLY_TALK);
	assert_true(guard_is_banned(g, &a));
	assert_false(guard_is_banned(g, &b));
	net_network_parse(SLICE("198.51.100.0/24"), &ban.network);
	assert_int_equal(guard_ban_add(g, &ban), 0);
	assert_true(guard_may_ask(g, &b));
	assert_true(guard_may_ask(g, &b));
	assert_false(guard_may_ask(g, &b));
	assert_int_equal(guard_counts(g).bans, 1);
	assert_int_equal(guard_counts(g).offences[GUARD_HARVEST], 1);
	guard_close(g);

	g = open_guard(config, store);
	struct net_address c = address("198.51.100.9");
	assert_true(guard_is_banned(g, &a));
	assert_true(guard_is_banned(g, &c));
	assert_false(guard_may_ask(g, &b));
	assert_int_equal(guard_counts(g).banned, 2);
	assert_int_equal(guard_ban_remove(g, &ban.network), 0);
	guard_close(g);

	/* An hour later the ban by score is over; the clock that was set back prolongs none. */
	clock_shift_wall(2 * 3600 * 1000);
	g = open_guard(config, store);
	assert_false(guard_is_banned(g, &a));
	assert_false(guard_is_banned(g, &c));
	assert_true(guard_may_ask(g, &b));
	guard_close(g);
	clock_shift_wall(-2 * 3600 * 1000);
	config_free(config);
	store_close(store);
}

static void some_are_exempt(void **state)
{
	struct store *store = testing_open(*state);
	struct config *config = config_defaults(*state);
	struct guard *g = open_guard(config, store);
	struct net_address here = address("127.0.0.1"), here6 = address("::1");
	struct net_address local = address("unix:/x");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(guard_note(g, &here, GUARD_EARLY_TALK), 0);
		assert_int_equal(guard_note(g, &here6, GUARD_EARLY_TALK), 0);
		assert_int_equal(guard_note(g, &local, GUARD_EARLY_TALK), 0);
		assert_true(guard_may_ask(g, &here));
	}
	assert_false(guard_is_banned(g, &here));
	assert_null(guard_visit_begin(g, config, &here, "smtp", NULL));
	config->guard.exempt_loopback = false;
	for (int i = 0; i < 5; i++)
		guard_note(g, &here, GUARD_EARLY_TALK);
	assert_true(guard_is_banned(g, &here));
	assert_false(guard_is_banned(g, &local));
	guard_close(g);
	config_free(config);
	store_close(store);
}

/* Before the ban, each misstep costs more time than the one before. */
static void missteps_cost_time(void **state)
{
	struct store *store = testing_open(*state);
	struct config *config = config_defaults(*state);
	struct guard *g = open_guard(config, store);
	struct net_address a = address("2001:db8::1");
	int64_t last_ms = 0;
	assert_int_equal(guard_note(g, &a, GUARD_EARLY_TALK), 0);
	for (int i = 0; i < 3; i++) {
		int64_t ms = guard_note(g, &a, GUARD_EARLY_TALK);
		assert_true(ms > last_ms);
		last_ms = ms;
	}
	guard_close(g);
	config_free(config);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_hold_without_a_store),
		TEST(bans_and_rates_survive),
		TEST(some_are_exempt),
		TEST(missteps_cost_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
