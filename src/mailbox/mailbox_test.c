/* Messages, copies and views of mailboxes on a store. */
#include "mailbox/mailbox_testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* --- messages ------------------------------------------------------------------------ */

static void append_counts(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	assert_int_equal(testing_append(f, inbox, 0, 1), 1);
	assert_int_equal(testing_append(f, inbox, FLAG_SEEN | FLAG_DELETED, 1), 2);
	struct mailbox_info info = testing_find_mailbox(f, SLICE("INBOX"));
	assert_int_equal(info.message_count, 2);
	assert_int_equal(info.unseen_count, 1);
	assert_int_equal(info.deleted_count, 1);
	assert_int_equal(info.size_bytes, 20);
	assert_int_equal(info.uid_next, 3);
	testing_check(f);
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
	testing_append(f, testing_find_mailbox(f, SLICE("INBOX")).id, 0, 10);
	assert_int_equal(testing_run(f, do_quota, &s), 0);
	s.count = 901;
	assert_int_equal(testing_run(f, do_quota, &s), -EDQUOT);
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
	assert_int_equal(testing_run(f, do_flags, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.count;
}

static void flags_change(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct mailbox_item item;
	testing_append(f, inbox, 0, 1000);
	assert_int_equal(change(f, inbox, testing_range(f, 250, 600), FLAGS_ADD, FLAG_SEEN), 351);
	assert_int_equal(change(f, inbox, testing_range(f, 1, 300), FLAGS_ADD, FLAG_SEEN), 249);
	assert_int_equal(change(f, inbox, testing_range(f, 1, 10), FLAGS_SET, FLAG_DELETED), 10);
	assert_int_equal(change(f, inbox, testing_range(f, 5, 5), FLAGS_REMOVE, FLAG_DELETED), 1);
	assert_int_equal(change(f, inbox, testing_range(f, 2000, 3000), FLAGS_ADD, FLAG_SEEN), 0);
	struct mailbox_info info = testing_find_mailbox(f, SLICE("INBOX"));
	assert_int_equal(info.unseen_count, 410);
	assert_int_equal(info.deleted_count, 9);
	struct mailbox_view *v = testing_view(f, inbox);
	assert_int_equal(v->unseen_count, 410);
	assert_true(mailbox_view_by_uid(v, 5, &item) && item.flags == 0);
	assert_true(mailbox_view_by_uid(v, 600, &item) && item.flags == FLAG_SEEN);
	assert_true(mailbox_view_by_uid(v, 601, &item) && item.flags == 0);
	mailbox_view_release(v);
	testing_check(f);
}

static void sparse_sets_reach_their_messages(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct uid_set set = { 0 };
	testing_append(f, inbox, 0, 2000);
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
	assert_int_equal(testing_run(f, do_expunge, &s), 0);
	mailboxes_changed(f->m, mailbox);
	return s.count;
}

static void expunge_takes_what_is_deleted(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 600);
	change(f, inbox, testing_range(f, 100, 400), FLAGS_ADD, FLAG_DELETED);
	change(f, inbox, testing_range(f, 200, 200), FLAGS_REMOVE, FLAG_DELETED);
	assert_int_equal(expunge(f, inbox, testing_range(f, 101, UINT32_MAX), true), 299);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).deleted_count, 1);
	testing_check(f);
	assert_int_equal(expunge(f, inbox, testing_range(f, 1, 256), false), 101);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM flag_chunk"), 2);
	assert_int_equal(expunge(f, inbox, UID_SET_ALL, false), 200);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM flag_chunk"), 0);
	assert_int_equal(expunge(f, inbox, UID_SET_ALL, false), 0);
	assert_int_equal(testing_append(f, inbox, 0, 1), 601);
	testing_check(f);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM expunged"), 3);
}

static void the_log_of_expunges_stays_small(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 1500);
	for (uint32_t uid = 1; uid <= 1400; uid++)
		assert_int_equal(expunge(f, inbox, testing_range(f, uid, uid), false), 1);
	assert_in_range(testing_rows(f, "SELECT count(*) FROM expunged"), 1024, 1124);
	assert_int_equal(
		testing_rows(f, "SELECT expunged_since + 1 - (SELECT min(mod_seq) FROM expunged)"
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
	assert_int_equal(testing_run(f, do_keyword, &s), 0);
	return s.flags;
}

static void copy_takes_flags_and_keywords_along(void **state)
{
	struct fixture *f = *state;
	struct mailbox_item item;
	struct step s = { .mailbox = testing_find_mailbox(f, SLICE("INBOX")).id,
		          .to = testing_find_mailbox(f, SLICE("Archive")).id };
	testing_append(f, s.mailbox, 0, 60);
	uint64_t red = keyword(f, s.mailbox, "red"), blue = keyword(f, s.mailbox, "Blue");
	assert_true(red == FLAG_KEYWORD(0) && blue == FLAG_KEYWORD(1));
	assert_true(keyword(f, s.mailbox, "BLUE") == blue);
	assert_true(keyword(f, s.to, "blue") == FLAG_KEYWORD(0));
	change(f, s.mailbox, testing_range(f, 20, 20), FLAGS_SET, blue | FLAG_FLAGGED);
	expunge(f, s.mailbox, testing_range(f, 15, 16), false);
	s.uids = testing_range(f, 10, 30);
	assert_int_equal(testing_run(f, do_copy, &s), 0);
	mailboxes_changed(f->m, s.to);
	assert_int_equal(s.copied.count, 19);
	assert_int_equal(s.copied.first_uid, 1);
	assert_int_equal(s.copied.from.count, 2);
	struct mailbox_view *v = testing_view(f, s.to);
	assert_int_equal(v->count, 19);
	assert_true(mailbox_view_by_uid(v, 9, &item));
	assert_true(item.flags == (FLAG_KEYWORD(0) | FLAG_FLAGGED));
	assert_int_equal(v->keywords->count, 2);
	mailbox_view_release(v);
	testing_check(f);
}

static void copy_into_itself_ends(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct step s = { .mailbox = inbox, .to = inbox, .uids = UID_SET_ALL };
	testing_append(f, inbox, 0, 40);
	assert_int_equal(testing_run(f, do_copy, &s), 0);
	assert_int_equal(s.copied.count, 40);
	assert_int_equal(s.copied.first_uid, 41);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).message_count, 80);
	assert_int_equal(testing_run(f, do_copy, &s), -EDQUOT);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).message_count, 80);
	testing_check(f);
}

static void move_empties_the_source(void **state)
{
	struct fixture *f = *state;
	struct step s = { .mailbox = testing_find_mailbox(f, SLICE("INBOX")).id,
		          .to = testing_find_mailbox(f, SLICE("Junk")).id };
	testing_append(f, s.mailbox, FLAG_SEEN, 1000);
	testing_append(f, s.to, 0, 100);
	s.uids = testing_range(f, 2, 999);
	assert_int_equal(testing_run(f, do_move, &s), 0);
	assert_int_equal(s.copied.count, 998);
	assert_int_equal(s.copied.first_uid, 101);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).message_count, 2);
	assert_int_equal(testing_find_mailbox(f, SLICE("Junk")).message_count, 1098);
	assert_int_equal(testing_find_mailbox(f, SLICE("Junk")).unseen_count, 100);
	assert_int_equal(testing_rows(f, "SELECT max(id) - 4294967296 * (max(id) / 4294967296)"
	                                 " FROM message"),
	                 1098);
	testing_check(f);
	s.to = 12345;
	assert_int_equal(testing_run(f, do_move, &s), -ENOENT);
}

static void keywords_run_out(void **state)
{
	struct fixture *f = *state;
	char name[] = "k00";
	struct step s = { .mailbox = testing_find_mailbox(f, SLICE("INBOX")).id,
		          .name = SLICE("one more") };
	assert_int_equal(testing_run(f, do_keyword, &s), -EINVAL);
	for (int i = 0; i < MAILBOX_KEYWORD_MAX; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		assert_true(keyword(f, s.mailbox, name) == FLAG_KEYWORD(i));
	}
	s.name = SLICE("more");
	assert_int_equal(testing_run(f, do_keyword, &s), -ENFILE);
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
	struct step s = { .mailbox = testing_find_mailbox(f, SLICE("INBOX")).id };
	testing_append(f, s.mailbox, 0, 20);
	testing_append(f, testing_find_mailbox(f, SLICE("Junk")).id, 0, 20);
	s.uids = testing_range(f, 3, 5);
	uid_set_add(f->arena, &s.uids, 19, UINT32_MAX);
	assert_int_equal(store_read(f->store, do_read, &s), 0);
	assert_int_equal(s.count, 3 + 4 + 5 + 19 + 20);
}

static void views_share_what_did_not_change(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 1000);
	struct mailbox_view *a = testing_view(f, inbox), *b = testing_view(f, inbox);
	assert_ptr_equal(a, b);
	change(f, inbox, testing_range(f, 300, 300), FLAGS_ADD, FLAG_SEEN);
	struct mailbox_view *c = testing_view(f, inbox);
	assert_int_equal(c->chunk_count, 4);
	assert_ptr_equal(a->chunks[0].chunk, c->chunks[0].chunk);
	assert_ptr_not_equal(a->chunks[1].chunk, c->chunks[1].chunk);
	assert_ptr_equal(a->chunks[3].chunk, c->chunks[3].chunk);
	assert_true(c->mod_seq > a->mod_seq);
	mailbox_view_release(a);
	mailbox_view_release(b);
	mailbox_view_release(c);
}

static int do_delete(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_delete(db, s->account, s->name);
}

static void a_deleted_mailbox_has_no_view(void **state)
{
	struct fixture *f = *state;
	struct mailbox_view *v;
	int64_t junk = testing_find_mailbox(f, SLICE("Junk")).id;
	struct mailbox_view *before = testing_view(f, junk);
	struct step s = { .name = SLICE("Junk") };
	assert_int_equal(testing_run(f, do_delete, &s), 0);
	mailboxes_changed(f->m, junk);
	assert_int_equal(mailbox_view_get(f->m, junk, &v), -ENOENT);
	assert_int_equal(mailbox_view_get(f->m, 4711, &v), -ENOENT);
	mailbox_view_release(before);
}

/* --- threads ------------------------------------------------------------------------- */

enum { WRITES = 60 };

struct writer {
	struct fixture *f;
	int64_t mailbox;
	atomic_bool done;
};

/* Appends one, flags one and expunges one, again and again: each round leaves as many messages as
 * there were, and one more is seen for one that goes. */
static void *write_rounds(void *arg)
{
	struct writer *w = arg;
	struct slice bytes = SLICE("0123456789");
	for (uint32_t round = 0; round < WRITES; round++) {
		struct uid_range changed = { 300 + round, 300 + round },
				 gone = { round + 1, round + 1 };
		struct step add = { .mailbox = w->mailbox, .count = 1 };
		struct step flag = { .mailbox = w->mailbox,
			             .uids = { &changed, 1, 1 },
			             .how = FLAGS_ADD,
			             .flags = FLAG_SEEN };
		struct step expunge = { .mailbox = w->mailbox, .uids = { &gone, 1, 1 } };
		add.blob.parts = &bytes;
		add.blob.part_count = 1;
		assert_int_equal(store_commit(w->f->store, &add.blob, 1, testing_do_append, &add),
		                 0);
		mailboxes_changed(w->f->m, w->mailbox);
		assert_int_equal(store_commit(w->f->store, NULL, 0, do_flags, &flag), 0);
		mailboxes_changed(w->f->m, w->mailbox);
		assert_int_equal(store_commit(w->f->store, NULL, 0, do_expunge, &expunge), 0);
		mailboxes_changed(w->f->m, w->mailbox);
	}
	atomic_store(&w->done, true);
	return NULL;
}

struct watcher {
	uint32_t count;
	uint64_t mod_seq;
};

static int watch_expunged(const struct mailbox_item *item, void *arg)
{
	struct watcher *w = arg;
	assert_in_range(item->seq, 1, w->count);
	w->count--;
	return 0;
}

static int watch_exists(uint32_t now, void *arg)
{
	struct watcher *w = arg;
	assert_true(now > w->count);
	w->count = now;
	return 0;
}

static int watch_flags(const struct mailbox_item *item, uint64_t old_flags, void *arg)
{
	struct watcher *w = arg;
	assert_in_range(item->seq, 1, w->count);
	assert_true(old_flags == 0 && item->flags == FLAG_SEEN);
	return 0;
}

/* Follows the mailbox by differences alone, and must arrive at the same. */
static void *read_rounds(void *arg)
{
	struct writer *w = arg;
	struct watcher seen = { 0 };
	struct mailbox_diff diff = { watch_expunged, watch_exists, watch_flags, &seen };
	struct mailbox_view *old = testing_view(w->f, w->mailbox);
	seen.count = old->count;
	for (bool last = false; !last;) {
		last = atomic_load(&w->done);
		struct mailbox_view *now = testing_view(w->f, w->mailbox);
		assert_true(now->mod_seq >= old->mod_seq);
		assert_int_equal(mailbox_view_diff(old, now, &diff), 0);
		assert_int_equal(seen.count, now->count);
		mailbox_view_release(old);
		old = now;
	}
	assert_int_equal(old->count, 600);
	assert_int_equal(old->unseen_count, 600 - WRITES);
	mailbox_view_release(old);
	return NULL;
}

static void threads_share_views(void **state)
{
	struct fixture *f = *state;
	struct writer w = { .f = f, .mailbox = testing_find_mailbox(f, SLICE("INBOX")).id };
	pthread_t writer, readers[3];
	testing_append(f, w.mailbox, 0, 600);
	assert_int_equal(pthread_create(&writer, NULL, write_rounds, &w), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_rounds, &w), 0);
	pthread_join(writer, NULL);
	for (size_t i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	testing_check(f);
}

int main(void)
{
#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, mailbox_testing_setup, mailbox_testing_teardown)
	const struct CMUnitTest tests[] = {
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
		TEST(threads_share_views),
	};
	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
