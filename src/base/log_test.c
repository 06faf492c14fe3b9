#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

/* Logs one line through a pipe and returns what came out, without the date. */
static const char *logged(bool json, const struct log_kv *kv, size_t count)
{
	static char line[LOG_LINE_MAX + 1];
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	log_setup(LOG_INFO, json, fds[1]);
	log_write(LOG_DEBUG, "not.shown", kv, count);
	log_write(LOG_INFO, "test.event", kv, count);
	close(fds[1]);
	ssize_t len = read(fds[0], line, LOG_LINE_MAX);
	close(fds[0]);
	log_setup(LOG_INFO, false, 2);
	assert_true(len > 30 && line[len - 1] == '\n');
	line[len] = '\0';
	return line + (json ? 35 : 25);
}

static void text_lines(void **state)
{
	(void)state;
	struct log_kv kv[] = {
		kv_str("client", "192.0.2.1"),
		kv_int("mail", -3),
		kv_str("empty", ""),
		kv_str("none", NULL),
		kv_slice("nothing", (struct slice){ 0 }),
		kv_str("said", "a \"b\"\r\n\x1b[31m\\"),
		kv_str("name", "J\xc3\xbcrgen X"),
		kv_str("c1", "x\xc2\x9b y"),
		kv_slice("raw", slice_of("\xff\0", 2)),
		kv_error(-2),
	};
	assert_string_equal(
		logged(false, kv, sizeof(kv) / sizeof(kv[0])),
		"info test.event client=192.0.2.1 mail=-3 empty=\"\" none=\"\" "
		"nothing=\"\" said=\"a \\\"b\\\"\\x0d\\x0a\\x1b[31m\\\\\" name=\"J\xc3\xbcrgen X\" "
		"c1=\"x\\u009b y\" raw=\"\\xff\\x00\" "
		"error=\"No such file or directory\"\n");
}

static void json_lines(void **state)
{
	(void)state;
	struct log_kv kv[] = { kv_str("a", "x\ny\""), kv_int("n", 7) };
	assert_string_equal(logged(true, kv, 2), "\"level\":\"info\",\"event\":\"test.event\","
	                                         "\"a\":\"x\\u000ay\\\"\",\"n\":7}\n");
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	static char long_text[3 * LOG_LINE_MAX];
	memset(long_text, 'x', sizeof(long_text));
	for (int json = 0; json < 2; json++) {
		long_text[7] = json ? '\n' : 'x';
		struct log_kv kv[] = { kv_slice("long", slice_of(long_text, sizeof(long_text))),
			               kv_int("lost", 1) };
		struct slice line = slice_from_str(logged(json, kv, 2));
		assert_true(line.len > LOG_LINE_MAX - 100);
		assert_true(slice_ends_with(line, json ? SLICE("x\"}\n") : SLICE("x\n")));
	}
}

static void wall_clock_shifts(void **state)
{
	(void)state;
	int64_t before = clock_wall_ms();
	clock_shift_wall(86400000);
	assert_in_range(clock_wall_ms() - before, 86400000, 86410000);
	clock_shift_wall(-86400000);
	assert_true(deadline_in(-1) == DEADLINE_NEVER);
	assert_true(deadline_in(1000) > clock_monotonic_ms());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(wall_clock_shifts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
