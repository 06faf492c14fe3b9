#include "base/base_testing.h"

#include "message/address.h"

#define ALL 0xFu

static const struct {
	const char *text;
	unsigned allow;
	const char *local;
	const char *domain;
	const char *path; /* formatted again */
} good[] = {
	{ "<alice@example.test>", 0, "alice", "example.test", "<alice@example.test>" },
	{ "alice+tag@Example.TEST", 0, "alice+tag", "Example.TEST", "<alice+tag@Example.TEST>" },
	{ "<@a.test,@b.test:alice@example.test>", 0, "alice", "example.test",
	  "<alice@example.test>" },
	{ "<\"Al Ice\"@example.test>", 0, "Al Ice", "example.test", "<\"Al Ice\"@example.test>" },
	{ "<\"alice\"@example.test>", 0, "alice", "example.test", "<alice@example.test>" },
	{ "\"a\\\"b\\\\c\"@x", 0, "a\"b\\c", "x", "<\"a\\\"b\\\\c\"@x>" },
	{ "\"a..b\"@x", 0, "a..b", "x", "<\"a..b\"@x>" },
	{ "\"\"@x", 0, "", "x", "<\"\"@x>" },
	{ "<\">\"@x>", 0, ">", "x", "<\">\"@x>" },
	{ "<a@[192.0.2.1]>", 0, "a", "[192.0.2.1]", "<a@[192.0.2.1]>" },
	{ "<a@[IPv6:2001:db8::1]>", 0, "a", "[IPv6:2001:db8::1]", "<a@[IPv6:2001:db8::1]>" },
	{ "<a@[x-tag:what ever]>", ALL, NULL, NULL, NULL },
	{ "<a@[x-tag:whatever]>", 0, "a", "[x-tag:whatever]", "<a@[x-tag:whatever]>" },
	{ "<>", ADDRESS_ALLOW_NULL, "", "", "<>" },
	{ "<>", ADDRESS_ALLOW_POSTMASTER, NULL, NULL, NULL },
	{ "<PostMaster>", ADDRESS_ALLOW_POSTMASTER, "PostMaster", "", "<PostMaster>" },
	{ "<alice>", ADDRESS_ALLOW_POSTMASTER, NULL, NULL, NULL },
	{ "<alice>", ADDRESS_ALLOW_LOCAL, "alice", "", "<alice>" },
	{ "<\"\">", ALL, NULL, NULL, NULL },
	{ "<p\xC3\xA9t\xC3\xA9@ex\xC3\xA4mple.test>", ADDRESS_ALLOW_UTF8, "p\xC3\xA9t\xC3\xA9",
	  "ex\xC3\xA4mple.test", "<p\xC3\xA9t\xC3\xA9@ex\xC3\xA4mple.test>" },
	{ "<p\xC3\xA9t\xC3\xA9@example.test>", 0, NULL, NULL, NULL },
	{ "<p\xC3@example.test>", ALL, NULL, NULL, NULL },
	{ "<a@ex_ample.test>", 0, "a", "ex_ample.test", "<a@ex_ample.test>" },
	{ "a.b.c@x", 0, "a.b.c", "x", "<a.b.c@x>" },
	{ ".a@x", ALL, NULL, NULL, NULL },
	{ "a.@x", ALL, NULL, NULL, NULL },
	{ "a..b@x", ALL, NULL, NULL, NULL },
	{ "a b@x", ALL, NULL, NULL, NULL },
	{ "a@", ALL, NULL, NULL, NULL },
	{ "@x", ALL, NULL, NULL, NULL },
	{ "a@x.", ALL, NULL, NULL, NULL },
	{ "a@.x", ALL, NULL, NULL, NULL },
	{ "a@x..y", ALL, NULL, NULL, NULL },
	{ "a@-x.y", ALL, NULL, NULL, NULL },
	{ "a@x-.y", ALL, NULL, NULL, NULL },
	{ "a@b@c", ALL, NULL, NULL, NULL },
	{ "a@[300.0.2.1]", ALL, NULL, NULL, NULL },
	{ "a@[IPv6:192.0.2.1]", ALL, NULL, NULL, NULL },
	{ "a@[192.0.2.1", ALL, NULL, NULL, NULL },
	{ "\"a@x", ALL, NULL, NULL, NULL },
	{ "\"a\\\"", ALL, NULL, NULL, NULL },
	{ "\"a\rb\"@x", ALL, NULL, NULL, NULL },
	{ "<a@x", ALL, NULL, NULL, NULL },
	{ "<a@x>>", ALL, NULL, NULL, NULL },
	{ "<@a.test:>", ALL, NULL, NULL, NULL },
	{ "<@a.test,alice@example.test>", ALL, NULL, NULL, NULL },
	{ "< a@x>", ALL, NULL, NULL, NULL },
	{ "", ALL, NULL, NULL, NULL },
};

static void test_addresses(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct address a;
		bool parsed = address_parse(*state, slice_from_str(good[i].text), good[i].allow,
		                            &a);
		if (parsed != (good[i].local != NULL))
			fail_msg("%s: %d", good[i].text, parsed);
		if (!parsed)
			continue;
		assert_text(a.local, good[i].local);
		assert_text(a.domain, good[i].domain);
		assert_text(address_path(*state, &a), good[i].path);
		assert_int_equal(a.is_literal, good[i].domain[0] == '[');
	}
}

static void test_lengths(void **state)
{
	char text[ADDRESS_PATH_MAX * 2];
	struct address a;
	for (size_t len = ADDRESS_LOCAL_MAX - 1; len <= ADDRESS_LOCAL_MAX + 1; len++) {
		memset(text, 'a', sizeof(text));
		memcpy(text + len, "@x", 2);
		assert_int_equal(address_parse(*state, slice_of(text, len + 2), 0, &a),
		                 len <= ADDRESS_LOCAL_MAX);
	}
	memset(text, 'a', sizeof(text));
	text[0] = '<';
	assert_false(address_parse(*state, slice_of(text, sizeof(text)), ALL, &a));
}

static void test_cursor_stands_behind_the_path(void **state)
{
	struct address a;
	struct cursor c = cursor_of(SLICE("<a@x> SIZE=1"));
	assert_true(take_path(&c, *state, 0, &a));
	assert_text(cursor_rest(&c), " SIZE=1");
	c = cursor_of(SLICE("<a@x SIZE=1"));
	assert_false(take_path(&c, *state, 0, &a));
	assert_text(cursor_rest(&c), "<a@x SIZE=1");
}

static void test_domains(void **state)
{
	struct slice out;
	assert_true(domain_canonical(*state,
	                             SLICE("B\xC3\x9C"
	                                   "cher.Example"),
	                             &out));
	assert_text(out, "xn--bcher-kva.example");
	assert_text(domain_to_unicode(*state, out), "b\xC3\xBC"
	                                            "cher.example");
	assert_true(domain_canonical(*state, SLICE("EXAMPLE.test."), &out));
	assert_text(out, "example.test");
	assert_true(domain_canonical(*state, SLICE("[IPv6:2001:DB8::1]"), &out));
	assert_text(out, "[ipv6:2001:db8::1]");
	assert_true(domain_canonical(*state, SLICE("fa\xC3\x9F.de"), &out));
	assert_text(out, "xn--fa-hia.de");
	assert_false(domain_canonical(*state, SLICE(""), &out));
	assert_false(domain_canonical(*state, SLICE("."), &out));
	assert_false(domain_canonical(*state, SLICE("a..b"), &out));
	assert_false(domain_canonical(*state, SLICE("a\0b"), &out));
	assert_false(domain_canonical(*state, SLICE("\xC3\xBC\0b"), &out));
	assert_false(domain_canonical(*state, SLICE("\xFF"), &out));
	assert_text(domain_to_unicode(*state, SLICE("xn--\x80")), "xn--\x80");
	assert_text(domain_to_unicode(*state, SLICE("xn--a")), "xn--a");
	char label[DOMAIN_LABEL_MAX + 1];
	memset(label, 'a', sizeof(label));
	assert_true(domain_is_valid(slice_of(label, DOMAIN_LABEL_MAX)));
	assert_false(domain_is_valid(slice_of(label, DOMAIN_LABEL_MAX + 1)));
}

static void test_canonical(void **state)
{
	struct address a, b;
	assert_true(address_parse(*state, SLICE("<Alice+Tag@EXAMPLE.Test>"), 0, &a));
	assert_true(address_canonical(*state, &a, &b));
	assert_text(address_text(*state, &b), "alice+tag@example.test");
	static const char *const same[] = { "j\xC3\xBCrgen@xn--bcher-kva.test",
		                            "J\xC3\x9CRGEN@B\xC3\x9C"
		                            "CHER.test",
		                            "ju\xCC\x88rgen@bu\xCC\x88"
		                            "cher.test" };
	for (size_t i = 0; i < 3; i++) {
		assert_true(address_parse(*state, slice_from_str(same[i]), ADDRESS_ALLOW_UTF8, &a));
		assert_true(address_canonical(*state, &a, &b));
		assert_text(address_text(*state, &b), same[0]);
		assert_true(b.is_utf8);
	}
	assert_true(address_parse(*state, SLICE("<>"), ADDRESS_ALLOW_NULL, &a));
	assert_true(address_is_null(&a));
	assert_text(address_text(*state, &a), "");
	assert_true(address_canonical(*state, &a, &b));
	assert_true(address_is_null(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_addresses),
		ARENA_TEST(test_lengths),
		ARENA_TEST(test_cursor_stands_behind_the_path),
		ARENA_TEST(test_domains),
		ARENA_TEST(test_canonical),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
