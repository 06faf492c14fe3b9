/* Rights, names, and \Seen of several readers, on a store. */
#include "mailbox/share.h"

#include <errno.h>

#include "directory/directory.h"
#include "mailbox/mailbox_seen.h"
#include "mailbox/mailbox_testing.h"

static void letters(void **state)
{
	char out[ACL_TEXT_MAX];
	unsigned rights = 0;
	(void)state;
	assert_true(acl_parse(SLICE("lrswipkxtea"), &rights));
	assert_int_equal(rights, ACL_ALL);
	assert_string_equal(acl_text(ACL_ALL, true, out), "lrswipkxteacd");
	assert_string_equal(acl_text(ACL_ALL, false, out), "lrswipkxtea");
	assert_true(acl_parse(SLICE("cd"), &rights));
	assert_string_equal(acl_text(rights, true, out), "kxtecd");
	assert_true(acl_parse(SLICE(""), &rights));
	assert_string_equal(acl_text(rights, true, out), "");
	assert_false(acl_parse(SLICE("lq"), &rights));
	assert_false(acl_parse(slice_of("l\0", 2), &rights));
}

struct share_step {
	struct arena *arena;
	int64_t owner, mailbox, account;
	struct slice identifier, address, name;
	unsigned rights;
	struct share share;
	struct flag_request request;
	struct uid_set newer;
	struct buf text;
};

static int do_add_reader(struct db *db, void *arg)
{
	struct share_step *s = arg;
	const struct account_new account = { .address = SLICE("bob@example.test"),
		                             .made = mailbox_make_folders };
	return directory_add_account(db, &account, &s->account);
}

static int do_set(struct db *db, void *arg)
{
	struct share_step *s = arg;
	return acl_set(db, s->owner, s->mailbox, s->identifier, s->rights);
}

static int do_rights(struct db *db, void *arg)
{
	struct share_step *s = arg;
	return acl_rights(db, s->owner, s->mailbox, s->account, s->address, &s->rights);
}

static int do_find(struct db *db, void *arg)
{
	struct share_step *s = arg;
	const struct share_user user = { s->account, s->address };
	return share_find(db, s->arena, &user, s->name, &s->share);
}

static int note_shared(const struct acl_shared *shared, void *arg)
{
	struct share_step *s = arg;
	char out[ACL_TEXT_MAX];
	return buf_printf(&s->text, "%.*s:%.*s:%s ", SLICE_ARG(shared->owner),
	                  SLICE_ARG(shared->info.name), acl_text(shared->rights, false, out));
}

static int do_each_shared(struct db *db, void *arg)
{
	struct share_step *s = arg;
	return acl_each_shared(db, s->account, s->address, note_shared, s);
}

static int do_request(struct db *db, void *arg)
{
	struct share_step *s = arg;
	return mailbox_request_flags(db, &s->request, &s->newer, NULL);
}

static void set(struct fixture *f, int64_t mailbox, const char *identifier, const char *rights)
{
	struct share_step s = { .owner = f->account,
		                .mailbox = mailbox,
		                .identifier = slice_from_str(identifier) };
	assert_true(acl_parse(slice_from_str(rights), &s.rights));
	assert_int_equal(store_commit(f->store, NULL, 0, do_set, &s), 0);
}

static struct share_step reader(struct fixture *f)
{
	struct share_step s = { .arena = f->arena, .address = SLICE("bob@example.test") };
	assert_int_equal(store_commit(f->store, NULL, 0, do_add_reader, &s), 0);
	return s;
}

static void assert_rights(struct fixture *f, struct share_step *s, int64_t mailbox,
                          const char *expected)
{
	char out[ACL_TEXT_MAX];
	s->owner = f->account;
	s->mailbox = mailbox;
	assert_int_equal(store_read(f->store, do_rights, s), 0);
	assert_string_equal(acl_text(s->rights, false, out), expected);
}

static void assert_shared(struct fixture *f, struct share_step *s, const char *expected)
{
	s->text = buf_make(10000);
	assert_int_equal(store_read(f->store, do_each_shared, s), 0);
	assert_true(slice_equal(buf_slice(&s->text), slice_from_str(expected)));
	buf_free(&s->text);
}

static void rights_add_up(void **state)
{
	struct fixture *f = *state;
	struct share_step s = reader(f);
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	int64_t sent = testing_find_mailbox(f, SLICE("Sent")).id;
	assert_rights(f, &s, inbox, "");
	assert_shared(f, &s, "");
	set(f, inbox, "anyone", "lr");
	set(f, inbox, "bob@example.test", "sw");
	assert_rights(f, &s, inbox, "lrsw");
	set(f, inbox, "-bob@example.test", "r");
	assert_rights(f, &s, inbox, "lsw");
	set(f, sent, "-anyone", "l");
	assert_shared(f, &s, "alice@example.test:INBOX:lsw ");
	/* All of an account, but for what is taken away in one. */
	set(f, 0, "bob@example.test", "lr");
	assert_rights(f, &s, sent, "r");
	assert_shared(f, &s,
	              "alice@example.test:Archive:lr alice@example.test:Drafts:lr "
	              "alice@example.test:INBOX:lsw alice@example.test:Junk:lr "
	              "alice@example.test:Trash:lr ");
	set(f, 0, "bob@example.test", "");
	set(f, inbox, "anyone", "");
	assert_rights(f, &s, inbox, "sw");
	s.account = f->account;
	assert_rights(f, &s, inbox, "lrswipkxtea");
}

static int find(struct fixture *f, struct share_step *s, const char *name)
{
	s->name = slice_from_str(name);
	return store_read(f->store, do_find, s);
}

static void names_lead_to_owners(void **state)
{
	struct fixture *f = *state;
	struct share_step s = reader(f);
	assert_int_equal(find(f, &s, "INBOX"), 0);
	assert_int_equal(s.share.viewer, 0);
	assert_int_equal(s.share.rights, ACL_ALL);
	assert_int_equal(find(f, &s, "Shared/alice@example.test/INBOX"), 0);
	assert_int_equal(s.share.info.account_id, f->account);
	assert_int_equal(s.share.viewer, s.account);
	assert_int_equal(s.share.rights, 0);
	assert_true(slice_equal(s.share.own_name, SLICE("INBOX")));
	assert_true(slice_equal(s.share.info.name, SLICE("Shared/alice@example.test/INBOX")));
	assert_int_equal(find(f, &s, "Shared/bob@example.test/inbox"), 0);
	assert_int_equal(s.share.viewer, 0);
	static const char *const none[] = { "Shared",
		                            "Shared/alice@example.test",
		                            "Shared/alice@example.test/none",
		                            "Shared/nobody@example.test/INBOX",
		                            "Shared/no address/INBOX",
		                            "Public",
		                            "Public/none",
		                            "none" };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(find(f, &s, none[i]), -ENOENT);
}

static void request(struct fixture *f, struct share_step *s, enum flag_change how, uint64_t flags,
                    uint64_t mask)
{
	s->request.how = how;
	s->request.flags = flags;
	s->request.mask = mask;
	assert_int_equal(store_commit(f->store, NULL, 0, do_request, s), 0);
	mailboxes_changed(f->m, s->request.mailbox_id);
}

/* "SF." one letter a message: seen, flagged, neither; B both. */
static void assert_flags(struct fixture *f, int64_t mailbox, int64_t viewer, const char *expected)
{
	struct mailbox_view *v;
	struct mailbox_walk walk = { 0 };
	struct mailbox_item item;
	uint64_t mod_seq = 0;
	assert_int_equal(mailbox_view_get_for(f->m, mailbox, viewer, &v), 0);
	assert_int_equal(v->count, strlen(expected));
	for (size_t i = 0; mailbox_view_next(v, &walk, &item); i++) {
		assert_int_equal(".SFB"[item.flags == 0                            ? 0
		                        : item.flags == FLAG_SEEN                  ? 1
		                        : item.flags == FLAG_FLAGGED               ? 2
		                        : item.flags == (FLAG_SEEN | FLAG_FLAGGED) ? 3
		                                                                   : 4],
		                 expected[i]);
		mod_seq = item.mod_seq > mod_seq ? item.mod_seq : mod_seq;
	}
	assert_true(mod_seq <= v->mod_seq);
	mailbox_view_release(v);
}

static void seen_is_each_readers_own(void **state)
{
	struct fixture *f = *state;
	struct share_step s = reader(f);
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 3);
	struct uid_set uids = testing_range(f, 1, 2), all = UID_SET_ALL;
	s.request =
		(struct flag_request){ .mailbox_id = inbox, .uids = &uids, .viewer = s.account };
	assert_flags(f, inbox, s.account, "...");
	request(f, &s, FLAGS_ADD, FLAG_SEEN | FLAG_FLAGGED, FLAGS_ANY);
	assert_flags(f, inbox, s.account, "BB.");
	assert_flags(f, inbox, 0, "FF.");
	assert_flags(f, inbox, 4711, "FF.");
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).unseen_count, 3);
	/* What is not in the mask stays. */
	request(f, &s, FLAGS_SET, 0, FLAG_SEEN);
	assert_flags(f, inbox, s.account, "FF.");
	request(f, &s, FLAGS_SET, FLAG_SEEN, FLAGS_ANY);
	assert_flags(f, inbox, s.account, "SS.");
	assert_flags(f, inbox, 0, "...");
	/* The owner's change leaves the reader's flags, and the other way round. */
	s.request.viewer = 0;
	s.request.uids = &all;
	request(f, &s, FLAGS_ADD, FLAG_SEEN, FLAGS_ANY);
	assert_flags(f, inbox, 0, "SSS");
	assert_flags(f, inbox, s.account, "SS.");
	/* New messages, in the same record and in another. */
	testing_append(f, inbox, 0, 300);
	s.request.viewer = s.account;
	uids = testing_range(f, 257, 257);
	s.request.uids = &uids;
	request(f, &s, FLAGS_ADD, FLAG_SEEN, FLAGS_ANY);
	struct mailbox_view *v;
	assert_int_equal(mailbox_view_get_for(f->m, inbox, s.account, &v), 0);
	assert_int_equal(v->count, 303);
	assert_int_equal(v->unseen_count, 300);
	mailbox_view_release(v);
	testing_check(f);
}

static void what_changed_since_is_left(void **state)
{
	struct fixture *f = *state;
	struct share_step s = reader(f);
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 3);
	struct uid_set one = testing_range(f, 1, 1), all = UID_SET_ALL;
	uint64_t before = testing_find_mailbox(f, SLICE("INBOX")).mod_seq;
	s.request = (struct flag_request){ .mailbox_id = inbox, .uids = &one, .viewer = s.account };
	request(f, &s, FLAGS_ADD, FLAG_SEEN, FLAGS_ANY);
	/* The reader's own change counts for the reader, and for nobody else. */
	s.request.uids = &all;
	s.request.arena = f->arena;
	s.request.unchanged_since = before;
	request(f, &s, FLAGS_ADD, FLAG_FLAGGED, FLAGS_ANY);
	assert_int_equal(uid_set_size(&s.newer), 1);
	assert_flags(f, inbox, s.account, "SFF");
	s.request.viewer = 0;
	s.request.uids = &one;
	request(f, &s, FLAGS_ADD, FLAG_SEEN, FLAGS_ANY);
	assert_int_equal(uid_set_size(&s.newer), 0);
	assert_flags(f, inbox, 0, "SFF");
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, mailbox_testing_setup, mailbox_testing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters),        TEST(rights_add_up),
		TEST(names_lead_to_owners),       TEST(seen_is_each_readers_own),
		TEST(what_changed_since_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
