/* Rows of the quarantine: their bounds, their end, and the blobs that they hold. */
#include "route/quarantine.h"

#include <errno.h>

#include "store/store_testing.h"

static const struct config_quarantine small = { .keep_ms = 1000,
	                                        .max_messages = 3,
	                                        .max_bytes = 100000 };

struct step {
	const struct config_quarantine *config;
	const char *address;
	int64_t account_id, at_ms;
	uint64_t size_bytes;
	struct store_blob blob;
	int64_t dropped, count;
	char found[64]; /* the subjects, a letter each */
	struct quarantine_sums sums;
};

static int add(struct db *db, void *arg)
{
	struct step *s = arg;
	char subject[2] = { (char)('a' + s->at_ms % 26), '\0' };
	const struct quarantine_row row = { .account_id = s->account_id,
		                            .address = slice_from_str(s->address),
		                            .asked = slice_from_str(s->address),
		                            .blob_id = s->blob.id,
		                            .size_bytes = s->size_bytes,
		                            .at_ms = s->at_ms,
		                            .until_ms = s->at_ms + s->config->keep_ms,
		                            .reason = QUARANTINE_SCORE,
		                            .why = SLICE("7.50"),
		                            .scored = true,
		                            .score = 750,
		                            .queue_id = SLICE("0123456789abcdef"),
		                            .subject = slice_from_str(subject) };
	s->dropped = 0;
	return quarantine_add(db, s->config, &row, &s->dropped);
}

static int put(struct store *store, struct step *s, const char *address, int64_t account_id,
               int64_t at_ms, uint64_t size_bytes)
{
	const struct slice part = SLICE("Return-Path: <>\r\nSubject: x\r\n\r\n");
	s->address = address;
	s->account_id = account_id;
	s->at_ms = at_ms;
	s->size_bytes = size_bytes;
	s->blob = (struct store_blob){ .parts = &part, .part_count = 1 };
	return store_commit(store, &s->blob, 1, add, s);
}

static int take_subject(const struct quarantine_row *row, void *arg)
{
	struct step *s = arg;
	size_t len = slice_from_str(s->found).len;
	assert_true(row->scored);
	assert_int_equal(row->score, 750);
	s->found[len] = row->subject.data[0];
	return 0;
}

static int read_all(struct db *db, void *arg)
{
	struct step *s = arg;
	memset(s->found, 0, sizeof(s->found));
	int rc = quarantine_each(db, s->account_id, 0, 50, take_subject, s);
	return rc == 0 ? quarantine_sum(db, &s->sums) : rc;
}

static void check(struct store *store, struct step *s, int64_t account_id, const char *subjects)
{
	s->account_id = account_id;
	assert_int_equal(store_read(store, read_all, s), 0);
	assert_string_equal(s->found, subjects);
}

static void check_store(struct store *store)
{
	struct store_check found = { 0 };
	assert_int_equal(store_check(store, &found), 0);
	assert_int_equal(found.wrong_count + found.missing + found.damaged, 0);
}

static int64_t dropped_events(struct store *store)
{
	return testing_count(store, "SELECT count(*) FROM journey WHERE kind = 6");
}

static void recipients_have_bounds(void **state)
{
	struct store *store = testing_open(*state);
	struct step s = { .config = &small };
	for (int64_t i = 0; i < 5; i++)
		assert_int_equal(put(store, &s, "a@x.test", 1, i, 10), 0);
	assert_int_equal(s.dropped, 1);
	check(store, &s, 1, "cde");
	assert_int_equal(put(store, &s, "b@x.test", 2, 5, 10), 0);
	check(store, &s, 2, "f");
	/* By size, too; one that is larger than all there may be is alone. */
	assert_int_equal(put(store, &s, "a@x.test", 1, 6, 99985), 0);
	check(store, &s, 1, "eg");
	assert_int_equal(put(store, &s, "a@x.test", 1, 7, 1000000), 0);
	assert_int_equal(s.dropped, 2);
	check(store, &s, 1, "h");
	assert_int_equal(s.sums.messages, 2);
	assert_int_equal(dropped_events(store), 6);
	check_store(store);
	store_close(store);
}

static void or_the_sender_waits(void **state)
{
	struct store *store = testing_open(*state);
	struct config_quarantine strict = small;
	struct step s = { .config = &strict };
	strict.full = QUARANTINE_FULL_LATER;
	for (int64_t i = 0; i < 3; i++)
		assert_int_equal(put(store, &s, "a@x.test", 1, i, 10), 0);
	assert_int_equal(put(store, &s, "a@x.test", 1, 3, 10), -EDQUOT);
	check(store, &s, 1, "abc");
	assert_int_equal(dropped_events(store), 0);
	check_store(store);
	store_close(store);
}

static int expire(struct db *db, void *arg)
{
	struct step *s = arg;
	return quarantine_expire(db, s->at_ms, &s->count);
}

static int remove_account(struct db *db, void *arg)
{
	const struct step *s = arg;
	return quarantine_remove_account(db, s->account_id);
}

static void time_and_accounts_end_it(void **state)
{
	struct store *store = testing_open(*state);
	struct step s = { .config = &small };
	for (int64_t i = 0; i < 3; i++) {
		assert_int_equal(put(store, &s, "a@x.test", 1, i, 10), 0);
		assert_int_equal(put(store, &s, "b@x.test", 2, i, 10), 0);
	}
	s.at_ms = 1001;
	assert_int_equal(store_commit(store, NULL, 0, expire, &s), 0);
	assert_int_equal(s.count, 4);
	check(store, &s, 1, "c");
	s.at_ms = 1001;
	assert_int_equal(store_commit(store, NULL, 0, expire, &s), 0);
	assert_int_equal(s.count, 0);
	s.account_id = 2;
	assert_int_equal(store_commit(store, NULL, 0, remove_account, &s), 0);
	check(store, &s, 2, "");
	check(store, &s, 1, "c");
	check_store(store);
	store_close(store);
}

struct removal {
	int64_t id;
	struct arena *arena;
	enum journey_kind kind;
};

static int take_away(struct db *db, void *arg)
{
	const struct removal *r = arg;
	struct quarantine_row row;
	int rc = quarantine_get(db, r->arena, r->id, &row);
	if (rc == 0)
		rc = quarantine_remove(db, &row, r->kind, SLICE("by hand"), 5);
	/* The second of two who have read it both. */
	if (rc == 0)
		assert_int_equal(quarantine_remove(db, &row, r->kind, SLICE("by hand"), 5),
		                 -ENOENT);
	return rc;
}

static void each_goes_once(void **state)
{
	struct store *store = testing_open(*state);
	struct step s = { .config = &small };
	struct removal r = { .id = 1, .arena = arena_new(), .kind = JOURNEY_RELEASED };
	assert_int_equal(put(store, &s, "a@x.test", 1, 0, 10), 0);
	assert_int_equal(store_commit(store, NULL, 0, take_away, &r), 0);
	assert_int_equal(store_commit(store, NULL, 0, take_away, &r), -ENOENT);
	check_store(store);
	assert_int_equal(testing_count(store, "SELECT count(*) FROM blob WHERE refs > 0"), 0);
	arena_free(r.arena);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(recipients_have_bounds, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(or_the_sender_waits, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(time_and_accounts_end_it, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(each_goes_once, testing_make_dir,
		                                testing_remove_dir),
	};
	return cmocka_run_group_tests_name("quarantine", tests, NULL, NULL);
}
