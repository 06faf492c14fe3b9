#include "mailbox/mailbox_testing.h"

#include "directory/directory.h"

static int add_account(struct db *db, void *arg)
{
	struct step *s = arg;
	struct account_new account = { .address = SLICE("alice@example.test"),
		                       .quota_bytes = 1000,
		                       .made = mailbox_make_folders };
	int rc = directory_add_domain(db, SLICE("example.test"));
	return rc == 0 ? directory_add_account(db, &account, &s->account) : rc;
}

int mailbox_testing_setup(void **state)
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

int mailbox_testing_teardown(void **state)
{
	struct fixture *f = *state;
	mailboxes_close(f->m);
	store_close(f->store);
	arena_free(f->arena);
	int rc = testing_remove_dir(&f->dir);
	free(f);
	return rc;
}

int testing_run(struct fixture *f, store_fn fn, struct step *s)
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

struct mailbox_info testing_find_mailbox(struct fixture *f, struct slice name)
{
	struct step s = { .name = name, .arena = f->arena, .account = f->account };
	assert_int_equal(store_read(f->store, do_find, &s), 0);
	return s.info;
}

int testing_do_append(struct db *db, void *arg)
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

uint32_t testing_append(struct fixture *f, int64_t mailbox, uint64_t flags, uint64_t count)
{
	struct slice bytes = SLICE("0123456789");
	struct step s = { .mailbox = mailbox, .flags = flags, .count = count };
	s.blob.parts = &bytes;
	s.blob.part_count = 1;
	assert_int_equal(store_commit(f->store, &s.blob, 1, testing_do_append, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.uid;
}

struct uid_set testing_range(struct fixture *f, uint32_t first, uint32_t last)
{
	struct uid_set set = { 0 };
	uid_set_add(f->arena, &set, first, last);
	return set;
}

struct mailbox_view *testing_view(struct fixture *f, int64_t mailbox)
{
	struct mailbox_view *v;
	assert_int_equal(mailbox_view_get(f->m, mailbox, &v), 0);
	return v;
}

int64_t testing_rows(struct fixture *f, const char *sql) { return testing_count(f->store, sql); }

static void found(const char *what, void *arg)
{
	(void)arg;
	fail_msg("%s", what);
}

void testing_check(struct fixture *f)
{
	struct store_check c = { .report = found };
	assert_int_equal(store_check(f->store, &c), 0);
	assert_int_equal(c.wrong_count + c.missing + c.damaged, 0);
	assert_int_equal(
		testing_rows(f,
	                     "SELECT count(*) FROM mailbox m WHERE account_id > 0 AND"
	                     " (message_count <> (SELECT count(*) FROM message"
	                     "  WHERE message.id / 4294967296 = m.id)"
	                     "  - (SELECT coalesce(sum(count), 0) FROM expunged_chunk"
	                     "  WHERE mailbox_id = m.id)"
	                     " OR size_bytes <> (SELECT coalesce(sum(size_bytes), 0) FROM message"
	                     "  WHERE message.id / 4294967296 = m.id)"
	                     "  - (SELECT coalesce(sum(bytes), 0) FROM expunged_chunk"
	                     "  WHERE mailbox_id = m.id))"),
		0);
	assert_int_equal(
		testing_rows(f, "SELECT used_bytes - (SELECT coalesce(sum(size_bytes), 0) FROM"
	                        " mailbox WHERE account_id = account.id) FROM account"),
		0);
	assert_int_equal(
		testing_rows(f, "SELECT used_messages - (SELECT coalesce(sum(message_count), 0)"
	                        " FROM mailbox WHERE account_id = account.id) FROM account"),
		0);
}
