#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "guard/guard_grey.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
#define DAY (24LL * HOUR)

static const struct config_greylist usual = {
	.delay_ms = 5 * MINUTE,
	.window_ms = DAY,
	.remember_ms = 35 * DAY,
	.known_after = 3,
	.bits_v4 = 24,
	.bits_v6 = 64,
	.max_entries = 100,
};

static int64_t ask(struct guard_grey *g, const char *ip, const char *sender, const char *recipient,
                   int64_t now_ms)
{
	struct net_address client;
	assert_int_equal(net_address_parse(slice_from_str(ip), 0, &client), 0);
	return guard_grey_ask(g, &client, slice_from_str(sender), slice_from_str(recipient), now_ms,
	                      true);
}

static void who_comes_again_is_known(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual);
	int64_t t = DAY;

	(void)state;
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", t), 5 * MINUTE);
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", t + MINUTE), 4 * MINUTE);
	/* Another recipient waits by itself; another host of the network does not. */
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "c@y.test", t + MINUTE), 5 * MINUTE);
	assert_int_equal(ask(g, "192.0.2.9", "a@x.test", "b@y.test", t + 5 * MINUTE), 0);
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", t + 34 * DAY), 0);
	/* Each time anew. */
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", t + 68 * DAY), 0);
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", t + 104 * DAY), 5 * MINUTE);
	guard_grey_free(g);
}

static void who_comes_too_late_begins_anew(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual);

	(void)state;
	assert_int_equal(ask(g, "2001:db8::1", "", "b@y.test", DAY), 5 * MINUTE);
	assert_int_equal(ask(g, "2001:db8::1", "", "b@y.test", 2 * DAY), 5 * MINUTE);
	assert_int_equal(ask(g, "2001:db8::ffff:1", "", "b@y.test", 2 * DAY + HOUR), 0);
	guard_grey_free(g);
}

static void numbered_senders_are_one(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual);

	(void)state;
	assert_true(ask(g, "192.0.2.1", "bounce-123@x1.test", "b@y.test", 0) > 0);
	assert_int_equal(ask(g, "192.0.2.1", "bounce-98@x1.test", "b@y.test", HOUR), 0);
	assert_true(ask(g, "192.0.2.1", "bounce-98@x2.test", "b@y.test", HOUR) > 0);
	guard_grey_free(g);
}

static void a_network_becomes_known(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual);
	char sender[] = "a@x.test";

	(void)state;
	for (int i = 0; i < 3; i++) {
		sender[0] = (char)('a' + i);
		assert_true(ask(g, "192.0.2.1", sender, "b@y.test", 0) > 0);
		assert_int_equal(ask(g, "192.0.2.1", sender, "b@y.test", HOUR), 0);
	}
	assert_int_equal(ask(g, "192.0.2.77", "new@z.test", "c@y.test", HOUR), 0);
	assert_true(ask(g, "192.0.3.77", "new@z.test", "c@y.test", HOUR) > 0);
	assert_int_equal(guard_grey_count(g).known, 4);
	guard_grey_free(g);
}

static void a_flood_makes_nobody_forgotten(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual);
	char sender[32];

	(void)state;
	assert_true(ask(g, "192.0.2.1", "a@x.test", "b@y.test", 0) > 0);
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", HOUR), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(sender, sizeof(sender), "a@x%d.test", i);
		assert_true(ask(g, "198.51.100.1", sender, "b@y.test", HOUR) > 0);
	}
	assert_int_equal(guard_grey_count(g).waiting, 100);
	assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", 2 * HOUR), 0);
	guard_grey_free(g);
}

static void people_let_pass(void **state)
{
	static const char *const texts[] = { "192.0.2.5", "192.0.2.0/24", "a@x.test",
		                             "x.test",    "b@y.test",     "Y.test" };
	static const char *const others[] = { "192.0.3.5", "b@x.test", "test", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct guard_grey *g = guard_grey_new(&usual);
		assert_true(ask(g, "192.0.2.1", "a@x.test", "b@y.test", DAY) > 0);
		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
			assert_int_equal(guard_grey_release(g, slice_from_str(others[k]), DAY), 0);
		assert_int_equal(guard_grey_release(g, slice_from_str(texts[i]), DAY), 1);
		assert_int_equal(ask(g, "192.0.2.1", "a@x.test", "b@y.test", DAY), 0);
		guard_grey_free(g);
	}
}

static void move(void *arg, const struct guard_grey_entry *entry) { guard_grey_put(arg, entry); }

static void what_is_saved_comes_back(void **state)
{
	struct guard_grey *g = guard_grey_new(&usual), *copy = guard_grey_new(&usual),
			  *none = guard_grey_new(&usual);

	(void)state;
	assert_true(ask(g, "192.0.2.1", "a@x.test", "b@y.test", 0) > 0);
	assert_true(ask(g, "192.0.2.1", "c@x.test", "b@y.test", 0) > 0);
	assert_int_equal(ask(g, "192.0.2.1", "c@x.test", "b@y.test", HOUR), 0);
	guard_grey_changed(g, HOUR, move, copy);
	guard_grey_changed(g, HOUR, move, none);
	assert_int_equal(guard_grey_count(none).waiting + guard_grey_count(none).known, 0);
	/* What could not be written is written once more. */
	guard_grey_unsaved(g);
	guard_grey_changed(g, HOUR, move, none);
	assert_int_equal(guard_grey_count(none).waiting, 1);
	assert_int_equal(guard_grey_count(none).known, 2);
	assert_int_equal(guard_grey_count(copy).waiting, 1);
	assert_int_equal(guard_grey_count(copy).known, 2);
	assert_int_equal(ask(copy, "192.0.2.1", "a@x.test", "b@y.test", HOUR), 0);
	guard_grey_free(g);
	guard_grey_free(copy);
	guard_grey_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_again_is_known),
		cmocka_unit_test(who_comes_too_late_begins_anew),
		cmocka_unit_test(numbered_senders_are_one),
		cmocka_unit_test(a_network_becomes_known),
		cmocka_unit_test(a_flood_makes_nobody_forgotten),
		cmocka_unit_test(people_let_pass),
		cmocka_unit_test(what_is_saved_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
