#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/envelope.h"

#define ARRIVED_MS 1763775000000

static void assert_text(const struct envelope_options *o, const char *want)
{
	struct arena *arena = arena_new();
	struct slice text = envelope_options_text(arena, o, ARRIVED_MS);
	if (!slice_equal(text, slice_from_str(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARG(text), want);
	struct envelope_options again;
	envelope_options_parse(text, ARRIVED_MS, &again);
	assert_true(slice_equal(envelope_options_text(arena, &again, ARRIVED_MS), text));
	assert_int_equal(again.by_ms, o->by_ms);
	arena_free(arena);
}

static void test_text(void **state)
{
	(void)state;
	const struct envelope_options none = { .solicit = SLICE_EMPTY };
	assert_text(&none, "");
	const struct envelope_options all = {
		.requiretls = true,
		.tls_optional = true,
		.priority = -9,
		.by_mode = 'R',
		.by_trace = true,
		.by_ms = 1763775600000,
		.hold_until_ms = 1763775500000,
		.auth = SLICE("e+3Dmc2@example.com"),
		.solicit = SLICE("net.example:ADV,org.example:ADLT"),
	};
	assert_text(&all, "requiretls tls-optional priority=-9 by=600000;RT "
	                  "hold=1763775500000 auth=e+3Dmc2@example.com "
	                  "solicit=net.example:ADV,org.example:ADLT");
	const struct envelope_options late = { .by_mode = 'N', .by_ms = ARRIVED_MS - 5 };
	assert_text(&late, "by=-5;N");
}

static void test_strange_text(void **state)
{
	(void)state;
	struct envelope_options o;
	envelope_options_parse(
		SLICE("later=1  priority=10 priority=x by= by=; by=7 hold= priority=3 "
	              "by=9223372036854775807;N"),
		ARRIVED_MS, &o);
	assert_int_equal(o.priority, 3);
	assert_int_equal(o.by_mode, 0);
	assert_int_equal(o.hold_until_ms, 0);
	assert_false(o.requiretls);
}

static void test_solicit(void **state)
{
	(void)state;
	static char many[ENVELOPE_SOLICIT_MAX + 1];
	memset(many, 'a', sizeof(many));
	assert_true(envelope_solicit_is_valid(SLICE("net.example:ADV")));
	assert_true(envelope_solicit_is_valid(SLICE("net.example:ADV,org.example:ADV:ADLT")));
	assert_true(envelope_solicit_is_valid(slice_of(many, ENVELOPE_SOLICIT_MAX)));
	assert_false(envelope_solicit_is_valid(slice_of(many, sizeof(many))));
	assert_false(envelope_solicit_is_valid(SLICE("")));
	assert_false(envelope_solicit_is_valid(SLICE("a,")));
	assert_false(envelope_solicit_is_valid(SLICE(",a")));
	assert_false(envelope_solicit_is_valid(SLICE("1a")));
	assert_false(envelope_solicit_is_valid(SLICE("a b")));
}

static void test_utf8_address(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_true(envelope_utf8_address_is_valid(SLICE("j\xC3\xBCrgen@b.test")));
	assert_true(envelope_utf8_address_is_valid(SLICE("j\\x{FC}rgen@b.test")));
	assert_false(envelope_utf8_address_is_valid(SLICE("")));
	assert_false(envelope_utf8_address_is_valid(SLICE("j\xFCrgen@b.test")));
	assert_false(envelope_utf8_address_is_valid(SLICE("j\\x{}rgen@b.test")));
	assert_false(envelope_utf8_address_is_valid(SLICE("j\\x{FC")));
	assert_false(envelope_utf8_address_is_valid(SLICE("j\\xFC")));
	assert_false(envelope_utf8_address_is_valid(SLICE("a+2Bb@c.test")));
	assert_false(envelope_utf8_address_is_valid(SLICE("a b")));
	struct slice ascii = envelope_utf8_address_ascii(arena,
	                                                 SLICE("j\xC3\xBC\xF0\x9F\x98\x80@b"));
	assert_true(slice_equal(ascii, SLICE("j\\x{FC}\\x{1F600}@b")));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_strange_text),
		cmocka_unit_test(test_solicit),
		cmocka_unit_test(test_utf8_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
