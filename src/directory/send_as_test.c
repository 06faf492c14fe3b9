/* Entries, and their rows on a store. */
#include "store/store_testing.h"

#include <errno.h>
#include <stdio.h>

#include "directory/directory.h"
#include "directory/send_as.h"

struct fixture {
	void *dir;
	struct store *store;
	struct arena *arena;
	int64_t account_id;
	struct send_as entries;
	struct slice address;
	bool may;
	char text[500];
};

static int add_account(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct account_new alice = { .address = SLICE("alice@example.test") };
	int rc = directory_add_domain(db, SLICE("example.test"));
	return rc < 0 ? rc : directory_add_account(db, &alice, &f->account_id);
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	assert_int_equal(testing_make_dir(&f->dir), 0);
	f->store = testing_open(f->dir);
	f->arena = arena_new();
	assert_int_equal(store_commit(f->store, NULL, 0, add_account, f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	arena_free(f->arena);
	testing_remove_dir(&f->dir);
	free(f);
	return 0;
}

static int do_set(struct db *db, void *arg)
{
	struct fixture *f = arg;
	return directory_set_send_as(db, SLICE("alice@example.test"), &f->entries);
}

static void set(struct fixture *f, const char *text)
{
	assert_int_equal(send_as_parse(f->arena, slice_from_str(text), &f->entries), 0);
	assert_int_equal(store_commit(f->store, NULL, 0, do_set, f), 0);
}

static int do_ask(struct db *db, void *arg)
{
	struct fixture *f = arg;
	return directory_may_send_as(db, f->account_id, f->address, &f->may);
}

static bool may(struct fixture *f, const char *address)
{
	f->address = slice_from_str(address);
	assert_int_equal(store_read(f->store, do_ask, f), 0);
	return f->may;
}

static int note(struct slice entry, void *arg)
{
	struct fixture *f = arg;
	size_t len = strlen(f->text);
	snprintf(f->text + len, sizeof(f->text) - len, "%.*s ", SLICE_ARG(entry));
	return 0;
}

static int do_list(struct db *db, void *arg)
{
	struct fixture *f = arg;
	f->text[0] = '\0';
	return directory_each_send_as(db, SLICE("alice@example.test"), note, f);
}

static void entries(void **state)
{
	struct fixture *f = *state;
	assert_false(may(f, "boss@example.test"));
	set(f, " Boss@example.test, @Lists.Example.TEST ,boss@example.test");
	assert_int_equal(store_read(f->store, do_list, f), 0);
	assert_string_equal(f->text, "@lists.example.test boss@example.test ");
	assert_true(may(f, "boss@example.test"));
	assert_true(may(f, "any@lists.example.test"));
	assert_false(may(f, "any@sub.lists.example.test"));
	assert_false(may(f, "xboss@example.test"));
	set(f, "*");
	assert_true(may(f, "anybody@anywhere.test"));
	set(f, "");
	assert_false(may(f, "boss@example.test"));
}

static void mistakes(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "boss", "@", "a@b,", ",", "**", "@a b", "a@b c@d" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (send_as_parse(f->arena, slice_from_str(wrong[i]), &f->entries) == 0 &&
		    strcmp(wrong[i], "a@b,") != 0)
			fail_msg("'%s' is taken", wrong[i]);
	}
	char *many = mem_alloc(SEND_AS_MAX * 2 + 1);
	memset(many, ',', SEND_AS_MAX * 2);
	assert_int_equal(send_as_parse(f->arena, slice_of(many, SEND_AS_MAX * 2), &f->entries),
	                 -E2BIG);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries, setup, teardown),
		cmocka_unit_test_setup_teardown(mistakes, setup, teardown),
	};
	return cmocka_run_group_tests_name("send_as", tests, NULL, NULL);
}
