#include "smtp/smtp_attribute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static bool parse(const char *text, unsigned allowed, struct smtp_attributes *out)
{
	return smtp_parse_attributes(arena, slice_from_str(text), allowed, out);
}

static void assert_value(const struct smtp_attributes *a, enum smtp_attribute which,
                         const char *expected)
{
	assert_true(smtp_attribute_is_given(a, which));
	assert_string_equal(arena_str(arena, a->values[which]), expected);
}

static void takes_what_postfix_sends(void **state)
{
	struct smtp_attributes a;
	(void)state;
	assert_true(parse("NAME=spike.porcupine.org ADDR=168.100.189.2 PORT=51234 PROTO=esmtp "
	                  "HELO=a+2Bb LOGIN=alice+40example.test DESTADDR=IPV6:2001:DB8::0:1 "
	                  "DESTPORT=25",
	                  SMTP_XCLIENT_ATTRIBUTES, &a));
	assert_int_equal(a.given, SMTP_XCLIENT_ATTRIBUTES);
	assert_value(&a, SMTP_ATTRIBUTE_NAME, "spike.porcupine.org");
	assert_value(&a, SMTP_ATTRIBUTE_ADDR, "168.100.189.2");
	assert_value(&a, SMTP_ATTRIBUTE_PROTO, "ESMTP");
	assert_value(&a, SMTP_ATTRIBUTE_HELO, "a+b");
	assert_value(&a, SMTP_ATTRIBUTE_LOGIN, "alice@example.test");
	assert_value(&a, SMTP_ATTRIBUTE_DESTADDR, "2001:db8::1");
	assert_true(parse("name=[unavailable] ADDR=[TEMPUNAVAIL]", SMTP_XCLIENT_ATTRIBUTES, &a));
	assert_value(&a, SMTP_ATTRIBUTE_NAME, "");
	assert_value(&a, SMTP_ATTRIBUTE_ADDR, "");
	assert_true(parse("IDENT=38G0F1FM400EKQ42 SOURCE=local", SMTP_XFORWARD_ATTRIBUTES, &a));
	assert_value(&a, SMTP_ATTRIBUTE_SOURCE, "LOCAL");
}

static void refuses_the_rest(void **state)
{
	static const char *const wrong[] = {
		"",
		"NAME",
		"NAME=",
		"NAME=a NAME=b",
		"NAME=a b",
		"NAME=a(b",
		"NAME=a+0D+0Ab",
		"WHAT=x",
		"SOURCE=LOCAL",
		"ADDR=2001:db8::1",
		"ADDR=IPV6:192.0.2.1",
		"ADDR=192.0.2.1:25",
		"ADDR=192.0.2.0/24",
		"ADDR=*",
		"ADDR=unix:/x",
		"PORT=65536",
		"PORT=-1",
		"PROTO=LMTP",
		"HELO=a+20b",
		"HELO=a+2",
		"LOGIN=a+00b",
	};
	struct smtp_attributes a;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse(wrong[i], SMTP_XCLIENT_ATTRIBUTES, &a))
			fail_msg("taken: %s", wrong[i]);
	}
	assert_false(parse("LOGIN=alice", SMTP_XFORWARD_ATTRIBUTES, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_postfix_sends),
		cmocka_unit_test(refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
