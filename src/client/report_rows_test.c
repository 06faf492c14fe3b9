#include "client/report_rows.h"

#include <errno.h>

#include "store/store_testing.h"

#define NOW_MS 1000000

static struct report_row row_to(const char *peer, int64_t due_ms)
{
	struct slice name = slice_from_str(peer);
	return (struct report_row){ .kind = REPORT_TLS,
		                    .sent = true,
		                    .at_ms = 1,
		                    .due_ms = due_ms,
		                    .peer = name,
		                    .state = SLICE("waits"),
		                    .body = SLICE("{}"),
		                    .summary = { .organization = SLICE("us"),
		                                 .contact = SLICE("us@a.test"),
		                                 .report_id = name,
		                                 .domain = SLICE("b.test") } };
}

static int put(struct db *db, void *arg)
{
	const struct report_row rows[] = { row_to("HTTPS://a.test/", 10),
		                           row_to("mailto:a@b.test", 20),
		                           row_to("https://b.test/", 30),
		                           row_to("mailto:late@b.test", NOW_MS + 1) };
	int rc = 0;
	(void)arg;
	for (size_t i = 0; i < 4 && rc == 0; i++)
		rc = report_row_put(db, &rows[i]);
	return rc;
}

struct question {
	struct arena *arena;
	bool only_mail;
	struct report_row row;
};

static int find(struct db *db, void *arg)
{
	struct question *q = arg;
	return report_row_due(db, q->arena, REPORT_TLS, q->only_mail, NOW_MS, &q->row);
}

static int end(struct db *db, void *arg)
{
	struct question *q = arg;
	q->row.due_ms = 0;
	return report_row_update(db, &q->row);
}

static void mail_is_found_among_posts(void **state)
{
	struct store *store = testing_open(*state);
	struct question q = { .arena = arena_new() };
	assert_int_equal(store_commit(store, NULL, 0, put, NULL), 0);
	assert_int_equal(store_read(store, find, &q), 0);
	assert_true(slice_equal(q.row.peer, SLICE("HTTPS://a.test/")));
	q.only_mail = true;
	assert_int_equal(store_read(store, find, &q), 0);
	assert_true(slice_equal(q.row.peer, SLICE("mailto:a@b.test")));
	assert_int_equal(store_commit(store, NULL, 0, end, &q), 0);
	assert_int_equal(store_read(store, find, &q), -ENODATA);
	arena_free(q.arena);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mail_is_found_among_posts, testing_make_dir,
		                                testing_remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
