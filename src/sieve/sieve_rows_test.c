/* Scripts of accounts, and what they remember. */
#include "sieve/sieve_rows.h"

#include <errno.h>

#include "store/store_testing.h"

enum { NOW = 1000000, HOUR = 3600000 };

struct seen {
	char text[256];
	size_t len;
};

static int visit(const struct sieve_script_row *row, void *arg)
{
	struct seen *seen = arg;
	seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
	                              "%.*s%s:%d ", SLICE_ARG(row->name), row->active ? "*" : "",
	                              (int)row->size_bytes);
	return 0;
}

static int scripts(struct db *db, void *arg)
{
	struct arena *arena = arg;
	struct slice name, content;
	struct seen seen = { .len = 0 };
	assert_int_equal(sieve_put_script(db, 1, SLICE("a"), SLICE("keep;"), NOW, 2), 0);
	assert_int_equal(sieve_put_script(db, 1, SLICE("b"), SLICE("stop;"), NOW, 2), 0);
	assert_int_equal(sieve_put_script(db, 1, SLICE("c"), SLICE("stop;"), NOW, 2), -EDQUOT);
	assert_int_equal(sieve_put_script(db, 2, SLICE("a"), SLICE("x"), NOW, 2), 0);
	assert_int_equal(sieve_put_script(db, 1, SLICE("a/b"), SLICE("x"), NOW, 9), -EINVAL);
	assert_int_equal(sieve_put_script(db, 1, SLICE("a\n"), SLICE("x"), NOW, 9), -EINVAL);
	assert_int_equal(sieve_active_name(db, arena, 1, &name), -ENOENT);
	assert_int_equal(sieve_activate_script(db, 1, SLICE("none")), -ENOENT);
	assert_int_equal(sieve_activate_script(db, 1, SLICE("a")), 0);
	assert_int_equal(sieve_activate_script(db, 1, SLICE("b")), 0);
	assert_int_equal(sieve_active_name(db, arena, 1, &name), 0);
	assert_true(slice_equal(name, SLICE("b")));
	assert_int_equal(sieve_put_script(db, 1, SLICE("b"), SLICE("discard;"), NOW, 2), 0);
	assert_int_equal(sieve_rename_script(db, 1, SLICE("b"), SLICE("a")), -EEXIST);
	assert_int_equal(sieve_rename_script(db, 1, SLICE("b"), SLICE("z")), 0);
	assert_int_equal(sieve_rename_script(db, 1, SLICE("b"), SLICE("y")), -ENOENT);
	assert_int_equal(sieve_each_script(db, 1, visit, &seen), 0);
	assert_string_equal(seen.text, "a:5 z*:8 ");
	assert_int_equal(sieve_delete_script(db, 1, SLICE("z")), -EBUSY);
	assert_int_equal(sieve_activate_script(db, 1, SLICE_EMPTY), 0);
	assert_int_equal(sieve_delete_script(db, 1, SLICE("z")), 0);
	assert_int_equal(sieve_delete_script(db, 1, SLICE("z")), -ENOENT);
	assert_int_equal(sieve_get_script(db, arena, 1, SLICE("a"), &content), 0);
	assert_true(slice_equal(content, SLICE("keep;")));
	return 0;
}

static int memory(struct db *db, void *arg)
{
	int64_t count;
	(void)arg;
	assert_int_equal(sieve_remembers(db, 1, SIEVE_SEEN, SLICE("x"), NOW), 0);
	assert_int_equal(sieve_remember(db, 1, SIEVE_SEEN, SLICE("x"), NOW, NOW + HOUR), 0);
	assert_int_equal(sieve_remembers(db, 1, SIEVE_SEEN, SLICE("x"), NOW), 1);
	assert_int_equal(sieve_remembers(db, 1, SIEVE_ANSWERED, SLICE("x"), NOW), 0);
	assert_int_equal(sieve_remembers(db, 2, SIEVE_SEEN, SLICE("x"), NOW), 0);
	assert_int_equal(sieve_remembers(db, 1, SIEVE_SEEN, SLICE("x"), NOW + HOUR), 0);
	/* What is past goes by the way. */
	assert_int_equal(sieve_remember(db, 1, SIEVE_SEEN, SLICE("y"), NOW + HOUR, NOW + 2 * HOUR),
	                 0);
	assert_int_equal(db_get_int(db, &count, "SELECT count(*) FROM sieve_memory", ""), 0);
	assert_int_equal(count, 1);
	assert_int_equal(sieve_remove_account(db, 2), 0);
	return 0;
}

static void run(void **state, store_fn fn)
{
	struct store *s = testing_open(*state);
	struct arena *arena = arena_new();
	assert_int_equal(store_commit(s, NULL, 0, fn, arena), 0);
	arena_free(arena);
	store_close(s);
}

static void scripts_are_kept(void **state) { run(state, scripts); }

static void what_was_done_is_remembered(void **state) { run(state, memory); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(scripts_are_kept, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(what_was_done_is_remembered, testing_make_dir,
		                                testing_remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
