#include "base/base_testing.h"

#include "message/header.h"

static void test_walk(void **state)
{
	struct header_walk walk = {
		.rest = SLICE("Subject: one\r\n two\r\nX-Empty:\r\nfrom : a@b\nno field here\r\n"
		              "\tcontinued\r\n:nothing\r\n\r\nbody: x\r\n")
	};
	struct header_field f;
	assert_true(header_next(&walk, &f));
	assert_text(f.name, "Subject");
	assert_text(f.value, " one\r\n two");
	assert_text(f.whole, "Subject: one\r\n two\r\n");
	assert_text(header_unfold(*state, f.value), "one two");
	assert_true(header_next(&walk, &f));
	assert_text(f.name, "X-Empty");
	assert_text(f.value, "");
	assert_true(header_next(&walk, &f));
	assert_text(f.name, "from");
	assert_text(f.value, " a@b");
	assert_true(header_next(&walk, &f));
	assert_text(f.name, "");
	assert_text(f.whole, "no field here\r\n\tcontinued\r\n");
	assert_true(header_next(&walk, &f));
	assert_text(f.name, "");
	assert_false(header_next(&walk, &f));
	assert_true(walk.ended);
	assert_text(walk.rest, "body: x\r\n");
	assert_false(header_next(&walk, &f));
}

static void test_lengths(void **state)
{
	(void)state;
	assert_int_equal(header_length(SLICE("a: b\r\n\r\nbody")), 8);
	assert_int_equal(header_length(SLICE("a: b\n\nbody")), 6);
	assert_int_equal(header_length(SLICE("\r\nbody")), 2);
	assert_int_equal(header_length(SLICE("a: b\r\n")), 6);
	assert_int_equal(header_length(SLICE("a: b\r\n\r")), 7);
	assert_int_equal(header_length(SLICE_EMPTY), 0);
}

static void test_find(void **state)
{
	(void)state;
	struct slice value, header = SLICE("A: 1\r\nB: 2\r\nb: 3\r\n\r\nC: 4\r\n");
	assert_true(header_find(header, SLICE("b"), &value));
	assert_text(value, " 2");
	assert_false(header_find(header, SLICE("C"), &value));
}

static const struct {
	const char *in, *out;
} words[] = {
	{ " plain ", "plain" },
	{ "=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus?= Bonn", "Gr\xC3\xBC\xC3\x9F"
	                                          "e aus Bonn" },
	{ "=?iso-8859-1?Q?a?= =?iso-8859-1?Q?b?=", "ab" },
	{ "=?iso-8859-1?Q?a?=\r\n =?utf-8?B?YmM=?= d", "abc d" },
	{ "x =?utf-8?B?w?= =?utf-8?B?7w=?=", "x \xEF\xBF\xBD" },
	/* a character cut in two by the sender */
	{ "=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "\xC3\xBC" },
	{ "=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=", "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E" },
	{ "=?koi8-r?B?8NLJ18XU?=", "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82" },
	{ "=?utf-8*de?q?x?=", "x" },
	{ "=?us-ascii?Q?=0D=0AX-Evil:_1?=", "  X-Evil: 1" },
	{ "=?utf-8?Q?a b?=", "a b" },
	{ "=?utf-8?X?abc?=", "=?utf-8?X?abc?=" },
	{ "=?utf-8?Q?abc", "=?utf-8?Q?abc" },
	{ "=?=?=?=", "=?=?=?=" },
	{ "=??Q?abc?=", "=??Q?abc?=" },
	{ "=?no-such-charset?Q?=E4?=", "\xC3\xA4" },
	{ "raw \xE4 latin", "raw \xC3\xA4 latin" },
	{ "raw \xC3\xA4 utf", "raw \xC3\xA4 utf" },
	{ "=?utf-8?Q?=FF=41?=", "\xEF\xBF\xBD"
	                        "A" },
	{ "=?windows-1252?Q?=80?=", "\xE2\x82\xAC" },
	{ "=?UTF-8?B?SGVsbG8=?=World", "HelloWorld" },
	{ "", "" },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_text(header_decode(*state, slice_from_str(words[i].in), 1000), words[i].out);
	/* Never cut inside a character. */
	assert_text(header_decode(*state,
	                          SLICE("a\xC3\xA4"
	                                "b"),
	                          2),
	            "a");
	assert_text(header_decode(*state,
	                          SLICE("a\xC3\xA4"
	                                "b"),
	                          3),
	            "a\xC3\xA4");
}

static void test_params(void **state)
{
	struct header_param *p;
	struct slice main, value;
	size_t n = header_params(
		*state,
		SLICE(" text/plain (a comment) ; charset = \"utf-8\" ;\r\n "
	              "format=flowed (x;y); name=two words.txt; bad; x=\"a\\\"b\"; "
	              "title*0*=us-ascii'en'This%20is; title*1=\" fun\"; y="),
		64, &main, &p);
	assert_text(main, "text/plain");
	assert_int_equal(n, 7);
	assert_text(p[0].name, "charset");
	assert_text(p[0].value, "utf-8");
	assert_text(p[1].value, "flowed");
	assert_text(p[2].value, "two words.txt");
	assert_text(p[3].value, "a\"b");
	assert_text(p[6].name, "y");
	assert_text(p[6].value, "");
	assert_true(header_param_find(*state, p, n, SLICE("TITLE"), &value));
	assert_text(value, "This is fun");
	assert_false(header_param_find(*state, p, n, SLICE("tit"), &value));
	n = header_params(*state, SLICE("a/b; a=1; b=2; c=3"), 2, &main, &p);
	assert_int_equal(n, 2);
	n = header_params(*state, SLICE("attachment; filename*=UTF-8''%e2%82%ac%20rates"), 9, &main,
	                  &p);
	assert_true(header_param_find(*state, p, n, SLICE("filename"), &value));
	assert_text(value, "\xE2\x82\xAC rates");
	n = header_params(*state, SLICE("attachment; filename=\"=?utf-8?Q?=C3=A4.txt?=\""), 9,
	                  &main, &p);
	assert_true(header_param_find(*state, p, n, SLICE("filename"), &value));
	assert_text(value, "\xC3\xA4.txt");
	n = header_params(*state, SLICE("text/plain; boundary=\"open"), 9, &main, &p);
	assert_int_equal(n, 1);
	assert_text(p[0].value, "open");
	assert_int_equal(header_params(*state, SLICE(";;;==;\"\";(((;"), 9, &main, &p), 0);
	assert_int_equal(header_params(*state, SLICE_EMPTY, 9, &main, &p), 0);
}

/* What is written is read again as it was; lines stay short, and nothing is smuggled in. */
static void round_trip(void *arena, struct slice text)
{
	struct buf out = buf_make(100000);
	struct slice value;
	assert_int_equal(header_put_text(&out, "Subject", text), 0);
	for (struct slice rest = buf_slice(&out); rest.len > 0;) {
		struct slice line = slice_split(&rest, '\n');
		assert_true(line.len <= 79);
		assert_true(slice_ends_with(line, SLICE("\r")));
	}
	buf_append(&out, SLICE("\r\n"));
	assert_int_equal(header_length(buf_slice(&out)), out.len);
	assert_true(header_find(buf_slice(&out), SLICE("Subject"), &value));
	struct slice back = header_decode(arena, value, 10000);
	assert_true(slice_equal(back, text));
	buf_free(&out);
}

static void test_put_text(void **state)
{
	round_trip(*state, SLICE("Hello"));
	round_trip(*state, SLICE("Hello  two spaces"));
	round_trip(*state, SLICE("=?utf-8?Q?not a word?="));
	round_trip(*state, SLICE("Gr\xC3\xBC\xC3\x9F"
	                         "e"));
	round_trip(*state,
	           SLICE("a fairly long subject that goes on and on and on until it needs to "
	                 "be folded somewhere, twice even, if it is long enough for that"));
	round_trip(
		*state,
		SLICE("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"
	              "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"
	              "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"));
	struct buf out = buf_make(1000);
	header_put_text(&out, "Subject", SLICE("a\r\nBcc: x@y"));
	assert_true(slice_find(buf_slice(&out), SLICE("\nBcc")) < 0);
	buf_clear(&out);
	header_put_raw(&out, "To", SLICE("a@b,\r\n\r\nbody"));
	assert_int_equal(slice_find(buf_slice(&out), SLICE("\r\n")), (ptrdiff_t)out.len - 2);
	buf_free(&out);
}

static void test_put_param(void **state)
{
	static const char *const values[] = {
		"plain.txt",
		"with \"quotes\" and \\",
		"\xC3\xA4 file.pdf",
		"a very long file name of a kind that people give to their scanned documents.pdf",
		"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97"
		"\xA5"
		"\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E.txt",
		"evil\r\nBcc: x",
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf out = buf_make(1000);
		struct header_param *p;
		struct slice main, value;
		buf_append(&out, SLICE("attachment"));
		assert_int_equal(header_put_param(&out, "filename", slice_from_str(values[i])), 0);
		assert_true(slice_find(buf_slice(&out), SLICE("\nBcc")) < 0);
		size_t n = header_params(*state, buf_slice(&out), 64, &main, &p);
		assert_true(header_param_find(*state, p, n, SLICE("filename"), &value));
		assert_text(value, values[i]);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_walk),      ARENA_TEST(test_lengths), ARENA_TEST(test_find),
		ARENA_TEST(test_decode),    ARENA_TEST(test_params),  ARENA_TEST(test_put_text),
		ARENA_TEST(test_put_param),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
