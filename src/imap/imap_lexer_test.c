#include "base/base_testing.h"

#include "imap/imap_lexer.h"
#include "mailbox/mailbox.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void literals_at_the_end_of_a_line(void **state)
{
	struct slice prefix;
	uint64_t size;
	bool at_once;
	(void)state;
	assert_true(imap_line_literal(SLICE("a LOGIN {5}"), &size, &at_once, &prefix));
	assert_int_equal(size, 5);
	assert_false(at_once);
	assert_text(prefix, "a LOGIN ");
	assert_true(imap_line_literal(SLICE("{0+}"), &size, &at_once, &prefix));
	assert_true(at_once && size == 0);
	assert_true(
		imap_line_literal(SLICE("a {99999999999999999999+}"), &size, &at_once, &prefix));
	assert_true(at_once && size == INT64_MAX);
	assert_true(imap_line_literal(SLICE("a {0000000000000000000000007}"), &size, &at_once,
	                              &prefix));
	assert_int_equal(size, 7);
	static const char *const none[] = {
		"", "a {5} ", "a {}", "a {+}", "a {-1}", "a {5", "a \"{5}\"", "a 5}", "{5++}",
	};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(imap_line_literal(slice_from_str(none[i]), &size, &at_once, &prefix));
}

static void strings(void **state)
{
	struct slice out;
	bool is_nil;
	(void)state;
	struct cursor c = cursor_of(SLICE("\"a \\\"b\\\\\" {3}\r\nx\ny atom] NIL nil NILS"));
	assert_true(imap_take_astring(&c, arena, &out));
	assert_text(out, "a \"b\\");
	assert_true(imap_take_space(&c) && imap_take_string(&c, arena, &out));
	assert_text(out, "x\ny");
	assert_true(imap_take_space(&c) && imap_take_astring(&c, arena, &out));
	assert_text(out, "atom]");
	assert_true(imap_take_space(&c) && imap_take_nstring(&c, arena, &out, &is_nil) && is_nil);
	assert_true(imap_take_space(&c) && imap_take_nstring(&c, arena, &out, &is_nil) && is_nil);
	assert_true(imap_take_space(&c));
	assert_false(imap_take_nstring(&c, arena, &out, &is_nil));
}

static void broken_strings_leave_the_cursor(void **state)
{
	static const char *const broken[] = { "\"open",
		                              "\"a\nb\"",
		                              "\"\\x\"",
		                              "{5}\r\nabc",
		                              "{3}abc",
		                              "{3}\nabc",
		                              "\"\\",
		                              "(",
		                              "{99999999999999}\r\nx",
		                              "{18446744073709551615}\r\n",
		                              "" };
	struct slice out;
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct cursor c = cursor_of(slice_from_str(broken[i])), before = c;
		assert_false(imap_take_astring(&c, arena, &out));
		assert_ptr_equal(c.at, before.at);
	}
}

static void words_end_where_atoms_end(void **state)
{
	(void)state;
	struct cursor c = cursor_of(SLICE("body[]"));
	assert_true(imap_take_word(&c, SLICE("BODY")));
	c = cursor_of(SLICE("BODYSTRUCTURE"));
	assert_false(imap_take_word(&c, SLICE("BODY")));
	c = cursor_of(SLICE("FLAGS.SILENT"));
	assert_false(imap_take_word(&c, SLICE("FLAGS")));
	c = cursor_of(SLICE("NIL"));
	assert_true(imap_take_word(&c, SLICE("NIL")));
}

static void assert_set(const char *text, uint32_t max, const char *resolved)
{
	struct cursor c = cursor_of(slice_from_str(text));
	struct imap_set set;
	struct buf out = buf_make(1000);
	assert_true(imap_take_set(&c, arena, &set) && cursor_at_end(&c));
	struct uid_set uids = imap_set_resolve(&set, arena, max);
	assert_int_equal(uid_set_write(&uids, &out), 0);
	assert_text(buf_slice(&out), resolved);
	buf_free(&out);
}

static void sets(void **state)
{
	static const char *const broken[] = { "",     "0",  "a",   ":",          "1:", "1,",
		                              "1,,2", ",1", "1:0", "4294967296", "-1" };
	struct imap_set set;
	(void)state;
	assert_set("1", 9, "1");
	assert_set("*", 9, "9");
	assert_set("3:*", 9, "3:9");
	assert_set("12:*", 9, "9:12");
	assert_set("*:4", 9, "4:9");
	assert_set("5,1:3,2:4,7", 9, "1:5,7");
	assert_set("1:*", 0, "");
	assert_set("4294967295", 9, "4294967295");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct cursor c = cursor_of(slice_from_str(broken[i]));
		assert_false(imap_take_set(&c, arena, &set) && cursor_at_end(&c));
	}
	struct cursor c = cursor_of(SLICE("2:7,9:*,3"));
	assert_true(imap_take_set(&c, arena, &set));
	assert_int_equal(imap_set_greatest(&set), 7);
}

static void tags(void **state)
{
	struct slice tag;
	(void)state;
	struct cursor c = cursor_of(SLICE("a1 NOOP"));
	assert_true(imap_take_tag(&c, &tag) && cursor_peek(&c) == ' ');
	assert_text(tag, "a1");
	c = cursor_of(SLICE("a1"));
	assert_true(imap_take_tag(&c, &tag) && cursor_at_end(&c));
	/* Not a part of what the client said. */
	static const char *const broken[] = {
		"", " x", "*", "a+b NOOP", "t\xc3\xbcg NOOP", "a{1}"
	};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		c = cursor_of(slice_from_str(broken[i]));
		assert_false(imap_take_tag(&c, &tag));
		assert_true(cursor_rest(&c).len == strlen(broken[i]));
	}
}

static void flags(void **state)
{
	struct imap_flags f;
	(void)state;
	struct cursor c = cursor_of(SLICE("(\\seen \\DELETED $Junk kw)"));
	assert_true(imap_take_flags(&c, arena, false, &f) && cursor_at_end(&c));
	assert_true(f.system == (FLAG_SEEN | FLAG_DELETED));
	assert_int_equal(f.keyword_count, 2);
	assert_text(f.keywords[1], "kw");
	c = cursor_of(SLICE("()"));
	assert_true(imap_take_flags(&c, arena, false, &f) && f.system == 0);
	c = cursor_of(SLICE("\\Seen kw"));
	assert_false(imap_take_flags(&c, arena, false, &f));
	assert_true(imap_take_flags(&c, arena, true, &f) && cursor_at_end(&c));
	static const char *const broken[] = {
		"(\\Recent)", "(\\Other)", "(a", "(a )", "(a(b))", ""
	};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		c = cursor_of(slice_from_str(broken[i]));
		assert_false(imap_take_flags(&c, arena, true, &f));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(literals_at_the_end_of_a_line),
		TEST(strings),
		TEST(broken_strings_leave_the_cursor),
		TEST(words_end_where_atoms_end),
		TEST(sets),
		TEST(tags),
		TEST(flags),
	};
	return cmocka_run_group_tests_name("imap_lexer", tests, NULL, NULL);
}
