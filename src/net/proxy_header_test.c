#include "net/proxy_header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY   "\300\0\2\1\306\63\144\7\310\42\0\31"

static int parse(struct slice bytes, struct proxy_header *out)
{
	const char *why = NULL;
	int rc = proxy_header_parse(bytes, out, &why);
	assert_true((rc < 0) == (why != NULL));
	return rc;
}

static void assert_source(const struct proxy_header *h, const char *source, const char *destination)
{
	char text[NET_ADDRESS_TEXT_MAX];
	assert_true(h->has_addresses);
	assert_string_equal(net_address_text(&h->source, text), source);
	assert_string_equal(net_address_text(&h->destination, text), destination);
}

static void test_version_1(void **state)
{
	struct proxy_header h;
	(void)state;
	assert_int_equal(
		parse(SLICE("PROXY TCP4 192.0.2.1 198.51.100.7 51234 25\r\nEHLO x\r\n"), &h), 1);
	assert_int_equal(h.size_bytes, 44);
	assert_source(&h, "192.0.2.1:51234", "198.51.100.7:25");
	assert_int_equal(parse(SLICE("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), &h), 1);
	assert_source(&h, "[2001:db8::1]:0", "[::1]:65535");
	assert_int_equal(parse(SLICE("PROXY UNKNOWN\r\n"), &h), 1);
	assert_false(h.has_addresses);
	assert_int_equal(h.size_bytes, 15);
	assert_int_equal(parse(SLICE("PROXY UNKNOWN ffff:: what ever\r\n"), &h), 1);
	assert_false(h.has_addresses);
}

static void test_version_1_is_wrong(void **state)
{
	static const char *const wrong[] = {
		"EHLO client.test\r\n",
		"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY\r\n",
		"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY UNKNOWNS\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 02\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
		"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1:5 192.0.2.2 1 2\r\n",
		"PROXY TCP4 * 192.0.2.2 1 2\r\n",
		"PROXY TCP4 unix:/x 192.0.2.2 1 2\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP6 ::1]:5 ::2 1 2\r\n",
	};
	struct proxy_header h;
	char longer[200];
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(slice_from_str(wrong[i]), &h), -EPROTO);
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "PROXY UNKNOWN ", 14);
	assert_int_equal(parse(slice_of(longer, sizeof(longer)), &h), -EPROTO);
	assert_int_equal(parse(slice_of(longer, 106), &h), 0);
}

static void test_version_2(void **state)
{
	struct proxy_header h;
	(void)state;
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\14" V4_BODY "EHLO"), &h), 1);
	assert_int_equal(h.size_bytes, 28);
	assert_source(&h, "192.0.2.1:51234", "198.51.100.7:25");
	assert_int_equal(parse(SLICE(SIGNATURE "\41\41\0\44"
	                                       " \1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"
	                                       " \1\15\270\0\0\0\0\0\0\0\0\0\0\0\2"
	                                       "\310\42\0\31"),
	                       &h),
	                 1);
	assert_source(&h, "[2001:db8::1]:51234", "[2001:db8::2]:25");
}

/* LOCAL, families that name nobody, and TLVs that say nothing to us. */
static void test_version_2_without_addresses(void **state)
{
	struct proxy_header h;
	(void)state;
	assert_int_equal(parse(SLICE(SIGNATURE "\40\0\0\0"), &h), 1);
	assert_false(h.has_addresses);
	assert_int_equal(parse(SLICE(SIGNATURE "\40\21\0\14" V4_BODY), &h), 1);
	assert_false(h.has_addresses);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\0\0\0"), &h), 1);
	assert_false(h.has_addresses);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\42" V4_BODY "\2\0\4mail"
	                                       "\40\0\14\1\0\0\0\0\41\0\4TLSv"),
	                       &h),
	                 1);
	assert_true(h.has_addresses);
}

static void test_version_2_is_wrong(void **state)
{
	struct proxy_header h;
	(void)state;
	assert_int_equal(parse(SLICE("\r\n\r\n\0\r\nQUIX\n"), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\61\21\0\14" V4_BODY), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\42\21\0\14" V4_BODY), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\22\0\14" V4_BODY), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\13" V4_BODY), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\41\0\14" V4_BODY), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\16" V4_BODY "\4\0"), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\17" V4_BODY "\4\0\1"), &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\377\377"), &h), 0);
}

static void test_checksum(void **state)
{
	char header[] = SIGNATURE "\41\21\0\23" V4_BODY "\3\0\4\0\0\0\0";
	struct slice bytes = slice_of(header, sizeof(header) - 1);
	static const unsigned char sum[] = { 0x2e, 0x38, 0x6f, 0x38 };
	struct proxy_header h;
	(void)state;
	assert_int_equal(parse(bytes, &h), -EPROTO);
	memcpy(header + bytes.len - 4, sum, 4);
	assert_int_equal(parse(bytes, &h), 1);
	header[20] ^= 1;
	assert_int_equal(parse(bytes, &h), -EPROTO);
	assert_int_equal(parse(SLICE(SIGNATURE "\41\21\0\20" V4_BODY "\3\0\1\0"), &h), -EPROTO);
}

/* Reading what is missing finds the end and never goes past it. */
static void test_what_is_missing(void **state)
{
	static const struct slice headers[] = {
		{ "PROXY UNKNOWN\r\n", 15 },
		{ "PROXY TCP4 192.0.2.1 198.51.100.7 51234 25\r\n", 44 },
		{ SIGNATURE "\41\21\0\14" V4_BODY, 28 },
		{ SIGNATURE "\40\0\0\0", 16 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct proxy_header h;
		size_t have = 0;
		while (parse(slice_sub(headers[i], 0, have), &h) == 0) {
			have += proxy_header_missing(slice_sub(headers[i], 0, have));
			assert_true(have <= headers[i].len);
		}
		assert_int_equal(have, headers[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_version_1_is_wrong),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_version_2_without_addresses),
		cmocka_unit_test(test_version_2_is_wrong),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
