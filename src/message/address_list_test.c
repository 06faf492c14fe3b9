#include "base/base_testing.h"

#include "message/address_list.h"

/* A list as "name|route|local|domain" entries; groups as "name:" and ";". */
static struct slice shown(struct arena *arena, const struct address_list *list)
{
	struct buf out = buf_make(100000);
	for (size_t i = 0; i < list->count; i++) {
		const struct address_entry *e = &list->entries[i];
		if (i > 0)
			buf_append(&out, SLICE(" / "));
		if (e->kind == ADDRESS_ENTRY_GROUP)
			buf_printf(&out, "%.*s:", SLICE_ARG(e->name));
		else if (e->kind == ADDRESS_ENTRY_GROUP_END)
			buf_append(&out, SLICE(";"));
		else
			buf_printf(&out, "%.*s|%.*s|%.*s|%.*s", SLICE_ARG(e->name),
			           SLICE_ARG(e->route), SLICE_ARG(e->local), SLICE_ARG(e->domain));
	}
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

static const struct {
	const char *in, *out;
} lists[] = {
	{ "", "" },
	{ " \r\n ", "" },
	{ "alice@example.test", "||alice|example.test" },
	{ "<alice@example.test>", "||alice|example.test" },
	{ "Alice <alice@example.test>", "Alice||alice|example.test" },
	{ "\"Doe, John\" <john@x>, J. Q. Doe <j@y>", "Doe, John||john|x / J. Q. Doe||j|y" },
	{ "\"a \\\"b\\\\ c\" <d@e>", "a \"b\\ c||d|e" },
	{ "joe@example.test (Joe \\(the) Great)", "Joe (the||joe|example.test / ||Great)|" },
	{ "joe@example.test (Joe (the) Great)", "Joe (the) Great||joe|example.test" },
	{ "(c1) a (c2) . b (c3) @ (c4) x . y (c5) (c6)", "c6||a.b|x.y" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
	  "Pete||pete|silly.test" },
	{ "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
	  "     joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the "
	  "group)",
	  "A Group: / Chris Jones||c|public.example / ||joe|example.org / John||jdoe|one.test / "
	  ";" },
	{ "undisclosed-recipients:;", "undisclosed-recipients: / ;" },
	{ "Undisclosed recipients:", "Undisclosed recipients: / ;" },
	{ "a: b@c; d@e", "a: / ||b|c / ; / ||d|e" },
	{ "<@a.test,@b.test:alice@example.test>", "|@a.test,@b.test|alice|example.test" },
	{ "Mary <@node.test:mary@x>,, , bob@y,", "Mary|@node.test|mary|x / ||bob|y" },
	{ "\"Al Ice\"@x", "||Al Ice|x" },
	{ "Al Ice al@x", "Al Ice||al|x" },
	{ "joe@x.test <joe@x.test>", "joe@x.test||joe|x.test" },
	{ "root", "||root|" },
	{ "Foo <>", "Foo|||" },
	{ "Foo <bar>", "Foo||bar|" },
	{ "Foo <a@b", "Foo||a|b" },
	{ "Foo <a@b, c@d", "Foo||a|b / ||c|d" },
	{ "a@[192.0.2.1], b@[IPv6:2001:db8::1]", "||a|[192.0.2.1] / ||b|[IPv6:2001:db8::1]" },
	{ "=?utf-8?Q?Doe,_J=2E?= <j@x>", "=?utf-8?Q?Doe,_J=2E?=||j|x" },
	{ "=?utf-8?Q?a?=\r\n =?utf-8?Q?b?= <j@x>", "=?utf-8?Q?a?= =?utf-8?Q?b?=||j|x" },
	{ "[list] Foo <f@x>", "[list] Foo||f|x" },
	{ "J\xC3\xB6rg <j@x>", "J\xC3\xB6rg||j|x" },
	{ "a@b c@d", "||a|b / ||c|d" },
	{ "a@b@c", "||a|b / |||c" },
	{ "((((", "" },
	{ ")>\\", "||)>\\|" },
	{ "\"", "" },
	{ "@", "|||" },
	{ ";;;", "" },
	{ "<<a@b>>", "||<a|b / ||>|" },
};

static void test_lists(void **state)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct address_list list = address_list_parse(*state, slice_from_str(lists[i].in),
		                                              100);
		struct slice got = shown(*state, &list);
		if (!slice_equal(got, slice_from_str(lists[i].out)))
			fail_msg("%s: got \"%.*s\", want \"%s\"", lists[i].in, SLICE_ARG(got),
			         lists[i].out);
		assert_false(list.truncated);
	}
}

static void test_limit(void **state)
{
	struct address_list list = address_list_parse(*state, SLICE("a@b, c@d, e@f"), 2);
	assert_int_equal(list.count, 2);
	assert_true(list.truncated);
}

static const struct {
	const char *name, *local, *domain, *out;
} formatted[] = {
	{ "", "a", "b.test", "a@b.test" },
	{ "Al Ice", "a", "b.test", "Al Ice <a@b.test>" },
	{ "Ice, Al", "a", "b.test", "\"Ice, Al\" <a@b.test>" },
	{ "Al \"x\" \\", "a b", "b.test", "\"Al \\\"x\\\" \\\\\" <\"a b\"@b.test>" },
	{ "J\xC3\xB6rg", "j", "b.test", "=?utf-8?B?SsO2cmc=?= <j@b.test>" },
	{ "", "j",
	  "b\xC3\xBC"
	  "cher.test",
	  "j@xn--bcher-kva.test" },
	{ "a\nb", "j", "x", "=?utf-8?B?YQpi?= <j@x>" },
};

static void test_format(void **state)
{
	for (size_t i = 0; i < sizeof(formatted) / sizeof(formatted[0]); i++) {
		struct buf out = buf_make(1000);
		assert_int_equal(address_list_format(*state, slice_from_str(formatted[i].name),
		                                     slice_from_str(formatted[i].local),
		                                     slice_from_str(formatted[i].domain), &out),
		                 0);
		if (!slice_equal(buf_slice(&out), slice_from_str(formatted[i].out)))
			fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARG(buf_slice(&out)),
			         formatted[i].out);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_lists),
		ARENA_TEST(test_limit),
		ARENA_TEST(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
