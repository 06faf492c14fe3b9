#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/client_route.h"

static uint64_t always_zero(uint64_t bound)
{
	(void)bound;
	return 0;
}

static uint64_t always_last(uint64_t bound) { return bound - 1; }

static void orders_by_preference(void **state)
{
	(void)state;
	struct dns_mx mx[] = { { 30, "c" }, { 10, "a" }, { 20, "b" }, { 10, "d" } };
	client_route_order(mx, 4, always_last);
	assert_string_equal(mx[0].host, "a");
	assert_string_equal(mx[1].host, "d");
	assert_string_equal(mx[2].host, "b");
	assert_string_equal(mx[3].host, "c");
}

static void shuffles_equals(void **state)
{
	(void)state;
	struct dns_mx kept[] = { { 10, "a" }, { 10, "b" }, { 10, "c" } };
	struct dns_mx moved[] = { { 10, "a" }, { 10, "b" }, { 10, "c" } };
	client_route_order(kept, 3, always_last);
	assert_string_equal(kept[0].host, "a");
	client_route_order(moved, 3, always_zero);
	assert_string_not_equal(moved[0].host, "a");
	client_route_order(moved, 0, always_zero);
}

static void cuts_at_ourselves(void **state)
{
	(void)state;
	const struct dns_mx mx[] = { { 5, "best" }, { 10, "one" }, { 10, "Own" }, { 20, "last" } };
	assert_int_equal(client_route_cut_own(mx, 4, "own"), 1);
	assert_int_equal(client_route_cut_own(mx, 4, "other"), 4);
	assert_int_equal(client_route_cut_own(mx, 4, "best"), 0);
}

static void families_in_turn(void **state)
{
	(void)state;
	static const char *const given[] = { "::1", "::2", "::3", "192.0.2.1", "192.0.2.2" };
	static const char *const wanted[] = { "::1", "192.0.2.1", "::2", "192.0.2.2", "::3" };
	struct net_address addresses[5];
	char text[NET_ADDRESS_TEXT_MAX];
	for (size_t i = 0; i < 5; i++)
		net_address_parse(slice_from_str(given[i]), 25, &addresses[i]);
	client_route_interleave(addresses, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(net_address_ip(&addresses[i], text), wanted[i]);
	client_route_interleave(addresses, 0);
}

static void resolves_literals(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct client_hop *hops;
	size_t count;
	assert_int_equal(client_resolve(arena, SLICE("[::1]:2525"), 25, &hops, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(net_address_port(&hops[0].address), 2525);
	assert_string_equal(hops[0].host, "::1");
	assert_int_equal(client_resolve(arena, SLICE("127.0.0.1"), 25, &hops, &count), 0);
	assert_int_equal(net_address_port(&hops[0].address), 25);
	assert_int_equal(client_resolve(arena, SLICE("localhost:2525"), 25, &hops, &count), 0);
	assert_in_range(count, 1, CLIENT_ROUTE_HOPS_MAX);
	assert_int_equal(net_address_port(&hops[0].address), 2525);
	assert_true(net_address_is_loopback(&hops[0].address));
	assert_int_equal(client_resolve(arena, SLICE(":25"), 25, &hops, &count), -EINVAL);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_by_preference), cmocka_unit_test(shuffles_equals),
		cmocka_unit_test(cuts_at_ourselves),    cmocka_unit_test(resolves_literals),
		cmocka_unit_test(families_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
