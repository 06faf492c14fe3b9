/* The rows of application passwords on a store. */
#include "store/store_testing.h"

#include <errno.h>
#include <stdio.h>

#include "directory/app_password.h"
#include "directory/directory.h"

struct fixture {
	void *dir;
	struct store *store;
	struct arena *arena;
	int64_t account_id;
	/* Of a call: what it gets and gives. */
	struct app_password_new app;
	struct slice name;
	const char *made;
	struct app_password found;
	char names[1000];
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

static int do_add(struct db *db, void *arg)
{
	struct fixture *f = arg;
	return directory_add_app_password(db, f->arena, &f->app, &f->made);
}

static int add(struct fixture *f, const char *name, const char *digest)
{
	f->app = (struct app_password_new){ .account = SLICE("alice@example.test"),
		                            .name = name,
		                            .digest = digest,
		                            .scopes = APP_SCOPE_SMTP | APP_SCOPE_POP3,
		                            .expires_ms = 5 };
	return store_commit(f->store, NULL, 0, do_add, f);
}

static int do_remove(struct db *db, void *arg)
{
	struct fixture *f = arg;
	return directory_remove_app_password(db, SLICE("alice@example.test"), f->name);
}

static int do_find(struct db *db, void *arg)
{
	struct fixture *f = arg;
	return directory_find_app_password(db, f->arena, f->account_id, f->name.data, &f->found);
}

static int find(struct fixture *f, const char *digest)
{
	f->name = slice_from_str(digest);
	return store_read(f->store, do_find, f);
}

static int note_name(const struct app_password *app, void *arg)
{
	struct fixture *f = arg;
	size_t len = strlen(f->names);
	snprintf(f->names + len, sizeof(f->names) - len, "%s ", app->name);
	return 0;
}

static int do_list(struct db *db, void *arg)
{
	struct fixture *f = arg;
	f->names[0] = '\0';
	return directory_each_app_password(db, SLICE("alice@example.test"), note_name, f);
}

static int do_use(struct db *db, void *arg)
{
	struct fixture *f = arg;
	int rc = directory_note_app_use(db, f->found.id, 1000, SLICE("192.0.2.1"));
	/* What was gathered elsewhere and comes late changes nothing. */
	return rc < 0 ? rc : directory_note_app_use(db, f->found.id, 999, SLICE("192.0.2.2"));
}

static int do_remove_account(struct db *db, void *arg)
{
	(void)arg;
	return directory_remove_account(db, SLICE("alice@example.test"));
}

static void rows(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add(f, "phone", "aa"), 0);
	assert_int_equal(add(f, "phone", "bb"), -EEXIST);
	assert_int_equal(add(f, "", "bb"), -EINVAL);
	assert_int_equal(add(f, "a\nb", "bb"), -EINVAL);
	assert_int_equal(add(f, NULL, "bb"), 0);
	assert_string_equal(f->made, "app-1");
	assert_int_equal(add(f, NULL, "cc"), 0);
	assert_string_equal(f->made, "app-2");
	assert_int_equal(store_read(f->store, do_list, f), 0);
	assert_string_equal(f->names, "app-1 app-2 phone ");
	assert_int_equal(find(f, "zz"), -ENOENT);
	assert_int_equal(find(f, "aa"), 0);
	assert_string_equal(f->found.name, "phone");
	assert_int_equal(f->found.scopes, APP_SCOPE_SMTP | APP_SCOPE_POP3);
	assert_int_equal(f->found.expires_ms, 5);
	assert_int_equal(f->found.used_ms, 0);
	assert_int_equal(store_commit(f->store, NULL, 0, do_use, f), 0);
	assert_int_equal(find(f, "aa"), 0);
	assert_int_equal(f->found.used_ms, 1000);
	assert_string_equal(f->found.used_from, "192.0.2.1");
	f->name = SLICE("phone");
	assert_int_equal(store_commit(f->store, NULL, 0, do_remove, f), 0);
	f->name = SLICE("phone");
	assert_int_equal(store_commit(f->store, NULL, 0, do_remove, f), -ENOENT);
	assert_int_equal(find(f, "aa"), -ENOENT);
	assert_int_equal(store_commit(f->store, NULL, 0, do_remove_account, NULL), 0);
	assert_int_equal(find(f, "bb"), -ENOENT);
	assert_int_equal(store_read(f->store, do_list, f), -ENOENT);
	assert_int_equal(add(f, "phone", "aa"), -ENOENT);
}

static void not_without_end(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < APP_PER_ACCOUNT; i++)
		assert_int_equal(add(f, NULL, "aa"), 0);
	assert_int_equal(add(f, NULL, "aa"), -EDQUOT);
}

static void scopes(void **state)
{
	char text[APP_SCOPES_TEXT];
	unsigned set;
	(void)state;
	assert_true(app_scopes_parse(SLICE("imap"), &set));
	assert_int_equal(set, APP_SCOPE_IMAP);
	assert_true(app_scopes_parse(SLICE("POP3, smtp"), &set));
	assert_string_equal(app_scopes_text(set, text), "smtp,pop3");
	assert_true(app_scopes_parse(SLICE("smtp,imap,pop3"), &set));
	assert_int_equal(set, APP_SCOPE_ALL);
	assert_string_equal(app_scopes_text(set, text), "smtp,imap,pop3");
	assert_false(app_scopes_parse(SLICE(""), &set));
	assert_false(app_scopes_parse(SLICE("smtp,,imap"), &set));
	assert_false(app_scopes_parse(SLICE("jmap"), &set));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows, setup, teardown),
		cmocka_unit_test_setup_teardown(not_without_end, setup, teardown),
		cmocka_unit_test(scopes),
	};
	return cmocka_run_group_tests_name("app_password", tests, NULL, NULL);
}
