/* What URLs name, and for whom, on a store. */
#include "mailbox/url_auth.h"

#include <errno.h>

#include "base/clock.h"
#include "directory/directory.h"
#include "mailbox/mailbox_testing.h"

#define HOST  "imap://alice%40example.test@mx.example.test"
#define INBOX HOST "/INBOX/;UID=1"

struct auth_step {
	struct arena *arena;
	struct share_user user;
	struct imap_url url;
	struct slice token;
	struct url_keys gone;
	int64_t account, mailbox;
	bool enabled;
};

static int do_add(struct db *db, void *arg)
{
	struct auth_step *s = arg;
	const struct account_new account = { .address = SLICE("bob@example.test"),
		                             .made = mailbox_make_folders };
	return directory_add_account(db, &account, &s->account);
}

static int do_make(struct db *db, void *arg)
{
	struct auth_step *s = arg;
	return url_auth_make(db, s->arena, &s->user, &s->url, &s->token);
}

static int do_reset(struct db *db, void *arg)
{
	struct auth_step *s = arg;
	return url_auth_reset(db, s->arena, s->account, s->mailbox, &s->gone);
}

static int do_remove(struct db *db, void *arg)
{
	struct auth_step *s = arg;
	return mailbox_remove_account(db, s->account);
}

static int64_t add_bob(struct fixture *f)
{
	struct auth_step s = { .arena = f->arena };
	assert_int_equal(store_commit(f->store, NULL, 0, do_add, &s), 0);
	return s.account;
}

/* Alice asks for the token of a URL; the whole URL with it. */
static int make(struct fixture *f, const char *rump, const char **whole_out)
{
	struct auth_step s = { .arena = f->arena,
		               .user = { f->account, SLICE("alice@example.test") } };
	assert_true(imap_url_parse(slice_from_str(rump), f->arena, &s.url));
	int rc = store_commit(f->store, NULL, 0, do_make, &s);
	if (rc == 0 && whole_out)
		*whole_out = arena_printf(f->arena, "%s:internal:%.*s", rump, SLICE_ARG(s.token));
	return rc;
}

static const char *made(struct fixture *f, const char *rump)
{
	const char *whole = NULL;
	assert_int_equal(make(f, rump, &whole), 0);
	return whole;
}

static int open_url(struct fixture *f, const char *text, int64_t account, enum url_role role,
                    const char *expected)
{
	const struct url_visitor who = { account, role };
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct imap_url url;
	struct url_part part;
	assert_true(imap_url_parse(slice_from_str(text), f->arena, &url));
	int rc = url_auth_open(f->store, &limits, f->arena, &who, &url, &part);
	if (rc < 0)
		return rc;
	assert_true(slice_equal(part.bytes, slice_from_str(expected)));
	url_close(&part);
	return 0;
}

static void each_access_has_its_visitors(void **state)
{
	struct fixture *f = *state;
	int64_t bob = add_bob(f), alice = f->account;
	testing_append(f, testing_find_mailbox(f, SLICE("INBOX")).id, 0, 1);
	const char *submit = made(f, INBOX "/;PARTIAL=2.3;URLAUTH=submit+bob%40example.test");
	const char *user = made(f, INBOX ";URLAUTH=user+bob");
	const char *everybody = made(f, INBOX ";URLAUTH=authuser");
	const char *anybody = made(f, INBOX "/;PARTIAL=8;URLAUTH=anonymous");
	assert_int_equal(open_url(f, submit, bob, URL_SUBMISSION, "234"), 0);
	assert_int_equal(open_url(f, submit, alice, URL_SUBMISSION, ""), -EACCES);
	assert_int_equal(open_url(f, submit, bob, URL_READER, ""), -EACCES);
	assert_int_equal(open_url(f, submit, alice, URL_SUBMITTER, "234"), 0);
	assert_int_equal(open_url(f, user, bob, URL_READER, "0123456789"), 0);
	assert_int_equal(open_url(f, user, alice, URL_READER, ""), -EACCES);
	assert_int_equal(open_url(f, user, alice, URL_SUBMITTER, ""), -EACCES);
	assert_int_equal(open_url(f, everybody, bob, URL_READER, "0123456789"), 0);
	assert_int_equal(open_url(f, anybody, bob, URL_READER, "89"), 0);
	/* Right, and of nothing. */
	const char *none = made(f, HOST "/INBOX/;UID=7;URLAUTH=anonymous");
	assert_int_equal(open_url(f, none, bob, URL_READER, ""), -ENOENT);
}

static void nothing_of_it_may_be_other(void **state)
{
	struct fixture *f = *state;
	testing_append(f, testing_find_mailbox(f, SLICE("INBOX")).id, 0, 2);
	const char *url = made(f, INBOX ";URLAUTH=anonymous");
	assert_int_equal(open_url(f, url, f->account, URL_READER, "0123456789"), 0);
	char *other = arena_str(f->arena, slice_from_str(url));
	strstr(other, "UID=1")[4] = '2';
	assert_int_equal(open_url(f, other, f->account, URL_READER, ""), -EACCES);
	size_t last = strlen(url) - 1;
	other = arena_str(f->arena, slice_from_str(url));
	other[last] = other[last] == '0' ? '1' : '0';
	assert_int_equal(open_url(f, other, f->account, URL_READER, ""), -EACCES);
	other[last] = '\0';
	assert_int_equal(open_url(f, other, f->account, URL_READER, ""), -EACCES);
	/* Its letters are in any case; the mechanism is ours alone. */
	other = arena_str(f->arena, slice_from_str(url));
	for (char *at = strstr(other, ":internal:"); *at; at++)
		*at = byte_upper(*at);
	assert_int_equal(open_url(f, other, f->account, URL_READER, "0123456789"), 0);
	memcpy(strstr(other, ":INTERNAL:"), ":XNTERNAL:", 10);
	assert_int_equal(open_url(f, other, f->account, URL_READER, ""), -EACCES);
	/* Without a token, or of nobody. */
	assert_int_equal(open_url(f, INBOX ";URLAUTH=anonymous", f->account, URL_READER, ""),
	                 -EACCES);
	assert_int_equal(open_url(f, INBOX, f->account, URL_READER, ""), -EACCES);
}

static const char *expires_in(struct fixture *f, int64_t seconds)
{
	char text[DATE_TEXT_MAX];
	struct slice at = date_format_internet(clock_wall_ms() / 1000 + seconds, text);
	struct slice parts[] = { SLICE(INBOX ";EXPIRE="), at, SLICE(";URLAUTH=anonymous") };
	return arena_str(f->arena, arena_concat(f->arena, parts, 3));
}

static void a_url_ends(void **state)
{
	struct fixture *f = *state;
	struct auth_step s = { .arena = f->arena, .account = f->account };
	struct mailbox_info inbox = testing_find_mailbox(f, SLICE("INBOX"));
	testing_append(f, inbox.id, 0, 1);
	const char *old = expires_in(f, -60);
	const char *good = expires_in(f, 3600);
	old = made(f, old);
	good = made(f, good);
	assert_int_equal(open_url(f, old, f->account, URL_READER, ""), -EACCES);
	assert_int_equal(open_url(f, good, f->account, URL_READER, "0123456789"), 0);

	/* By new keys: of another mailbox, of this one, of all. */
	s.mailbox = testing_find_mailbox(f, SLICE("Sent")).id;
	assert_int_equal(store_commit(f->store, NULL, 0, do_reset, &s), 0);
	assert_int_equal(s.gone.count, 0);
	assert_int_equal(open_url(f, good, f->account, URL_READER, "0123456789"), 0);
	s.mailbox = inbox.id;
	assert_int_equal(store_commit(f->store, NULL, 0, do_reset, &s), 0);
	assert_int_equal(open_url(f, good, f->account, URL_READER, ""), -EACCES);
	good = made(f, INBOX ";URLAUTH=anonymous");
	assert_int_equal(open_url(f, good, f->account, URL_READER, "0123456789"), 0);
	(void)made(f, HOST "/Sent/;UID=1;URLAUTH=anonymous");
	s.mailbox = 0;
	assert_int_equal(store_commit(f->store, NULL, 0, do_reset, &s), 0);
	assert_int_equal(s.gone.count, 2);
	assert_int_equal(s.gone.mailbox_ids[0] + s.gone.mailbox_ids[1],
	                 inbox.id + testing_find_mailbox(f, SLICE("Sent")).id);
	assert_int_equal(open_url(f, good, f->account, URL_READER, ""), -EACCES);

	/* Keys go with the account. */
	(void)made(f, INBOX ";URLAUTH=anonymous");
	(void)made(f, HOST "/Sent/;UID=1;URLAUTH=anonymous");
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM url_key"), 2);
	assert_int_equal(store_commit(f->store, NULL, 0, do_remove, &s), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM url_key"), 0);
}

static void only_ones_own(void **state)
{
	struct fixture *f = *state;
	(void)add_bob(f);
	assert_int_equal(make(f, "imap://bob@h/INBOX/;UID=1;URLAUTH=anonymous", NULL), -EACCES);
	assert_int_equal(make(f, "imap://none@h/INBOX/;UID=1;URLAUTH=anonymous", NULL), -EACCES);
	assert_int_equal(make(f, "imap://h/INBOX/;UID=1;URLAUTH=anonymous", NULL), -EACCES);
	assert_int_equal(make(f, HOST "/none/;UID=1;URLAUTH=anonymous", NULL), -ENOENT);
	assert_int_equal(make(f, HOST "/INBOX;UIDVALIDITY=1/;UID=1;URLAUTH=anonymous", NULL),
	                 -ENOENT);
	assert_int_equal(
		make(f, HOST "/Shared/bob@example.test/INBOX/;UID=1;URLAUTH=anonymous", NULL),
		-ENOENT);
	assert_int_equal(make(f, INBOX, NULL), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_access_has_its_visitors, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(nothing_of_it_may_be_other, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(a_url_ends, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(only_ones_own, mailbox_testing_setup,
		                                mailbox_testing_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
