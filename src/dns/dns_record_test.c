#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dns/dns_record.h"

/* One record in, the answer out. */
static struct dns_answer parse_one(struct arena *a, enum dns_type type, struct slice data)
{
	struct dns_answer answer = { 0 };

	dns_records_parse(a, type, &data, 1, &answer);
	return answer;
}

static void malformed_records_are_left_out(void **state)
{
	static const struct {
		enum dns_type type;
		struct slice data;
	} bad[] = {
		{ DNS_TYPE_A, SLICE("\x7f\0\0") },
		{ DNS_TYPE_A, SLICE("\x7f\0\0\1\1") },
		{ DNS_TYPE_AAAA, SLICE("\x7f\0\0\1") },
		{ DNS_TYPE_MX, SLICE("") },
		{ DNS_TYPE_MX, SLICE("\0") },
		{ DNS_TYPE_MX, SLICE("\0\12") },
		{ DNS_TYPE_MX, SLICE("\0\12\4mail") },
		{ DNS_TYPE_MX, SLICE("\0\12\5mail\0") },
		{ DNS_TYPE_MX, SLICE("\0\12\4mail\0x") },
		{ DNS_TYPE_MX, SLICE("\0\12\xc0\0") },
		{ DNS_TYPE_TXT, SLICE("\5four") },
		{ DNS_TYPE_PTR, SLICE("\4mail") },
		{ DNS_TYPE_SRV, SLICE("\0\1\0\2\3") },
		{ DNS_TYPE_SRV, SLICE("\0\1\0\2\3\341\4mail") },
		{ DNS_TYPE_SRV, SLICE("\0\1\0\2\3\341\4mail\0x") },
		{ DNS_TYPE_TLSA, SLICE("\3\1\1") },
		{ DNS_TYPE_TLSA, SLICE("") },
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_one(a, bad[i].type, bad[i].data).count, 0);
	arena_free(a);
}

static void exchangers_are_sorted(void **state)
{
	const struct slice data[] = {
		SLICE("\0\24\1c\0"), SLICE("\0\12\1a\0"), SLICE("junk"),
		SLICE("\1\0\1d\0"),  SLICE("\0\12\1B\0"), SLICE("\0\0\0"),
	};
	struct arena *a = arena_new();
	struct dns_answer answer = { 0 };

	(void)state;
	dns_records_parse(a, DNS_TYPE_MX, data, 6, &answer);
	assert_int_equal(answer.count, 5);
	assert_string_equal(answer.mx[0].host, "");
	assert_int_equal(answer.mx[0].preference, 0);
	assert_string_equal(answer.mx[1].host, "a");
	assert_string_equal(answer.mx[2].host, "b");
	assert_string_equal(answer.mx[3].host, "c");
	assert_int_equal(answer.mx[4].preference, 256);
	arena_free(a);
}

static void services_have_a_port(void **state)
{
	struct arena *a = arena_new();
	struct dns_answer answer = parse_one(a, DNS_TYPE_SRV, SLICE("\0\1\0\2\3\341\2MX\4test\0"));

	(void)state;
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.srv[0].priority, 1);
	assert_int_equal(answer.srv[0].weight, 2);
	assert_int_equal(answer.srv[0].port, 993);
	assert_string_equal(answer.srv[0].host, "mx.test");
	answer = parse_one(a, DNS_TYPE_SRV, SLICE("\0\0\0\0\0\0\0"));
	assert_string_equal(answer.srv[0].host, "");
	arena_free(a);
}

static void names_from_the_wire(void **state)
{
	struct arena *a = arena_new();
	struct dns_answer answer;
	char wire[256];

	(void)state;
	answer = parse_one(a, DNS_TYPE_PTR, SLICE("\5Mail1\7eXample\4test\0"));
	assert_string_equal(answer.names[0], "mail1.example.test");
	answer = parse_one(a, DNS_TYPE_PTR, SLICE("\4a.\\\0\1\xff\0"));
	assert_string_equal(answer.names[0], "a\\046\\092\\000.\\255");
	/* 255 bytes with the root are the most; all of them may need an escape. */
	memset(wire, '\1', sizeof(wire));
	wire[254] = '\0';
	answer = parse_one(a, DNS_TYPE_PTR, slice_of(wire, 255));
	assert_int_equal(answer.count, 1);
	assert_int_equal(strlen(answer.names[0]), 127 * 5 - 1);
	memset(wire, '\1', sizeof(wire));
	wire[0] = '\2';
	wire[255] = '\0';
	assert_int_equal(parse_one(a, DNS_TYPE_PTR, slice_of(wire, 256)).count, 0);
	arena_free(a);
}

static void texts_are_joined(void **state)
{
	struct arena *a = arena_new();
	struct dns_answer answer = parse_one(a, DNS_TYPE_TXT, SLICE("\3v=1\0\2;x"));

	(void)state;
	assert_int_equal(answer.count, 1);
	assert_true(slice_equal(answer.texts[0], SLICE("v=1;x")));
	arena_free(a);
}

static void names_to_ask_for(void **state)
{
	(void)state;
	assert_true(dns_name_is_valid(SLICE("example.test")));
	assert_true(dns_name_is_valid(SLICE("example.test.")));
	assert_true(dns_name_is_valid(SLICE("_25._tcp.mx-1.example.test")));
	assert_false(dns_name_is_valid(SLICE("")));
	assert_false(dns_name_is_valid(SLICE(".")));
	assert_false(dns_name_is_valid(SLICE("a..b")));
	assert_true(dns_name_is_valid(SLICE("a b")));
	assert_false(dns_name_is_valid(SLICE("a\tb")));
	assert_false(dns_name_is_valid(SLICE("a\\.b")));
	assert_false(dns_name_is_valid(SLICE("a\0b")));
	assert_false(dns_name_is_valid(SLICE("b\xc3\xbc"
	                                     "cher.test")));
}

static void reverse_names(void **state)
{
	struct arena *a = arena_new();
	struct net_address address;

	(void)state;
	net_address_parse(SLICE("192.0.2.17"), 0, &address);
	assert_string_equal(dns_reverse_name(a, &address), "17.2.0.192.in-addr.arpa");
	net_address_parse(SLICE("::ffff:192.0.2.17"), 0, &address);
	assert_string_equal(dns_reverse_name(a, &address), "17.2.0.192.in-addr.arpa");
	/* The example of RFC 3596 section 2.5. */
	net_address_parse(SLICE("4321:0:1:2:3:4:567:89ab"), 0, &address);
	assert_string_equal(dns_reverse_name(a, &address),
	                    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0."
	                    "1.2.3.4.ip6.arpa");
	net_address_parse(SLICE("unix:/x"), 0, &address);
	assert_null(dns_reverse_name(a, &address));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_records_are_left_out),
		cmocka_unit_test(exchangers_are_sorted),
		cmocka_unit_test(services_have_a_port),
		cmocka_unit_test(names_from_the_wire),
		cmocka_unit_test(texts_are_joined),
		cmocka_unit_test(names_to_ask_for),
		cmocka_unit_test(reverse_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
