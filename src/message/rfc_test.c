/* The examples of the standards, as they stand there. */
#include "base/base_testing.h"

#include <stdio.h>

#include "message/address_list.h"
#include "message/date.h"
#include "message/fields.h"
#include "message/mime.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

/* "name|local@domain" of each entry, groups as "name:" and ";", with commas between them. */
static const char *list_text(struct arena *arena, const char *value)
{
	struct address_list list = address_list_parse(arena, slice_from_str(value), 100);
	struct buf text = buf_make(10000);
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (i > 0)
			buf_append(&text, SLICE(", "));
		if (e->kind == ADDRESS_ENTRY_MAILBOX)
			buf_printf(&text, "%.*s|%.*s@%.*s", SLICE_ARG(e->name), SLICE_ARG(e->local),
			           SLICE_ARG(e->domain));
		else
			buf_printf(&text, "%.*s%s", SLICE_ARG(e->name),
			           e->kind == ADDRESS_ENTRY_GROUP ? ":" : ";");
	}
	const char *made = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return made;
}

/* RFC 5322 appendices A.1.2, A.1.3, A.5 and A.6. */
static void test_addresses(void **state)
{
	static const char *const cases[][2] = {
		{ "\"Joe Q. Public\" <john.q.public@example.com>",
		  "Joe Q. Public|john.q.public@example.com" },
		{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		  "Mary Smith|mary@x.test, |jdoe@example.org, Who?|one@y.test" },
		{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
		  "|boss@nil.test, Giant; \"Big\" Box|sysservices@example.net" },
		{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		  "A Group:, Ed Jones|c@a.test, |joe@where.test, John|jdoe@one.test, ;" },
		{ "Undisclosed recipients:;", "Undisclosed recipients:, ;" },
		{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
		  "Pete|pete@silly.test" },
		{ "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
		  "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end "
		  "of"
		  " the group)\r\n",
		  "A Group:, Chris Jones|c@public.example, |joe@example.org, John|jdoe@one.test, "
		  ";" },
		{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
		  "Hidden recipients:, ;" },
		{ "Joe Q. Public <john.q.public@example.com>",
		  "Joe Q. Public|john.q.public@example.com" },
		{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
		  "Mary Smith|mary@example.net, |jdoe@test.example" },
		{ "John Doe <jdoe@machine(comment).  example>", "John Doe|jdoe@machine.example" },
		{ "Mary Smith\r\n\r\n          <mary@example.net>", "Mary Smith|mary@example.net" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(list_text(*state, cases[i][0]), cases[i][1]);
}

/* The same appendices. */
static void test_dates(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} cases[] = {
		{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706 },
		{ "Tue, 1 Jul 2003 10:52:37 +0200", 1057049557 },
		{ "Thu, 13 Feb 1969 23:32:54 -0330", -27723426 },
		{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
		  "               -0330 (Newfoundland Time)",
		  -27723480 },
		{ "21 Nov 97 09:55:06 GMT", 880106106 },
		{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct date date;
		assert_true(date_parse(slice_from_str(cases[i].text), &date));
		assert_int_equal(date.unix_s, cases[i].unix_s);
	}
}

/* RFC 2047 section 8, RFC 2231 section 5. */
static void test_encoded_words(void **state)
{
	static const char *const cases[][2] = {
		{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
		{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
		{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a_b?=)", "(a b)" },
		{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)" },
		{ "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
		  "Keith Moore <moore@cs.utk.edu>" },
		{ "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xC3\xB8rn Simonsen" },
		{ "=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xC3\xA9 Pirard" },
		{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
		  " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
		  "If you can read this you understand the example." },
		{ "Time for ISO 10646?", "Time for ISO 10646?" },
		{ "=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik F\xC3\xA4ltstr\xC3\xB6m" },
		{ "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			arena_str(*state, header_decode(*state, slice_from_str(cases[i][0]), 1000)),
			cases[i][1]);
}

/* RFC 2231 sections 3, 4 and 4.1. */
static void test_parameters(void **state)
{
	static const char *const cases[][3] = {
		{ "message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n"
		  " URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
		  "url", "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar" },
		{ "application/x-stuff;\r\n "
		  "title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
		  "title", "This is ***fun***" },
		{ "application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
		  " title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
		  "title", "This is even more ***fun*** isn't it!" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct header_param *params;
		struct slice main, value;
		size_t count = header_params(*state, slice_from_str(cases[i][0]), 64, &main,
		                             &params);
		assert_true(header_param_find(*state, params, count, slice_from_str(cases[i][1]),
		                              &value));
		assert_string_equal(arena_str(*state, value), cases[i][2]);
	}
}

/* The tree as text: "mixed(plain parallel(basic jpeg) ...)". */
static void put_tree(struct buf *out, const struct mime_part *part)
{
	buf_append(out, part->subtype);
	if (part->first)
		buf_append_byte(out, '(');
	for (const struct mime_part *c = part->first; c; c = c->next) {
		put_tree(out, c);
		if (c->next)
			buf_append_byte(out, ' ');
	}
	if (part->first)
		buf_append_byte(out, ')');
}

static const char *tree(struct arena *arena, const char *message)
{
	struct buf text = buf_make(10000);
	put_tree(&text, mime_parse(arena, slice_from_str(message), &limits));
	const char *made = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return made;
}

/* RFC 2046 sections 5.1.1, 5.1.5 and 5.2.3.7; RFC 2049 appendix A. */
static void test_trees(void **state)
{
	assert_string_equal(
		tree(*state, "MIME-Version: 1.0\nContent-type: multipart/mixed; boundary=\"simple "
	                     "boundary\"\n"
	                     "\nThis is the preamble.\n\n--simple boundary\n\n"
	                     "This is implicitly typed plain US-ASCII text.\nIt does NOT end with a"
	                     " linebreak.\n--simple boundary\nContent-type: text/plain;"
	                     " charset=us-ascii\n\nThis is explicitly typed plain US-ASCII text.\n"
	                     "It DOES end with a linebreak.\n\n--simple boundary--\n\nThis is the"
	                     " epilogue.  It is also to be ignored.\n"),
		"mixed(plain plain)");
	assert_string_equal(
		tree(*state,
	             "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n  boundary=\"---- main"
	             " boundary ----\"\n\n------ main boundary ----\n\n...Introductory text...\n\n"
	             "------ main boundary ----\nContent-Type: multipart/digest;\n  boundary=\"----"
	             " next message ----\"\n\n------ next message ----\n\nFrom: someone-else\n"
	             "Subject: my opinion\n\n...body goes here ...\n\n------ next message ----\n\n"
	             "From: someone-else-again\nSubject: my different opinion\n\n... another body"
	             " goes here...\n\n------ next message ------\n\n------ main boundary "
	             "------\n"),
		"mixed(plain digest(rfc822(plain) rfc822(plain)))");
	assert_string_equal(
		tree(*state, "From: Whomever\nContent-Type: message/external-body;\n "
	                     "name=\"BodyFormats.ps\";"
	                     "\n access-type=LOCAL-FILE\n\nContent-type: application/postscript\n"
	                     "Content-ID: <id42@guppylake.bellcore.com>\n\n"),
		"external-body");
	assert_string_equal(
		tree(*state,
	             "MIME-Version: 1.0\nSubject: A multipart example\nContent-Type: "
	             "multipart/mixed;\n"
	             "             boundary=unique-boundary-1\n\nThis is the preamble area.\n\n"
	             "--unique-boundary-1\n\n  ... Some text appears here ...\n\n"
	             "--unique-boundary-1\nContent-type: text/plain; charset=US-ASCII\n\nThis could"
	             " have been part of the previous part,\n\n--unique-boundary-1\nContent-Type:"
	             " multipart/parallel; boundary=unique-boundary-2\n\n--unique-boundary-2\n"
	             "Content-Type: audio/basic\nContent-Transfer-Encoding: base64\n\n  ... base64"
	             " ...\n\n--unique-boundary-2\nContent-Type: image/jpeg\n"
	             "Content-Transfer-Encoding: base64\n\n  ... base64 ...\n\n"
	             "--unique-boundary-2--\n\n--unique-boundary-1\nContent-type: text/enriched\n\n"
	             "This is <bold>enriched.</bold>\n\n--unique-boundary-1\nContent-Type:"
	             " message/rfc822\n\nFrom: (mailbox in US-ASCII)\nSubject: (subject in "
	             "US-ASCII)\n"
	             "Content-Type: Text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding:"
	             " Quoted-printable\n\n  ... Additional text in ISO-8859-1 goes here ...\n\n"
	             "--unique-boundary-1--\n"),
		"mixed(plain plain parallel(basic jpeg) enriched rfc822(plain))");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_addresses),  ARENA_TEST(test_dates), ARENA_TEST(test_encoded_words),
		ARENA_TEST(test_parameters), ARENA_TEST(test_trees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
