#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/dotstuff.h"

/* Feeds text in chunks of step bytes; what is left behind the end goes to *rest_out. */
static int unstuff(struct dot_unstuffer *u, struct slice text, size_t step, struct buf *out,
                   struct slice *rest_out)
{
	int rc = 0;
	while (rc == 0 && text.len > 0) {
		size_t used;
		struct slice chunk = slice_sub(text, 0, step);
		rc = dot_unstuff(u, chunk, dot_sink_buf, out, &used);
		assert_true(rc == 1 || used == chunk.len);
		text = slice_from(text, used);
	}
	*rest_out = text;
	return rc;
}

static void assert_text(struct slice got, struct slice want)
{
	if (!slice_equal(got, want))
		fail_msg("got \"%.*s\", want \"%.*s\"", SLICE_ARG(got), SLICE_ARG(want));
}

struct unstuff_case {
	const char *in;
	const char *out;
	const char *normalised; /* NULL: as out */
	const char *rest;
	int rc;
	bool bare;
};

static const struct unstuff_case unstuff_cases[] = {
	{ .in = ".\r\n", .out = "", .rest = "", .rc = 1 },
	{ .in = "a\r\n.\r\nQUIT\r\n", .out = "a\r\n", .rest = "QUIT\r\n", .rc = 1 },
	{ .in = "..\r\n...x\r\n.\r\n", .out = ".\r\n..x\r\n", .rest = "", .rc = 1 },
	{ .in = ".a\r\n.\r\n", .out = "a\r\n", .rest = "", .rc = 1 },
	{ .in = "a\r\n.b", .out = "a\r\nb", .rest = "", .rc = 0 },
	{ .in = "a\n.\nb\r\n.\r\n",
	  .out = "a\n.\nb\r\n",
	  .normalised = "a\r\n.\r\nb\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\r\n.\nb\r\n.\r\n",
	  .out = "a\r\n\nb\r\n",
	  .normalised = "a\r\n\r\nb\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\n.\r\nb\r\n.\r\n",
	  .out = "a\n.\r\nb\r\n",
	  .normalised = "a\r\n.\r\nb\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\r.\rb\r\n.\r\n",
	  .out = "a\r.\rb\r\n",
	  .normalised = "a\r\n.\r\nb\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\r\n.\rb\r\n.\r\n",
	  .out = "a\r\n\rb\r\n",
	  .normalised = "a\r\n\r\nb\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\r\r\n.\r\n",
	  .out = "a\r\r\n",
	  .normalised = "a\r\n\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "a\r\n.\r\r\n.\r\n",
	  .out = "a\r\n\r\r\n",
	  .normalised = "a\r\n\r\n\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
	{ .in = "\n.\r\n\r\n.\r\n",
	  .out = "\n.\r\n\r\n",
	  .normalised = "\r\n.\r\n\r\n",
	  .rest = "",
	  .rc = 1,
	  .bare = true },
};

static void test_unstuff_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unstuff_cases) / sizeof(unstuff_cases[0]); i++) {
		const struct unstuff_case *c = &unstuff_cases[i];
		for (size_t step = 1; step <= strlen(c->in); step++) {
			for (int mode = DOT_BARE_REFUSE; mode <= DOT_BARE_NORMALISE; mode++) {
				struct dot_unstuffer u = dot_unstuffer_make((enum dot_bare)mode);
				struct buf out = buf_make(1000);
				struct slice rest;
				int rc = unstuff(&u, slice_from_str(c->in), step, &out, &rest);
				assert_int_equal(rc, c->rc);
				assert_text(
					buf_slice(&out),
					slice_from_str(mode == DOT_BARE_NORMALISE && c->normalised
				                               ? c->normalised
				                               : c->out));
				assert_text(rest, slice_from_str(c->rest));
				assert_int_equal(u.bare_seen, c->bare);
				buf_free(&out);
			}
		}
	}
}

static void test_line_lengths(void **state)
{
	(void)state;
	char line[DOT_LINE_MAX + 8];
	memset(line, 'x', sizeof(line));
	for (size_t length = DOT_LINE_MAX - 1; length <= DOT_LINE_MAX + 1; length++) {
		struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
		struct buf out = buf_make(10000);
		struct slice rest;
		memset(line, 'x', sizeof(line));
		/* The dot that the sender doubled does not count. */
		line[0] = '.';
		line[1] = '.';
		memcpy(line + length - 1, "\r\n", 2);
		assert_int_equal(unstuff(&u, slice_of(line, length + 1), 7, &out, &rest), 0);
		assert_int_equal(out.len, length);
		assert_int_equal(u.lines, 1);
		assert_int_equal(u.overlong_seen, length > DOT_LINE_MAX);
		buf_free(&out);
	}
}

static const struct {
	const char *in;
	const char *out;
} stuff_cases[] = {
	{ "", ".\r\n" },
	{ "a", "a\r\n.\r\n" },
	{ "a\r\n", "a\r\n.\r\n" },
	{ ".\r\n", "..\r\n.\r\n" },
	{ "..a\r\n.b\r\nc.\r\n", "...a\r\n..b\r\nc.\r\n.\r\n" },
	{ "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
	{ "a\r.\rb\r", "a\r\n..\r\nb\r\n.\r\n" },
	{ "a\r\r\n", "a\r\n\r\n.\r\n" },
};

static void test_stuff_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stuff_cases) / sizeof(stuff_cases[0]); i++) {
		struct slice in = slice_from_str(stuff_cases[i].in);
		for (size_t step = 1; step <= in.len + 1; step++) {
			struct dot_stuffer s = dot_stuffer_make();
			struct buf out = buf_make(1000);
			for (size_t at = 0; at < in.len; at += step)
				assert_int_equal(
					dot_stuff(&s, slice_sub(in, at, step), dot_sink_buf, &out),
					0);
			assert_int_equal(dot_stuff_end(&s, dot_sink_buf, &out), 0);
			assert_text(buf_slice(&out), slice_from_str(stuff_cases[i].out));
			buf_free(&out);
		}
	}
}

static int refuse(void *arg, struct slice run)
{
	(void)run;
	return *(int *)arg;
}

static void test_sink_errors_come_back(void **state)
{
	(void)state;
	struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
	struct dot_stuffer s = dot_stuffer_make();
	int error = -5;
	size_t used;
	assert_int_equal(dot_unstuff(&u, SLICE("abc\r\n.x"), refuse, &error, &used), -5);
	assert_int_equal(dot_stuff(&s, SLICE("abc\r\n.x"), refuse, &error), -5);
	assert_int_equal(dot_stuff_end(&s, refuse, &error), -5);
}

static int count_runs(void *arg, struct slice run)
{
	(void)run;
	++*(size_t *)arg;
	return 0;
}

/* A message without dots at line starts is one run: nothing is copied piecemeal. */
static void test_runs_are_long(void **state)
{
	(void)state;
	struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_NORMALISE);
	size_t runs = 0, used;
	struct slice text = SLICE("Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n.\r\n");
	assert_int_equal(dot_unstuff(&u, text, count_runs, &runs, &used), 1);
	assert_int_equal(runs, 1);
	assert_int_equal(used, text.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unstuff_at_every_cut),
		cmocka_unit_test(test_line_lengths),
		cmocka_unit_test(test_stuff_at_every_cut),
		cmocka_unit_test(test_sink_errors_come_back),
		cmocka_unit_test(test_runs_are_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
