/* Links: made, read, forged; and when users are told. */
#include "route/quarantine_token.h"

#include <errno.h>

#include "route/quarantine_told.h"
#include "store/store_testing.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

static void only_ours_are_good(void **state)
{
	struct arena *a = arena_new();
	const struct quarantine_key key = { "secret" }, other = { "Secret" };
	const struct quarantine_token made = { .id = 12, .account_id = 3, .until_s = 1000 };
	struct quarantine_token found;
	(void)state;
	struct slice text = quarantine_token_text(a, &key, &made);
	assert_int_equal(text.len, QUARANTINE_TOKEN_LEN);
	assert_int_equal(quarantine_token_read(&key, text, 1000, &found), 0);
	assert_int_equal(found.id, 12);
	assert_int_equal(found.account_id, 3);
	assert_int_equal(found.until_s, 1000);
	assert_int_equal(quarantine_token_read(&key, text, 1001, &found), -ETIME);
	assert_int_equal(quarantine_token_read(&other, text, 1000, &found), -EINVAL);
	/* Whatever is changed, it is none. */
	for (size_t i = 0; i < text.len; i++) {
		char *bent = arena_str(a, text);
		bent[i] = bent[i] == '0' ? '1' : '0';
		assert_int_equal(quarantine_token_read(&key, slice_from_str(bent), 0, &found),
		                 -EINVAL);
		assert_int_equal(quarantine_token_read(&key, slice_sub(text, 0, i), 0, &found),
		                 -EINVAL);
	}
	arena_free(a);
}

static void a_store_has_one_key(void **state)
{
	struct store *store = testing_open(*state);
	struct quarantine_key first, again;
	assert_int_equal(quarantine_key_get(store, &first), 0);
	assert_int_equal(quarantine_key_get(store, &again), 0);
	assert_memory_equal(first.secret, again.secret, sizeof(first.secret));
	store_close(store);
	store = testing_open(*state);
	assert_int_equal(quarantine_key_get(store, &again), 0);
	assert_memory_equal(first.secret, again.secret, sizeof(first.secret));
	store_close(store);
}

static int hold(struct db *db, void *arg)
{
	int64_t account = *(int64_t *)arg;
	return db_run(
		db,
		"INSERT INTO quarantine (account_id, address, asked, blob_id, skip_bytes,"
		" size_bytes, at_ms, until_ms, reason, why, score_text, queue_id,"
		" reverse_path, client, header_from, subject, account, smtputf8, body_8bit,"
		" notify, orcpt, envid, ret, options) VALUES ($1, 'a', 'a', 0, 0, 0, $2, 0, 0,"
		" '', '', '', '', '', '', '', '', 0, 0, 0, '', '', '', '')",
		"ii", account, account * 100);
}

struct told {
	struct quarantine_untold found[10];
	int count;
};

static int find(struct db *db, void *arg)
{
	struct told *t = arg;
	t->count = quarantine_find_untold(db, 0, t->found, 10);
	return t->count < 0 ? t->count : 0;
}

static int tell(struct db *db, void *arg) { return quarantine_note_told(db, arg); }

static void each_is_told_once(void **state)
{
	struct store *store = testing_open(*state);
	struct told t;
	/* 0 is of other hosts: nobody is told. */
	static const int64_t accounts[] = { 7, 0, 8, 7 };
	for (size_t i = 0; i < 4; i++) {
		int64_t account = accounts[i];
		assert_int_equal(store_commit(store, NULL, 0, hold, &account), 0);
	}
	assert_int_equal(store_read(store, find, &t), 0);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.found[0].account_id, 7);
	assert_int_equal(t.found[0].count, 2);
	assert_int_equal(t.found[0].last_id, 4);
	assert_int_equal(t.found[0].first_ms, 700);
	assert_int_equal(t.found[1].account_id, 8);
	struct quarantine_untold first = t.found[0];
	assert_int_equal(store_commit(store, NULL, 0, tell, &first), 0);
	/* By another who has looked before that. */
	assert_int_equal(store_commit(store, NULL, 0, tell, &first), -EEXIST);
	assert_int_equal(store_read(store, find, &t), 0);
	assert_int_equal(t.count, 1);
	int64_t account = 7;
	assert_int_equal(store_commit(store, NULL, 0, hold, &account), 0);
	assert_int_equal(store_read(store, find, &t), 0);
	assert_int_equal(t.found[0].count, 1);
	assert_int_equal(t.found[0].told_id, 4);
	store_close(store);
}

static void slots_begin_at_the_hour(void **state)
{
	const int64_t six = 6 * 60 * 60 * 1000LL, midnight = 20000 * DAY_MS;
	(void)state;
	int64_t slot = quarantine_slot(midnight + six, DAY_MS, 6, 0);
	assert_int_equal(quarantine_slot(midnight + six - 1, DAY_MS, 6, 0), slot - 1);
	assert_int_equal(quarantine_slot(midnight + six + DAY_MS - 1, DAY_MS, 6, 0), slot);
	/* Six o'clock an hour east is five here. */
	assert_int_equal(quarantine_slot(midnight + six - 3600000, DAY_MS, 6, 60), slot);
	assert_int_equal(quarantine_slot(midnight + six - 3600001, DAY_MS, 6, 60), slot - 1);
	/* Every eight hours: at six, at fourteen, at twenty-two. */
	slot = quarantine_slot(midnight + six, DAY_MS / 3, 6, 0);
	assert_int_equal(quarantine_slot(midnight + six + DAY_MS / 3, DAY_MS / 3, 6, 0), slot + 1);
	assert_int_equal(quarantine_slot(midnight + six + DAY_MS / 3 - 1, DAY_MS / 3, 6, 0), slot);
	assert_int_equal(quarantine_slot(0, DAY_MS, 6, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_ours_are_good),
		cmocka_unit_test_setup_teardown(a_store_has_one_key, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(each_is_told_once, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test(slots_begin_at_the_hour),
	};
	return cmocka_run_group_tests_name("quarantine_token", tests, NULL, NULL);
}
