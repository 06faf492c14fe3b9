/* Folders of an account on a store. */
#include "mailbox/mailbox_testing.h"

#include <errno.h>

#include "directory/directory.h"

static void names_are_checked(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	char longest[MAILBOX_NAME_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(mailbox_name(f->arena, SLICE("inbox"), &out), 0);
	assert_true(slice_equal(out, SLICE("INBOX")));
	assert_int_equal(mailbox_name(f->arena, SLICE("Inbox/a"), &out), 0);
	assert_true(slice_equal(out, SLICE("INBOX/a")));
	assert_int_equal(mailbox_name(f->arena, SLICE("Inboxes"), &out), 0);
	assert_true(slice_equal(out, SLICE("Inboxes")));
	assert_int_equal(mailbox_name(f->arena, SLICE("Gel\xc3\xb6scht"), &out), 0);
	assert_int_equal(mailbox_name(f->arena, slice_of(longest, MAILBOX_NAME_MAX), &out), 0);
	assert_int_equal(mailbox_name(f->arena, slice_of(longest, sizeof(longest)), &out), -EINVAL);
	static const char *const bad[] = { "",   "/",   "a/",   "/a",   "a//b",
		                           "a*", "a%b", "a\nb", "\xff", "a\x7f" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mailbox_name(f->arena, slice_from_str(bad[i]), &out), -EINVAL);
}

static int collect(const struct mailbox_info *info, void *arg)
{
	struct buf *out = arg;
	return buf_printf(out, "%.*s:%d ", SLICE_ARG(info->name), (int)info->use);
}

struct listing {
	int64_t account;
	struct buf names, subscribed;
};

static int collect_name(struct slice name, void *arg)
{
	return buf_printf(arg, "%.*s ", SLICE_ARG(name));
}

static int do_list(struct db *db, void *arg)
{
	struct listing *l = arg;
	int rc = mailbox_each(db, l->account, collect, &l->names);
	return rc == 0 ? mailbox_each_subscription(db, l->account, collect_name, &l->subscribed)
	               : rc;
}

static void assert_listed(struct fixture *f, const char *names, const char *subscribed)
{
	struct listing l = { f->account, buf_make(10000), buf_make(10000) };
	assert_int_equal(store_read(f->store, do_list, &l), 0);
	assert_true(slice_equal(buf_slice(&l.names), slice_from_str(names)));
	assert_true(slice_equal(buf_slice(&l.subscribed), slice_from_str(subscribed)));
	buf_free(&l.names);
	buf_free(&l.subscribed);
}

static int do_create(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_create(db, s->account, s->name, USE_NONE, &s->mailbox);
}

static int do_rename(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_rename(db, s->account, s->name, s->to_name);
}

static int do_delete(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_delete(db, s->account, s->name);
}

static int do_subscribe(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_subscribe(db, s->account, s->name, s->yes);
}

static int create(struct fixture *f, const char *name)
{
	struct step s = { .name = slice_from_str(name) };
	return testing_run(f, do_create, &s);
}

static int rename_to(struct fixture *f, const char *name, const char *to)
{
	struct step s = { .name = slice_from_str(name), .to_name = slice_from_str(to) };
	return testing_run(f, do_rename, &s);
}

static int delete (struct fixture *f, const char *name)
{
	struct step s = { .name = slice_from_str(name) };
	return testing_run(f, do_delete, &s);
}

static void an_account_has_its_folders(void **state)
{
	assert_listed(*state, "Archive:5 Drafts:2 INBOX:0 Junk:4 Sent:1 Trash:3 ",
	              "Archive Drafts INBOX Junk Sent Trash ");
}

static void folders_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct step s = { .name = SLICE("Trash") };
	static const char *const standard[] = { "Archive", "Drafts", "Junk", "Sent" };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(delete (f, standard[i]), 0);
	assert_int_equal(testing_run(f, do_subscribe, &s), 0);
	assert_int_equal(create(f, "a/b/c"), 0);
	assert_int_equal(create(f, "a/b/c"), -EEXIST);
	assert_int_equal(create(f, "ab"), 0);
	assert_int_equal(delete (f, "INBOX"), -EPERM);
	assert_int_equal(delete (f, "a"), -ENOENT);
	assert_listed(f, "INBOX:0 Trash:3 a/b/c:0 ab:0 ", "Archive Drafts INBOX Junk Sent ");
	assert_int_equal(rename_to(f, "a", "x/y"), 0);
	assert_int_equal(rename_to(f, "ab", "x/y/b"), 0);
	assert_listed(f, "INBOX:0 Trash:3 x/y/b:0 x/y/b/c:0 ", "Archive Drafts INBOX Junk Sent ");
	assert_int_equal(rename_to(f, "x", "x/y"), -EINVAL);
	assert_int_equal(rename_to(f, "nothing", "z"), -ENOENT);
	assert_int_equal(rename_to(f, "x/y/b", "Trash"), -EEXIST);
	assert_int_equal(delete (f, "x/y/b"), 0);
	assert_listed(f, "INBOX:0 Trash:3 x/y/b/c:0 ", "Archive Drafts INBOX Junk Sent ");
}

static void a_name_made_again_gets_a_greater_uid_validity(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "a"), 0);
	uint32_t before = testing_find_mailbox(f, SLICE("a")).uid_validity;
	assert_int_equal(delete (f, "a"), 0);
	assert_int_equal(create(f, "a"), 0);
	assert_true(testing_find_mailbox(f, SLICE("a")).uid_validity > before);
}

static void deleting_frees_the_messages(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "a"), 0);
	testing_append(f, testing_find_mailbox(f, SLICE("a")).id, 0, 1200);
	testing_append(f, testing_find_mailbox(f, SLICE("INBOX")).id, 0, 3);
	assert_int_equal(delete (f, "a"), 0);
	testing_check(f);
	assert_int_equal(testing_rows(f, "SELECT used_bytes FROM account"), 30);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 3);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM flag_chunk"), 1);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM mailbox WHERE account_id = 0"), 0);
	testing_check(f);
}

static void a_crash_before_the_purge_is_made_good(void **state)
{
	struct fixture *f = *state;
	testing_append(f, testing_find_mailbox(f, SLICE("Junk")).id, 0, 10);
	assert_int_equal(delete (f, "Junk"), 0);
	mailboxes_close(f->m);
	assert_int_equal(mailboxes_open(f->store, &f->m), 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 0);
}

static void renaming_inbox_moves_its_messages(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, FLAG_SEEN, 300);
	assert_int_equal(create(f, "INBOX/below"), 0);
	assert_int_equal(rename_to(f, "INBOX", "old"), 0);
	mailboxes_changed(f->m, inbox);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).id, inbox);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).message_count, 0);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).uid_next, 301);
	assert_int_equal(testing_find_mailbox(f, SLICE("old")).message_count, 300);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX/below")).message_count, 0);
	struct mailbox_view *v = testing_view(f, inbox);
	assert_int_equal(v->count, 0);
	mailbox_view_release(v);
	testing_check(f);
}

static int do_remove_account(struct db *db, void *arg)
{
	struct step *s = arg;
	int rc = mailbox_remove_account(db, s->account);
	return rc == 0 ? directory_remove_account(db, SLICE("alice@example.test")) : rc;
}

static void an_account_goes_with_all_it_has(void **state)
{
	struct fixture *f = *state;
	struct step s = { 0 };
	testing_append(f, testing_find_mailbox(f, SLICE("INBOX")).id, 0, 10);
	assert_int_equal(testing_run(f, do_remove_account, &s), 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(testing_rows(f, "SELECT (SELECT count(*) FROM message) + (SELECT "
	                                 "count(*) FROM"
	                                 " mailbox) + (SELECT count(*) FROM subscription)"),
	                 0);
}

int main(void)
{
#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, mailbox_testing_setup, mailbox_testing_teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_are_checked),
		TEST(an_account_has_its_folders),
		TEST(folders_come_and_go),
		TEST(a_name_made_again_gets_a_greater_uid_validity),
		TEST(deleting_frees_the_messages),
		TEST(a_crash_before_the_purge_is_made_good),
		TEST(renaming_inbox_moves_its_messages),
		TEST(an_account_goes_with_all_it_has),
	};
	return cmocka_run_group_tests_name("mailbox_folder", tests, NULL, NULL);
}
