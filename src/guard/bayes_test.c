/* The classifier: tokens, what they come to, and what is remembered. */
#include "guard/bayes.h"

#include <errno.h>

#include "guard/bayes_rows.h"
#include "store/store_testing.h"

static const struct bayes_bounds bounds = { .max_tokens = 100000, .max_messages = 1000 };

static void tokens_of(struct arena *arena, const char *message, struct bayes_tokens *out)
{
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	bayes_tokens_of(arena, slice_from_str(message), &limits, out);
}

static bool has(const struct bayes_tokens *tokens, const char *text)
{
	for (size_t i = 0; i < tokens->count; i++) {
		if (slice_equal(tokens->items[i].text, slice_from_str(text)))
			return true;
	}
	return false;
}

/* --- tokens ------------------------------------------------------------------------------- */

static void words_and_facts(void **state)
{
	struct arena *a = arena_new();
	struct bayes_tokens t;
	(void)state;
	tokens_of(a,
	          "Received: from secret.example by mx\r\n"
	          "From: \"Big =?utf-8?Q?Sal=C3=89?=\" <win@Offers.example>\r\n"
	          "Reply-To: other@reply.example\r\n"
	          "Subject: =?utf-8?B?RlJFRSBtb25leQ==?=\r\n"
	          "X-Mailer: The Bat! (v1.53d)\r\n"
	          "Message-ID: <4711.42@id.example>\r\n"
	          "In-Reply-To: <x@y>\r\n\r\n"
	          "Only $3.50 for it's-so-cheap pills!!! See http://www.Shop.example/x?y "
	          "or http://192.0.2.7/ now. "
	          "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\r\n",
	          &t);
	const char *const there[] = { "from:win",
		                      "from:offers.example",
		                      "from:sal\xC3\xA9",
		                      "reply:reply.example",
		                      "subject:free",
		                      "subject:money",
		                      "mailer:bat!",
		                      "id:id.example",
		                      "field:in-reply-to",
		                      "$3.50",
		                      "it's-so-cheap",
		                      "pills!!!",
		                      "link:www.shop.example",
		                      "link:address",
		                      "long:a50",
		                      "type:text/plain",
		                      "charset:us-ascii" };
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		if (!has(&t, there[i]))
			fail_msg("no token %s", there[i]);
	}
	assert_false(has(&t, "secret.example"));
	assert_false(has(&t, "to"));
	for (size_t i = 1; i < t.count; i++)
		assert_true(t.items[i - 1].hash < t.items[i].hash);
	arena_free(a);
}

static void html_and_files(void **state)
{
	struct arena *a = arena_new();
	struct bayes_tokens t;
	(void)state;
	tokens_of(a,
	          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	          "Content-Type: text/html; charset=iso-8859-1\r\n"
	          "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	          "<style>hidden</style>V<!-- x -->ia<B>gr</B>a caf=E9<br>next<td>cell "
	          "m&#97;ny <form action=3Dx>\r\n--b\r\n"
	          "Content-Type: application/octet-stream; name=\"Invoice Mai.PDF.exe\"\r\n\r\n"
	          "binary\r\n--b--\r\n",
	          &t);
	assert_true(has(&t, "viagra"));
	assert_true(has(&t, "caf\xC3\xA9"));
	assert_true(has(&t, "next"));
	assert_true(has(&t, "cell"));
	assert_true(has(&t, "many"));
	assert_true(has(&t, "tag:form"));
	assert_true(has(&t, "file:exe"));
	assert_true(has(&t, "file:invoice"));
	assert_true(has(&t, "type:application/octet-stream"));
	assert_false(has(&t, "hidden"));
	assert_false(has(&t, "binary"));
	arena_free(a);
}

static void other_scripts(void **state)
{
	struct arena *a = arena_new();
	struct bayes_tokens t;
	(void)state;
	tokens_of(a,
	          "Content-Type: text/plain; charset=utf-8\r\n\r\n"
	          "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E \xD0\x9C\xD0\x98\xD0\xA0\r\n",
	          &t);
	assert_true(has(&t, "\xE6\x97\xA5\xE6\x9C\xAC"));
	assert_true(has(&t, "\xE6\x9C\xAC\xE8\xAA\x9E"));
	assert_true(has(&t, "\xD0\xBC\xD0\xB8\xD1\x80"));
	arena_free(a);
}

/* What is added on the way changes nothing; line ends don't either. */
static void known_again(void **state)
{
	struct arena *a = arena_new();
	struct bayes_tokens one, two, three;
	(void)state;
	tokens_of(a, "Message-ID: <1@x>\r\nSubject: hello\r\n\r\nsome words\r\n", &one);
	tokens_of(a, "Received: by y\nMessage-ID: <1@x>\nSubject: hello\n\nsome words\n", &two);
	tokens_of(a, "Message-ID: <2@x>\r\nSubject: hello\r\n\r\nsome words\r\n", &three);
	assert_memory_equal(one.digest, two.digest, BAYES_DIGEST_BYTES);
	assert_memory_not_equal(one.digest, three.digest, BAYES_DIGEST_BYTES);
	arena_free(a);
}

static void bounded(void **state)
{
	struct arena *a = arena_new();
	struct bayes_tokens t;
	const size_t size = 3 << 20;
	char *text = mem_alloc(size);
	size_t len = (size_t)snprintf(text, size, "Subject: first\r\n\r\n");
	(void)state;
	for (unsigned i = 0; len + 20 < size; i++)
		len += (size_t)snprintf(text + len, size - len, "word%u ", i);
	tokens_of(a, text, &t);
	assert_int_equal(t.count, BAYES_TOKENS_MAX);
	assert_true(has(&t, "subject:first"));
	free(text);
	arena_free(a);
}

/* --- judging ------------------------------------------------------------------------------ */

static void verdicts(void **state)
{
	struct arena *a = arena_new();
	struct bayes_token items[40];
	struct bayes_count counts[40] = { 0 };
	const struct bayes_count totals = { 1000, 1000 };
	struct bayes_tokens t = { .items = items, .count = 40 };
	struct bayes_verdict v;
	(void)state;
	for (size_t i = 0; i < 40; i++)
		items[i] = (struct bayes_token){ i + 1, SLICE("word") };
	bayes_judge(&t, counts, &totals, &v);
	assert_true(v.probability == 0.5 && v.used == 0);
	for (size_t i = 0; i < 20; i++)
		counts[i] = (struct bayes_count){ 50, 1 };
	bayes_judge(&t, counts, &totals, &v);
	assert_true(v.probability > 0.999);
	assert_int_equal(v.used, 20);
	assert_int_equal(v.shown_count, BAYES_SHOWN);
	assert_true(v.shown[0].probability > 0.97);
	assert_string_equal(bayes_evidence(&v, a),
	                    "1.000 by 20: word 0.98; word 0.98; word 0.98; word 0.98; word 0.98; "
	                    "word 0.98");
	/* As much of the other kind: not known. */
	for (size_t i = 20; i < 40; i++)
		counts[i] = (struct bayes_count){ 1, 50 };
	bayes_judge(&t, counts, &totals, &v);
	assert_true(v.probability > 0.45 && v.probability < 0.55);
	for (size_t i = 0; i < 20; i++)
		counts[i] = (struct bayes_count){ 0, 0 };
	bayes_judge(&t, counts, &totals, &v);
	assert_true(v.probability < 0.001);
	arena_free(a);
}

static void what_few_have_weighs_little(void **state)
{
	const struct bayes_count one = { 1, 0 }, many = { 500, 0 }, totals = { 1000, 3000 };
	const struct bayes_count even = { 10, 30 }, none = { 0, 0 };
	(void)state;
	assert_true(bayes_token_probability(&one, &totals) < 0.9);
	assert_true(bayes_token_probability(&many, &totals) > 0.99);
	assert_true(bayes_token_probability(&even, &totals) == 0.5);
	assert_true(bayes_token_probability(&none, &totals) == 0.5);
	assert_true(bayes_token_probability(&one, &none) == 0.5);
}

static void evidence_is_one_line(void **state)
{
	struct arena *a = arena_new();
	struct bayes_verdict v = { .probability = 0.25, .used = 3, .shown_count = 3 };
	(void)state;
	v.shown[0] = (struct bayes_shown){ SLICE("a,b"), 0.1 };
	v.shown[1] = (struct bayes_shown){ SLICE("caf\xC3\xA9"), 0.2 };
	v.shown[2] = (struct bayes_shown){ SLICE("from:x.example"), 0.3 };
	assert_string_equal(bayes_evidence(&v, a), "0.250 by 3: from:x.example 0.30");
	arena_free(a);
}

/* --- rows --------------------------------------------------------------------------------- */

static void learn(struct db *db, int64_t account, const struct bayes_tokens *t, bool is_spam,
                  const struct bayes_bounds *b, enum bayes_learned expected)
{
	enum bayes_learned learned;
	assert_int_equal(bayes_learn(db, account, t, is_spam, b, &learned), 0);
	assert_int_equal(learned, expected);
}

static void status_is(struct db *db, int64_t account, int64_t spam, int64_t ham)
{
	struct bayes_status s;
	assert_int_equal(bayes_get_status(db, account, &s), 0);
	assert_int_equal(s.messages.spam, spam);
	assert_int_equal(s.messages.ham, ham);
}

static struct bayes_count counts_of(struct db *db, int64_t account, const struct bayes_tokens *t,
                                    size_t i)
{
	struct arena *a = arena_new();
	struct bayes_count *counts = ARENA_ARRAY(a, t->count, struct bayes_count);
	struct bayes_count totals = { 0, 0 };
	assert_int_equal(bayes_add_counts(db, account, t, 1, counts, &totals), 0);
	struct bayes_count found = counts[i];
	arena_free(a);
	return found;
}

static int once_and_back(struct db *db, void *arg)
{
	struct bayes_tokens t, other;
	tokens_of(arg, "Message-ID: <1@x>\r\n\r\nsome bad words\r\n", &t);
	tokens_of(arg, "Message-ID: <2@x>\r\n\r\nother bad things\r\n", &other);
	learn(db, 1, &t, true, &bounds, BAYES_NEW);
	learn(db, 1, &t, true, &bounds, BAYES_KNOWN);
	learn(db, 1, &other, true, &bounds, BAYES_NEW);
	status_is(db, 1, 2, 0);
	status_is(db, BAYES_SHARED, 0, 0);
	learn(db, 1, &t, false, &bounds, BAYES_CHANGED);
	status_is(db, 1, 1, 1);
	for (size_t i = 0; i < t.count; i++) {
		struct bayes_count c = counts_of(db, 1, &t, i);
		assert_int_equal(c.ham, 1);
		assert_true(c.spam == has(&other, arena_str(arg, t.items[i].text)));
	}
	assert_int_equal(bayes_unlearn(db, 1, &t), 0);
	assert_int_equal(bayes_unlearn(db, 1, &t), -ENOENT);
	status_is(db, 1, 1, 0);
	assert_int_equal(counts_of(db, 1, &t, 0).ham, 0);
	assert_int_equal(bayes_forget(db, 1), 0);
	status_is(db, 1, 0, 0);
	learn(db, 1, &other, false, &bounds, BAYES_NEW);
	return 0;
}

static int grows_no_further(struct db *db, void *arg)
{
	const struct bayes_bounds small = { .max_tokens = 60, .max_messages = 3 };
	struct bayes_status s;
	struct bayes_tokens t, first;
	int64_t rows = 0;
	for (int i = 0; i < 30; i++) {
		char text[200];
		snprintf(text, sizeof(text),
		         "Message-ID: <%d@x>\r\n\r\nevery a%dx b%dx c%dx d%dx e%dx\r\n", i, i, i, i,
		         i, i);
		tokens_of(arg, text, &t);
		if (i == 0)
			first = t;
		learn(db, 7, &t, true, &small, BAYES_NEW);
		assert_int_equal(bayes_get_status(db, 7, &s), 0);
		assert_true(s.tokens <= 60);
	}
	assert_int_equal(db_get_int(db, &rows,
	                            "SELECT count(*) FROM bayes_token WHERE account_id = $1", "i",
	                            (int64_t)7),
	                 0);
	assert_int_equal(rows, s.tokens);
	assert_int_equal(db_get_int(db, &rows,
	                            "SELECT count(*) FROM bayes_message WHERE account_id = $1", "i",
	                            (int64_t)7),
	                 0);
	assert_int_equal(rows, 3);
	/* What all have is learned again and again, and stays. */
	for (size_t i = 0; i < t.count; i++) {
		if (slice_equal(t.items[i].text, SLICE("every")))
			assert_int_equal(counts_of(db, 7, &t, i).spam, 30);
	}
	learn(db, 7, &t, true, &small, BAYES_KNOWN);
	learn(db, 7, &first, true, &small, BAYES_NEW);
	return 0;
}

static void in_commit(void **state, store_fn fn)
{
	struct store *s = testing_open(*state);
	struct arena *a = arena_new();
	assert_int_equal(store_commit(s, NULL, 0, fn, a), 0);
	arena_free(a);
	store_close(s);
}

static void learns_once(void **state) { in_commit(state, once_and_back); }
static void stays_bounded(void **state) { in_commit(state, grows_no_further); }

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_facts),
		cmocka_unit_test(html_and_files),
		cmocka_unit_test(other_scripts),
		cmocka_unit_test(known_again),
		cmocka_unit_test(bounded),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(what_few_have_weighs_little),
		cmocka_unit_test(evidence_is_one_line),
		STORE_TEST(learns_once),
		STORE_TEST(stays_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
