#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "imap/imap_utf7.h"

static void both_ways(void **state)
{
	static const char *const pairs[][2] = {
		{ "INBOX", "INBOX" },
		{ "", "" },
		{ "A&-B", "A&B" },
		{ "&-", "&" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		  "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
		{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
		{ "&2D3eAA-", "\xf0\x9f\x98\x80" },
		{ "&AOQA9gD8-", "\xc3\xa4\xc3\xb6\xc3\xbc" },
		{ "&APY-&-&APY-", "\xc3\xb6&\xc3\xb6" },
	};
	struct arena *arena = arena_new();
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct slice wire = slice_from_str(pairs[i][0]), utf8;
		assert_int_equal(imap_utf7_decode(arena, wire, &utf8), 0);
		assert_true(slice_equal(utf8, slice_from_str(pairs[i][1])));
		assert_true(slice_equal(imap_utf7_encode(arena, utf8), wire));
	}
	arena_free(arena);
}

static void only_what_an_encoder_makes(void **state)
{
	static const char *const bad[] = {
		"&",          "&APY",  "&AGEA-",   "&AGE-", /* "a" must stand as itself */
		"&APY-&APY-",                               /* idle shift */
		"&2D0-",      "&3gA-", "&2D0A9g-",          /* half a pair */
		"&AP-",       "&APZ-", "&!-",      "&A-",   "&APY\xc3\xb6-", "&APY/-x&",
	};
	struct arena *arena = arena_new();
	struct slice utf8;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (imap_utf7_decode(arena, slice_from_str(bad[i]), &utf8) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(imap_utf7_decode(arena, SLICE("\xff"), &utf8), -EINVAL);
	assert_int_equal(imap_utf7_decode(arena, SLICE("raw \xc3\xb6"), &utf8), 0);
	arena_free(arena);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{ "*", "a/b", true },
		{ "%", "a/b", false },
		{ "%", "a", true },
		{ "%/%", "a/b", true },
		{ "%/%", "a/b/c", false },
		{ "a*c", "a/b/c", true },
		{ "a%c", "a/b/c", false },
		{ "*%c", "a/b/c", true },
		{ "%*", "a/b", true },
		{ "*b%", "a/b/cb/d", false },
		{ "*b%", "a/b/cbd", true },
		{ "%a%b", "xaxbaxb", true },
		{ "a", "a", true },
		{ "a", "A", false },
		{ "", "", true },
		{ "inbox", "INBOX", true },
		{ "iNbOx/%", "INBOX/x", true },
		{ "inboxes", "INBOX", false },
		{ "inbox*", "INBOX/x", true },
		{ "In*", "INBOX", false },
		{ "*/b/*", "a/b/c", true },
		{ "%/b/%", "a/a/b/c", false },
		{ "**", "", true },
		{ "a%", "a", true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (imap_name_matches(slice_from_str(cases[i].pattern),
		                      slice_from_str(cases[i].name)) != cases[i].matches)
			fail_msg("%s against %s", cases[i].pattern, cases[i].name);
	}
}

/* Patterns that make careless matchers take for ever. */
static void wildcards_without_end(void **state)
{
	char pattern[900], name[400];
	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = "*a%"[i % 3];
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = 'b';
	assert_false(imap_name_matches(slice_of(pattern, sizeof(pattern) - 1),
	                               slice_of(name, sizeof(name))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(only_what_an_encoder_makes),
		cmocka_unit_test(patterns),
		cmocka_unit_test(wildcards_without_end),
	};
	return cmocka_run_group_tests_name("imap_utf7", tests, NULL, NULL);
}
