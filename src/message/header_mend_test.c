#include "base/base_testing.h"

#include <errno.h>
#include <stdlib.h>

#include "message/header_mend.h"

#define MIB (1024 * 1024)

struct bench {
	struct arena *arena, *scratch;
	struct buf out;
};

static int setup(void **state)
{
	struct bench *b = mem_zero(1, sizeof(*b));
	b->arena = arena_new();
	b->scratch = arena_new();
	b->out = buf_make(64 * MIB);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	arena_free(b->arena);
	arena_free(b->scratch);
	buf_free(&b->out);
	free(b);
	return 0;
}

static int mend(struct bench *b, struct slice whole, bool utf8, const char *domain)
{
	const struct header_mending how = { .utf8 = utf8, .domain = slice_from_str(domain) };
	struct header_walk walk = { .rest = whole };
	struct header_field field;
	struct outlet out;
	buf_clear(&b->out);
	outlet_create(&out, dot_sink_buf, &b->out);
	int rc = 0;
	while (rc == 0 && header_next(&walk, &field))
		rc = header_mend(b->scratch, &field, &how, &out);
	int end = outlet_end(&out);
	return rc < 0 ? rc : end;
}

static void expect(struct bench *b, const char *in, const char *want)
{
	assert_int_equal(mend(b, slice_from_str(in), false, "example.test"), 0);
	assert_string_equal(arena_str(b->arena, buf_slice(&b->out)), want);
}

static void test_unchanged(void **state)
{
	static const char *const fields[] = {
		"Subject:  two  spaces \r\n",
		"Subject: folded\r\n\tas it came\r\n",
		"subject:x\r\n",
		"To: =?utf-8?q?J=C3=B6rg?= <j@x.test>, (c) \"a, b\" <b@x>,\r\n g: c@x;\r\n",
		"Content-Type: text/plain;charset=\"utf-8\"; name*0=a;name*1=b\r\n",
		"X: =?iso-8859-1?q?=E4?= and more\r\n",
		"no field at all\r\n",
		"To:\r\n",
		"References: <a@b>\r\n <c@d>\r\n",
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		expect(*state, fields[i], fields[i]);
}

static void test_text(void **state)
{
	struct bench *b = *state;
	expect(b,
	       "Subject: langgezogenegr\xC3\xBC\xC3\x9F"
	       "e an alle\r\n",
	       "Subject: =?utf-8?Q?langgezogenegr=C3=BC=C3=9F"
	       "e?= an alle\r\n");
	/* Latin-1, as some send it. */
	expect(b, "Subject: \xE4\r\n", "Subject: =?utf-8?B?w6Q=?=\r\n");
	/* Words next to each other keep the space between them. */
	expect(b, "X-A: a \xC3\xA4  \xC3\xB6 b\r\n", "X-A: a =?utf-8?B?w6Qgw7Y=?= b\r\n");
	expect(b, "X-A: =?utf-8?q?a?= \xC3\xA4 =?utf-8?q?b?=\r\n",
	       "X-A: =?utf-8?q?a?= =?utf-8?Q?_=C3=A4_?= =?utf-8?q?b?=\r\n");
	expect(b, "Keywords: eins, zw\xC3\xB6lf, drei\r\n",
	       "Keywords: eins, =?utf-8?B?enfDtmxm?=, drei\r\n");
	expect(b, "Message-ID: <\xC3\xA4@x>\r\n",
	       "Message-ID: <?"
	       "?@x>\r\n");
}

static void test_addresses(void **state)
{
	struct bench *b = *state;
	expect(b, "To: joe, Ann <ann> (x),\r\n \"b b\", \"c c\"@x.test, <d (e) >, f (g)\r\n",
	       "To: joe@example.test, Ann <ann@example.test> (x),\r\n \"b b\"@example.test,"
	       " \"c c\"@x.test, <d@example.test (e) >, f@example.test (g)\r\n");
	expect(b, "To: two words, <>, a@, g: h, i@x.test;\r\n",
	       "To: two words, <>, a@, g: h@example.test, i@x.test;\r\n");
	expect(b, "From: J\xC3\xB6rg Kaiser <j@x.test>, \"M\xC3\xBCller, K\" <k>\r\n",
	       "From: =?utf-8?Q?J=C3=B6rg_Kaiser?= <j@x.test>,"
	       " =?utf-8?Q?M=C3=BCller=2C_K?=\r\n <k@example.test>\r\n");
	expect(b,
	       "To: \xC3\x9C: a@b\xC3\xBC"
	       "cher.test, b@x.test;, c@x.test\r\n",
	       "To: =?utf-8?B?w5w=?=: a@xn--bcher-kva.test, b@x.test;, c@x.test\r\n");
	assert_int_equal(mend(b, SLICE("To: \xC3\xA4@x.test\r\n"), false, ""), -EILSEQ);
	assert_int_equal(mend(b, SLICE("To: \xC3\xA4@x.test, joe\r\n"), true, "a.test"), 0);
	assert_string_equal(arena_str(b->arena, buf_slice(&b->out)),
	                    "To: \xC3\xA4@x.test, joe@a.test\r\n");
	/* Without a domain nothing is completed. */
	assert_int_equal(mend(b, SLICE("To: joe\r\n"), false, ""), 0);
	assert_string_equal(arena_str(b->arena, buf_slice(&b->out)), "To: joe\r\n");
}

static void test_parameters(void **state)
{
	expect(*state,
	       "Content-Disposition: attachment; filename=\"\xC3\xA4 b.txt\"; size=12; x=\"a "
	       "b\"\r\n",
	       "Content-Disposition: attachment;\r\n filename*=utf-8''%C3%A4%20b.txt;\r\n"
	       " size=12;\r\n x=\"a b\"\r\n");
}

/* Every line is legal, and unfolded it is what it was but for spaces. */
static void check_lines(struct bench *b)
{
	struct slice rest = buf_slice(&b->out);
	assert_true(slice_is_ascii(rest));
	while (rest.len > 0) {
		const char *lf = memchr(rest.data, '\n', rest.len);
		assert_non_null(lf);
		size_t len = (size_t)(lf - rest.data) + 1;
		assert_true(len <= 1000);
		assert_true(slice_trim(slice_sub(rest, 0, len)).len > 0);
		rest = slice_from(rest, len);
	}
}

static struct slice repeat(struct bench *b, const char *start, const char *unit, size_t size)
{
	struct buf text = buf_make(64 * MIB);
	buf_append(&text, slice_from_str(start));
	while (text.len < size)
		buf_append(&text, slice_from_str(unit));
	buf_append(&text, SLICE("\r\n"));
	struct slice made = arena_copy(b->arena, buf_slice(&text));
	buf_free(&text);
	return made;
}

static void test_long_lines(void **state)
{
	static const char *const good[][2] = {
		{ "Subject: ", "word " },
		{ "Subject: ", "x" },
		{ "Subject: ", "\xC3\xA4" },
		{ "Subject: ", "\xC3\xA4 " },
		{ "Subject: ", "\xE4" },
		{ "References: ", "<a@b>" },
		{ "References:", " <a@b>" },
		{ "To: ", "a@b.test," },
		{ "To: ", "a@b.test, " },
		{ "To: ", "joe," },
		{ "To: ", "\xC3\xA4 <a@b>," },
		{ "Content-Type: a/b; x=", "y" },
		{ "Content-Type: a/b", ";x=y" },
		{ "Keywords: ", "\xC3\xA4," },
		{ "Subject:", "                                  x" },
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t size = 990; size < 1010; size++) {
			assert_int_equal(mend(b, repeat(b, good[i][0], good[i][1], size), false,
			                      "example.test"),
			                 0);
			check_lines(b);
		}
		assert_int_equal(mend(b, repeat(b, good[i][0], good[i][1], MIB), false, "a.test"),
		                 0);
		check_lines(b);
		arena_reset(b->arena);
	}
	assert_int_equal(mend(b, repeat(b, "Message-ID: <", "x", 1200), false, ""), -EMSGSIZE);
	assert_int_equal(mend(b, repeat(b, "To: ", "x", 1200), false, ""), -EMSGSIZE);
	assert_int_equal(mend(b, repeat(b, "To: ", "x", MIB), false, ""), -EMSGSIZE);
	/* A name that fills the line itself. */
	struct slice field = repeat(b, "", "x", 1200);
	memcpy((char *)field.data + 1100, ": \xC3\xA4", 4);
	assert_int_equal(mend(b, field, false, ""), -EMSGSIZE);
}

/* A list that was folded needs no more: the space in front of its second line counts too. */
static void test_folded_once(void **state)
{
	struct bench *b = *state;
	for (size_t tail = 0; tail < 12; tail++) {
		struct buf text = buf_make(MIB);
		buf_append(&text, SLICE("To: "));
		for (int i = 0; i < 210; i++)
			buf_append(&text, SLICE("a@b.test,"));
		buf_append(&text, slice_sub(SLICE("xxxxxxxxxxxx"), 0, tail));
		buf_append(&text, SLICE("\r\n"));
		assert_int_equal(mend(b, buf_slice(&text), false, ""), 0);
		struct slice once = arena_copy(b->arena, buf_slice(&b->out));
		assert_int_equal(mend(b, once, false, ""), 0);
		assert_text(buf_slice(&b->out), arena_str(b->arena, once));
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folded_once, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
