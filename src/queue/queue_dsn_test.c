#include "base/base_testing.h"

#include "message/header.h"
#include "queue/queue_dsn.h"

static const struct queue_dsn_recipient bob = {
	.address = { "bob@far.test", 12 },
	.orcpt = { "rfc822;b+2Bob@far.test", 22 },
	.status = { 5, 1, 1 },
	.remote = { "mx.far.test", 11 },
	.reply = { "550 5.1.1 no such user", 22 },
	.text = { "550 5.1.1 no such user", 22 },
};

static struct queue_dsn example(void)
{
	return (struct queue_dsn){
		.action = DSN_FAILED,
		.hostname = "mx.example.test",
		.reverse_path = SLICE("alice@example.test"),
		.queue_id = SLICE("38G0GRWMY00D5EZ9"),
		.envid = SLICE("a+3Db"),
		.original_id = SLICE("<1@example.test>"),
		.message = SLICE("Subject: x\r\nTo: bob@far.test\r\n\r\nThe body.\r\n"),
		.arrived_ms = 1700000000000,
		.now_ms = 1700000360000,
		.expires_ms = 1700432000000,
		.recipients = &bob,
		.recipient_count = 1,
	};
}

static bool has(struct slice text, const char *part)
{
	return slice_find(text, slice_from_str(part)) >= 0;
}

static size_t count(struct slice text, const char *part)
{
	size_t n = 0;
	struct slice needle = slice_from_str(part);
	for (ptrdiff_t at; (at = slice_find(text, needle)) >= 0; n++)
		text = slice_from(text, (size_t)at + needle.len);
	return n;
}

static void a_failure(void **state)
{
	struct queue_dsn dsn = example();
	bool is_8bit;
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	struct slice value;
	assert_false(is_8bit);
	assert_true(header_find(text, SLICE("From"), &value));
	assert_true(has(value, "MAILER-DAEMON@mx.example.test"));
	assert_true(header_find(text, SLICE("Auto-Submitted"), &value));
	assert_true(slice_equal(slice_trim(value), SLICE("auto-replied")));
	assert_true(header_find(text, SLICE("In-Reply-To"), &value));
	assert_true(header_find(text, SLICE("Content-Type"), &value));
	struct header_param *params;
	struct slice type, boundary;
	size_t n = header_params(*state, value, 10, &type, &params);
	assert_true(slice_equal(slice_trim(type), SLICE("multipart/report")));
	assert_true(header_param_find(*state, params, n, SLICE("boundary"), &boundary));
	assert_int_equal(count(text, arena_str(*state, boundary)), 5); /* with the header's */
	assert_true(has(text, "\r\nReporting-MTA: dns; mx.example.test\r\n"
	                      "Original-Envelope-Id: a=b\r\n"));
	assert_true(has(text, "\r\n\r\nOriginal-Recipient: rfc822; b+ob@far.test\r\n"
	                      "Final-Recipient: rfc822; bob@far.test\r\nAction: failed\r\n"
	                      "Status: 5.1.1\r\nRemote-MTA: dns; mx.far.test\r\n"
	                      "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
	assert_true(has(text, "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n"));
	assert_true(has(text, "mx.far.test said:"));
}

static void hosts_without_a_name(void **state)
{
	static const struct {
		const char *remote, *field;
	} hosts[] = { { "192.0.2.1", "\r\nRemote-MTA: dns; [192.0.2.1]\r\n" },
		      { "2001:db8::1", "\r\nRemote-MTA: dns; [IPv6:2001:db8::1]\r\n" },
		      { "unix:/run/lmtp", "\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; " } };
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct queue_dsn dsn = example();
		struct queue_dsn_recipient one = dsn.recipients[0];
		bool is_8bit;
		one.remote = slice_from_str(hosts[i].remote);
		dsn.recipients = &one;
		dsn.recipient_count = 1;
		assert_true(has(queue_dsn_compose(*state, &dsn, &is_8bit), hosts[i].field));
	}
}

static void what_is_returned(void **state)
{
	struct queue_dsn dsn = example();
	char *large = arena_alloc(*state, QUEUE_DSN_RETURN_MAX + 100);
	bool is_8bit;
	dsn.ret = 'H';
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(has(text, "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n"));
	assert_false(has(text, "The body."));
	memset(large, 'x', QUEUE_DSN_RETURN_MAX + 100);
	memcpy(large, "A: b\r\n\r\n", 8);
	dsn.message = slice_of(large, QUEUE_DSN_RETURN_MAX + 100);
	dsn.ret = 0;
	text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(has(text, "text/rfc822-headers"));
	assert_true(text.len < 8192);
	dsn.ret = 'F';
	text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(has(text, "message/rfc822"));
	assert_true(text.len > QUEUE_DSN_RETURN_MAX);
	assert_true(slice_ends_with(text, SLICE("--\r\n")));
	dsn.message = SLICE_EMPTY;
	text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(slice_ends_with(text, SLICE("--\r\n")));
}

static void says_that_it_is_8bit(void **state)
{
	struct queue_dsn dsn = example();
	bool is_8bit;
	struct slice value;
	assert_false(header_find(queue_dsn_compose(*state, &dsn, &is_8bit),
	                         SLICE("Content-Transfer-Encoding"), &value));
	dsn.message = SLICE("Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9f"
	                    "e\r\n");
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(is_8bit);
	assert_true(header_find(text, SLICE("Content-Transfer-Encoding"), &value));
	assert_true(slice_equal(slice_trim(value), SLICE("8bit")));
	/* Nothing of that is in the header, which is what comes back here. */
	dsn.ret = 'H';
	text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_false(is_8bit);
	assert_false(header_find(text, SLICE("Content-Transfer-Encoding"), &value));
}

static void strangers_forge_nothing(void **state)
{
	struct queue_dsn_recipient evil = bob;
	struct queue_dsn dsn = example();
	bool is_8bit;
	evil.reply = evil.text = SLICE("550 no\r\nAction: delivered\r\n\xff\x01");
	evil.orcpt = SLICE("rfc822;x+0D+0AEvil: yes");
	dsn.recipients = &evil;
	dsn.envid = SLICE("+0D+0AEvil: yes");
	dsn.original_id = SLICE("<1@x>\r\nEvil: yes");
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_false(has(text, "\nEvil"));
	assert_false(has(text, "\nAction: delivered"));
	assert_false(is_8bit);
}

/* What the sender made up must not take the room of what he is to be told. */
static void an_endless_message_id(void **state)
{
	struct queue_dsn dsn = example();
	bool is_8bit;
	char *id = arena_alloc(*state, 64 * 1024);
	memset(id, 'x', 64 * 1024);
	dsn.original_id = slice_of(id, 64 * 1024);
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(has(text, "Final-Recipient: rfc822; bob@far.test\r\n"));
	assert_true(slice_ends_with(text, SLICE("--\r\n")));
}

static void utf8_addresses(void **state)
{
	struct queue_dsn_recipient umlaut = bob;
	struct queue_dsn dsn = example();
	bool is_8bit;
	umlaut.address = SLICE("b\xc3\xb6"
	                       "b@far.test");
	dsn.recipients = &umlaut;
	dsn.smtputf8 = true;
	dsn.action = DSN_DELAYED;
	struct slice text = queue_dsn_compose(*state, &dsn, &is_8bit);
	assert_true(is_8bit);
	assert_true(has(text, "report-type=global-delivery-status"));
	assert_true(has(text, "Content-Type: message/global-delivery-status"));
	assert_true(has(text, "Final-Recipient: utf-8; b\xc3\xb6"
	                      "b@far.test\r\nAction: delayed\r\n"));
	assert_true(has(text, "\r\nWill-Retry-Until: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(a_failure),
		ARENA_TEST(hosts_without_a_name),
		ARENA_TEST(what_is_returned),
		ARENA_TEST(says_that_it_is_8bit),
		ARENA_TEST(strangers_forge_nothing),
		ARENA_TEST(an_endless_message_id),
		ARENA_TEST(utf8_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
