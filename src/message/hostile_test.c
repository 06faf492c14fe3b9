/* Inputs made to cost time: each must take time in proportion to its size. What is linear needs
 * well under a second even with sanitizers; what is quadratic would need hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "message/address_list.h"
#include "message/dotstuff.h"
#include "message/fixup.h"
#include "message/oddity.h"
#include "message/summary.h"

#define MIB             (1024 * 1024)
#define CPU_SECONDS_MAX 20

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

struct hostile {
	struct arena *arena;
	struct buf text;
	clock_t began;
};

static int setup(void **state)
{
	struct hostile *h = mem_zero(1, sizeof(*h));
	h->arena = arena_new();
	h->text = buf_make(64 * MIB);
	h->began = clock();
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct hostile *h = *state;
	double seconds = (double)(clock() - h->began) / CLOCKS_PER_SEC;
	arena_free(h->arena);
	buf_free(&h->text);
	free(h);
	if (seconds > CPU_SECONDS_MAX)
		print_error("took %.1f s\n", seconds);
	return seconds > CPU_SECONDS_MAX;
}

/* start, then as many times unit as make size bytes */
static struct slice fill(struct hostile *h, const char *start, const char *unit, size_t size)
{
	buf_clear(&h->text);
	buf_append(&h->text, slice_from_str(start));
	while (h->text.len < size)
		buf_append(&h->text, slice_from_str(unit));
	return buf_slice(&h->text);
}

static int into_nothing(void *arg, struct slice run)
{
	*(size_t *)arg += run.len;
	return 0;
}

static void no_visit(void *arg, const struct oddity_found *found)
{
	*(uint64_t *)arg += found->count;
}

/* Looked at, and mended as a submission is. */
static void look_and_mend(struct arena *arena, struct slice bytes)
{
	const struct fixup fixup = { .hostname = SLICE("a.test"),
		                     .domain = SLICE("b.test"),
		                     .author = SLICE("a@b.test"),
		                     .limits = &limits };
	size_t size = 0;
	uint64_t odd = 0;
	int rc = fixup_write(arena, bytes, &fixup, NULL, into_nothing, &size);
	assert_true(rc == 0 || rc == -EMSGSIZE || rc == -EOPNOTSUPP);
	oddity_lines(bytes, no_visit, &odd);
	oddity_part(bytes, mime_parse(arena, bytes, &limits), &limits, no_visit, &odd);
}

static void test_messages(void **state)
{
	static const char *const messages[][2] = {
		{ "", "a: b\r\n" },
		{ "To:", " a," },
		{ "To:", " \xC3\xA4 <a>," },
		{ "", "Bcc: a@b\r\n" },
		{ "", "DKIM-Signature: h=a:b:c\r\n" },
		{ "DKIM-Signature: h=", "a:" },
		{ "Keywords:", " \xC3\xA4," },
		{ "", "\r\n" },
		{ "Subject:", " x\r\n" },
		{ "", "Content-Type: x;\r\n" },
		{ "", "Delivered-To: x\r\n" },
		{ "", "From: a@b\r\n" },
		{ "Content-Type: a/b", "; a=b" },
		{ "Content-Type: a/b; x=\"", "\\\"" },
		{ "Content-Type: a/b", ";(" },
		{ "Content-Language: ", ",a" },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n" },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--x\r\n" },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b--\r\n" },
		{ "", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" },
		{ "", "Content-Type: message/rfc822\r\n\r\n" },
		{ "Content-Type: multipart/digest; boundary=b\r\n\r\n", "--b\r\n\r\n" },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
		  "--b\r\nContent-Type: message/rfc822\r\n\r\nTo: a@b\r\n" },
	};
	struct hostile *h = *state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct message_summary s;
		struct slice body;
		message_summarise(fill(h, messages[i][0], messages[i][1], 2 * MIB),
		                  &MESSAGE_LIMITS_DEFAULT, h->arena, &s);
		assert_true(message_body_from_structure(h->arena, s.body_structure, &body));
		assert_true(s.envelope.len <= MESSAGE_LIMITS_DEFAULT.summary_bytes);
		assert_true(s.body_structure.len <= MESSAGE_LIMITS_DEFAULT.summary_bytes);
		look_and_mend(h->arena, buf_slice(&h->text));
		arena_reset(h->arena);
	}
}

static void test_address_lists(void **state)
{
	static const char *const units[] = {
		"(",        "((a)", "\"",   "\\",    "<",
		"a@b,",     "a:",   "a:;",  "@",     "<@",
		"[",        "a@[",  ".",    "=?",    "=?a?q?",
		"=?a?q?b,", "a ",   "a . ", ",",     "a@b c ",
		"a@b (c) ", "\r\n", "(a)",  "a@b <", "a <b@c> (d), ",
	};
	struct hostile *h = *state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		address_list_parse(h->arena, fill(h, "", units[i], MIB / 2), SIZE_MAX);
		arena_reset(h->arena);
	}
}

static void test_values(void **state)
{
	static const char *const units[] = {
		"=?",          "=?a?q?",  "=?a?q?=", "=?utf-8?q?a?= ",   "=?koi8-r?q?a?=",
		"=?a?b?YQ?= ", "?",       "\xC3",    "=?utf-8?q?=C3?= ", " ",
		"\r\n ",       "x*0*=a;", ";a=\"",   ";a=b c",
	};
	struct hostile *h = *state;
	struct header_param *params;
	struct slice main, found;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct slice value = fill(h, "", units[i], MIB / 2);
		header_decode(h->arena, value, MIB);
		size_t count = header_params(h->arena, value, 64, &main, &params);
		header_param_find(h->arena, params, count, SLICE("x"), &found);
		header_unfold(h->arena, value);
		arena_reset(h->arena);
	}
}

static int nowhere(void *arg, struct slice run)
{
	*(size_t *)arg += run.len;
	return 0;
}

static void test_dots(void **state)
{
	static const char *const units[] = {
		"\n", "\r", ".", "\r\n.", "\n\r", ".\r", "a\n", "\r\n"
	};
	struct hostile *h = *state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct slice text = fill(h, "", units[i], 2 * MIB);
		struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_NORMALISE);
		struct dot_stuffer s = dot_stuffer_make();
		size_t used, total = 0;
		assert_true(dot_unstuff(&u, text, nowhere, &total, &used) >= 0);
		assert_int_equal(dot_stuff(&s, text, nowhere, &total), 0);
	}
}

static void test_decoding(void **state)
{
	static const char *const units[] = { "=", "=\n", " ", "\n", "begin \n", "M\n", "=3D", "A" };
	struct hostile *h = *state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct slice text = fill(h, "begin 644 a\n", units[i], MIB / 2);
		for (int e = MIME_7BIT; e <= MIME_UNKNOWN; e++) {
			mime_decode_all(h->arena, (enum mime_encoding)e, text, SIZE_MAX);
			arena_reset(h->arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decoding, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
