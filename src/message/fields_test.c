#include "base/base_testing.h"

#include <errno.h>

#include "message/fields.h"

#define expect(slice, text) assert_string_equal(arena_str(*state, (slice)), (text))

static void test_ids(void **state)
{
	struct slice *ids;
	/* RFC 5322 appendix A.2, A.5 and section 4.5.4. */
	assert_int_equal(field_ids(*state,
	                           SLICE(" <1234@local.machine.example>\r\n\t<3456@example.net>"),
	                           9, &ids),
	                 2);
	expect(ids[0], "<1234@local.machine.example>");
	expect(ids[1], "<3456@example.net>");
	assert_int_equal(
		field_ids(*state, SLICE("Your \"<no@id>\" of (<nor@this>) <a\r\n @b>, x"), 9, &ids),
		1);
	expect(ids[0], "<a @b>");
	assert_int_equal(field_ids(*state, SLICE("<a><b><c><d>"), 3, &ids), 3);
	assert_int_equal(field_ids(*state, SLICE("none, <open"), 9, &ids), 0);
	assert_int_equal(field_ids(*state, SLICE(""), 9, &ids), 0);
}

static void test_phrases(void **state)
{
	struct slice *phrases;
	assert_int_equal(field_phrases(*state,
	                               SLICE("one, \"two, and\" (x, y) , =?utf-8?q?dr=C3=AC?=,,"),
	                               9, &phrases),
	                 3);
	expect(phrases[0], "one");
	expect(phrases[2], "dr\xC3\xAC");
	assert_int_equal(field_phrases(*state, SLICE("DES, abcdef"), 1, &phrases), 1);
	assert_int_equal(field_phrases(*state, SLICE(" (only a comment"), 9, &phrases), 0);
}

static void test_path(void **state)
{
	struct address a;
	assert_true(field_path(*state, SLICE(" (x) <>\r\n (y)"), &a) && address_is_null(&a));
	assert_true(field_path(*state, SLICE("<@a.test,@b.test:joe@c.test>"), &a));
	expect(a.local, "joe");
	assert_false(field_path(*state, SLICE("joe@c.test"), &a));
	assert_false(field_path(*state, SLICE("<joe@c.test> more"), &a));
	assert_false(field_path(*state, SLICE(""), &a));
}

static void test_received(void **state)
{
	struct received r;
	/* RFC 5322 appendix A.4. */
	assert_true(field_received(*state,
	                           SLICE("from x.y.test\r\n   by example.net\r\n   via TCP\r\n"
	                                 "   with ESMTP\r\n   id ABC12345\r\n"
	                                 "   for <mary@example.net>;  21 Nov 1997 10:05:43 -0600"),
	                           &r));
	expect(r.from, "x.y.test");
	expect(r.by, "example.net");
	expect(r.via, "TCP");
	expect(r.with, "ESMTP");
	expect(r.id, "ABC12345");
	expect(r.for_path, "<mary@example.net>");
	assert_true(r.has_date);
	assert_int_equal(r.date.unix_s, 880128343);
	assert_int_equal(r.date.offset_minutes, -360);
	/* Ours, and what others make of it. */
	assert_true(field_received(*state,
	                           SLICE("from client.test ([192.0.2.1])\r\n\tby mx.test (Veredus) "
	                                 "with ESMTPS (TLS;\r\n\tx)"
	                                 " id 1;\r\n Sat, 21 Nov 2026 23:37:00 +0000 (CET)"),
	                           &r));
	expect(r.from_info, "[192.0.2.1]");
	expect(r.with, "ESMTPS");
	expect(r.id, "1");
	assert_true(r.has_date);
	assert_true(field_received(*state,
	                           SLICE("(qmail 1 invoked by uid 2); 21 Nov 1997 10:05 GMT"), &r));
	expect(r.by, "");
	assert_true(field_received(*state, SLICE("by a.test for <\"a; b\"@c.test>"), &r));
	expect(r.for_path, "<\"a; b\"@c.test>");
	assert_false(r.has_date);
	assert_true(field_received(*state, SLICE("from a from b by"), &r));
	expect(r.from, "a");
	assert_false(field_received(*state, SLICE("odd"), &r));
	assert_false(field_received(*state, SLICE(""), &r));
	assert_false(field_received(*state, SLICE("((("), &r));
}

static void test_resent(void **state)
{
	struct resent_block *blocks;
	struct slice header = SLICE(
		"Resent-To: c@x\r\nResent-From: b@x\r\nresent-from: a@x\r\n"
		"Resent-Date: d\r\nReceived: x\r\nResent-Cc: z@x\r\nTo: y\r\n\r\n");
	assert_int_equal(field_resent_blocks(*state, header, 9, &blocks), 3);
	expect(slice_trim(blocks[0].to), "c@x");
	expect(slice_trim(blocks[0].from), "b@x");
	expect(slice_trim(blocks[1].from), "a@x");
	expect(slice_trim(blocks[1].date), "d");
	assert_null(blocks[1].to.data);
	expect(slice_trim(blocks[2].cc), "z@x");
	assert_int_equal(field_resent_blocks(*state, header, 2, &blocks), 2);
	assert_int_equal(field_resent_blocks(*state, SLICE("To: x\r\n"), 2, &blocks), 0);
}

static void test_put(void **state)
{
	static const char *const cases[][3] = {
		{ "Comments",
		  "gr\xC3\xBC\xC3\x9F"
		  "e",
		  "Comments: =?utf-8?B?Z3LDvMOfZQ==?=\r\n" },
		{ "Keywords", "eins, a(b), zwei drei",
		  "Keywords: eins, =?utf-8?Q?a=28b=29?=, zwei drei\r\n" },
		{ "Resent-To", "J\xC3\xB6rg <j@x.test>, g: a@b.test;",
		  "Resent-To: =?utf-8?B?SsO2cmc=?= <j@x.test>, =?utf-8?Q?g?=: a@b.test;\r\n" },
		{ "In-Reply-To", "<a@b>", "In-Reply-To: <a@b>\r\n" },
		{ "Date", "x\r\nBcc: y", "Date: x  Bcc: y\r\n" },
		{ "Encrypted", "DES, key", "Encrypted: DES, key\r\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = buf_make(10000);
		assert_int_equal(field_put(*state, &out, cases[i][0], slice_from_str(cases[i][1])),
		                 0);
		expect(buf_slice(&out), cases[i][2]);
		buf_free(&out);
	}
	struct buf out = buf_make(10);
	assert_int_equal(field_put(*state, &out, "To", SLICE("(x)")), -EINVAL);
	assert_int_equal(field_put(*state, &out, "Subject", SLICE("\xFF")), -EINVAL);
	assert_int_equal(field_put(*state, &out, "Keywords", SLICE("a long one")), -ENOBUFS);
	buf_free(&out);
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(field_find(SLICE("mEssage-iD"))->type, FIELD_ID);
	assert_true(field_find(SLICE("From"))->once);
	assert_true(field_find(SLICE("Resent-From"))->resent);
	assert_null(field_find(SLICE("X-Other")));
	assert_null(field_find(SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_ids),      ARENA_TEST(test_phrases), ARENA_TEST(test_path),
		ARENA_TEST(test_received), ARENA_TEST(test_resent),  ARENA_TEST(test_put),
		ARENA_TEST(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
