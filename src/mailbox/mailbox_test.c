/* Mailboxes on a store. */
#include "store/store_testing.h"

#include <errno.h>

#include "base/clock.h"
#include "directory/directory.h"
#include "mailbox/mailbox_view.h"

struct fixture {
	void *dir;
	struct store *store;
	struct mailboxes *m;
	struct arena *arena;
	int64_t account;
};

/* A step inside a commit, with what it needs and gives. */
struct step {
	int64_t account, mailbox, to;
	struct slice name, to_name;
	struct uid_set uids;
	uint64_t flags, count;
	uint32_t uid;
	enum flag_change how;
	struct arena *arena;
	struct mailbox_copied copied;
	struct mailbox_info info;
	struct store_blob blob;
	bool yes;
};

static int add_account(struct db *db, void *arg)
{
	struct step *s = arg;
	struct account_new account = { .address = SLICE("alice@example.test"),
		                       .quota_bytes = 1000,
		                       .made = mailbox_make_folders };
	int rc = directory_add_domain(db, SLICE("example.test"));
	return rc == 0 ? directory_add_account(db, &account, &s->account) : rc;
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	struct step s = { 0 };
	int rc = testing_make_dir(&f->dir);
	f->store = testing_open(f->dir);
	f->arena = arena_new();
	assert_int_equal(mailboxes_open(f->store, &f->m), 0);
	assert_int_equal(store_commit(f->store, NULL, 0, add_account, &s), 0);
	f->account = s.account;
	*state = f;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	mailboxes_close(f->m);
	store_close(f->store);
	arena_free(f->arena);
	int rc = testing_remove_dir(&f->dir);
	free(f);
	return rc;
}

static int run(struct fixture *f, store_fn fn, struct step *s)
{
	s->arena = f->arena;
	s->account = f->account;
	return store_commit(f->store, NULL, 0, fn, s);
}

static int do_find(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_find(db, s->arena, s->account, s->name, &s->info);
}

static struct mailbox_info find(struct fixture *f, struct slice name)
{
	struct step s = { .name = name, .arena = f->arena, .account = f->account };
	assert_int_equal(store_read(f->store, do_find, &s), 0);
	return s.info;
}

static int do_append(struct db *db, void *arg)
{
	struct step *s = arg;
	struct mailbox_new_message message = { .blob_id = s->blob.id,
		                               .size_bytes = 10,
		                               .internal_ms = 1000,
		                               .flags = s->flags,
		                               .envelope = SLICE("(envelope)"),
		                               .bodystructure = SLICE("(structure)") };
	int rc = 0;
	for (uint64_t i = 0; i < s->count && rc == 0; i++)
		rc = mailbox_append(db, s->mailbox, &message, &s->uid);
	return rc;
}

/* Messages of ten bytes that share a blob; the UID of the last. */
static uint32_t append(struct fixture *f, int64_t mailbox, uint64_t flags, uint64_t count)
{
	struct slice bytes = SLICE("0123456789");
	struct step s = { .mailbox = mailbox, .flags = flags, .count = count };
	s.blob.parts = &bytes;
	s.blob.part_count = 1;
	assert_int_equal(store_commit(f->store, &s.blob, 1, do_append, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.uid;
}

static struct uid_set range(struct fixture *f, uint32_t first, uint32_t last)
{
	struct uid_set set = { 0 };
	uid_set_add(f->arena, &set, first, last);
	return set;
}

static struct mailbox_view *view(struct fixture *f, int64_t mailbox)
{
	struct mailbox_view *v;
	assert_int_equal(mailbox_view_get(f->m, mailbox, &v), 0);
	return v;
}

static int64_t count(struct fixture *f, const char *sql) { return testing_count(f->store, sql); }

/* What every test ends with: counters, references and rows agree. */
static void found(const char *what, void *arg)
{
	(void)arg;
	fail_msg("%s", what);
}

static void check(struct fixture *f)
{
	struct store_check c = { .report = found };
	assert_int_equal(store_check(f->store, &c), 0);
	assert_int_equal(c.wrong_count + c.missing + c.damaged, 0);
	assert_int_equal(count(f,
	                       "SELECT count(*) FROM mailbox m WHERE account_id > 0 AND"
	                       " (message_count <> (SELECT count(*) FROM message"
	                       "  WHERE message.id / 4294967296 = m.id)"
	                       " OR size_bytes <> (SELECT coalesce(sum(size_bytes), 0) FROM message"
	                       "  WHERE message.id / 4294967296 = m.id))"),
	                 0);
	assert_int_equal(count(f, "SELECT used_bytes - (SELECT coalesce(sum(size_bytes), 0) FROM"
	                          " mailbox WHERE account_id = account.id) FROM account"),
	                 0);
	assert_int_equal(count(f, "SELECT used_messages - (SELECT coalesce(sum(message_count), 0)"
	                          " FROM mailbox WHERE account_id = account.id) FROM account"),
	                 0);
}

/* --- folders ------------------------------------------------------------------------- */

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
	return run(f, do_create, &s);
}

static int rename_to(struct fixture *f, const char *name, const char *to)
{
	struct step s = { .name = slice_from_str(name), .to_name = slice_from_str(to) };
	return run(f, do_rename, &s);
}

static int delete (struct fixture *f, const char *name)
{
	struct step s = { .name = slice_from_str(name) };
	return run(f, do_delete, &s);
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
	assert_int_equal(run(f, do_subscribe, &s), 0);
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
	uint32_t before = find(f, SLICE("a")).uid_validity;
	assert_int_equal(delete (f, "a"), 0);
	assert_int_equal(create(f, "a"), 0);
	assert_true(find(f, SLICE("a")).uid_validity > before);
}

static void deleting_frees_the_messages(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(create(f, "a"), 0);
	append(f, find(f, SLICE("a")).id, 0, 1200);
	append(f, find(f, SLICE("INBOX")).id, 0, 3);
	assert_int_equal(delete (f, "a"), 0);
	check(f);
	assert_int_equal(count(f, "SELECT used_bytes FROM account"), 30);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(count(f, "SELECT count(*) FROM message"), 3);
	assert_int_equal(count(f, "SELECT count(*) FROM flag_chunk"), 1);
	assert_int_equal(count(f, "SELECT count(*) FROM mailbox WHERE account_id = 0"), 0);
	check(f);
}

static void a_crash_before_the_purge_is_made_good(void **state)
{
	struct fixture *f = *state;
	append(f, find(f, SLICE("Junk")).id, 0, 10);
	assert_int_equal(delete (f, "Junk"), 0);
	mailboxes_close(f->m);
	assert_int_equal(mailboxes_open(f->store, &f->m), 0);
	assert_int_equal(count(f, "SELECT count(*) FROM message"), 0);
}

static void renaming_inbox_moves_its_messages(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	append(f, inbox, FLAG_SEEN, 300);
	assert_int_equal(create(f, "INBOX/below"), 0);
	assert_int_equal(rename_to(f, "INBOX", "old"), 0);
	mailboxes_changed(f->m, inbox);
	assert_int_equal(find(f, SLICE("INBOX")).id, inbox);
	assert_int_equal(find(f, SLICE("INBOX")).message_count, 0);
	assert_int_equal(find(f, SLICE("INBOX")).uid_next, 301);
	assert_int_equal(find(f, SLICE("old")).message_count, 300);
	assert_int_equal(find(f, SLICE("INBOX/below")).message_count, 0);
	struct mailbox_view *v = view(f, inbox);
	assert_int_equal(v->count, 0);
	mailbox_view_release(v);
	check(f);
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
	append(f, find(f, SLICE("INBOX")).id, 0, 10);
	assert_int_equal(run(f, do_remove_account, &s), 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(count(f, "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM"
	                          " mailbox) + (SELECT count(*) FROM subscription)"),
	                 0);
}

/* --- messages ------------------------------------------------------------------------ */

static void append_counts(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	assert_int_equal(append(f, inbox, 0, 1), 1);
	assert_int_equal(append(f, inbox, FLAG_SEEN | FLAG_DELETED, 1), 2);
	struct mailbox_info info = find(f, SLICE("INBOX"));
	assert_int_equal(info.message_count, 2);
	assert_int_equal(info.unseen_count, 1);
	assert_int_equal(info.deleted_count, 1);
	assert_int_equal(info.size_bytes, 20);
	assert_int_equal(info.uid_next, 3);
	check(f);
}

static int do_quota(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_check_quota(db, s->account, s->count);
}

static void quota_is_judged_when_asked(void **state)
{
	struct fixture *f = *state;
	struct step s = { .count = 900 };
	append(f, find(f, SLICE("INBOX")).id, 0, 10);
	assert_int_equal(run(f, do_quota, &s), 0);
	s.count = 901;
	assert_int_equal(run(f, do_quota, &s), -EDQUOT);
}

static int do_flags(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_change_flags(db, s->mailbox, &s->uids, s->how, s->flags, &s->count);
}

static uint64_t change(struct fixture *f, int64_t mailbox, struct uid_set uids,
                       enum flag_change how, uint64_t flags)
{
	struct step s = { .mailbox = mailbox, .uids = uids, .how = how, .flags = flags };
	assert_int_equal(run(f, do_flags, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.count;
}

static void flags_change(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	struct mailbox_item item;
	append(f, inbox, 0, 1000);
	assert_int_equal(change(f, inbox, range(f, 250, 600), FLAGS_ADD, FLAG_SEEN), 351);
	assert_int_equal(change(f, inbox, range(f, 1, 300), FLAGS_ADD, FLAG_SEEN), 249);
	assert_int_equal(change(f, inbox, range(f, 1, 10), FLAGS_SET, FLAG_DELETED), 10);
	assert_int_equal(change(f, inbox, range(f, 5, 5), FLAGS_REMOVE, FLAG_DELETED), 1);
	assert_int_equal(change(f, inbox, range(f, 2000, 3000), FLAGS_ADD, FLAG_SEEN), 0);
	struct mailbox_info info = find(f, SLICE("INBOX"));
	assert_int_equal(info.unseen_count, 410);
	assert_int_equal(info.deleted_count, 9);
	struct mailbox_view *v = view(f, inbox);
	assert_int_equal(v->unseen_count, 410);
	assert_true(mailbox_view_by_uid(v, 5, &item) && item.flags == 0);
	assert_true(mailbox_view_by_uid(v, 600, &item) && item.flags == FLAG_SEEN);
	assert_true(mailbox_view_by_uid(v, 601, &item) && item.flags == 0);
	mailbox_view_release(v);
	check(f);
}

static void sparse_sets_reach_their_messages(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	struct uid_set set = { 0 };
	append(f, inbox, 0, 2000);
	for (uint32_t uid = 1; uid <= 2000; uid += 333)
		uid_set_add(f->arena, &set, uid, uid);
	uid_set_add(f->arena, &set, 4000, 4001);
	assert_int_equal(change(f, inbox, set, FLAGS_ADD, FLAG_FLAGGED), 7);
}

static int do_expunge(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_expunge(db, s->mailbox, &s->uids, s->yes, &s->count);
}

static uint64_t expunge(struct fixture *f, int64_t mailbox, struct uid_set uids, bool only_deleted)
{
	struct step s = { .mailbox = mailbox, .uids = uids, .yes = only_deleted };
	assert_int_equal(run(f, do_expunge, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.count;
}

static void expunge_takes_what_is_deleted(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	append(f, inbox, 0, 600);
	change(f, inbox, range(f, 100, 400), FLAGS_ADD, FLAG_DELETED);
	change(f, inbox, range(f, 200, 200), FLAGS_REMOVE, FLAG_DELETED);
	assert_int_equal(expunge(f, inbox, range(f, 101, UINT32_MAX), true), 299);
	assert_int_equal(find(f, SLICE("INBOX")).deleted_count, 1);
	check(f);
	assert_int_equal(expunge(f, inbox, range(f, 1, 256), false), 101);
	assert_int_equal(count(f, "SELECT count(*) FROM flag_chunk"), 2);
	assert_int_equal(expunge(f, inbox, UID_SET_ALL, false), 200);
	assert_int_equal(count(f, "SELECT count(*) FROM flag_chunk"), 0);
	assert_int_equal(expunge(f, inbox, UID_SET_ALL, false), 0);
	assert_int_equal(append(f, inbox, 0, 1), 601);
	check(f);
	assert_int_equal(count(f, "SELECT count(*) FROM expunged"), 3);
}

static void the_log_of_expunges_stays_small(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	append(f, inbox, 0, 300);
	for (uint32_t uid = 1; uid <= 270; uid++)
		assert_int_equal(expunge(f, inbox, range(f, uid, uid), false), 1);
	assert_int_equal(count(f, "SELECT count(*) FROM expunged"), 256);
	assert_int_equal(count(f, "SELECT expunged_since + 1 - (SELECT min(mod_seq) FROM expunged)"
	                          " FROM mailbox WHERE name = 'INBOX'"),
	                 0);
}

/* --- copies -------------------------------------------------------------------------- */

static int do_copy(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_copy(db, s->arena, s->mailbox, &s->uids, s->to, &s->copied);
}

static int do_move(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_move(db, s->arena, s->mailbox, &s->uids, s->to, &s->copied);
}

static int do_keyword(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_get_keyword(db, s->mailbox, s->name, &s->flags);
}

static uint64_t keyword(struct fixture *f, int64_t mailbox, const char *name)
{
	struct step s = { .mailbox = mailbox, .name = slice_from_str(name) };
	assert_int_equal(run(f, do_keyword, &s), 0);
	return s.flags;
}

static void copy_takes_flags_and_keywords_along(void **state)
{
	struct fixture *f = *state;
	struct mailbox_item item;
	struct step s = { .mailbox = find(f, SLICE("INBOX")).id,
		          .to = find(f, SLICE("Archive")).id };
	append(f, s.mailbox, 0, 60);
	uint64_t red = keyword(f, s.mailbox, "red"), blue = keyword(f, s.mailbox, "Blue");
	assert_true(red == FLAG_KEYWORD(0) && blue == FLAG_KEYWORD(1));
	assert_true(keyword(f, s.mailbox, "BLUE") == blue);
	assert_true(keyword(f, s.to, "blue") == FLAG_KEYWORD(0));
	change(f, s.mailbox, range(f, 20, 20), FLAGS_SET, blue | FLAG_FLAGGED);
	expunge(f, s.mailbox, range(f, 15, 16), false);
	s.uids = range(f, 10, 30);
	assert_int_equal(run(f, do_copy, &s), 0);
	mailboxes_changed(f->m, s.to);
	assert_int_equal(s.copied.count, 19);
	assert_int_equal(s.copied.first_uid, 1);
	assert_int_equal(s.copied.from.count, 2);
	struct mailbox_view *v = view(f, s.to);
	assert_int_equal(v->count, 19);
	assert_true(mailbox_view_by_uid(v, 9, &item));
	assert_true(item.flags == (FLAG_KEYWORD(0) | FLAG_FLAGGED));
	assert_int_equal(v->keywords->count, 2);
	mailbox_view_release(v);
	check(f);
}

static void copy_into_itself_ends(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	struct step s = { .mailbox = inbox, .to = inbox, .uids = UID_SET_ALL };
	append(f, inbox, 0, 40);
	assert_int_equal(run(f, do_copy, &s), 0);
	assert_int_equal(s.copied.count, 40);
	assert_int_equal(s.copied.first_uid, 41);
	assert_int_equal(find(f, SLICE("INBOX")).message_count, 80);
	assert_int_equal(run(f, do_copy, &s), -EDQUOT);
	assert_int_equal(find(f, SLICE("INBOX")).message_count, 80);
	check(f);
}

static void move_empties_the_source(void **state)
{
	struct fixture *f = *state;
	struct step s = { .mailbox = find(f, SLICE("INBOX")).id, .to = find(f, SLICE("Junk")).id };
	append(f, s.mailbox, FLAG_SEEN, 1000);
	append(f, s.to, 0, 100);
	s.uids = range(f, 2, 999);
	assert_int_equal(run(f, do_move, &s), 0);
	assert_int_equal(s.copied.count, 998);
	assert_int_equal(s.copied.first_uid, 101);
	assert_int_equal(find(f, SLICE("INBOX")).message_count, 2);
	assert_int_equal(find(f, SLICE("Junk")).message_count, 1098);
	assert_int_equal(find(f, SLICE("Junk")).unseen_count, 100);
	assert_int_equal(count(f, "SELECT max(id) - 4294967296 * (max(id) / 4294967296)"
	                          " FROM message"),
	                 1098);
	check(f);
	s.to = 12345;
	assert_int_equal(run(f, do_move, &s), -ENOENT);
}

static void keywords_run_out(void **state)
{
	struct fixture *f = *state;
	char name[] = "k00";
	struct step s = { .mailbox = find(f, SLICE("INBOX")).id, .name = SLICE("one more") };
	assert_int_equal(run(f, do_keyword, &s), -EINVAL);
	for (int i = 0; i < MAILBOX_KEYWORD_MAX; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		assert_true(keyword(f, s.mailbox, name) == FLAG_KEYWORD(i));
	}
	s.name = SLICE("more");
	assert_int_equal(run(f, do_keyword, &s), -ENOSPC);
}

/* --- reading and views --------------------------------------------------------------- */

static int sum_uid(const struct mailbox_message *message, void *arg)
{
	*(uint64_t *)arg += message->uid;
	assert_int_equal(message->size_bytes, 10);
	assert_int_equal(message->internal_ms, 1000);
	assert_true(slice_equal(message->envelope, SLICE("(envelope)")));
	assert_int_equal(message->bodystructure.len, 0);
	return 0;
}

static int do_read(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_each_message(db, s->mailbox, &s->uids, READ_ENVELOPE, sum_uid, &s->count);
}

static void rows_are_read_by_set(void **state)
{
	struct fixture *f = *state;
	struct step s = { .mailbox = find(f, SLICE("INBOX")).id };
	append(f, s.mailbox, 0, 20);
	append(f, find(f, SLICE("Junk")).id, 0, 20);
	s.uids = range(f, 3, 5);
	uid_set_add(f->arena, &s.uids, 19, UINT32_MAX);
	assert_int_equal(store_read(f->store, do_read, &s), 0);
	assert_int_equal(s.count, 3 + 4 + 5 + 19 + 20);
}

static void views_share_what_did_not_change(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = find(f, SLICE("INBOX")).id;
	append(f, inbox, 0, 1000);
	struct mailbox_view *a = view(f, inbox), *b = view(f, inbox);
	assert_ptr_equal(a, b);
	change(f, inbox, range(f, 300, 300), FLAGS_ADD, FLAG_SEEN);
	struct mailbox_view *c = view(f, inbox);
	assert_int_equal(c->chunk_count, 4);
	assert_ptr_equal(a->chunks[0].chunk, c->chunks[0].chunk);
	assert_ptr_not_equal(a->chunks[1].chunk, c->chunks[1].chunk);
	assert_ptr_equal(a->chunks[3].chunk, c->chunks[3].chunk);
	assert_true(c->mod_seq > a->mod_seq);
	mailbox_view_release(a);
	mailbox_view_release(b);
	mailbox_view_release(c);
}

static void a_deleted_mailbox_has_no_view(void **state)
{
	struct fixture *f = *state;
	struct mailbox_view *v;
	int64_t junk = find(f, SLICE("Junk")).id;
	struct mailbox_view *before = view(f, junk);
	assert_int_equal(delete (f, "Junk"), 0);
	mailboxes_changed(f->m, junk);
	assert_int_equal(mailbox_view_get(f->m, junk, &v), -ENOENT);
	assert_int_equal(mailbox_view_get(f->m, 4711, &v), -ENOENT);
	mailbox_view_release(before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_are_checked),
		TEST(an_account_has_its_folders),
		TEST(folders_come_and_go),
		TEST(a_name_made_again_gets_a_greater_uid_validity),
		TEST(deleting_frees_the_messages),
		TEST(a_crash_before_the_purge_is_made_good),
		TEST(renaming_inbox_moves_its_messages),
		TEST(an_account_goes_with_all_it_has),
		TEST(append_counts),
		TEST(quota_is_judged_when_asked),
		TEST(flags_change),
		TEST(sparse_sets_reach_their_messages),
		TEST(expunge_takes_what_is_deleted),
		TEST(the_log_of_expunges_stays_small),
		TEST(copy_takes_flags_and_keywords_along),
		TEST(copy_into_itself_ends),
		TEST(move_empties_the_source),
		TEST(keywords_run_out),
		TEST(rows_are_read_by_set),
		TEST(views_share_what_did_not_change),
		TEST(a_deleted_mailbox_has_no_view),
	};
	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
