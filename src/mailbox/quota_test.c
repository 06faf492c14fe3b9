/* Quotas on a store: limits, exactness, recounting, thresholds. */
#include "mailbox/quota.h"

#include <errno.h>

#include "mailbox/mailbox_testing.h"

struct quota_step {
	int64_t account, mailbox;
	uint64_t limit[QUOTA_RESOURCES], bytes, messages, sum;
	struct quota before, quota;
};

static int do_set(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	return quota_set(db, s->account, s->limit);
}

static int do_get(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	return quota_get(db, s->account, &s->quota);
}

static int do_check(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	return quota_check(db, s->account, s->bytes, s->messages);
}

static int do_recount(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	return quota_recount(db, s->account, &s->before, &s->quota);
}

static int do_deleted(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	return quota_deleted_bytes(db, s->mailbox, &s->sum);
}

static int do_spoil(struct db *db, void *arg)
{
	struct quota_step *s = arg;
	int rc = db_run(db, "UPDATE account SET used_bytes = 7, used_messages = 9", "");
	return rc == 0 ? db_run(db,
	                        "UPDATE mailbox SET size_bytes = 3, unseen_count = 5"
	                        " WHERE id = $1",
	                        "i", s->mailbox)
	               : rc;
}

static int do_create(struct db *db, void *arg)
{
	struct step *s = arg;
	return mailbox_create(db, s->account, s->name, USE_NONE, &s->mailbox);
}

static int check(struct fixture *f, uint64_t bytes, uint64_t messages)
{
	struct quota_step s = { .account = f->account, .bytes = bytes, .messages = messages };
	return store_read(f->store, do_check, &s);
}

static void set(struct fixture *f, uint64_t bytes, uint64_t messages, uint64_t mailboxes)
{
	struct quota_step s = { .account = f->account, .limit = { bytes, messages, mailboxes } };
	assert_int_equal(store_commit(f->store, NULL, 0, do_set, &s), 0);
}

static struct quota get(struct fixture *f)
{
	struct quota_step s = { .account = f->account };
	assert_int_equal(store_read(f->store, do_get, &s), 0);
	return s.quota;
}

static void limits_hold(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	testing_append(f, inbox, 0, 4); /* of ten bytes each */
	assert_false(quota_is_limited(&(struct quota){ 0 }));
	set(f, 0, 0, 0);
	assert_int_equal(check(f, UINT32_MAX, UINT32_MAX), 0);
	set(f, 50, 0, 0);
	assert_int_equal(check(f, 10, 1), 0);
	assert_int_equal(check(f, 11, 1), -EDQUOT);
	set(f, 0, 5, 0);
	assert_int_equal(check(f, 1000, 1), 0);
	assert_int_equal(check(f, 0, 2), -EDQUOT);
	struct quota q = get(f);
	assert_true(quota_is_limited(&q));
	assert_int_equal(quota_percent(&q), 80);
	assert_int_equal(q.used[QUOTA_STORAGE], 40);
	assert_int_equal(q.used[QUOTA_MAILBOX], 6);
	struct quota_step none = { .account = 4711 };
	assert_int_equal(store_read(f->store, do_get, &none), -ENOENT);
	assert_int_equal(store_commit(f->store, NULL, 0, do_set, &none), -ENOENT);
}

static void folders_are_limited(void **state)
{
	struct fixture *f = *state;
	struct step s = { .account = f->account, .name = SLICE("a") };
	set(f, 0, 0, 7);
	assert_int_equal(testing_run(f, do_create, &s), 0);
	s.name = SLICE("b");
	assert_int_equal(testing_run(f, do_create, &s), -EDQUOT);
}

static void recounting_mends(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct quota_step s = { .account = f->account, .mailbox = inbox };
	testing_append(f, inbox, 0, 300);
	testing_append(f, inbox, FLAG_SEEN | FLAG_DELETED, 3);
	assert_int_equal(store_read(f->store, do_deleted, &s), 0);
	assert_int_equal(s.sum, 30);
	assert_int_equal(store_commit(f->store, NULL, 0, do_recount, &s), 0);
	assert_memory_equal(&s.before, &s.quota, sizeof(s.quota));
	assert_int_equal(store_commit(f->store, NULL, 0, do_spoil, &s), 0);
	assert_int_equal(store_commit(f->store, NULL, 0, do_recount, &s), 0);
	assert_int_equal(s.before.used[QUOTA_STORAGE], 7);
	assert_int_equal(s.quota.used[QUOTA_STORAGE], 3030);
	assert_int_equal(s.quota.used[QUOTA_MESSAGE], 303);
	assert_int_equal(testing_find_mailbox(f, SLICE("INBOX")).unseen_count, 300);
	testing_check(f);
}

struct looking {
	struct arena *arena;
	int64_t after;
	struct quota_crossing *found;
	size_t count;
};

static int do_look(struct db *db, void *arg)
{
	static const unsigned marks[] = { 80, 100 };
	struct looking *l = arg;
	l->after = 0;
	int rc = quota_find_crossings(db, l->arena, marks, 2, &l->after, l->found, &l->count);
	assert_int_equal(rc, 0);
	return l->count ? quota_note_told(db, l->found[0].account_id, l->found[0].mark) : 0;
}

static void marks_are_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t inbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	struct looking l = { .arena = f->arena };
	l.found = ARENA_ARRAY(f->arena, QUOTA_LOOK, struct quota_crossing);
	static const struct {
		uint64_t append, limit;
		size_t count;
		unsigned told, mark;
	} steps[] = {
		{ 7, 100, 0, 0, 0 },    { 1, 100, 1, 0, 80 },   { 0, 100, 0, 0, 0 },
		{ 5, 100, 1, 80, 100 }, { 0, 1000, 1, 100, 0 }, { 0, 1000, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].append)
			testing_append(f, inbox, 0, steps[i].append);
		set(f, steps[i].limit, 0, 0);
		assert_int_equal(store_commit(f->store, NULL, 0, do_look, &l), 0);
		assert_int_equal(l.count, steps[i].count);
		if (l.count == 0)
			continue;
		assert_int_equal(l.found[0].told, steps[i].told);
		assert_int_equal(l.found[0].mark, steps[i].mark);
	}
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, mailbox_testing_setup, mailbox_testing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(limits_hold),
		TEST(folders_are_limited),
		TEST(recounting_mends),
		TEST(marks_are_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
