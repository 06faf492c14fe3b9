#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "mailbox/mailbox_keep.h"
#include "mailbox/mailbox_testing.h"

static int do_expunge(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_expunge(db, s->mailbox, &s->uids, false, &s->count);
}

static void expunge(struct fixture *f, int64_t mailbox, uint32_t first, uint32_t last)
{
	struct step s = { .mailbox = mailbox, .uids = testing_range(f, first, last) };
	assert_int_equal(testing_run(f, do_expunge, &s), 0);
	mailboxes_changed(f->m, mailbox);
}

struct kept_list {
	int64_t chunks[2000], account;
	uint32_t uids[2000];
	size_t count;
};

static int note_kept(const struct mailbox_kept *k, void *arg)
{
	struct kept_list *l = arg;
	assert_true(l->count < 2000);
	l->chunks[l->count] = k->chunk;
	l->uids[l->count++] = k->message->uid;
	assert_int_equal(k->message->size_bytes, 10);
	assert_true(slice_equal(k->message->envelope, SLICE("(envelope)")));
	return 0;
}

static int read_kept(struct db *db, void *arg)
{
	struct kept_list *l = arg;
	int more = 1;
	while (more == 1)
		more = mailbox_each_kept(db, l->account, l->count ? l->chunks[l->count - 1] : 0,
		                         note_kept, l);
	return more;
}

/* free() it. */
static struct kept_list *kept_of(struct fixture *f)
{
	struct kept_list *l = mem_zero(1, sizeof(*l));
	l->account = f->account;
	assert_int_equal(store_read(f->store, read_kept, l), 0);
	return l;
}

static size_t count_kept(struct fixture *f)
{
	struct kept_list *l = kept_of(f);
	size_t count = l->count;
	free(l);
	return count;
}

struct bringing {
	int64_t chunk, to;
	struct uid_set uids;
	uint64_t count;
};

static int do_undelete(struct db *db, void *arg)
{
	struct bringing *b = arg;
	return mailbox_undelete(db, b->chunk, &b->uids, b->to, &b->count);
}

static uint64_t undelete(struct fixture *f, int64_t chunk, struct uid_set uids, int64_t to)
{
	struct bringing b = { .chunk = chunk, .to = to, .uids = uids };
	assert_int_equal(store_commit(f->store, NULL, 0, do_undelete, &b), 0);
	mailboxes_changed(f->m, to);
	return b.count;
}

static void what_was_expunged_comes_back(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct mailbox_item item;
	testing_append(f, inbox, FLAG_SEEN | FLAG_DELETED, 10);
	expunge(f, inbox, 3, 5);
	expunge(f, inbox, 2, 7);
	testing_check(f);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).message_count, 4);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).size_bytes, 40);
	struct kept_list *l = kept_of(f);
	assert_int_equal(l->count, 6);
	assert_int_equal(l->uids[0], 3);
	assert_int_equal(l->uids[3], 2);
	assert_int_equal(undelete(f, l->chunks[0], testing_range(f, 4, 4), inbox), 1);
	assert_int_equal(undelete(f, l->chunks[0], testing_range(f, 4, 4), inbox), 0);
	testing_check(f);
	struct mailbox_view *v = testing_view(f, inbox);
	assert_int_equal(v->count, 5);
	assert_true(mailbox_view_by_uid(v, 11, &item) && item.flags == FLAG_SEEN);
	mailbox_view_release(v);
	assert_int_equal(undelete(f, l->chunks[0], UID_SET_ALL, inbox), 2);
	assert_int_equal(
		undelete(f, l->chunks[3], UID_SET_ALL, testing_find_mailbox(f, SLICE("Trash")).id),
		3);
	assert_int_equal(testing_find_mailbox(f, SLICE("Trash")).message_count, 3);
	assert_int_equal(count_kept(f), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM expunged_chunk"), 0);
	testing_check(f);
	free(l);
}

static int do_delete(struct db *db, void *arg)
{
	const struct fixture *f = arg;
	return mailbox_delete(db, f->account, SLICE("Trash"));
}

static void a_deleted_mailbox_is_kept(void **state)
{
	struct fixture *f = *state;
	int64_t trash = testing_find_mailbox(f, SLICE("Trash")).id;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	mailboxes_keep(f->m, 60000);
	testing_append(f, trash, FLAG_FLAGGED, 600);
	expunge(f, trash, 1, 10);
	assert_int_equal(store_commit(f->store, NULL, 0, do_delete, f), 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	testing_check(f);
	assert_int_equal(testing_rows(f, "SELECT used_bytes FROM account"), 0);
	struct kept_list *l = kept_of(f);
	assert_int_equal(l->count, 600);
	assert_int_equal(undelete(f, l->chunks[599], UID_SET_ALL, inbox), 600 - 512);
	testing_check(f);
	assert_int_equal(testing_rows(f, "SELECT used_bytes FROM account"), 880);
	mailboxes_keep(f->m, 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 600 - 512);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM mailbox WHERE account_id = 0"), 0);
	assert_int_equal(count_kept(f), 0);
	testing_check(f);
	free(l);
}

struct told {
	size_t count;
	uint32_t last;
};

static void tell(const struct mailbox_gone *gone, size_t count, void *arg)
{
	struct told *t = arg;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(gone[i].size_bytes, 10);
		t->last = gone[i].uid;
	}
	t->count += count;
}

static void what_is_forgotten_is_told(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct told told = { 0 };
	mailboxes_on_forget(f->m, tell, &told);
	testing_append(f, inbox, 0, 2000);
	expunge(f, inbox, 101, 2000);
	mailboxes_keep(f->m, 60000);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(told.count, 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 2000);
	mailboxes_keep(f->m, 0);
	assert_int_equal(mailboxes_purge(f->m), 0);
	assert_int_equal(told.count, 1900);
	assert_int_equal(told.last, 2000);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 100);
	testing_check(f);
}

static void of_too_much_the_oldest_goes(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	int64_t trash = testing_find_mailbox(f, SLICE("Trash")).id;
	mailboxes_keep(f->m, 60000);
	testing_append(f, trash, 0, 600); /* 10 bytes each */
	testing_append(f, inbox, 0, 1000);
	assert_int_equal(store_commit(f->store, NULL, 0, do_delete, f), 0);
	expunge(f, inbox, 1, 512);
	expunge(f, inbox, 513, 1000);
	assert_int_equal(count_kept(f), 1600);
	assert_int_equal(mailboxes_limit_kept(f->m), 0); /* no limit yet */
	mailboxes_keep_at_most(f->m, 16010);
	assert_int_equal(mailboxes_limit_kept(f->m), 0);
	assert_int_equal(count_kept(f), 1600);
	/* The folder went first; then what was expunged first. */
	mailboxes_keep_at_most(f->m, 10000);
	assert_int_equal(mailboxes_limit_kept(f->m), 0);
	assert_int_equal(count_kept(f), 1000);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM mailbox WHERE account_id = 0"), 0);
	mailboxes_keep_at_most(f->m, 5000);
	assert_int_equal(mailboxes_limit_kept(f->m), 0);
	struct kept_list *l = kept_of(f);
	assert_int_equal(l->count, 488);
	assert_int_equal(l->uids[0], 513);
	free(l);
	mailboxes_keep_at_most(f->m, 1);
	assert_int_equal(mailboxes_limit_kept(f->m), 0);
	assert_int_equal(count_kept(f), 0);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM message"), 0);
	testing_check(f);
}

static int note_uid(const struct mailbox_message *m, void *arg)
{
	struct step *s = arg;
	s->count++;
	s->uid = m->uid;
	return 0;
}

static int do_read(struct db *db, void *arg)
{
	struct step *s = arg;
	s->count = 0;
	return mailbox_each_message(db, s->mailbox, &s->uids, READ_ENVELOPE, note_uid, s);
}

static void rows_that_are_kept_are_not_read(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct step s = { .mailbox = inbox, .uids = testing_range(f, 1, 2000) };
	testing_append(f, inbox, 0, 1000);
	expunge(f, inbox, 200, 300);
	expunge(f, inbox, 500, 500);
	expunge(f, inbox, 503, 505);
	expunge(f, inbox, 1000, 1000);
	assert_int_equal(store_read(f->store, do_read, &s), 0);
	assert_int_equal(s.count, 1000 - 106);
	assert_int_equal(s.uid, 999);
	s.uids = testing_range(f, 500, 504);
	assert_int_equal(store_read(f->store, do_read, &s), 0);
	assert_int_equal(s.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_expunged_comes_back, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(a_deleted_mailbox_is_kept, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(what_is_forgotten_is_told, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(of_too_much_the_oldest_goes, mailbox_testing_setup,
		                                mailbox_testing_teardown),
		cmocka_unit_test_setup_teardown(rows_that_are_kept_are_not_read,
		                                mailbox_testing_setup, mailbox_testing_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
