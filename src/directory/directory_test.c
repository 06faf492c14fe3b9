/* The directory's rows on a store. */
#include "store/store_testing.h"

#include <errno.h>

#include "directory/directory.h"

struct fixture {
	void *dir;
	struct store *store;
	struct arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	int rc = testing_make_dir(&f->dir);
	f->store = testing_open(f->dir);
	f->arena = arena_new();
	*state = f;
	return rc;
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

/* Runs the statements of a block in one commit: what they return is in rc. */
struct change {
	struct fixture *f;
	struct slice a, b;
	uint64_t number;
	bool yes;
	const struct directory_verifier *verifiers;
	size_t count;
};

static int commit(struct fixture *f, store_fn fn, struct change *c)
{
	c->f = f;
	return store_commit(f->store, NULL, 0, fn, c);
}

static int do_add_domain(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_add_domain(db, c->a);
}

static int do_remove_domain(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_remove_domain(db, c->a);
}

static int do_catch_all(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_catch_all(db, c->a, c->b.len ? c->b.data : NULL);
}

static int note_hook(struct db *db, int64_t account_id, void *arg)
{
	(void)db;
	*(int64_t *)arg = account_id;
	return 0;
}

static int64_t hooked;

static int do_add_account(struct db *db, void *arg)
{
	struct change *c = arg;
	int64_t id;
	struct account_new account = { .address = c->a,
		                       .quota_bytes = c->number,
		                       .verifiers = c->verifiers,
		                       .verifier_count = c->count,
		                       .made = note_hook,
		                       .arg = &hooked };
	return directory_add_account(db, &account, &id);
}

static int do_remove_account(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_remove_account(db, c->a);
}

static int do_set_verifiers(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_verifiers(db, c->a, c->verifiers, c->count);
}

static int do_set_quota(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_quota(db, c->a, c->number);
}

static int do_set_enabled(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_set_enabled(db, c->a, c->yes);
}

static int do_add_alias(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_add_alias(db, c->a, c->b);
}

static int do_remove_alias(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_remove_alias(db, c->a, c->b);
}

#define DO(f, fn, ...) commit((f), (fn), &(struct change){ __VA_ARGS__ })

/* --- looking -------------------------------------------------------------------------- */

struct look {
	struct fixture *f;
	struct slice name;
	int64_t id;
	struct account account;
	const char *text;
	struct alias alias;
	struct slice found[2];
	size_t found_count;
};

static int do_find_account(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_find_account(db, l->f->arena, l->name, &l->account);
}

static int do_find_login(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_find_login(db, l->f->arena, l->name, &l->account);
}

static int do_find_domain(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_find_domain(db, l->f->arena, l->name, &l->text);
}

static int do_hide_alias(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_set_alias_kind(db, c->a, ALIAS_HIDDEN);
}

static int do_find_local_part(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_find_local_part(db, l->f->arena, l->name, 2, l->found, &l->found_count);
}

static int do_find_alias(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_find_alias(db, l->f->arena, l->name, &l->alias);
}

static int do_get_verifier(struct db *db, void *arg)
{
	struct look *l = arg;
	return directory_get_verifier(db, l->f->arena, l->id, "argon2id", &l->text);
}

static int look(struct fixture *f, store_fn fn, struct slice name, struct look *l)
{
	*l = (struct look){ .f = f, .name = name, .id = l->id };
	return store_read(f->store, fn, l);
}

static void domains(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	assert_int_equal(DO(f, do_add_domain, .a = SLICE("Example.TEST.")), 0);
	assert_int_equal(DO(f, do_add_domain, .a = SLICE("example.test")), -EEXIST);
	assert_int_equal(DO(f, do_add_domain,
	                    .a = SLICE("b\xc3\xbc"
	                               "cher.test")),
	                 0);
	assert_int_equal(DO(f, do_add_domain, .a = SLICE("not a domain")), -EINVAL);
	assert_int_equal(DO(f, do_add_domain, .a = SLICE("[192.0.2.1]")), -EINVAL);
	assert_int_equal(look(f, do_find_domain, SLICE("example.test"), &l), 0);
	assert_null(l.text);
	assert_int_equal(look(f, do_find_domain, SLICE("xn--bcher-kva.test"), &l), 0);
	assert_int_equal(look(f, do_find_domain, SLICE("other.test"), &l), -ENOENT);
	assert_int_equal(DO(f, do_catch_all, .a = SLICE("example.test"), .b = SLICE("A@b.test")),
	                 0);
	assert_int_equal(look(f, do_find_domain, SLICE("example.test"), &l), 0);
	assert_string_equal(l.text, "a@b.test");
	assert_int_equal(DO(f, do_catch_all, .a = SLICE("example.test"), .b = SLICE("nobody")),
	                 -EINVAL);
	assert_int_equal(DO(f, do_catch_all, .a = SLICE("example.test")), 0);
	assert_int_equal(look(f, do_find_domain, SLICE("example.test"), &l), 0);
	assert_null(l.text);
	assert_int_equal(DO(f, do_catch_all, .a = SLICE("other.test")), -ENOENT);
	assert_int_equal(DO(f, do_remove_domain, .a = SLICE("example.test")), 0);
	assert_int_equal(DO(f, do_remove_domain, .a = SLICE("example.test")), -ENOENT);
}

static void accounts(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	static const struct directory_verifier verifiers[] = { { "argon2id", "one" },
		                                               { "scram-sha-256", "two" } };
	static const struct directory_verifier other = { "argon2id", "three" };
	DO(f, do_add_domain, .a = SLICE("example.test"));
	assert_int_equal(DO(f, do_add_account, .a = SLICE("Alice@Example.TEST"), .number = 1000,
	                    .verifiers = verifiers, .count = 2),
	                 0);
	assert_int_equal(look(f, do_find_account, SLICE("alice@example.test"), &l), 0);
	assert_string_equal(l.account.address, "alice@example.test");
	assert_int_equal(l.account.quota_bytes, 1000);
	assert_true(l.account.enabled);
	assert_int_equal(l.account.id, hooked);
	l.id = hooked;
	assert_int_equal(look(f, do_get_verifier, SLICE(""), &l), 0);
	assert_string_equal(l.text, "one");
	assert_int_equal(DO(f, do_set_verifiers, .a = SLICE("alice@example.test"),
	                    .verifiers = &other, .count = 1),
	                 0);
	assert_int_equal(look(f, do_get_verifier, SLICE(""), &l), 0);
	assert_string_equal(l.text, "three");
	assert_int_equal(DO(f, do_add_account, .a = SLICE("alice@example.test")), -EEXIST);
	assert_int_equal(DO(f, do_add_account, .a = SLICE("bob@other.test")), -ENOENT);
	assert_int_equal(DO(f, do_add_account, .a = SLICE("example.test")), -EINVAL);
	assert_int_equal(DO(f, do_set_quota, .a = SLICE("alice@example.test"), .number = 7), 0);
	assert_int_equal(DO(f, do_set_enabled, .a = SLICE("alice@example.test")), 0);
	assert_int_equal(look(f, do_find_account, SLICE("alice@example.test"), &l), 0);
	assert_int_equal(l.account.quota_bytes, 7);
	assert_false(l.account.enabled);
	assert_int_equal(DO(f, do_set_quota, .a = SLICE("bob@example.test")), -ENOENT);
	assert_int_equal(DO(f, do_remove_domain, .a = SLICE("example.test")), -ENOTEMPTY);
	assert_int_equal(DO(f, do_remove_account, .a = SLICE("alice@example.test")), 0);
	assert_int_equal(DO(f, do_remove_account, .a = SLICE("alice@example.test")), -ENOENT);
	assert_int_equal(testing_count(f->store, "SELECT count(*) FROM credential"), 0);
	assert_int_equal(DO(f, do_remove_domain, .a = SLICE("example.test")), 0);
}

static void logins(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	DO(f, do_add_domain, .a = SLICE("one.test"));
	DO(f, do_add_domain, .a = SLICE("two.test"));
	DO(f, do_add_account, .a = SLICE("alice@one.test"));
	DO(f, do_add_account, .a = SLICE("bob@one.test"));
	DO(f, do_add_account, .a = SLICE("bob@two.test"));
	assert_int_equal(look(f, do_find_login, SLICE("ALICE@One.test"), &l), 0);
	assert_string_equal(l.account.address, "alice@one.test");
	assert_int_equal(look(f, do_find_login, SLICE("Alice"), &l), 0);
	assert_string_equal(l.account.address, "alice@one.test");
	assert_int_equal(look(f, do_find_login, SLICE("bob"), &l), -ENOENT);
	assert_int_equal(look(f, do_find_login, SLICE("bob@two.test"), &l), 0);
	assert_int_equal(look(f, do_find_login, SLICE("carol"), &l), -ENOENT);
	assert_int_equal(look(f, do_find_login, SLICE(""), &l), -ENOENT);
	assert_int_equal(look(f, do_find_login, SLICE("@one.test"), &l), -ENOENT);
	assert_int_equal(look(f, do_find_login, SLICE("' OR 1=1 --"), &l), -ENOENT);
}

static void aliases(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	DO(f, do_add_domain, .a = SLICE("example.test"));
	DO(f, do_add_account, .a = SLICE("alice@example.test"));
	assert_int_equal(
		DO(f, do_add_alias, .a = SLICE("Sales@example.test"), .b = SLICE("z@other.test")),
		0);
	assert_int_equal(
		DO(f, do_add_alias, .a = SLICE("sales@example.test"), .b = SLICE("a@other.test")),
		0);
	assert_int_equal(
		DO(f, do_add_alias, .a = SLICE("sales@example.test"), .b = SLICE("A@Other.test")),
		-EEXIST);
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), 0);
	assert_int_equal(l.alias.count, 2);
	assert_string_equal(l.alias.targets[0], "z@other.test");
	assert_string_equal(l.alias.targets[1], "a@other.test");
	assert_int_equal(
		DO(f, do_add_alias, .a = SLICE("alice@example.test"), .b = SLICE("b@c.test")),
		-EEXIST);
	assert_int_equal(DO(f, do_add_account, .a = SLICE("sales@example.test")), -EEXIST);
	assert_int_equal(DO(f, do_add_alias, .a = SLICE("x@other.test"), .b = SLICE("b@c.test")),
	                 -ENOENT);
	assert_int_equal(DO(f, do_add_alias, .a = SLICE("x@example.test"), .b = SLICE("|program")),
	                 -EINVAL);
	DO(f, do_remove_account, .a = SLICE("alice@example.test"));
	assert_int_equal(DO(f, do_remove_domain, .a = SLICE("example.test")), -ENOTEMPTY);
	assert_int_equal(DO(f, do_remove_alias, .a = SLICE("sales@example.test"),
	                    .b = SLICE("z@other.test")),
	                 0);
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), 0);
	assert_int_equal(l.alias.count, 1);
	assert_int_equal(DO(f, do_remove_alias, .a = SLICE("sales@example.test")), 0);
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), -ENOENT);
	assert_int_equal(DO(f, do_remove_alias, .a = SLICE("sales@example.test")), -ENOENT);
}

static void alias_kinds(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	DO(f, do_add_domain, .a = SLICE("example.test"));
	assert_int_equal(DO(f, do_hide_alias, .a = SLICE("sales@example.test")), -ENOENT);
	DO(f, do_add_alias, .a = SLICE("sales@example.test"), .b = SLICE("z@other.test"));
	DO(f, do_add_alias, .a = SLICE("sales@example.test"), .b = SLICE("y@other.test"));
	assert_int_equal(DO(f, do_hide_alias, .a = SLICE("sales@example.test")), 0);
	assert_int_equal(DO(f, do_hide_alias, .a = SLICE("sales@example.test")), 0);
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), 0);
	assert_int_equal(l.alias.kind, ALIAS_HIDDEN);
	/* It goes with the last target, and does not come back with the next. */
	DO(f, do_remove_alias, .a = SLICE("sales@example.test"), .b = SLICE("z@other.test"));
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), 0);
	assert_int_equal(l.alias.kind, ALIAS_HIDDEN);
	DO(f, do_remove_alias, .a = SLICE("sales@example.test"), .b = SLICE("y@other.test"));
	DO(f, do_add_alias, .a = SLICE("sales@example.test"), .b = SLICE("z@other.test"));
	assert_int_equal(look(f, do_find_alias, SLICE("sales@example.test"), &l), 0);
	assert_int_equal(l.alias.kind, ALIAS_PLAIN);
}

static void local_parts(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	DO(f, do_add_domain, .a = SLICE("one.test"));
	DO(f, do_add_domain, .a = SLICE("two.test"));
	assert_int_equal(look(f, do_find_local_part, SLICE("alice"), &l), 0);
	assert_int_equal(l.found_count, 0);
	DO(f, do_add_account, .a = SLICE("alice@two.test"));
	DO(f, do_add_alias, .a = SLICE("alice@one.test"), .b = SLICE("z@other.test"));
	DO(f, do_add_alias, .a = SLICE("alice@one.test"), .b = SLICE("y@other.test"));
	assert_int_equal(look(f, do_find_local_part, SLICE("alice"), &l), 0);
	assert_int_equal(l.found_count, 2);
	assert_true(slice_equal(l.found[0], SLICE("alice@one.test")));
	assert_true(slice_equal(l.found[1], SLICE("alice@two.test")));
}

/* An alias of many targets keeps their order; a list can be taken up where it was left. */
static int count_targets(const char *address, const char *target, enum alias_kind kind, void *arg)
{
	(void)target;
	assert_int_equal(kind, ALIAS_PLAIN);
	assert_string_equal(address, "many@example.test");
	++*(size_t *)arg;
	return 0;
}

static int do_list_after(struct db *db, void *arg)
{
	return directory_each_alias_after(db, SLICE("a@example.test"), count_targets, arg);
}

static void long_aliases(void **state)
{
	struct fixture *f = *state;
	struct look l = { 0 };
	size_t counted = 0;
	DO(f, do_add_domain, .a = SLICE("example.test"));
	DO(f, do_add_alias, .a = SLICE("a@example.test"), .b = SLICE("x@y.test"));
	for (int i = 0; i < 37; i++) {
		char target[32];
		snprintf(target, sizeof(target), "u%d@other.test", 99 - i);
		assert_int_equal(DO(f, do_add_alias, .a = SLICE("many@example.test"),
		                    .b = slice_from_str(target)),
		                 0);
	}
	assert_int_equal(look(f, do_find_alias, SLICE("many@example.test"), &l), 0);
	assert_int_equal(l.alias.count, 37);
	for (int i = 0; i < 37; i++) {
		char target[32];
		snprintf(target, sizeof(target), "u%d@other.test", 99 - i);
		assert_string_equal(l.alias.targets[i], target);
	}
	assert_int_equal(store_read(f->store, do_list_after, &counted), 0);
	assert_int_equal(counted, 37);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(domains, setup, teardown),
		cmocka_unit_test_setup_teardown(accounts, setup, teardown),
		cmocka_unit_test_setup_teardown(logins, setup, teardown),
		cmocka_unit_test_setup_teardown(aliases, setup, teardown),
		cmocka_unit_test_setup_teardown(alias_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(local_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(long_aliases, setup, teardown),
	};
	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
