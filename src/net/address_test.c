#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "net/address.h"

static struct net_address parsed(const char *text)
{
	struct net_address a;

	assert_int_equal(net_address_parse(slice_from_str(text), 25, &a), 0);
	return a;
}

static void parse_and_print(void **state)
{
	static const struct {
		const char *text, *printed, *ip, *literal;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:25", "192.0.2.1", "[192.0.2.1]" },
		{ "192.0.2.1:587", "192.0.2.1:587", "192.0.2.1", "[192.0.2.1]" },
		{ "2001:DB8::1", "[2001:db8::1]:25", "2001:db8::1", "[IPv6:2001:db8::1]" },
		{ "[2001:db8::1]", "[2001:db8::1]:25", "2001:db8::1", "[IPv6:2001:db8::1]" },
		{ "[2001:db8::1]:0", "[2001:db8::1]:0", "2001:db8::1", "[IPv6:2001:db8::1]" },
		{ "::ffff:192.0.2.9", "192.0.2.9:25", "192.0.2.9", "[192.0.2.9]" },
		{ "*:2525", "*:2525", "*", "[*]" },
		{ "unix:/run/x/lmtp", "unix:/run/x/lmtp", "unix:/run/x/lmtp", "[127.0.0.1]" },
	};
	char out[NET_ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_address a = parsed(cases[i].text);

		assert_string_equal(net_address_text(&a, out), cases[i].printed);
		assert_string_equal(net_address_ip(&a, out), cases[i].ip);
		assert_string_equal(net_address_literal(&a, out), cases[i].literal);
	}
}

#define TEN "0123456789"

static void parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"192.0.2",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"1.2.3.4:x",
		"[2001:db8::1",
		"[2001:db8::1]x",
		"[192.0.2.1]:25",
		":25",
		"2001:db8:::1",
		"unix:",
		"example.test",
		"[]:25",
		"192.0.2.1 ",
		"fe80::1%eth0",
		"[::1]:",
		"unix:/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
	};
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (net_address_parse(slice_from_str(bad[i]), 25, &a) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
	assert_int_equal(net_address_parse(slice_of("1.2.3.4\0", 8), 25, &a), -EINVAL);
	assert_int_equal(net_address_parse(slice_of("unix:/a\0b", 9), 25, &a), -EINVAL);
}

static void ports(void **state)
{
	struct net_address v4 = parsed("192.0.2.1:10");
	struct net_address v6 = parsed("[::1]:10");
	struct net_address local = parsed("unix:/x");

	(void)state;
	assert_int_equal(net_address_port(&v4), 10);
	net_address_set_port(&v4, 20);
	net_address_set_port(&v6, 30);
	net_address_set_port(&local, 40);
	assert_int_equal(net_address_port(&v4), 20);
	assert_int_equal(net_address_port(&v6), 30);
	assert_int_equal(net_address_port(&local), 0);
}

static void hosts(void **state)
{
	struct net_address a = parsed("192.0.2.1:10");
	struct net_address same = parsed("192.0.2.1:11");
	struct net_address mapped = parsed("::ffff:192.0.2.1");
	struct net_address other = parsed("2001:db8::1");
	struct net_address any = parsed("*");

	(void)state;
	assert_true(net_address_same_host(&a, &same));
	assert_true(net_address_same_host(&a, &mapped));
	assert_false(net_address_same_host(&a, &other));
	assert_false(net_address_same_host(&any, &any));
	assert_false(net_address_is_loopback(&a));
	a = parsed("127.8.9.1");
	assert_true(net_address_is_loopback(&a));
	a = parsed("::1");
	assert_true(net_address_is_loopback(&a));
	a = parsed("::ffff:127.0.0.1");
	assert_true(net_address_is_loopback(&a));
}

static void what_no_host_has(void **state)
{
	static const char *const none[] = {
		"0.0.0.0",        "0.1.2.3", "224.0.0.1", "255.255.255.255",
		"::ffff:0.0.0.0", "::",      "ff02::1",   "*"
	};
	static const char *const some[] = { "192.0.2.1", "127.0.0.1",   "::ffff:192.0.2.1",
		                            "::1",       "2001:db8::1", "unix:/run/x" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct net_address a = parsed(none[i]);
		assert_false(net_address_is_host(&a));
	}
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct net_address a = parsed(some[i]);
		assert_true(net_address_is_host(&a));
	}
}

static bool in(const char *network, const char *address)
{
	struct net_network n;
	struct net_address a = parsed(address);

	assert_int_equal(net_network_parse(slice_from_str(network), &n), 0);
	return net_network_contains(&n, &a);
}

static void networks(void **state)
{
	struct net_network n;

	(void)state;
	assert_true(in("192.0.2.0/24", "192.0.2.255"));
	assert_false(in("192.0.2.0/24", "192.0.3.0"));
	assert_true(in("192.0.2.0/23", "192.0.3.0"));
	assert_true(in("192.0.2.77/24", "192.0.2.1"));
	assert_true(in("0.0.0.0/0", "8.8.8.8"));
	assert_false(in("0.0.0.0/0", "2001:db8::1"));
	assert_true(in("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(in("192.0.2.1", "192.0.2.2"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in("::/0", "2001:db8::1"));
	assert_true(in("::1", "::1"));
	assert_false(in("::/0", "unix:/x"));
	assert_int_equal(net_network_parse(SLICE("192.0.2.0/33"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("2001:db8::/129"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("192.0.2.0/"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("/8"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("192.0.2.0:25/8"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("unix:/8"), &n), -EINVAL);
	assert_int_equal(net_network_parse(SLICE("*"), &n), -EINVAL);
}

static void assert_network(const char *address, unsigned v4, unsigned v6, const char *expected)
{
	struct net_address a;
	struct net_network n, again;
	char text[NET_ADDRESS_TEXT_MAX];

	assert_int_equal(net_address_parse(slice_from_str(address), 0, &a), 0);
	assert_true(net_network_of(&a, v4, v6, &n));
	assert_string_equal(net_network_text(&n, text), expected);
	assert_true(net_network_contains(&n, &a));
	assert_int_equal(net_network_parse(slice_from_str(text), &again), 0);
	assert_memory_equal(&n, &again, sizeof(n));
}

static void networks_of_addresses(void **state)
{
	struct net_address a;
	struct net_network n;

	(void)state;
	assert_network("192.0.2.129", 32, 64, "192.0.2.129");
	assert_network("192.0.2.129", 25, 64, "192.0.2.128/25");
	assert_network("192.0.2.129", 0, 64, "0.0.0.0/0");
	assert_network("2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64");
	assert_network("2001:db8:1:2:3:4:5:6", 32, 128, "2001:db8:1:2:3:4:5:6");
	assert_network("2001:db8:1:2ff:3:4:5:6", 32, 57, "2001:db8:1:280::/57");
	assert_int_equal(net_address_parse(SLICE("unix:/x"), 0, &a), 0);
	assert_false(net_network_of(&a, 32, 64, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_of_addresses),
		cmocka_unit_test(parse_and_print),
		cmocka_unit_test(parse_refuses),
		cmocka_unit_test(ports),
		cmocka_unit_test(hosts),
		cmocka_unit_test(what_no_host_has),
		cmocka_unit_test(networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
