#include "base/base_testing.h"

#include "imap/imap_match.h"

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

/* --- FETCH and STORE ----------------------------------------------------------------- */

static bool take_fetch(const char *text, struct imap_fetch *out)
{
	struct cursor c = cursor_of(slice_from_str(text));
	return imap_take_fetch(&c, arena, out) && cursor_at_end(&c);
}

static void fetch_macros_and_lists(void **state)
{
	struct imap_fetch f;
	(void)state;
	assert_true(take_fetch("full", &f));
	assert_int_equal(f.count, 5);
	assert_int_equal(f.items[4].kind, FETCH_BODY);
	assert_true(take_fetch("(UID FLAGS rfc822.size RFC822)", &f));
	assert_int_equal(f.count, 4);
	assert_int_equal(f.items[2].kind, FETCH_SIZE);
	assert_int_equal(f.items[3].kind, FETCH_SECTION);
	assert_text(f.items[3].label, "RFC822");
	assert_false(f.items[3].peek);
	assert_true(take_fetch("RFC822.HEADER", &f) && f.items[0].peek);
	static const char *const broken[] = { "",
		                              "()",
		                              "(FLAGS",
		                              "FLAGS UID",
		                              "BODY[",
		                              "BODY[1",
		                              "BODY[0]",
		                              "BODY[1.]",
		                              "BODY[.1]",
		                              "BODY[MIME]",
		                              "BODY.PEEK",
		                              "BODYX",
		                              "BODY[]<1>",
		                              "BODY[]<1.0>",
		                              "BODY[HEADER.FIELDS]",
		                              "BODY[HEADER.FIELDS ()]",
		                              "(ALL)",
		                              "NOTHING" };
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (take_fetch(broken[i], &f))
			fail_msg("taken: %s", broken[i]);
	}
}

static void fetch_sections(void **state)
{
	struct imap_fetch f;
	(void)state;
	assert_true(take_fetch("BODY.PEEK[1.2.header.fields.not (From {2}\r\nTo)]<5.10>", &f));
	const struct imap_fetch_item *item = &f.items[0];
	assert_true(item->peek && item->has_partial);
	assert_int_equal(item->offset, 5);
	assert_int_equal(item->length, 10);
	assert_int_equal(item->section.depth, 2);
	assert_int_equal(item->section.path[1], 2);
	assert_int_equal(item->section.kind, SECTION_HEADER_FIELDS_NOT);
	assert_int_equal(item->section.field_count, 2);
	assert_text(item->label, "BODY[1.2.HEADER.FIELDS.NOT (From To)]<5>");
	assert_true(take_fetch("BODY[3.MIME]", &f));
	assert_text(f.items[0].label, "BODY[3.MIME]");
	assert_true(take_fetch("BODY[HEADER.FIELDS (\"a b\")]", &f));
	assert_text(f.items[0].label, "BODY[HEADER.FIELDS ({3}\r\na b)]");
}

static void store_arguments(void **state)
{
	struct imap_store s;
	(void)state;
	struct cursor c = cursor_of(SLICE("-flags.silent (\\Seen kw)"));
	assert_true(imap_take_store(&c, arena, &s) && cursor_at_end(&c));
	assert_true(s.silent && s.how == FLAGS_REMOVE && s.flags.keyword_count == 1);
	c = cursor_of(SLICE("FLAGS \\Seen \\Draft"));
	assert_true(imap_take_store(&c, arena, &s) && cursor_at_end(&c));
	assert_true(!s.silent && s.how == FLAGS_SET);
	c = cursor_of(SLICE("*FLAGS ()"));
	assert_false(imap_take_store(&c, arena, &s));
}

/* --- LIST, STATUS, APPEND ------------------------------------------------------------ */

static void list_arguments(void **state)
{
	struct imap_list l;
	(void)state;
	struct cursor c = cursor_of(SLICE("\"\" %"));
	assert_true(imap_take_list(&c, arena, &l) && cursor_at_end(&c) && !l.extended);
	c = cursor_of(SLICE("(SUBSCRIBED RECURSIVEMATCH) a/ (x* \"y z\") RETURN (CHILDREN "
	                    "STATUS (UNSEEN SIZE))"));
	assert_true(imap_take_list(&c, arena, &l) && cursor_at_end(&c) && l.extended);
	assert_int_equal(l.pattern_count, 2);
	assert_text(l.patterns[1], "y z");
	assert_int_equal(l.options, LIST_SUBSCRIBED | LIST_RECURSIVEMATCH | LIST_RETURN_CHILDREN |
	                                    LIST_RETURN_STATUS);
	assert_int_equal(l.status_items, STATUS_UNSEEN | STATUS_SIZE);
}

static void append_prefix(void **state)
{
	struct imap_append a;
	(void)state;
	struct cursor c = cursor_of(SLICE(" (\\Seen) \"17-Jul-1996 02:44:25 -0700\" "));
	assert_true(imap_take_append(&c, arena, &a) && cursor_at_end(&c));
	assert_true(a.has_date && a.date.unix_s == 837596665);
	c = cursor_of(SLICE(" "));
	assert_true(imap_take_append(&c, arena, &a) && !a.has_date);
	c = cursor_of(SLICE(" \"no date\" "));
	assert_false(imap_take_append(&c, arena, &a));
	assert_true(imap_is_append_message(SLICE("a append INBOX (\\Seen) "), arena));
	assert_true(imap_is_append_message(SLICE("a APPEND {5}\r\nINBOX "), arena));
	assert_false(imap_is_append_message(SLICE("a APPEND "), arena));
	assert_false(imap_is_append_message(SLICE("a LOGIN x "), arena));
}

/* --- SEARCH -------------------------------------------------------------------------- */

static bool take_search(const char *text, struct imap_search *out)
{
	struct cursor c = cursor_of(slice_from_str(text));
	return imap_take_search(&c, arena, out) && cursor_at_end(&c);
}

static const char message[] = "Subject: =?iso-8859-1?Q?=C4rger?= there\r\nX-A: b\r\n"
			      "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nb\xf6se\r\n";

/* Of a message with flags \Seen, UID 7, and the row and bytes above. */
static enum imap_verdict match(const char *text, bool with_row, bool with_bytes)
{
	struct imap_search search;
	struct mailbox_item item = { .seq = 3, .uid = 7, .flags = FLAG_SEEN };
	struct mailbox_message row = {
		.uid = 7,
		.size_bytes = 500,
		.internal_ms = INT64_C(837596665) * 1000,
		.envelope = SLICE(
			"(\"Wed, 17 Jul 1996 23:30:00 -0700\" \"=?iso-8859-1?Q?=C4rger?=\""
			" ((\"Ann \\\"A\\\" B\" NIL \"ann\" \"example.test\")) NIL NIL"
			" ((NIL NIL \"bob\" \"b.test\")(NIL NIL \"eve\" \"e.test\"))"
			" NIL NIL NIL NIL)"),
	};
	struct slice bytes = slice_of(message, sizeof(message) - 1);
	struct imap_match m = { .scratch = arena_new(),
		                .item = &item,
		                .recent_uid = 8,
		                .row = with_row ? &row : NULL,
		                .bytes = with_bytes ? &bytes : NULL };
	if (!take_search(text, &search))
		fail_msg("not taken: %s", text);
	enum imap_verdict v = imap_match(search.root, &m);
	arena_free(m.scratch);
	return v;
}

static void search_by_the_view_alone(void **state)
{
	(void)state;
	assert_int_equal(match("SEEN", false, false), MATCH_YES);
	assert_int_equal(match("NOT SEEN", false, false), MATCH_NO);
	assert_int_equal(match("UNSEEN SUBJECT x", false, false), MATCH_NO);
	assert_int_equal(match("OR SEEN SUBJECT x", false, false), MATCH_YES);
	assert_int_equal(match("OR UNSEEN SUBJECT x", false, false), MATCH_UNKNOWN);
	assert_int_equal(match("NOT BODY x", false, false), MATCH_UNKNOWN);
	assert_int_equal(match("NEW", false, false), MATCH_NO);
	assert_int_equal(match("OLD", false, false), MATCH_YES);
}

static void search_by_the_row(void **state)
{
	(void)state;
	assert_int_equal(match("SUBJECT \"\xc3\xa4RGER\"", true, false), MATCH_YES);
	assert_int_equal(match("FROM \"ann \\\"a\\\"\" TO eve@E.TEST", true, false), MATCH_YES);
	assert_int_equal(match("OR CC a BCC b", true, false), MATCH_NO);
	assert_int_equal(match("LARGER 499 SMALLER 501", true, false), MATCH_YES);
	assert_int_equal(match("SENTON 17-Jul-1996", true, false), MATCH_YES);
	assert_int_equal(match("SENTSINCE 18-Jul-1996", true, false), MATCH_NO);
	assert_int_equal(match("SUBJECT x BODY y", true, false), MATCH_NO);
	assert_int_equal(match("SUBJECT rger BODY y", true, false), MATCH_UNKNOWN);
}

static void search_by_the_bytes(void **state)
{
	(void)state;
	assert_int_equal(match("BODY \"B\xc3\x96SE\"", true, true), MATCH_YES);
	assert_int_equal(match("TEXT \"\xc3\xa4rger there\"", true, true), MATCH_YES);
	assert_int_equal(match("BODY there", true, true), MATCH_NO);
	assert_int_equal(match("HEADER X-a B", true, true), MATCH_YES);
	assert_int_equal(match("HEADER X-A \"\" NOT HEADER X-B \"\"", true, true), MATCH_YES);
}

static void search_syntax(void **state)
{
	struct imap_search s;
	char deep[3 * IMAP_SEARCH_DEPTH_MAX];
	(void)state;
	assert_true(take_search("RETURN () CHARSET UTF-8 1:3 (OR SEEN 2) UID 4", &s));
	assert_true(s.extended && s.returns == RETURN_ALL);
	assert_text(s.charset, "UTF-8");
	static const char *const broken[] = { "",        "()",      "(SEEN",          "SEEN)",
		                              "OR SEEN", "NOT",     "BEFORE x",       "LARGER -1",
		                              "UID",     "KEYWORD", "RETURN (X) ALL", "HEADER x",
		                              "SEEN  " };
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (take_search(broken[i], &s))
			fail_msg("taken: %s", broken[i]);
	}
	memset(deep, '(', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	assert_false(take_search(deep, &s));
}

static void folding(void **state)
{
	(void)state;
	/* Title case, decomposed; a sharp s has no capital of one letter. */
	assert_text(imap_fold(arena, SLICE("aZ\xc3\xa4\xc3\x9f\xc3\x97")),
	            "AZA\xcc\x88\xc3\x9f\xc3\x97");
	assert_text(imap_fold(arena, SLICE("\xcf\x83\xd0\xb6\xd1\x91")),
	            "\xce\xa3\xd0\x96\xd0\x95\xcc\x88");
	/* Compatibility characters: a wide A, a ligature, and one that needs two steps. */
	assert_text(imap_fold(arena, SLICE("\xef\xbd\x81\xef\xac\x81\xe1\xba\xa5")),
	            "AFIA\xcc\x82\xcc\x81");
	assert_text(imap_fold(arena, SLICE("\xea\xb0\x80\xf0\x9f\x98\x80")),
	            "\xea\xb0\x80\xf0\x9f\x98\x80");
	assert_text(imap_fold(arena, SLICE("\xff"
	                                   "a")),
	            "\xff"
	            "A");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(fetch_macros_and_lists), TEST(fetch_sections),
		TEST(store_arguments),        TEST(list_arguments),
		TEST(append_prefix),          TEST(search_by_the_view_alone),
		TEST(search_by_the_row),      TEST(search_by_the_bytes),
		TEST(search_syntax),          TEST(folding),
	};
	return cmocka_run_group_tests_name("imap_parse", tests, NULL, NULL);
}
