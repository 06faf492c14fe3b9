/* Handlers on a store, as the command line calls them when no server runs. */
#include "store/store_testing.h"

#include <errno.h>

#include "admin/admin.h"
#include "directory/directory.h"
#include "route/journey.h"

struct fixture {
	void *dir;
	struct config *config;
	struct admin admin;
	struct admin_reply reply;
	json_t *items;
	size_t stop_after; /* items; 0: take all */
};

static int take_item(void *arg, json_t *item)
{
	struct fixture *f = arg;
	json_array_append_new(f->items, item);
	return f->stop_after && json_array_size(f->items) == f->stop_after ? -EPIPE : 0;
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	int rc = testing_make_dir(&f->dir);
	f->config = config_defaults(f->dir);
	f->admin = (struct admin){ .config = f->config, .store = testing_open(f->dir) };
	f->reply = (struct admin_reply){ .item = take_item, .arg = f };
	f->items = json_array();
	*state = f;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->admin.store);
	config_free(f->config);
	json_decref(f->items);
	testing_remove_dir(&f->dir);
	free(f);
	return 0;
}

static int call(struct fixture *f, const char *text)
{
	json_error_t why;
	json_t *request = json_loads(text, 0, &why);
	assert_non_null(request);
	json_array_clear(f->items);
	int rc = admin_call(&f->admin, request, &f->reply);
	json_decref(request);
	return rc;
}

static const char *item_text(struct fixture *f, size_t index, const char *key)
{
	return admin_text(json_array_get(f->items, index), key);
}

#define USER(address) "{\"command\":\"user.add\",\"address\":\"" address "\"}"
#define DOMAIN(name)  "{\"command\":\"domain.add\",\"domain\":\"" name "\"}"

static void unknown_commands_are_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(call(f, "{\"command\":\"frobnicate\"}"), -ENOSYS);
	assert_string_equal(f->reply.error, "there is no command 'frobnicate'");
	assert_int_equal(call(f, "{}"), -EINVAL);
	assert_int_equal(call(f, "[1]"), -EINVAL);
	assert_int_equal(call(f, "{\"command\":7}"), -EINVAL);
	assert_int_equal(call(f, "{\"command\":\"user.add\"}"), -EINVAL);
	assert_string_equal(f->reply.error, "the request has no text 'address'");
}

static void users_live_and_go(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(call(f, USER("a@example.test")), -ENOTDIR);
	assert_non_null(strstr(f->reply.error, "`veredus domain add example.test`"));
	assert_int_equal(call(f, DOMAIN("example.test")), 0);
	assert_int_equal(call(f, USER("A@Example.test")), 0);
	assert_int_equal(call(f, USER("a@example.test")), -EEXIST);
	assert_string_equal(f->reply.error, "a@example.test is there already");
	assert_int_equal(call(f, USER("no address")), -EINVAL);
	assert_int_equal(testing_count(f->admin.store, "SELECT count(*) FROM mailbox"), 6);
	assert_int_equal(
		call(f, "{\"command\":\"user.quota\",\"address\":\"a@example.test\",\"quota\":77}"),
		0);
	assert_int_equal(call(f, "{\"command\":\"user.disable\",\"address\":\"a@example.test\"}"),
	                 0);
	assert_int_equal(call(f, "{\"command\":\"user.list\"}"), 0);
	assert_int_equal(json_array_size(f->items), 1);
	assert_string_equal(item_text(f, 0, "address"), "a@example.test");
	assert_int_equal(admin_number(json_array_get(f->items, 0), "quota", 0), 77);
	assert_true(json_is_false(json_object_get(json_array_get(f->items, 0), "enabled")));
	assert_int_equal(call(f, "{\"command\":\"domain.remove\",\"domain\":\"example.test\"}"),
	                 -ENOTEMPTY);
	assert_int_equal(call(f, "{\"command\":\"user.remove\",\"address\":\"a@example.test\"}"),
	                 0);
	assert_int_equal(call(f, "{\"command\":\"user.remove\",\"address\":\"a@example.test\"}"),
	                 -ENOENT);
	assert_int_equal(call(f, "{\"command\":\"domain.remove\",\"domain\":\"example.test\"}"), 0);
}

static void verifiers_are_kept(void **state)
{
	struct fixture *f = *state;
	call(f, DOMAIN("example.test"));
	assert_int_equal(call(f, "{\"command\":\"user.add\",\"address\":\"a@example.test\","
	                         "\"verifiers\":[{\"kind\":\"argon2id\",\"value\":\"v\"}]}"),
	                 0);
	assert_int_equal(testing_count(f->admin.store, "SELECT count(*) FROM credential"), 1);
	assert_int_equal(call(f, "{\"command\":\"user.passwd\",\"address\":\"a@example.test\","
	                         "\"verifiers\":[{\"kind\":\"x\"}]}"),
	                 -EINVAL);
	assert_int_equal(call(f, "{\"command\":\"user.passwd\",\"address\":\"b@example.test\","
	                         "\"verifiers\":[]}"),
	                 -ENOENT);
}

static int add_many(struct db *db, void *arg)
{
	int rc = directory_add_domain(db, SLICE("many.test"));
	(void)arg;
	for (int i = 0; i < 450 && rc == 0; i++) {
		char address[64], alias[64];
		snprintf(address, sizeof(address), "u%04d@many.test", i);
		snprintf(alias, sizeof(alias), "a%04d@many.test", i);
		const struct account_new account = { .address = slice_from_str(address) };
		rc = directory_add_account(db, &account, NULL);
		if (rc == 0)
			rc = directory_add_alias(db, slice_from_str(alias),
			                         slice_from_str(address));
		if (rc == 0)
			rc = directory_add_alias(db, slice_from_str(alias), SLICE("x@other.test"));
	}
	return rc;
}

/* Lists are read page by page: none is missing, none comes twice. */
static void long_lists_are_whole(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_commit(f->admin.store, NULL, 0, add_many, NULL), 0);
	assert_int_equal(call(f, "{\"command\":\"user.list\"}"), 0);
	assert_int_equal(json_array_size(f->items), 450);
	for (size_t i = 0; i < 450; i++) {
		char address[64];
		snprintf(address, sizeof(address), "u%04zu@many.test", i);
		assert_string_equal(item_text(f, i, "address"), address);
	}
	assert_int_equal(call(f, "{\"command\":\"alias.list\"}"), 0);
	assert_int_equal(json_array_size(f->items), 450);
	for (size_t i = 0; i < 450; i++) {
		json_t *targets = json_object_get(json_array_get(f->items, i), "targets");
		assert_int_equal(json_array_size(targets), 2);
	}
}

/* Two messages, one with a few recipients and one with many, and two journeys likewise. */
static int fill_queue(struct db *db, void *arg)
{
	(void)arg;
	int rc = 0;
	for (int message = 1; message <= 2 && rc == 0; message++) {
		char id[17];
		snprintf(id, sizeof(id), "%016d", message);
		rc = db_run(db,
		            "INSERT INTO queue_message (id, queue_id, message_id, reverse_path,"
		            " blob_id, skip_bytes, size_bytes, arrived_ms, expires_ms)"
		            " VALUES ($1, $2, '<m@x>', 's@x', 99, 0, 10, 1, 2)",
		            "is", (int64_t)message, id);
		for (int64_t i = 0; i < (message == 1 ? 3 : 597) && rc == 0; i++) {
			struct journey_event event = { .queue_id = slice_from_str(id),
				                       .message_id = SLICE("<m@x>"),
				                       .kind = i ? JOURNEY_DEFERRED
				                                 : JOURNEY_RECEIVED };
			rc = db_run(db,
			            "INSERT INTO queue_recipient (queue_message_id, position,"
			            " forward_path, domain, due_ms) VALUES ($1, $2, 'r@y', 'y', 0)",
			            "ii", (int64_t)message, i);
			if (rc == 0)
				rc = journey_begin(db, &event, i);
		}
	}
	return rc;
}

static size_t count_items(struct fixture *f, const char *request)
{
	assert_int_equal(call(f, request), 0);
	return json_array_size(f->items);
}

static void the_queue_and_journeys_come_by_the_page(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_commit(f->admin.store, NULL, 0, fill_queue, NULL), 0);
	assert_int_equal(count_items(f, "{\"command\":\"queue.list\"}"), 600);
	assert_string_equal(item_text(f, 2, "id"), "0000000000000001");
	assert_string_equal(item_text(f, 3, "id"), "0000000000000002");
	assert_int_equal(count_items(f, "{\"command\":\"queue.list\",\"limit\":200}"), 200);
	assert_int_equal(count_items(f, "{\"command\":\"queue.list\",\"limit\":201}"), 201);
	assert_int_equal(count_items(f, "{\"command\":\"queue.list\",\"limit\":900}"), 600);
	assert_int_equal(count_items(f, "{\"command\":\"queue.show\","
	                                "\"id\":\"0000000000000002\"}"),
	                 2 * 597);
	assert_non_null(json_object_get(json_array_get(f->items, 0), "header"));
	assert_null(json_object_get(json_array_get(f->items, 200), "header"));
	assert_int_equal(count_items(f, "{\"command\":\"trace\",\"id\":\"0000000000000002\"}"),
	                 597);
	assert_int_equal(count_items(f, "{\"command\":\"trace\",\"id\":\"m@x\"}"), 600);
	assert_int_equal(count_items(f, "{\"command\":\"trace\",\"limit\":1}"), 597);
}

static void a_listener_that_goes_ends_the_list(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_commit(f->admin.store, NULL, 0, add_many, NULL), 0);
	f->stop_after = 3;
	assert_int_equal(call(f, "{\"command\":\"user.list\"}"), -EPIPE);
	assert_int_equal(json_array_size(f->items), 3);
}

static void aliases_come_all_or_none(void **state)
{
	struct fixture *f = *state;
	call(f, DOMAIN("example.test"));
	assert_int_equal(call(f, "{\"command\":\"alias.add\",\"address\":\"s@example.test\","
	                         "\"targets\":[\"a@b.test\",\"not an address\"]}"),
	                 -EINVAL);
	assert_string_equal(f->reply.error, "'not an address' is no address");
	assert_int_equal(call(f, "{\"command\":\"alias.list\"}"), 0);
	assert_int_equal(json_array_size(f->items), 0);
	assert_int_equal(call(f, "{\"command\":\"alias.add\",\"address\":\"s@example.test\"}"),
	                 -EINVAL);
	assert_int_equal(call(f, "{\"command\":\"alias.add\",\"address\":\"s@other.test\","
	                         "\"targets\":[\"a@b.test\"]}"),
	                 -ENOENT);
	assert_int_equal(call(f, "{\"command\":\"alias.remove\",\"address\":\"s@example.test\"}"),
	                 -ENOENT);
}

static void status_counts(void **state)
{
	struct fixture *f = *state;
	call(f, DOMAIN("example.test"));
	call(f, USER("a@example.test"));
	assert_int_equal(call(f, "{\"command\":\"status\"}"), 0);
	const json_t *item = json_array_get(f->items, 0);
	assert_true(json_is_false(json_object_get(item, "running")));
	assert_int_equal(admin_number(item, "domains", 0), 1);
	assert_int_equal(admin_number(item, "users", 0), 1);
	assert_int_equal(admin_number(item, "queued", -1), 0);
	assert_int_equal(call(f, "{\"command\":\"fsck\"}"), 0);
	assert_int_equal(admin_number(json_array_get(f->items, 0), "damaged", -1), 0);
	assert_int_equal(call(f, "{\"command\":\"trace\",\"id\":\"none@here\"}"), -ENOENT);
	assert_int_equal(call(f, "{\"command\":\"trace\",\"to\":\"a@b\",\"limit\":0}"), -EINVAL);
}

static void metrics_are_well_formed(void **state)
{
	struct fixture *f = *state;
	struct buf text = buf_make(1 << 20);
	assert_int_equal(admin_print_metrics(&f->admin, &text), 0);
	struct slice rest = buf_slice(&text);
	size_t values = 0;
	assert_true(slice_find(rest, SLICE("\nveredus_queue_length 0\n")) > 0);
	while (rest.len > 0) {
		struct slice line = slice_split(&rest, '\n');
		assert_true(slice_starts_with(line, SLICE("# ")) ||
		            slice_starts_with(line, SLICE("veredus_")));
		values += line.data[0] == 'v';
	}
	assert_true(values > 10);
	buf_free(&text);
}

static void text_that_is_no_utf8_is_shown(void **state)
{
	(void)state;
	json_t *json = admin_json_text(SLICE("a\xe9z"));
	assert_string_equal(json_string_value(json), "a\xc3\xa9z");
	json_decref(json);
	json = admin_json_text(slice_of("a\0b", 3));
	assert_int_equal(json_string_length(json), 3);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unknown_commands_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(users_live_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(verifiers_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lists_are_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(the_queue_and_journeys_come_by_the_page, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_listener_that_goes_ends_the_list, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(aliases_come_all_or_none, setup, teardown),
		cmocka_unit_test_setup_teardown(status_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_well_formed, setup, teardown),
		cmocka_unit_test(text_that_is_no_utf8_is_shown),
	};
	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
