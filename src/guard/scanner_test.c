#include "guard/scanner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "guard/rspamd.h"
#include "guard/spamd.h"

static const struct config_filter rspamd = { .name = "r", .weight = 100 };

static void answers_end_where_they_say(void **state)
{
	(void)state;
	struct scanner_reply r;
	struct slice whole = SLICE("HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH: 2\r\n\r\n{}more");
	for (size_t len = 0; len < whole.len - 4; len++) {
		assert_int_equal(scanner_parse(slice_sub(whole, 0, len), false, &r), 0);
		assert_int_equal(scanner_parse(slice_sub(whole, 0, len), true, &r), -EPROTO);
	}
	assert_int_equal(scanner_parse(whole, false, &r), 1);
	assert_true(slice_equal(r.line, SLICE("HTTP/1.1 200 OK")));
	assert_true(slice_equal(r.fields, SLICE("X: y\r\ncontent-LENGTH: 2\r\n\r\n")));
	assert_true(slice_equal(r.text, SLICE("{}")));
}

static void answers_end_with_the_connection(void **state)
{
	(void)state;
	struct scanner_reply r;
	struct slice whole = SLICE("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n\r\ntext");
	assert_int_equal(scanner_parse(whole, false, &r), 0);
	assert_int_equal(scanner_parse(whole, true, &r), 1);
	assert_true(slice_equal(r.text, SLICE("text")));
	assert_int_equal(scanner_parse(SLICE("A\nContent-length: -1\n\n"), true, &r), -EPROTO);
}

static void heads_keep_their_lines(void **state)
{
	(void)state;
	struct buf head = buf_make(100);
	scanner_put_field(&head, "Helo", SLICE("a\r\nUser: root"));
	assert_true(slice_equal(buf_slice(&head), SLICE("Helo: a??User: root\r\n")));
	buf_free(&head);
}

/* --- Rspamd ------------------------------------------------------------------------------- */

static const char message[] = "Subject: one\r\nX-A: 1\r\nx-a: 2\r\nX-A: 3\r\n\r\nBody\r\n";

static int ask(struct arena *arena, const char *json, struct filter_answer *out)
{
	*out = (struct filter_answer){ .arena = arena };
	return rspamd_parse(&rspamd, slice_from_str(message), slice_from_str(json), out);
}

static void actions(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct filter_answer a;
	assert_int_equal(ask(arena, "{\"action\":\"reject\"}", &a), 0);
	assert_int_equal(a.fate, FILTER_REFUSE);
	assert_int_equal(a.reply.code, 550);
	assert_int_equal(ask(arena,
	                     "{\"action\":\"soft reject\",\"score\":1.5,\"required_score\":15,"
	                     "\"messages\":{\"smtp_message\":\"Later\\r\\n250 fine\"}}",
	                     &a),
	                 0);
	assert_int_equal(a.reply.code, 451);
	assert_string_equal(a.reply.text, "Later  250 fine");
	assert_string_equal(a.opinion, "soft reject, 1.50 of 15.00");
	assert_int_equal(ask(arena, "{\"action\":\"greylist\"}", &a), 0);
	assert_true(a.greylist);
	assert_int_equal(ask(arena, "{\"action\":\"add header\"}", &a), 0);
	assert_non_null(a.quarantine);
	assert_int_equal(
		ask(arena, "{\"action\":\"rewrite subject\",\"subject\":\"[SPAM] one\"}", &a), 0);
	assert_true(slice_equal(a.changes[0].field, SLICE("Subject: [SPAM] one\r\n")));
	assert_int_equal(ask(arena, "{\"action\":\"no action\"}", &a), 0);
	assert_int_equal(a.fate, FILTER_PASS);
	assert_int_equal(a.change_count, 0);
	/* What is not known to be let pass is not. */
	static const char *const wrong[] = { "", "[]", "{}", "{\"action\":\"dance\"}",
		                             "{\"action\":1}" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ask(arena, wrong[i], &a), -EPROTO);
	arena_free(arena);
}

static void symbols(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct filter_answer a;
	struct buf many = buf_make(100000);
	assert_int_equal(ask(arena,
	                     "{\"action\":\"no action\",\"symbols\":{"
	                     "\"A\":{\"score\":3.456,\"options\":[\"x\",\"y\\n\"]},"
	                     "\"B\":{\"score\":0},\"C\":{\"score\":-1e300},\"D\":7}}",
	                     &a),
	                 0);
	assert_int_equal(a.line_count, 2);
	assert_string_equal(a.lines[0].name, "r.A");
	assert_string_equal(a.lines[0].evidence, "x y ");
	assert_int_equal(a.lines[0].weight, 346);
	assert_int_equal(a.lines[1].weight, -FILTER_WEIGHT_MAX);
	buf_printf(&many, "{\"action\":\"no action\",\"symbols\":{");
	for (int i = 0; i < 100; i++)
		buf_printf(&many, "%s\"S%d\":{\"score\":1}", i > 0 ? "," : "", i);
	buf_printf(&many, "}}");
	assert_int_equal(ask(arena, arena_str(arena, buf_slice(&many)), &a), 0);
	assert_int_equal(a.line_count, FILTER_LINES_MAX);
	assert_string_equal(a.lines[FILTER_LINES_MAX - 1].name, "r.others");
	assert_int_equal(a.lines[FILTER_LINES_MAX - 1].weight, 100 * (100 - FILTER_LINES_MAX + 1));
	buf_free(&many);
	arena_free(arena);
}

static void changes(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct filter_answer a;
	assert_int_equal(ask(arena,
	                     "{\"action\":\"no action\",\"dkim-signature\":\"v=1\",\"milter\":{"
	                     "\"remove_headers\":{\"X-A\":0,\"Subject\":-1,\"X-B\":1},"
	                     "\"add_headers\":{\"X-N\":\"a\\nX-Evil: "
	                     "b\",\"X-O\":{\"value\":\"c\",\"order\":1},"
	                     "\"X-M\":[\"d\",{\"value\":\"e\",\"order\":-1}]},"
	                     "\"add_rcpt\":[\"<a@b.test>\"],\"del_rcpt\":\"c@d.test\",\"change_"
	                     "from\":\"<>\"}}",
	                     &a),
	                 0);
	static const char *const fields[] = { "",
		                              "",
		                              "",
		                              "",
		                              "X-N: a\r\n\tX-Evil: b\r\n",
		                              "X-O: c\r\n",
		                              "X-M: d\r\n",
		                              "X-M: e\r\n",
		                              "DKIM-Signature: v=1\r\n" };
	assert_int_equal(a.change_count, 9);
	for (size_t i = 0; i < 9; i++)
		assert_true(slice_equal(a.changes[i].field, slice_from_str(fields[i])));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(a.changes[i].index, i + 1);
	assert_true(slice_equal(a.changes[3].name, SLICE("Subject")));
	assert_int_equal(a.changes[3].index, 1);
	assert_int_equal(a.changes[5].kind, FILTER_INSERT_FIELD);
	assert_int_equal(a.changes[7].kind, FILTER_ADD_FIELD);
	assert_int_equal(a.recipient_count, 2);
	assert_true(a.recipients[1].removed);
	assert_true(a.has_sender);
	assert_int_equal(ask(arena,
	                     "{\"action\":\"no action\",\"milter\":{\"add_headers\":{\"X:Y\":"
	                     "\"1\"}}}",
	                     &a),
	                 -EPROTO);
	arena_free(arena);
}

/* --- spamd -------------------------------------------------------------------------------- */

static int hear(struct arena *arena, const char *verdict, const char *report,
                struct filter_answer *out)
{
	static const struct config_filter spamd = { .name = "s", .weight = 50 };
	struct slice whole = slice_from_str(
		arena_printf(arena, "SPAMD/1.1 0 EX_OK\r\nSpam: %s\r\n\r\n%s", verdict, report));
	struct scanner_reply reply;
	*out = (struct filter_answer){ .arena = arena };
	assert_int_equal(scanner_parse(whole, true, &reply), 1);
	return spamd_parse(&spamd, &reply, out);
}

static void verdicts(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct filter_answer a;
	assert_int_equal(hear(arena, "True ; 5.2 / 5.0", "", &a), 0);
	assert_string_equal(a.opinion, "spam, 5.20 of 5.00");
	assert_non_null(a.quarantine);
	assert_int_equal(a.line_count, 1);
	assert_string_equal(a.lines[0].name, "s.rest");
	assert_int_equal(a.lines[0].weight, 260);
	assert_int_equal(hear(arena, "False ; -1.5 / 5.0", "", &a), 0);
	assert_null(a.quarantine);
	static const char *const wrong[] = { "",         "Maybe ; 1 / 5", "True",
		                             "True ; 1", "True ; x / 5",  "True ; 1 / 5 more" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(hear(arena, wrong[i], "", &a), -EPROTO);
	struct scanner_reply reply;
	static const struct config_filter spamd = { .name = "s", .weight = 100 };
	assert_int_equal(scanner_parse(SLICE("SPAMD/1.0 76 Bad header line\r\n\r\n"), true, &reply),
	                 1);
	assert_int_equal(spamd_parse(&spamd, &reply, &a), -EPROTO);
	arena_free(arena);
}

static void reports(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct filter_answer a;
	/* The message itself is quoted, and says that it is good. */
	assert_int_equal(hear(arena, "True ; 5.2 / 5.0",
	                      "---- ---\n-9.0 GOOD  x\n\n pts rule\n---- ------ ----\n"
	                      " 7.5 SAYS_SPAM              It says so,\n"
	                      "                            9.0 TIMES\n"
	                      "-2.2 SAYS_HAM               \n",
	                      &a),
	                 0);
	assert_int_equal(a.line_count, 2);
	assert_string_equal(a.lines[0].name, "s.SAYS_SPAM");
	assert_string_equal(a.lines[0].evidence, "It says so ");
	assert_int_equal(a.lines[0].weight, 375);
	assert_int_equal(a.lines[1].weight, -110);
	/* It can't change the total. */
	assert_int_equal(hear(arena, "True ; 5.0 / 5.0", "---- ---\n-95000 GOOD  x\n", &a), 0);
	assert_int_equal(a.line_count, 2);
	assert_int_equal(a.lines[1].weight, FILTER_WEIGHT_MAX);
	arena_free(arena);
}

/* --- what any filter wants ----------------------------------------------------------------- */

/* Things that may be said again and again must not add up, those of no bytes neither. */
static void wishes_come_to_an_end(void **state)
{
	(void)state;
	static char text[32768];
	int (*const wish[])(struct filter_answer *, struct slice) = { filter_want_sender,
		                                                      filter_want_quarantine };
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < 4; i++) {
		struct filter_answer a = { .arena = arena_new() };
		struct slice said = slice_of(text, i < 2 ? sizeof(text) : 0);
		int rc = 0, times = 0;
		for (; rc == 0 && times < 100000; times++)
			rc = wish[i % 2](&a, said);
		assert_int_equal(rc, -E2BIG);
		assert_true(times > 100);
		assert_true(arena_used(a.arena) <= FILTER_CHANGE_BYTES_MAX);
		arena_free(a.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_end_where_they_say),
		cmocka_unit_test(answers_end_with_the_connection),
		cmocka_unit_test(heads_keep_their_lines),
		cmocka_unit_test(actions),
		cmocka_unit_test(symbols),
		cmocka_unit_test(changes),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(reports),
		cmocka_unit_test(wishes_come_to_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
