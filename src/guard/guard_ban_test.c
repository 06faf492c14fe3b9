#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "guard/guard_ban.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static const struct guard_bans_config config = {
	.score_limit = 100,
	.half_life_ms = 10 * MINUTE,
	.ban_ms = HOUR,
	.ban_max_ms = 3 * HOUR,
	.bits_v4 = 32,
	.bits_v6 = 64,
	.max = 50,
};

static struct net_address address(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_from_str(text), 0, &a), 0);
	return a;
}

static bool note(struct guard_bans *b, const char *who, unsigned points, int64_t now_ms,
                 struct guard_ban *out)
{
	struct net_address a = address(who);
	double score;
	return guard_bans_note(b, &a, points, "test", now_ms, &score, out);
}

static bool has(struct guard_bans *b, const char *who, int64_t now_ms)
{
	struct net_address a = address(who);
	return guard_bans_has(b, &a, now_ms);
}

static void scores_decay_and_ban(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	(void)state;
	assert_false(note(b, "192.0.2.1", 60, 0, &ban));
	/* Half of it is forgotten: 30 + 60. */
	assert_false(note(b, "192.0.2.1", 60, 10 * MINUTE, &ban));
	assert_false(has(b, "192.0.2.1", 10 * MINUTE));
	assert_true(note(b, "192.0.2.1", 60, 11 * MINUTE, &ban));
	assert_int_equal(ban.left_ms, HOUR);
	assert_int_equal(ban.count, 1);
	assert_string_equal(ban.reason, "test");
	assert_true(has(b, "192.0.2.1", 70 * MINUTE));
	assert_false(has(b, "192.0.2.2", 70 * MINUTE));
	assert_false(has(b, "192.0.2.1", 72 * MINUTE));
	guard_bans_free(b);
}

/* Who does well meanwhile is forgiven, down to nothing. */
static void credit(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct net_address a = address("192.0.2.1");
	struct guard_ban ban;
	(void)state;
	guard_bans_credit(b, &a, 50, 0);
	assert_false(note(b, "192.0.2.1", 99, 0, &ban));
	guard_bans_credit(b, &a, 50, 0);
	assert_false(note(b, "192.0.2.1", 50, 0, &ban));
	assert_int_equal(guard_bans_tracked(b), 1);
	guard_bans_credit(b, &a, 100, 0);
	assert_int_equal(guard_bans_tracked(b), 0);
	assert_false(note(b, "192.0.2.1", 99, 0, &ban));
	assert_true(note(b, "192.0.2.1", 1, 0, &ban));
	guard_bans_free(b);
}

static void bans_grow(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	(void)state;
	assert_true(note(b, "192.0.2.1", 100, 0, &ban));
	assert_true(note(b, "192.0.2.1", 100, 2 * HOUR, &ban));
	assert_int_equal(ban.left_ms, 2 * HOUR);
	assert_true(note(b, "192.0.2.1", 100, 5 * HOUR, &ban));
	assert_int_equal(ban.left_ms, 3 * HOUR);
	/* A day without one, and all begins anew. */
	guard_bans_expire(b, 40 * (int64_t)HOUR);
	assert_true(note(b, "192.0.2.1", 100, 40 * (int64_t)HOUR, &ban));
	assert_int_equal(ban.left_ms, HOUR);
	guard_bans_free(b);
}

static void networks_are_one_client(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	char text[NET_ADDRESS_TEXT_MAX];
	(void)state;
	assert_false(note(b, "2001:db8::1", 50, 0, &ban));
	assert_true(note(b, "2001:db8::2:0:0:2", 50, 0, &ban));
	assert_string_equal(net_network_text(&ban.network, text), "2001:db8::/64");
	assert_true(has(b, "2001:db8::ffff", 1));
	assert_false(has(b, "2001:db8:0:1::1", 1));
	assert_false(note(b, "::ffff:192.0.2.9", 50, 0, &ban));
	assert_true(note(b, "192.0.2.9", 50, 0, &ban));
	assert_string_equal(net_network_text(&ban.network, text), "192.0.2.9");
	guard_bans_free(b);
}

static void by_hand(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban = { .left_ms = GUARD_BAN_FOR_EVER, .by_hand = true };
	(void)state;
	net_network_parse(SLICE("198.51.100.0/24"), &ban.network);
	assert_int_equal(guard_bans_put(b, &ban, 0), 0);
	assert_true(has(b, "198.51.100.77", INT64_MAX / 2));
	assert_false(has(b, "198.51.101.77", 0));
	assert_int_equal(guard_bans_count(b, 0), 1);
	assert_int_equal(guard_bans_remove(b, &ban.network, 0), 0);
	assert_int_equal(guard_bans_remove(b, &ban.network, 0), -ENOENT);
	assert_false(has(b, "198.51.100.77", 0));
	/* Whose ban is lifted begins at nothing. */
	note(b, "198.51.100.7", 90, 0, &ban);
	ban.left_ms = HOUR;
	net_network_parse(SLICE("198.51.0.0/16"), &ban.network);
	assert_int_equal(guard_bans_put(b, &ban, 0), 0);
	assert_int_equal(guard_bans_remove(b, &ban.network, 0), 0);
	assert_int_equal(guard_bans_tracked(b), 0);
	guard_bans_free(b);
}

static void there_is_a_bound(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	char who[64];
	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(who, sizeof(who), "10.0.%d.%d", i / 250, i % 250);
		note(b, who, 10, 0, &ban);
	}
	assert_in_range(guard_bans_tracked(b), 40, 50);
	for (int i = 0; i < 100; i++) {
		snprintf(who, sizeof(who), "10.1.0.%d", i);
		note(b, who, 100, 0, &ban);
	}
	assert_int_equal(guard_bans_count(b, 0), 50);
	assert_true(has(b, "10.1.0.99", 0));
	guard_bans_free(b);
}

static int put(struct guard_bans *b, const char *who, int64_t for_ms, bool by_hand)
{
	struct guard_ban ban = { .left_ms = for_ms, .count = 1, .by_hand = by_hand };
	net_network_parse(slice_from_str(who), &ban.network);
	return guard_bans_put(b, &ban, 0);
}

/* Of those that are over all go, then the one that ends first. */
static void a_full_table_makes_room(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	char who[64];
	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(who, sizeof(who), "10.2.0.%d", i);
		assert_int_equal(put(b, who, MINUTE, i == 9), 0);
	}
	for (int i = 0; i < 40; i++) {
		snprintf(who, sizeof(who), "10.2.1.%d", i);
		assert_int_equal(put(b, who, HOUR + i, i == 0), 0);
	}
	for (int i = 0; i < 11; i++) {
		snprintf(who, sizeof(who), "10.2.2.%d", i);
		assert_true(note(b, who, 100, 2 * MINUTE, &ban));
		assert_true(has(b, who, 2 * MINUTE));
	}
	assert_int_equal(guard_bans_count(b, 2 * MINUTE), 50);
	assert_true(has(b, "10.2.1.0", 2 * MINUTE));
	assert_false(has(b, "10.2.1.1", 2 * MINUTE));
	assert_true(has(b, "10.2.1.2", 2 * MINUTE));
	guard_bans_free(b);
}

static void what_people_banned_stays(void **state)
{
	struct guard_bans *b = guard_bans_new(&config);
	struct guard_ban ban;
	char who[64];
	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(who, sizeof(who), "10.3.0.%d", i);
		assert_int_equal(put(b, who, GUARD_BAN_FOR_EVER, true), 0);
	}
	assert_int_equal(put(b, "10.3.1.1", HOUR, true), -ENOSPC);
	assert_false(note(b, "10.3.1.2", 100, 0, &ban));
	assert_int_equal(guard_bans_count(b, 0), 50);
	guard_bans_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scores_decay_and_ban),
		cmocka_unit_test(bans_grow),
		cmocka_unit_test(credit),
		cmocka_unit_test(networks_are_one_client),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(a_full_table_makes_room),
		cmocka_unit_test(what_people_banned_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
