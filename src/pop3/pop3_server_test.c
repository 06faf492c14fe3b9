/* The POP3 server on a store, told by dialogues: `C: ` is said, `S: ` is expected ('*' at its end
 * stands for anything). */
#include "store/store_testing.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/password.h"
#include "base/clock.h"
#include "base/codec.h"
#include "directory/pop3_terms.h"
#include "fiber/fiber_testing.h"
#include "mailbox/mailbox_view.h"
#include "pop3/pop3_locks.h"
#include "pop3/pop3_maildrop.h"

#define SOON deadline_in(20000)

struct fixture {
	void *dir;
	struct arena *arena;
	struct pop3_context context;
	struct config *config;
	struct service *service;
	struct net_address address;
	int64_t account, inbox;
	struct slice mail; /* for a commit */
};

/* --- what is there -------------------------------------------------------------------- */

static int add_account(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier verifiers[PASSWORD_VERIFIERS];
	struct account_new account = {
		.address = SLICE("alice@example.test"),
		.verifiers = verifiers,
		.verifier_count = PASSWORD_VERIFIERS,
		.made = mailbox_make_folders,
	};
	int rc = password_make(f->arena, SLICE("open sesame "), verifiers);
	if (rc == 0)
		rc = directory_add_domain(db, SLICE("example.test"));
	if (rc == 0)
		rc = directory_add_account(db, &account, &f->account);
	return rc == 0 ? mailbox_get_inbox(db, f->account, &f->inbox) : rc;
}

struct delivery {
	struct store_blob blob;
	struct slice bytes;
	int64_t inbox;
	uint64_t flags;
};

static int append(struct db *db, void *arg)
{
	struct delivery *d = arg;
	struct mailbox_new_message message = { .blob_id = d->blob.id,
		                               .size_bytes = d->bytes.len,
		                               .flags = d->flags };
	uint32_t uid;
	return mailbox_append(db, d->inbox, &message, &uid);
}

static void deliver_flagged(struct fixture *f, struct slice bytes, uint64_t flags)
{
	struct delivery d = { .bytes = bytes, .inbox = f->inbox, .flags = flags };
	d.blob.parts = &d.bytes;
	d.blob.part_count = 1;
	CHECK(store_commit(f->context.store, &d.blob, 1, append, &d) == 0);
}

static void deliver(struct fixture *f, struct slice bytes) { deliver_flagged(f, bytes, 0); }

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	int rc = testing_make_dir(&f->dir);
	f->arena = arena_new();
	f->config = config_defaults(f->dir);
	f->config->hostname = "pop.example.test";
	f->config->pop3.auth_without_tls = true;
	f->context.config = f->config;
	f->context.store = testing_open(f->dir);
	f->context.locks = pop3_locks_new();
	assert_int_equal(mailboxes_open(f->context.store, &f->context.mailboxes), 0);
	assert_int_equal(auth_open(f->context.store, &f->context.auth), 0);
	auth_set_refusal_pause(f->context.auth, 0);
	assert_int_equal(store_commit(f->context.store, NULL, 0, add_account, f), 0);
	struct service_config config = {
		.protocol = &pop3_protocol, .name = "pop3", .context = &f->context, .workers = 2
	};
	assert_int_equal(net_address_parse(SLICE("127.0.0.1:0"), 0, &f->address), 0);
	config.address = f->address;
	assert_int_equal(service_listen(&config, &f->service), 0);
	net_address_set_port(&f->address, service_port(f->service));
	*state = f;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	service_free(f->service);
	auth_close(f->context.auth);
	mailboxes_close(f->context.mailboxes);
	pop3_locks_free(f->context.locks);
	store_close(f->context.store);
	config_free(f->config);
	arena_free(f->arena);
	testing_remove_dir(&f->dir);
	free(f);
	return 0;
}

/* --- dialogues ------------------------------------------------------------------------ */

static struct conn *dial(struct fixture *f)
{
	struct conn *c;
	CHECK(conn_connect(&f->address, NULL, SOON, &c) == 0);
	return c;
}

static void expect(struct conn *c, struct slice wanted)
{
	struct slice line;
	int rc = conn_read_line(c, 4096, &line, NULL, SOON);
	bool fits = rc == 1 && slice_equal(line, wanted);
	if (rc == 1 && slice_ends_with(wanted, SLICE("*")))
		fits = slice_starts_with(line, slice_sub(wanted, 0, wanted.len - 1));
	if (!fits)
		fprintf(stderr, "wanted \"%.*s\", got %d \"%.*s\"\n", SLICE_ARG(wanted), rc,
		        rc == 1 ? (int)line.len : 0, rc == 1 ? line.data : "");
	CHECK(fits);
}

static void talk_on(struct conn *c, const char *script)
{
	struct slice rest = slice_from_str(script);
	while (rest.len > 0) {
		struct slice line = slice_split(&rest, '\n');
		if (slice_starts_with(line, SLICE("C: "))) {
			CHECK(conn_write(c, slice_from(line, 3), SOON) == 0);
			CHECK(conn_write(c, SLICE("\r\n"), SOON) == 0);
		} else {
			expect(c, slice_from(line, 3));
		}
	}
}

static void expect_end(struct conn *c)
{
	struct slice line;
	CHECK(conn_read_line(c, 4096, &line, NULL, SOON) == 0);
	conn_close(c);
}

static void talk(struct fixture *f, const char *script)
{
	struct conn *c = dial(f);
	talk_on(c, script);
	expect_end(c);
}

#define GREETING "S: +OK pop.example.test POP3 ready\n"
#define LOGIN                                                                                      \
	GREETING "C: USER alice@example.test\n"                                                    \
		 "S: +OK*\n"                                                                       \
		 "C: PASS open sesame \n"                                                          \
		 "S: +OK*\n"

static void run(struct fixture *f, fiber_fn body) { run_on_fiber(2, body, f); }

static void login_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	talk(f, GREETING "C: STAT\nS: -ERR log in first\n"
	                 "C: NOOP\nS: -ERR*\n"
	                 "C: PASS x\nS: -ERR USER comes first\n"
	                 "C: USER\nS: -ERR wrong arguments\n"
	                 "C: USER alice@example.test\nS: +OK*\n"
	                 "C: PASS open sesame\nS: -ERR [AUTH]*\n"
	                 "C: PASS open sesame \nS: -ERR USER comes first\n"
	                 "C: user Alice\nS: +OK*\n"
	                 "C: pass open sesame \nS: +OK maildrop has 0 messages (0 octets)\n"
	                 "C: USER alice\nS: -ERR not after login\n"
	                 "C: STLS\nS: -ERR not after login\n"
	                 "C: BOGUS\nS: -ERR syntax error\n"
	                 "C: XYZ\nS: -ERR unknown command\n"
	                 "C: STAT\nS: +OK 0 0\n"
	                 "C: LIST\nS: +OK*\nS: .\n"
	                 "C: QUIT now\nS: -ERR wrong arguments\n"
	                 "C: QUIT\nS: +OK bye\n");
	talk(f, GREETING "C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABvcGVuIHNlc2FtZSA=\n"
	                 "S: +OK maildrop*\nC: QUIT\nS: +OK*\n");
	talk(f, GREETING "C: AUTH PLAIN\nS: + \nC: *\nS: -ERR cancelled\n"
	                 "C: AUTH PLAIN\nS: + \nC: AGFsaWNlQGV4YW1wbGUudGVzdABvcGVuIHNlc2FtZSA=\n"
	                 "S: +OK maildrop*\nC: AUTH PLAIN\nS: -ERR not after login\n"
	                 "C: QUIT\nS: +OK*\n");
	talk(f, GREETING "C: AUTH NONESUCH\nS: -ERR mechanism is not offered\n"
	                 "C: USER a\nS: +OK*\nC: PASS 1\nS: -ERR [AUTH]*\n"
	                 "C: USER b\nS: +OK*\nC: PASS 2\nS: -ERR [AUTH]*\n"
	                 "C: USER c\nS: +OK*\nC: PASS 3\nS: -ERR [AUTH]*\n");
	talk(f,
	     GREETING "C: CAPA\nS: +OK*\nS: TOP\nS: UIDL\nS: RESP-CODES\nS: AUTH-RESP-CODE\n"
	              "S: PIPELINING\nS: UTF8 USER\nS: LANG\nS: EXPIRE NEVER\nS: USER\nS: SASL*\n"
	              "S: IMPLEMENTATION Veredus\nS: .\nC: QUIT\nS: +OK*\n");
}

static void logins(void **state) { run(*state, login_body); }

static void clear_text_body(void *arg)
{
	struct fixture *f = arg;
	f->config->pop3.auth_without_tls = false;
	service_start(f->service);
	talk(f, GREETING "C: USER alice@example.test\nS: -ERR encryption is required*\n"
	                 "C: PASS x\nS: -ERR USER comes first\n"
	                 "C: AUTH PLAIN AGEAYg==\nS: -ERR encryption is required*\n"
	                 "C: STLS\nS: -ERR TLS is not available here\n"
	                 "C: CAPA\nS: +OK*\nS: TOP\nS: UIDL\nS: RESP-CODES\nS: AUTH-RESP-CODE\n"
	                 "S: PIPELINING\nS: UTF8 USER\nS: LANG\nS: EXPIRE NEVER\nS: SASL "
	                 "SCRAM-SHA-256 SCRAM-SHA-1\n"
	                 "S: IMPLEMENTATION Veredus\nS: .\n"
	                 "C: QUIT\nS: +OK*\n");
}

static void no_password_in_clear(void **state) { run(*state, clear_text_body); }

#define ONE   "Subject: one\r\nTo: x\r\n\r\nfirst\r\n.second\r\n..third\r\n"
#define TWO   "Subject: two\r\n\r\nno end of line"
#define THREE "Subject: three\r\n\r\n.\r\n"

static void deliver_three(struct fixture *f)
{
	deliver(f, SLICE(ONE));
	deliver(f, SLICE(TWO));
	deliver(f, SLICE(THREE));
}

static void read_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	deliver_three(f);
	talk(f, LOGIN "C: STAT\nS: +OK 3 99\n"
	              "C: LIST\nS: +OK 3 messages (99 octets)\nS: 1 48\nS: 2 30\nS: 3 21\nS: .\n"
	              "C: LIST 2\nS: +OK 2 30\nC: LIST 4\nS: -ERR no such message\n"
	              "C: LIST x\nS: -ERR*\nC: LIST 0\nS: -ERR*\n"
	              "C: RETR 1\nS: +OK 48 octets\nS: Subject: one\nS: To: x\nS: \nS: first\n"
	              "S: ..second\nS: ...third\nS: .\n"
	              "C: RETR 2\nS: +OK 30 octets\nS: Subject: two\nS: \nS: no end of line\nS: .\n"
	              "C: RETR 3\nS: +OK 21 octets\nS: Subject: three\nS: \nS: ..\nS: .\n"
	              "C: TOP 1 0\nS: +OK\nS: Subject: one\nS: To: x\nS: \nS: .\n"
	              "C: TOP 1 2\nS: +OK\nS: Subject: one\nS: To: x\nS: \nS: first\nS: ..second\n"
	              "S: .\nC: TOP 1\nS: -ERR wrong arguments\nC: TOP 9 1\nS: -ERR no such*\n"
	              "C: RETR 4\nS: -ERR no such message\nC: QUIT\nS: +OK*\n");
}

static void reads(void **state) { run(*state, read_body); }

static void delete_body(void *arg)
{
	struct fixture *f = arg;
	struct mailbox_view *view;
	struct mailbox_item item;
	service_start(f->service);
	deliver_three(f);
	talk(f, LOGIN "C: DELE 2\nS: +OK*\nC: DELE 2\nS: -ERR no such message\n"
	              "C: RETR 2\nS: -ERR no such message\nC: STAT\nS: +OK 2 69\n"
	              "C: LIST\nS: +OK*\nS: 1 48\nS: 3 21\nS: .\n"
	              "C: RSET\nS: +OK*\nC: STAT\nS: +OK 3 99\nC: QUIT\nS: +OK bye\n");
	/* Who goes without QUIT has deleted nothing. */
	struct conn *c = dial(f);
	talk_on(c, LOGIN "C: DELE 1\nS: +OK*\n");
	conn_close(c);
	while (service_counts(f->service).open > 0)
		CHECK(fiber_sleep(deadline_in(5)) == 0);
	talk(f, LOGIN "C: STAT\nS: +OK 3 99\nC: RETR 3\nS: +OK*\nS: Subject: three\nS: \nS: ..\n"
	              "S: .\nC: DELE 1\nS: +OK*\nC: DELE 2\nS: +OK*\n"
	              "C: QUIT\nS: +OK bye, what was marked is deleted\n");
	talk(f, LOGIN "C: STAT\nS: +OK 1 21\nC: LIST\nS: +OK*\nS: 1 21\nS: .\nC: QUIT\nS: +OK*\n");
	CHECK(mailbox_view_get(f->context.mailboxes, f->inbox, &view) == 0);
	CHECK(view->count == 1 && mailbox_view_by_seq(view, 1, &item));
	CHECK(item.flags & FLAG_SEEN);
	mailbox_view_release(view);
}

static void deletes_at_quit(void **state) { run(*state, delete_body); }

static int expunge_all(struct db *db, void *arg)
{
	const struct uid_set all = UID_SET_ALL;
	return mailbox_expunge(db, ((struct fixture *)arg)->inbox, &all, false, NULL);
}

static void lock_body(void *arg)
{
	struct fixture *f = arg;
	char uidl[3][64];
	struct slice line;
	service_start(f->service);
	deliver_three(f);
	struct conn *first = dial(f);
	talk_on(first, LOGIN "C: UIDL\nS: +OK\n");
	for (int i = 0; i < 3; i++) {
		CHECK(conn_read_line(first, 64, &line, NULL, SOON) == 1);
		snprintf(uidl[i], sizeof(uidl[i]), "S: +OK %.*s\n", SLICE_ARG(line));
	}
	talk_on(first, "S: .\nC: UIDL 2\n");
	talk_on(first, uidl[1]);
	CHECK(strcmp(uidl[0] + 9, uidl[1] + 9) != 0);
	talk(f, GREETING "C: USER alice@example.test\nS: +OK*\nC: PASS open sesame \n"
	                 "S: -ERR [IN-USE]*\nC: QUIT\nS: +OK*\n");
	/* Others may remove and bring mail: this session sees what was there. */
	CHECK(store_commit(f->context.store, NULL, 0, expunge_all, f) == 0);
	deliver(f, SLICE("Subject: late\r\n\r\n"));
	talk_on(first, "C: STAT\nS: +OK 3 99\nC: RETR 1\nS: -ERR message was removed*\n"
	               "C: DELE 1\nS: +OK*\nC: QUIT\nS: +OK*\n");
	expect_end(first);
	talk(f, LOGIN "C: STAT\nS: +OK 1 17\nC: QUIT\nS: +OK*\n");
}

static void one_session_at_a_time(void **state) { run(*state, lock_body); }

static int expunge_some(struct db *db, void *arg)
{
	struct uid_range ranges[] = { { 3, 3 }, { 40, 140 }, { 149, 149 } };
	const struct uid_set some = { .ranges = ranges, .count = 3 };
	return mailbox_expunge(db, ((struct fixture *)arg)->inbox, &some, false, NULL);
}

static void fetch(struct conn *c, unsigned number, bool is_there)
{
	char script[100];
	snprintf(script, sizeof(script), "C: RETR %u\nS: %s\n", number,
	         is_there ? "+OK*" : "-ERR message was removed*");
	talk_on(c, script);
	snprintf(script, sizeof(script), "S: Subject: %u\nS: \nS: .\n", number);
	if (is_there)
		talk_on(c, script);
}

static void order_body(void *arg)
{
	struct fixture *f = arg;
	char text[32];
	f->config->pop3.max_errors = 1000;
	service_start(f->service);
	for (unsigned i = 1; i <= 150; i++) {
		snprintf(text, sizeof(text), "Subject: %u\r\n\r\n", i);
		deliver(f, slice_from_str(text));
	}
	struct conn *c = dial(f);
	talk_on(c, LOGIN);
	CHECK(store_commit(f->context.store, NULL, 0, expunge_some, f) == 0);
	for (unsigned i = 1; i <= 150; i++)
		fetch(c, i, i != 3 && i != 149 && (i < 40 || i > 140));
	for (unsigned i = 150; i > 7; i -= 7)
		fetch(c, i, i != 3 && i != 149 && (i < 40 || i > 140));
	for (unsigned i = 150; i > 0; i--)
		fetch(c, i, i != 3 && i != 149 && (i < 40 || i > 140));
	talk_on(c, "C: QUIT\nS: +OK*\n");
	expect_end(c);
}

/* Messages that are fetched in order are looked up many at once. */
static void any_order(void **state) { run(*state, order_body); }

static void international_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	deliver(f, SLICE("From: j\xC3\xB6rg@example.test\r\nSubject: gr\xC3\xBC\xC3\x9F\x65\r\n\r\n"
	                 ".K\xC3\xB6rper\r\n"));
	deliver(f, SLICE("Subject: plain\r\n\r\nK\xC3\xB6rper\r\n"));
	/* Who has not said UTF8 gets a header in ASCII. */
	talk(f,
	     LOGIN "C: RETR 1\nS: +OK\n"
	           "S: From: =?utf-8?B?asO2cmdAZXhhbXBsZS50ZXN0?=\n"
	           "S:  <invalid@internationalized-address.invalid>\n"
	           "S: Subject: =?utf-8?B?Z3LDvMOfZQ==?=\nS: \nS: ..K\xC3\xB6rper\nS: .\n"
	           "C: TOP 1 0\nS: +OK\n"
	           "S: From: =?utf-8?B?asO2cmdAZXhhbXBsZS50ZXN0?=\n"
	           "S:  <invalid@internationalized-address.invalid>\n"
	           "S: Subject: =?utf-8?B?Z3LDvMOfZQ==?=\nS: \nS: .\n"
	           "C: RETR 2\nS: +OK 27 octets\nS: Subject: plain\nS: \nS: K\xC3\xB6rper\nS: .\n"
	           "C: UTF8\nS: -ERR not after login\nC: LANG EN\nS: +OK en it is\n"
	           "C: QUIT\nS: +OK*\n");
	talk(f, GREETING "C: UTF8 now\nS: -ERR wrong arguments\nC: UTF8\nS: +OK*\n"
	                 "C: STLS\nS: -ERR not after UTF8\n"
	                 "C: USER alice@example.test\nS: +OK*\nC: PASS open sesame \nS: +OK*\n"
	                 "C: RETR 1\nS: +OK 56 octets\n"
	                 "S: From: j\xC3\xB6rg@example.test\nS: Subject: gr\xC3\xBC\xC3\x9F\x65\n"
	                 "S: \nS: ..K\xC3\xB6rper\nS: .\nC: QUIT\nS: +OK*\n");
	talk(f,
	     GREETING "C: LANG\nS: +OK*\nS: en English\nS: i-default*\nS: .\n"
	              "C: LANG *\nS: +OK en it is\nC: lang i-DEFAULT\nS: +OK i-default it is\n"
	              "C: LANG i\nS: +OK i-default it is\nC: LANG en-GB\nS: -ERR no such lang*\n"
	              "C: LANG e\nS: -ERR*\nC: LANG de fr\nS: -ERR*\n"
	              "C: USER j\xC3\xB6rg\nS: +OK*\nC: PASS \xC3\x28\nS: -ERR that is no UTF-8\n"
	              "C: USER j\xF6rg\nS: -ERR that is no UTF-8\n"
	              "C: QUIT\nS: +OK*\n");
}

static void international(void **state) { run(*state, international_body); }

static int set_terms(struct db *db, void *arg)
{
	return pop3_terms_set(db, SLICE("alice@example.test"), arg);
}

static void change_terms(struct fixture *f, const char *expire, const char *delay)
{
	struct pop3_terms_change change;
	CHECK(pop3_terms_parse(expire, delay, &change));
	CHECK(store_commit(f->context.store, NULL, 0, set_terms, &change) == 0);
}

#define CAPA_UNTIL_EXPIRE                                                                          \
	"C: CAPA\nS: +OK*\nS: TOP\nS: UIDL\nS: RESP-CODES\nS: AUTH-RESP-CODE\nS: PIPELINING\n"     \
	"S: UTF8 USER\nS: LANG\n"
#define CAPA_REST "S: USER\nS: SASL*\nS: IMPLEMENTATION*\nS: .\n"

static void expire_body(void *arg)
{
	struct fixture *f = arg;
	const int64_t day_ms = 86400000;
	service_start(f->service);
	f->config->pop3.expire_days = 30;
	clock_shift_wall(-31 * day_ms);
	deliver(f, SLICE("Subject: old\r\n\r\n"));
	deliver_flagged(f, SLICE("Subject: old and read\r\n\r\n"), FLAG_SEEN);
	clock_shift_wall(2 * day_ms);
	deliver_flagged(f, SLICE("Subject: read\r\n\r\n"), FLAG_SEEN);
	clock_shift_wall(29 * day_ms);
	deliver(f, SLICE("Subject: new\r\n\r\n"));
	/* Of the old ones goes what was read before, or is now. */
	talk(f, LOGIN CAPA_UNTIL_EXPIRE "S: EXPIRE 30\n" CAPA_REST "C: RETR 4\n"
	                                "S: +OK*\nS: Subject: new\nS: \nS: .\n"
	                                "C: QUIT\nS: +OK bye, what was marked is deleted\n");
	talk(f, LOGIN "C: UIDL\nS: +OK\nS: 1 *\nS: 2 *\nS: 3 *\nS: .\nC: RETR 1\nS: +OK*\n"
	              "S: Subject: old\nS: \nS: .\nC: QUIT\nS: +OK bye, what*\n");
	/* The account's own terms: what is fetched can't be left. */
	change_terms(f, "0", NULL);
	talk(f, GREETING CAPA_UNTIL_EXPIRE "S: EXPIRE 0 USER\n" CAPA_REST "C: QUIT\nS: +OK*\n");
	talk(f, LOGIN CAPA_UNTIL_EXPIRE "S: EXPIRE 0\n" CAPA_REST
	                                "C: STAT\nS: +OK 2 *\nC: RETR 2\nS: +OK*\n"
	                                "S: Subject: new\nS: \nS: .\nC: QUIT\nS: +OK bye, what*\n");
	talk(f, LOGIN "C: STAT\nS: +OK 1 *\nC: QUIT\nS: +OK bye\n");
	change_terms(f, "never", NULL);
	talk(f, GREETING CAPA_UNTIL_EXPIRE "S: EXPIRE 30 USER\n" CAPA_REST "C: QUIT\nS: +OK*\n");
	talk(f, LOGIN CAPA_UNTIL_EXPIRE "S: EXPIRE NEVER\n" CAPA_REST "C: QUIT\nS: +OK*\n");
	change_terms(f, "default", NULL);
	talk(f, GREETING CAPA_UNTIL_EXPIRE "S: EXPIRE 30\n" CAPA_REST "C: QUIT\nS: +OK*\n");
}

static void mail_expires(void **state) { run(*state, expire_body); }

static uint32_t count_left(struct fixture *f)
{
	struct pop3_maildrop d;
	CHECK(pop3_maildrop_visit(&d, &f->context, f->account) == 0);
	uint32_t count = d.count;
	pop3_maildrop_close(&d, &f->context);
	return count;
}

static void absent_body(void *arg)
{
	struct fixture *f = arg;
	const int64_t day_ms = 86400000;
	service_start(f->service);
	f->config->pop3.expire_days = 30;
	deliver_flagged(f, SLICE("Subject: read\r\n\r\n"), FLAG_SEEN);
	deliver_flagged(f, SLICE("Subject: not done with\r\n\r\n"), FLAG_SEEN | FLAG_FLAGGED);
	deliver(f, SLICE("Subject: not read\r\n\r\n"));
	clock_shift_wall(31 * day_ms);
	deliver_flagged(f, SLICE("Subject: new\r\n\r\n"), FLAG_SEEN);
	/* Who reads by other means has not heard of this. */
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 4);
	struct conn *c = dial(f);
	talk_on(c, LOGIN);
	CHECK(pop3_expire(&f->context) == 0);
	talk_on(c, "C: STAT\nS: +OK 4 *\n");
	conn_close(c);
	while (!pop3_lock(f->context.locks, f->account))
		fiber_sleep(deadline_in(5));
	pop3_unlock(f->context.locks, f->account);
	change_terms(f, "never", NULL);
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 4);
	change_terms(f, "default", NULL);
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 3);
	f->config->pop3.expire_days = CONFIG_NEVER;
	clock_shift_wall(31 * day_ms);
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 3);
	change_terms(f, "60", NULL);
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 3);
	change_terms(f, "7", NULL);
	CHECK(pop3_expire(&f->context) == 0 && count_left(f) == 2);
	clock_shift_wall(-62 * day_ms);
}

static void mail_expires_without_sessions(void **state) { run(*state, absent_body); }

static void delay_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	change_terms(f, NULL, "1h");
	talk(f, GREETING CAPA_UNTIL_EXPIRE "S: EXPIRE NEVER\nS: LOGIN-DELAY 3600 USER\n" CAPA_REST
	                                   "C: QUIT\nS: +OK*\n");
	talk(f, LOGIN CAPA_UNTIL_EXPIRE "S: EXPIRE NEVER\nS: LOGIN-DELAY 3600\n" CAPA_REST
	                                "C: QUIT\nS: +OK*\n");
	talk(f, GREETING "C: USER alice@example.test\nS: +OK*\n"
	                 "C: PASS open sesame \nS: -ERR [LOGIN-DELAY]*\nC: STAT\nS: -ERR*\n"
	                 "C: QUIT\nS: +OK*\n");
	/* A login that was refused is none. */
	clock_shift_wall(3600000);
	talk(f, LOGIN "C: QUIT\nS: +OK*\n");
	clock_shift_wall(-7200000);
	talk(f, LOGIN "C: QUIT\nS: +OK*\n");
	clock_shift_wall(3600000);
	change_terms(f, NULL, "0");
	f->config->pop3.login_delay_ms = 1500;
	talk(f, LOGIN CAPA_UNTIL_EXPIRE "S: EXPIRE NEVER\n" CAPA_REST "C: QUIT\nS: +OK*\n");
	talk(f, GREETING CAPA_UNTIL_EXPIRE "S: EXPIRE NEVER\nS: LOGIN-DELAY 2 USER\n" CAPA_REST
	                                   "C: QUIT\nS: +OK*\n");
	struct pop3_terms_change change;
	CHECK(!pop3_terms_parse("soon", NULL, &change) && !pop3_terms_parse(NULL, "2d", &change));
	CHECK(!pop3_terms_parse("-1", NULL, &change) && !pop3_terms_parse(NULL, "x", &change));
}

static void logins_wait(void **state) { run(*state, delay_body); }

static int damage_flags(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db, "UPDATE flag_chunk SET data = x'ff'", "");
}

static void damaged_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	deliver_three(f);
	CHECK(store_commit(f->context.store, NULL, 0, damage_flags, NULL) == 0);
	talk(f, GREETING "C: USER alice@example.test\nS: +OK*\nC: PASS open sesame \n"
	                 "S: -ERR [SYS/PERM]*\nC: STAT\nS: -ERR log in first\n"
	                 "C: QUIT\nS: +OK*\n");
}

static void damage_is_told(void **state) { run(*state, damaged_body); }

#define LARGE (8 * 1024 * 1024)

static void large_body(void *arg)
{
	struct fixture *f = arg;
	char *large = mem_alloc(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i % 26);
	memcpy(large, "A: b\r\n\r\n", 8);
	service_start(f->service);
	deliver(f, slice_of(large, LARGE));
	struct conn *c = dial(f);
	struct slice line;
	talk_on(c, LOGIN "C: RETR 1\nC: NOOP\nC: QUIT\nS: +OK 8388608 octets\n");
	/* The server waits for a client that does not read. */
	CHECK(fiber_sleep(deadline_in(100)) == 0);
	size_t offset = 0;
	while (offset < LARGE && conn_read_line(c, 4096, &line, NULL, SOON) == 1) {
		CHECK(slice_equal(line, slice_of(large + offset, line.len)));
		offset += line.len + 2;
	}
	CHECK(offset == LARGE);
	talk_on(c, "S: .\nS: +OK\nS: +OK bye\n");
	expect_end(c);
	free(large);
}

static void large_messages_flow(void **state) { run(*state, large_body); }

static void abuse_body(void *arg)
{
	struct fixture *f = arg;
	static char long_line[5000];
	memset(long_line, 'x', sizeof(long_line) - 1);
	service_start(f->service);
	struct conn *c = dial(f);
	talk_on(c, GREETING);
	CHECK(conn_printf(c, SOON, "%s\r\n", long_line) == 0);
	talk_on(c, "S: -ERR line too long\nC: CAPA x\nS: -ERR wrong arguments\n");
	for (unsigned i = 3; i < f->config->pop3.max_errors; i++)
		talk_on(c, "C: RETR 1\nS: -ERR*\n");
	talk_on(c, "C: RETR 1\nS: -ERR too many errors, closing\n");
	expect_end(c);
	f->config->pop3.idle_ms = 50;
	c = dial(f);
	talk_on(c, GREETING);
	expect_end(c);
}

static void limits_end_sessions(void **state) { run(*state, abuse_body); }

static void stop_body(void *arg)
{
	struct fixture *f = arg;
	service_start(f->service);
	struct conn *c = dial(f);
	talk_on(c, LOGIN);
	runtime_stop(5000);
	/* This fiber is cancelled too; then it has its grace. */
	CHECK(fiber_sleep(DEADLINE_NEVER) == -ECANCELED);
	talk_on(c, "S: -ERR [SYS/TEMP] shutting down, closing\n");
	expect_end(c);
}

static void stopping_says_so(void **state) { run(*state, stop_body); }

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins),
		TEST(no_password_in_clear),
		TEST(reads),
		TEST(deletes_at_quit),
		TEST(one_session_at_a_time),
		TEST(any_order),
		TEST(international),
		TEST(mail_expires),
		TEST(mail_expires_without_sessions),
		TEST(logins_wait),
		TEST(damage_is_told),
		TEST(large_messages_flow),
		TEST(limits_end_sessions),
		TEST(stopping_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
