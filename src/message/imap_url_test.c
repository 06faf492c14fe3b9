#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/imap_url.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct imap_url parse(const char *text)
{
	struct imap_url url;
	if (!imap_url_parse(slice_from_str(text), arena, &url))
		fail_msg("no URL: %s", text);
	return url;
}

#define assert_text(slice, text) assert_true(slice_equal(slice, slice_from_str(text)))

static void test_places(void **state)
{
	(void)state;
	struct imap_url url = parse("imap://alice%40example.test@mx.example.test:143/"
	                            "Fr%C3%BCh%20er/x;UIDVALIDITY=7/;UID=20");
	assert_true(url.absolute && !url.of_selected);
	assert_text(url.user, "alice@example.test");
	assert_text(url.host, "mx.example.test");
	assert_int_equal(url.port, 143);
	assert_text(url.mailbox, "Fr\xc3\xbch er/x");
	assert_int_equal(url.uid_validity, 7);
	assert_int_equal(url.uid, 20);
	assert_int_equal(url.section.kind, SECTION_ALL);
	assert_false(url.has_partial);

	url = parse("IMAP://bob;AUTH=*@[::1]/INBOX/;uid=1");
	assert_text(url.user, "bob");
	assert_text(url.host, "[::1]");
	assert_int_equal(url.uid_validity, 0);
	url = parse("imap://mx/a/b/;UID=3");
	assert_int_equal(url.user.len, 0);
	assert_text(url.mailbox, "a/b");
	url = parse("/Drafts;UIDVALIDITY=385759045/;UID=20");
	assert_false(url.absolute || url.of_selected);
	assert_text(url.mailbox, "Drafts");
	url = parse(";UID=9/;SECTION=1");
	assert_true(url.of_selected);
}

static void test_parts(void **state)
{
	(void)state;
	struct imap_url url = parse("/INBOX/;UID=1/;SECTION=2.1.MIME/;PARTIAL=10.20");
	assert_int_equal(url.section.kind, SECTION_MIME);
	assert_int_equal(url.section.depth, 2);
	assert_int_equal(url.section.path[0], 2);
	assert_true(url.has_partial);
	assert_int_equal(url.offset, 10);
	assert_int_equal(url.length, 20);
	url = parse("/INBOX/;UID=1/;PARTIAL=10");
	assert_int_equal(url.section.kind, SECTION_ALL);
	assert_int_equal(url.length, 0);
	url = parse("/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(To%20%22Cc%22)");
	assert_int_equal(url.section.kind, SECTION_HEADER_FIELDS);
	assert_int_equal(url.section.field_count, 2);
	assert_text(url.section.fields[0], "To");
	assert_text(url.section.fields[1], "Cc");
}

static void test_authorization(void **state)
{
	(void)state;
	struct imap_url url = parse("imap://a@h/INBOX/;UID=1/;SECTION=1;EXPIRE=2027-01-01T00:00:00Z"
	                            ";URLAUTH=submit+fred%40h:internal:" TOKEN);
	assert_int_equal(url.access, URL_ACCESS_SUBMIT);
	assert_text(url.access_user, "fred@h");
	assert_true(url.has_expiry);
	assert_int_equal(url.expiry_s, 1798761600);
	assert_text(url.rump, "imap://a@h/INBOX/;UID=1/;SECTION=1;EXPIRE=2027-01-01T00:00:00Z"
	                      ";URLAUTH=submit+fred%40h");
	assert_text(url.mechanism, "internal");
	assert_text(url.token, TOKEN);
	url = parse("imap://a@h/INBOX/;UID=1;URLAUTH=anonymous");
	assert_int_equal(url.access, URL_ACCESS_ANONYMOUS);
	assert_int_equal(url.mechanism.len, 0);
	assert_int_equal(url.token.len, 0);
	assert_int_equal(parse("imap://a@h/INBOX/;UID=1;URLAUTH=user+b@h").access, URL_ACCESS_USER);
	assert_int_equal(parse("imap://a@h/INBOX/;UID=1;URLAUTH=authuser").access,
	                 URL_ACCESS_AUTHUSER);
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"/",
		"/INBOX",
		"/INBOX/",
		"/INBOX/;UID=0",
		"/INBOX/;UID=4294967296",
		"/INBOX/;UID=x",
		"/INBOX;UID=1",
		"//;UID",
		"/INBOX;UIDVALIDITY=0/;UID=1",
		"/INBOX;UIDVALIDITY=1;UID=1",
		"/IN%BOX/;UID=1",
		"/IN%00BOX/;UID=1",
		"/IN%0d%0aBOX/;UID=1",
		"/IN%ffBOX/;UID=1",
		"/IN BOX/;UID=1",
		"/INBOX/;UID=1/",
		"/INBOX/;UID=1/;SECTION=",
		"/INBOX/;UID=1/;SECTION=1.",
		"/INBOX/;UID=1/;SECTION=MIME",
		"/INBOX/;UID=1/;SECTION=1]",
		"/INBOX/;UID=1/;SECTION=1%5d",
		"/INBOX/;UID=1/;SECTION=HEADER.FIELDS",
		"/INBOX/;UID=1/;PARTIAL=1.0",
		"/INBOX/;UID=1/;PARTIAL=1/;SECTION=1",
		"/INBOX/;UID=1;URLAUTH=anonymous",
		"imap://",
		"imap:///INBOX/;UID=1",
		"imap://@h/INBOX/;UID=1",
		"imap://a%88@h/INBOX/;UID=1",
		"imap://a%@h/INBOX/;UID=1",
		"imap://h",
		"imap://h:/INBOX/;UID=1",
		"imap://h:65536/INBOX/;UID=1",
		"imap://h/INBOX?SUBJECT%20x",
		"http://h/INBOX/;UID=1",
		"imap://a@h/INBOX/;UID=1;URLAUTH=",
		"imap://a@h/INBOX/;UID=1;URLAUTH=stream",
		"imap://a@h/INBOX/;UID=1;URLAUTH=submit+",
		"imap://a@h/INBOX/;UID=1;EXPIRE=2027-01-01T00:00:00Z",
		"imap://a@h/INBOX/;UID=1;EXPIRE=tomorrow;URLAUTH=anonymous",
		"imap://a@h/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL",
		"imap://a@h/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:abcd",
		"imap://a@h/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:" TOKEN "x",
	};
	struct imap_url url;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (imap_url_parse(slice_from_str(bad[i]), arena, &url))
			fail_msg("a URL: %s", bad[i]);
	}
	char *longest = arena_alloc(arena, IMAP_URL_MAX + 10);
	memset(longest, 'a', IMAP_URL_MAX + 10);
	longest[0] = '/';
	memcpy(longest + IMAP_URL_MAX - 7, "/;UID=1", 7);
	assert_true(imap_url_parse(slice_of(longest, IMAP_URL_MAX), arena, &url));
	memcpy(longest + IMAP_URL_MAX - 7, "aaa/;UID=1", 10);
	assert_false(imap_url_parse(slice_of(longest, IMAP_URL_MAX + 3), arena, &url));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_authorization, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("imap_url", tests, NULL, NULL);
}
