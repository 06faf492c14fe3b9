#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/date.h"

static const struct {
	const char *text;
	int64_t unix_s;
	int offset;
} good[] = {
	{ "Wed, 17 Jul 1996 02:44:25 -0700", 837596665, -420 },
	{ "17 Jul 1996 02:44 +0000", 837571440, 0 },
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360 },
	{ "Thu, 13\r\n  Feb\r\n  1969\r\n      23:32\r\n     -0330 (Newfoundland Time)", -27723480,
	  -210 },
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0 },
	{ "Tue, 1 Jan 02 00:00:00 EST", 1009861200, -300 },
	{ "1 Jan 102 00:00:00 Z", 1009843200, 0 },
	{ "Thursday 1 January 1970 00:00:00", 0, 0 },
	{ "31 Dec 2016 23:59:60 +0000", 1483228800, 0 },
	{ "29 Feb 2000 12:00:00 +1345", 951776100, 825 },
	{ "1-Jan-1970 00:00:01 WAT", 1, 0 },
	{ "Mon, 5 Jan 2026 10:00:00 +9999", 1767607200, 0 },
	{ "\t (a (nested \\) one) Mon,) 5 Jan 2026 10:00:00 pst", 1767636000, -480 },
};

static const char *const bad[] = {
	"",
	"Wed",
	"Wed, 17",
	"17 Jul",
	"17 Jul 1996",
	"17 Jul 1996 02",
	"17 Jul 1996 25:00:00 Z",
	"30 Feb 2000 00:00:00 Z",
	"0 Jan 2000 00:00:00 Z",
	"1 Foo 2000 00:00:00 Z",
	"1 Jan 20000 00:00:00 Z",
	"1 Jan 1899 00:00:00 Z",
	"1 Jan 2000 00:60:00 Z",
	"1 Jan 2000 00:00:61 Z",
	"(((((",
	"2026-01-05T10:00:00Z",
};

static void test_parse(void **state)
{
	(void)state;
	struct date d;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!date_parse(slice_from_str(good[i].text), &d))
			fail_msg("%s is a date", good[i].text);
		if (d.unix_s != good[i].unix_s || d.offset_minutes != good[i].offset)
			fail_msg("%s: %lld %d", good[i].text, (long long)d.unix_s,
			         d.offset_minutes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (date_parse(slice_from_str(bad[i]), &d))
			fail_msg("%s is no date", bad[i]);
}

static void test_imap(void **state)
{
	(void)state;
	struct date d;
	char text[DATE_TEXT_MAX];
	assert_true(date_parse_imap(SLICE("17-Jul-1996 02:44:25 -0700"), &d));
	assert_int_equal(d.unix_s, 837596665);
	assert_int_equal(d.offset_minutes, -420);
	assert_true(slice_equal(date_format_imap(d, text), SLICE("17-Jul-1996 02:44:25 -0700")));
	assert_true(date_parse_imap(SLICE(" 7-jul-1996 02:44:25 +0000"), &d));
	assert_true(slice_equal(date_format_imap(d, text), SLICE(" 7-Jul-1996 02:44:25 +0000")));
	assert_false(date_parse_imap(SLICE("17-Jul-1996 02:44:25"), &d));
	assert_false(date_parse_imap(SLICE("17-Jul-1996 02:44:25 -0700 "), &d));
	assert_false(date_parse_imap(SLICE("17 Jul 1996 02:44:25 -0700"), &d));
	assert_true(date_parse_imap_day(SLICE("1-Jan-1970"), &d));
	assert_int_equal(d.unix_s, 0);
	assert_true(date_parse_imap_day(SLICE("31-Dec-1969"), &d));
	assert_int_equal(d.unix_s, -86400);
	assert_false(date_parse_imap_day(SLICE("31-Dec-69"), &d));
}

static void test_format(void **state)
{
	(void)state;
	struct date d = { .unix_s = 837596665, .offset_minutes = -420 };
	char text[DATE_TEXT_MAX];
	assert_true(slice_equal(date_format(d, text), SLICE("Wed, 17 Jul 1996 02:44:25 -0700")));
	d = (struct date){ .unix_s = -1, .offset_minutes = 330 };
	assert_true(slice_equal(date_format(d, text), SLICE("Thu, 1 Jan 1970 05:29:59 +0530")));
}

static void test_every_day_comes_back(void **state)
{
	(void)state;
	for (int64_t day = -25567; day < 60000; day++) {
		struct date d = { .unix_s = day * 86400 + 4711, .offset_minutes = 0 }, back;
		char text[DATE_TEXT_MAX];
		assert_true(date_parse(date_format(d, text), &back));
		assert_int_equal(back.unix_s, d.unix_s);
	}
}

static void test_local(void **state)
{
	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	assert_int_equal(date_local(837596665).offset_minutes, 120);
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(date_local(837596665).offset_minutes, 0);
}

static void test_internet(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t unix_s;
	} dates[] = {
		{ "1996-07-17T02:44:25-07:00", 837596665 },
		{ "1996-07-17t09:44:25.123z", 837596665 },
		{ "2000-02-29T12:00:00+13:45", 951776100 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
	};
	static const char *const none[] = {
		"",
		"1996-07-17",
		"1996-07-17T09:44Z",
		"1996-07-17T09:44:25",
		"1996-07-17 09:44:25Z",
		"1996-13-17T09:44:25Z",
		"1996-00-17T09:44:25Z",
		"1996-02-30T09:44:25Z",
		"1996-07-17T24:00:00Z",
		"1996-07-17T09:44:25.Z",
		"1996-07-17T09:44:25-0700",
		"1996-07-17T09:44:25Zx",
	};
	struct date d;
	char text[DATE_TEXT_MAX];
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		assert_true(date_parse_internet(slice_from_str(dates[i].text), &d));
		assert_int_equal(d.unix_s, dates[i].unix_s);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(date_parse_internet(slice_from_str(none[i]), &d));
	date_format_internet(837596665, text);
	assert_string_equal(text, "1996-07-17T09:44:25Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_internet),
		cmocka_unit_test(test_imap),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_every_day_comes_back),
		cmocka_unit_test(test_local),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
