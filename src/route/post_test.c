#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"
#include "directory/directory.h"
#include "mailbox/mailbox.h"
#include "mailbox/note.h"
#include "route/journey.h"
#include "route/post.h"
#include "route/queue_id.h"
#include "store/store.h"
#include "store/store_testing.h"

/* A post office with a store of its own: example.test has alice, bob and carol, a number of
 * aliases, and the catch-all of other.test is bob. */
struct office {
	void *dir;
	struct config *config;
	struct store *store;
	struct mailboxes *mailboxes;
	struct post *post;
	struct arena *arena;
	int queued;
};

static const struct post_client stranger = { .protocol = "ESMTP", .helo = "x.test" };
static const struct post_client member = {
	.protocol = "ESMTPSA", .account = "alice@example.test", .account_id = 1, .may_relay = true
};

static int make_accounts(struct db *db, void *arg)
{
	static const struct {
		struct slice address, target;
	} aliases[] = {
#define S(text) { text, sizeof(text) - 1 }
		{ S("sales@example.test"), S("alice@example.test") },
		{ S("sales@example.test"), S("bob@example.test") },
		{ S("all@example.test"), S("sales@example.test") },
		{ S("all@example.test"), S("carol@example.test") },
		{ S("out@example.test"), S("Someone@Elsewhere.test") },
		{ S("mixed@example.test"), S("out@example.test") },
		{ S("mixed@example.test"), S("bob@example.test") },
		{ S("loop1@example.test"), S("loop2@example.test") },
		{ S("loop2@example.test"), S("loop1@example.test") },
		{ S("dangling@example.test"), S("gone@example.test") },
		{ S("secret@example.test"), S("alice@example.test") },
		{ S("secret@example.test"), S("bob@example.test") },
		{ S("open@example.test"), S("secret@example.test") },
		{ S("open@example.test"), S("carol@example.test") },
		{ S("moved@example.test"), S("now@elsewhere.test") },
		{ S("follows@example.test"), S("moved@example.test") },
	};
	static const struct slice accounts[] = { S("alice@example.test"), S("bob@example.test"),
		                                 S("carol@example.test") };
	(void)arg;
	int64_t id;
	int rc = directory_add_domain(db, SLICE("example.test"));
	if (rc == 0)
		rc = directory_add_domain(db, SLICE("other.test"));
	for (size_t i = 0; i < 3 && rc == 0; i++) {
		struct account_new account = { .address = accounts[i],
			                       .made = mailbox_make_folders };
		rc = directory_add_account(db, &account, &id);
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]) && rc == 0; i++)
		rc = directory_add_alias(db, aliases[i].address, aliases[i].target);
	if (rc == 0)
		rc = directory_set_alias_kind(db, SLICE("secret@example.test"), ALIAS_HIDDEN);
	if (rc == 0)
		rc = directory_set_alias_kind(db, SLICE("moved@example.test"), ALIAS_MOVED);
	if (rc == 0)
		rc = directory_set_catch_all(db, SLICE("other.test"), "bob@example.test");
	return rc;
}

static void count_queued(void *arg) { (*(int *)arg)++; }

static int setup(void **state)
{
	struct office *o = mem_zero(1, sizeof(*o));
	if (testing_make_dir(&o->dir) != 0)
		return -1;
	o->arena = arena_new();
	o->config = config_defaults(o->dir);
	o->config->hostname = "mx.example.test";
	o->config->local.plus_separator = '+';
	o->store = testing_open(o->dir);
	assert_int_equal(store_commit(o->store, NULL, 0, make_accounts, NULL), 0);
	assert_int_equal(mailboxes_open(o->store, &o->mailboxes), 0);
	const struct post_config config = {
		.store = o->store,
		.mailboxes = o->mailboxes,
		.config = o->config,
		.queued = count_queued,
		.queued_arg = &o->queued,
	};
	assert_int_equal(post_open(&config, &o->post), 0);
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct office *o = *state;
	post_close(o->post);
	mailboxes_close(o->mailboxes);
	store_close(o->store);
	config_free(o->config);
	arena_free(o->arena);
	testing_remove_dir(&o->dir);
	free(o);
	return 0;
}

/* --- asking -------------------------------------------------------------------------- */

static void split(const char *text, struct slice *local, struct slice *domain)
{
	*domain = slice_from_str(text);
	*local = slice_split(domain, '@');
}

static enum post_verdict check(struct office *o, const struct post_client *client,
                               const char *address, uint64_t size)
{
	struct slice local, domain;
	split(address, &local, &domain);
	return post_check_recipient(o->post, client, local, domain, size);
}

static const struct {
	const char *address;
	enum post_verdict verdict; /* for a stranger */
} checks[] = {
	{ "alice@example.test", POST_LOCAL },
	{ "ALICE@Example.Test", POST_LOCAL },
	{ "alice+tag@example.test", POST_LOCAL },
	{ "sales+tag@example.test", POST_LIST },
	{ "nobody@example.test", POST_NO_USER },
	{ "nobody+alice@example.test", POST_NO_USER },
	{ "+alice@example.test", POST_NO_USER },
	{ "all@example.test", POST_LIST },
	{ "out@example.test", POST_FORWARDED },
	{ "loop1@example.test", POST_ALIAS_LOOP },
	{ "dangling@example.test", POST_NO_USER },
	{ "secret@example.test", POST_LIST },
	{ "moved@example.test", POST_MOVED },
	{ "moved+tag@example.test", POST_MOVED },
	{ "follows@example.test", POST_NO_USER },
	{ "anybody@other.test", POST_LOCAL },
	{ "someone@elsewhere.test", POST_NO_RELAY },
	{ "alice@sub.example.test", POST_NO_RELAY },
	{ "alice%elsewhere.test@example.test", POST_NO_USER },
	{ "postmaster", POST_LOCAL },
	{ "PostMaster@example.test", POST_LOCAL },
	{ "postmaster@other.test", POST_LOCAL },
	{ "postmaster@mx.example.test", POST_LOCAL },
	{ "alice@mx.example.test", POST_NO_RELAY },
	{ "postmaster@elsewhere.test", POST_NO_RELAY },
};

static void test_check(void **state)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum post_verdict verdict = check(*state, &stranger, checks[i].address, 0);
		if (verdict != checks[i].verdict)
			fail_msg("%s: %d, want %d", checks[i].address, verdict, checks[i].verdict);
	}
	assert_int_equal(check(*state, &member, "someone@elsewhere.test", 0), POST_REMOTE);
	assert_int_equal(check(*state, &member, "nobody@example.test", 0), POST_NO_USER);
}

static int set_quota(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_quota(db, SLICE("bob@example.test"), 1000);
}

static int disable_bob(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_enabled(db, SLICE("bob@example.test"), false);
}

static int disable_alice(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_enabled(db, SLICE("alice@example.test"), false);
}

static void test_quota_and_disabled(void **state)
{
	struct office *o = *state;
	assert_int_equal(store_commit(o->store, NULL, 0, set_quota, NULL), 0);
	assert_int_equal(check(o, &stranger, "bob@example.test", 1000), POST_LOCAL);
	assert_int_equal(check(o, &stranger, "bob@example.test", 1001), POST_OVER_QUOTA);
	/* Others on the list are not made to suffer. */
	assert_int_equal(check(o, &stranger, "sales@example.test", 1001), POST_LIST);
	assert_int_equal(store_commit(o->store, NULL, 0, disable_bob, NULL), 0);
	assert_int_equal(check(o, &stranger, "bob@example.test", 0), POST_DISABLED);
	assert_int_equal(check(o, &stranger, "sales@example.test", 0), POST_LOCAL);
	assert_int_equal(store_commit(o->store, NULL, 0, disable_alice, NULL), 0);
	assert_int_equal(check(o, &stranger, "sales@example.test", 0), POST_DISABLED);
	assert_int_equal(check(o, &stranger, "postmaster@example.test", 0), POST_LOCAL);
}

static bool owns(struct office *o, const struct post_client *client, const char *address)
{
	struct slice local, domain;
	split(address, &local, &domain);
	return post_owns_sender(o->post, client, local, domain);
}

static void test_senders(void **state)
{
	struct office *o = *state;
	assert_true(owns(o, &member, ""));
	assert_true(owns(o, &member, "alice@example.test"));
	assert_true(owns(o, &member, "Alice+x@Example.test"));
	assert_true(owns(o, &member, "sales@example.test"));
	assert_true(owns(o, &member, "all@example.test"));
	assert_false(owns(o, &member, "bob@example.test"));
	assert_false(owns(o, &member, "mixed@example.test"));
	assert_false(owns(o, &member, "nobody@example.test"));
	assert_false(owns(o, &member, "alice@elsewhere.test"));
	assert_false(owns(o, &member, "someone@elsewhere.test"));
}

/* --- delivering ---------------------------------------------------------------------- */

static enum post_result deliver(struct office *o, const struct post_client *client, const char **to,
                                size_t count, const char *message, char queue_id[static 17])
{
	struct post_recipient *recipients = ARENA_ARRAY(o->arena, count, struct post_recipient);
	for (size_t i = 0; i < count; i++)
		split(to[i], &recipients[i].local, &recipients[i].domain);
	const struct post_envelope envelope = {
		.reverse_path = SLICE("from@sender.test"),
		.recipients = recipients,
		.recipient_count = count,
	};
	return post_deliver(o->post, client, &envelope, SLICE("Received: from x\r\n"),
	                    slice_from_str(message), queue_id);
}

static int64_t count(struct office *o, const char *sql) { return testing_count(o->store, sql); }

#define MESSAGE "Message-ID: <1@sender.test>\r\nSubject: hello\r\n\r\nbody\r\n"
#define STORED  "Return-Path: <from@sender.test>\r\nReceived: from x\r\n" MESSAGE

static void test_deliver_local(void **state)
{
	struct office *o = *state;
	char id[17];
	const char *to[] = { "all@example.test", "alice@example.test", "bob+x@example.test" };
	assert_int_equal(deliver(o, &stranger, to, 3, MESSAGE, id), POST_ACCEPTED);
	assert_int_equal(strlen(id), 16);
	assert_int_equal(count(o, "SELECT count(*) FROM message"), 3);
	assert_int_equal(count(o, "SELECT count(DISTINCT blob_id) FROM message"), 1);
	assert_int_equal(count(o, "SELECT refs FROM blob"), 3);
	assert_int_equal(count(o, "SELECT count(*) FROM queue_message"), 0);
	assert_int_equal(count(o, "SELECT count(*) FROM journey WHERE kind = 1"), 3);
	assert_int_equal(count(o, "SELECT count(*) FROM journey WHERE kind = 0"
	                          " AND message_id = '<1@sender.test>'"),
	                 1);
	assert_int_equal(count(o, "SELECT size_bytes FROM message LIMIT 1"), strlen(STORED));
	int64_t blob = count(o, "SELECT blob_id FROM message LIMIT 1");
	assert_true(testing_blob_is(o->store, blob, SLICE(STORED)));
	assert_int_equal(o->queued, 0);
}

static void test_deliver_remote(void **state)
{
	struct office *o = *state;
	char id[17];
	const char *to[] = { "Some.One@Elsewhere.test", "mixed@example.test" };
	assert_int_equal(deliver(o, &member, to, 2, MESSAGE, id), POST_ACCEPTED);
	assert_int_equal(o->queued, 1);
	assert_int_equal(count(o, "SELECT count(*) FROM message"), 1);
	assert_int_equal(count(o, "SELECT count(*) FROM queue_message"), 1);
	assert_int_equal(count(o, "SELECT refs FROM blob"), 2);
	/* The local part keeps its case, the domain is canonical. */
	assert_int_equal(count(o, "SELECT count(*) FROM queue_recipient WHERE prefix = ''"
	                          " AND forward_path = 'Some.One@elsewhere.test'"
	                          " AND domain = 'elsewhere.test'"),
	                 1);
	assert_int_equal(count(o, "SELECT count(*) FROM queue_recipient WHERE"
	                          " prefix = 'Delivered-To: out@example.test' || char(13, 10)"),
	                 1);
	assert_int_equal(count(o, "SELECT skip_bytes FROM queue_message"),
	                 strlen("Return-Path: <from@sender.test>\r\n"));
	assert_int_equal(count(o, "SELECT count(*) FROM journey WHERE kind = 2"), 2);
}

/* Nobody is looked up before its time, and nobody has a lease. */
static void test_hold(void **state)
{
	struct office *o = *state;
	char id[17];
	struct post_recipient recipients[2] = { 0 };
	const struct post_envelope envelope = {
		.reverse_path = SLICE("alice@example.test"),
		.recipients = recipients,
		.recipient_count = 2,
		.options = { .hold_until_ms = clock_wall_ms() + 60000, .solicit = SLICE_EMPTY },
	};
	split("all@example.test", &recipients[0].local, &recipients[0].domain);
	recipients[1].local = SLICE("postmaster");
	recipients[1].domain = SLICE_EMPTY;
	assert_int_equal(post_deliver(o->post, &member, &envelope, SLICE_EMPTY, SLICE(MESSAGE), id),
	                 POST_ACCEPTED);
	assert_int_equal(count(o, "SELECT count(*) FROM message"), 0);
	assert_int_equal(count(o, "SELECT count(*) FROM queue_recipient WHERE held = 2"
	                          " AND lease_owner IS NULL"),
	                 2);
	assert_int_equal(count(o, "SELECT min(due_ms) FROM queue_recipient"),
	                 envelope.options.hold_until_ms);
	assert_int_equal(count(o, "SELECT expires_ms FROM queue_message"),
	                 envelope.options.hold_until_ms + o->config->queue.times.expire_ms);
	assert_int_equal(o->queued, 0);
}

static void test_refused(void **state)
{
	struct office *o = *state;
	char id[17];
	const char *unknown[] = { "alice@example.test", "nobody@example.test" };
	assert_int_equal(deliver(o, &stranger, unknown, 2, MESSAGE, id), POST_FAILED);
	const char *relay[] = { "someone@elsewhere.test" };
	assert_int_equal(deliver(o, &stranger, relay, 1, MESSAGE, id), POST_FAILED);
	assert_int_equal(count(o, "SELECT count(*) FROM message"), 0);
	assert_int_equal(count(o, "SELECT count(*) FROM journey"), 0);
	assert_int_equal(count(o, "SELECT count(*) FROM blob"), 0);
}

static void test_loops(void **state)
{
	struct office *o = *state;
	char id[17];
	struct buf message = buf_make(100000);
	const char *alice[] = { "alice@example.test" }, *out[] = { "out@example.test" };
	for (unsigned i = 0; i < o->config->smtp.max_received; i++)
		buf_append(&message, SLICE("Received: from a by b; today\r\n"));
	buf_append_byte(&message, 0);
	assert_int_equal(deliver(o, &stranger, alice, 1, message.data, id), POST_LOOP);
	assert_int_equal(deliver(o, &stranger, alice, 1, message.data + 30, id), POST_ACCEPTED);
	buf_free(&message);

	const char *again = "Delivered-To: Out@example.test\r\n\r\n";
	assert_int_equal(deliver(o, &stranger, out, 1, again, id), POST_LOOP);
	assert_int_equal(deliver(o, &stranger, alice, 1, again, id), POST_ACCEPTED);
}

/* More recipients than the note of one record has room for. */
static void test_many_recipients(void **state)
{
	enum { MANY = 1000 };
	struct office *o = *state;
	char id[17];
	const char **to = ARENA_ARRAY(o->arena, MANY, const char *);
	for (int i = 0; i < MANY; i++)
		to[i] = arena_printf(o->arena, "recipient%04d@elsewhere.test", i);
	assert_int_equal(deliver(o, &member, to, MANY, MESSAGE, id), POST_ACCEPTED);
	assert_int_equal(count(o, "SELECT count(*) FROM queue_recipient"), MANY);
	int64_t batches = count(o, "SELECT count(*) FROM queue_message");
	assert_true(batches > 1);
	assert_int_equal(count(o, "SELECT count(DISTINCT queue_id) FROM journey"), batches);
	assert_int_equal(count(o, "SELECT count(*) FROM blob WHERE refs = 1"), batches);
}

struct walk {
	struct arena *arena;
	int lines[3];
	bool address_seen;
};

static int visit_record(const struct segment_record *record, void *arg)
{
	struct walk *w = arg;
	struct cursor c = cursor_of(record->note);
	struct note_line line;
	while (note_next(&c, w->arena, &line)) {
		w->lines[line.kind]++;
		w->address_seen |= slice_equal(line.address, SLICE("bob@example.test"));
	}
	return 0;
}

static void test_note(void **state)
{
	struct office *o = *state;
	char id[17];
	const char *to[] = { "mixed@example.test" };
	assert_int_equal(deliver(o, &stranger, to, 1, MESSAGE, id), POST_ACCEPTED);
	struct walk walk = { .arena = o->arena };
	assert_int_equal(store_walk_segments(o->config->dir, visit_record, &walk), 0);
	assert_int_equal(walk.lines[NOTE_AT], 1);
	assert_int_equal(walk.lines[NOTE_TO], 1);
	assert_int_equal(walk.lines[NOTE_RELAY], 1);
	assert_true(walk.address_seen);
}

/* --- journeys ------------------------------------------------------------------------ */

struct seen {
	int count;
	char kinds[16];
	char queue_id[17];
};

static int see_event(const struct journey_event *event, void *arg)
{
	struct seen *seen = arg;
	if (seen->count < 15)
		seen->kinds[seen->count] = journey_kind_name(event->kind)[0];
	memcpy(seen->queue_id, event->queue_id.data, 16);
	seen->count++;
	return 0;
}

struct asked {
	const char *id, *from, *to;
	struct seen seen;
};

static int ask_journey(struct db *db, void *arg)
{
	struct asked *a = arg;
	struct slice id = slice_from_str(a->id);
	struct journey_filter filter = { .message_id = id,
		                         .from = slice_from_str(a->from),
		                         .to = slice_from_str(a->to) };
	if (id.len == QUEUE_ID_LEN)
		return journey_find(db, id, -1, 10, see_event, &a->seen);
	struct journey_search search = { .begun = false };
	int rc;
	while ((rc = journey_search(db, &filter, &search, see_event, &a->seen)) == 1)
		continue;
	return rc;
}

static struct seen journey(struct office *o, const char *id, const char *from, const char *to)
{
	struct asked a = { .id = id, .from = from, .to = to };
	assert_int_equal(store_read(o->store, ask_journey, &a), 0);
	return a.seen;
}

static void test_journey(void **state)
{
	struct office *o = *state;
	char id[17], second[17];
	const char *to[] = { "mixed@example.test" }, *alice[] = { "alice@example.test" };
	assert_int_equal(deliver(o, &stranger, to, 1, MESSAGE, id), POST_ACCEPTED);
	assert_int_equal(deliver(o, &stranger, alice, 1, "Subject: no id\r\n\r\n", second),
	                 POST_ACCEPTED);
	assert_string_equal(journey(o, id, NULL, NULL).kinds, "rdq");
	assert_string_equal(journey(o, "<1@sender.test>", NULL, NULL).queue_id, id);
	assert_string_equal(journey(o, "1@sender.test", NULL, NULL).queue_id, id);
	assert_string_equal(journey(o, second, NULL, NULL).kinds, "rd");
	assert_int_equal(journey(o, "", NULL, NULL).count, 2);
	assert_int_equal(journey(o, "<2@sender.test>", NULL, NULL).count, 0);
	assert_int_equal(journey(o, NULL, "FROM@sender.test", "").count, 2);
	assert_string_equal(journey(o, NULL, "", "alice@example.test").queue_id, second);
	assert_string_equal(journey(o, NULL, "", "mixed@example.test").queue_id, id);
	assert_string_equal(journey(o, NULL, "", "someone@elsewhere.test").queue_id, id);
	assert_int_equal(journey(o, NULL, "", "nobody@example.test").count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_check),           TEST(test_quota_and_disabled),
		TEST(test_senders),         TEST(test_deliver_local),
		TEST(test_deliver_remote),  TEST(test_hold),
		TEST(test_refused),         TEST(test_loops),
		TEST(test_many_recipients), TEST(test_note),
		TEST(test_journey),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
