#include <errno.h>

#include "base/clock.h"
#include "route/journey_sketch.h"
#include "route/queue_id.h"
#include "store/store_testing.h"

enum { MESSAGES = 6000, BATCH = 500 };

/* Message i: from s(i % 100) to r(i) and, elsewhere, by the alias a(i), to f(i % 7). */
struct fixture {
	char *dir;
	struct store *store;
	struct queue_id_source ids;
	int64_t first_ms;
	int next;
	char id_of_100[QUEUE_ID_LEN + 1];
};

#define TEXT(out, ...) slice_of(out, (size_t)snprintf(out, sizeof(out), __VA_ARGS__))

static int add_one(struct db *db, struct fixture *f, int i)
{
	char id[QUEUE_ID_LEN + 1], a[64], b[64];
	queue_id_next(&f->ids, f->first_ms + i * 10, id);
	if (i == 100)
		memcpy(f->id_of_100, id, sizeof(id));
	struct journey_event e = { .at_ms = f->first_ms + i * 10,
		                   .queue_id = slice_of(id, QUEUE_ID_LEN),
		                   .message_id = TEXT(a, "<m%d@x.test>", i),
		                   .kind = JOURNEY_RECEIVED,
		                   .address = TEXT(b, "S%d@x.test", i % 100) };
	int rc = journey_begin(db, &e, 0);
	e.message_id = SLICE_EMPTY;
	e.kind = JOURNEY_DELIVERED;
	e.address = TEXT(a, "r%d@here.test", i);
	e.detail = SLICE("INBOX");
	if (rc == 0)
		rc = journey_begin(db, &e, 1);
	e.kind = JOURNEY_QUEUED;
	e.address = TEXT(a, "f%d@far.test", i % 7);
	e.detail = TEXT(b, "far.test, for a%d@here.test", i);
	return rc == 0 ? journey_begin(db, &e, 2) : rc;
}

static int add_some(struct db *db, void *arg)
{
	struct fixture *f = arg;
	int rc = 0;
	for (int i = 0; i < BATCH && rc == 0; i++)
		rc = add_one(db, f, f->next + i);
	return rc;
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	testing_make_dir((void **)&f->dir);
	f->store = testing_open(f->dir);
	f->first_ms = clock_wall_ms() - 3600 * 1000;
	queue_id_source_create(&f->ids);
	for (f->next = 0; f->next < MESSAGES; f->next += BATCH)
		assert_int_equal(store_commit(f->store, NULL, 0, add_some, f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	testing_remove_dir((void **)&f->dir);
	free(f);
	return 0;
}

/* --- searching ------------------------------------------------------------------------ */

struct search {
	struct journey_filter filter;
	struct journey_search at;
	int limit, found, reads;
	char last[QUEUE_ID_LEN + 1], newest[QUEUE_ID_LEN + 1];
};

static int see(const struct journey_event *e, void *arg)
{
	struct search *s = arg;
	assert_int_equal(e->kind, JOURNEY_RECEIVED);
	snprintf(s->last, sizeof(s->last), "%.*s", SLICE_ARG(e->queue_id));
	if (s->found++ == 0)
		memcpy(s->newest, s->last, sizeof(s->last));
	return s->found == s->limit ? 2 : 0;
}

static int search_some(struct db *db, void *arg)
{
	struct search *s = arg;
	return journey_search(db, &s->filter, &s->at, see, s);
}

/* How many; the reads that looked at rows are counted, too. */
static struct search find(struct fixture *f, struct journey_filter filter, int limit)
{
	struct search s = { .filter = filter, .limit = limit };
	int rc = 1;
	while (rc == 1) {
		rc = store_read(f->store, search_some, &s);
		s.reads++;
	}
	assert_true(rc == 0 || rc == 2);
	return s;
}

#define ID(text)   ((struct journey_filter){ .message_id = SLICE(text) })
#define FROM(text) ((struct journey_filter){ .from = SLICE(text) })
#define TO(text)   ((struct journey_filter){ .to = SLICE(text) })

static void all_is_found(struct fixture *f)
{
	assert_int_equal(find(f, ID("m100@x.test"), 9).found, 1);
	assert_string_equal(find(f, ID("<m100@x.test>"), 9).last, f->id_of_100);
	assert_string_equal(find(f, TO("R100@here.test"), 9).last, f->id_of_100);
	assert_string_equal(find(f, TO("a100@HERE.test"), 9).last, f->id_of_100);
	assert_int_equal(find(f, FROM("s7@X.test"), 1000).found, MESSAGES / 100);
	assert_int_equal(find(f, FROM("s7@x.test"), 3).found, 3);
	assert_int_equal(find(f, TO("f3@far.test"), 10000).found, MESSAGES / 7);
	assert_int_equal(find(f, (struct journey_filter){ .message_id = SLICE_EMPTY }, 10000).found,
	                 MESSAGES);
	struct journey_filter both = { .from = SLICE("s0@x.test"), .to = SLICE("r100@here.test") };
	assert_string_equal(find(f, both, 9).last, f->id_of_100);
	both.from = SLICE("s1@x.test");
	assert_int_equal(find(f, both, 9).found, 0);
	assert_int_equal(find(f, ID("M100@x.test"), 9).found, 0);
	struct journey_filter between = { .since_ms = f->first_ms + 1000,
		                          .until_ms = f->first_ms + 1990 };
	assert_int_equal(find(f, between, 10000).found, 100);
	assert_string_equal(find(f, between, 10000).last, f->id_of_100);
}

static void newest_comes_first(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	for (int round = 0; round < 2; round++) {
		struct search s = find(f, FROM("s0@x.test"), 100000);
		assert_int_equal(s.found, MESSAGES / 100);
		assert_true(slice_compare(slice_from_str(s.newest), slice_from_str(s.last)) > 0);
		assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	}
}

static void sketched_or_not_all_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	all_is_found(f);
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	/* The rows of the last one are not enough for a sketch. */
	assert_int_equal(count, 3 * MESSAGES / 4097);
	all_is_found(f);
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	assert_int_equal(count, 0);
}

static void a_search_reads_little(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	assert_int_equal(find(f, ID("none@x.test"), 9).reads, (3 * MESSAGES + 4095) / 4096);
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	/* The rows behind the sketches, and what one in 280 errs. */
	int reads = 0;
	for (int i = 0; i < 20; i++) {
		char text[64];
		reads += find(f, (struct journey_filter){ .to = TEXT(text, "n%d@x", i) }, 9).reads;
	}
	assert_in_range(reads, 40, 44);
}

static void new_journeys_wait_for_their_sketch(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	assert_int_equal(journey_sketch_all(f->store, f->first_ms, &count), 0);
	assert_int_equal(count, 0);
	/* A clock that is set back takes sketches away that would hide new journeys. */
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	assert_int_equal(testing_count(f->store, "SELECT count(*) FROM journey_sketch"), 4);
	assert_int_equal(journey_sketch_all(f->store, f->first_ms + 150000, &count), 0);
	assert_int_equal(testing_count(f->store, "SELECT count(*) FROM journey_sketch"), 2);
	all_is_found(f);
}

static int add_late(struct db *db, void *arg)
{
	struct fixture *f = arg;
	char id[QUEUE_ID_LEN + 1];
	queue_id_least(f->first_ms + 55, id);
	struct journey_event e = { .at_ms = f->first_ms + 200000,
		                   .queue_id = slice_of(id, QUEUE_ID_LEN),
		                   .message_id = SLICE("<late@x.test>"),
		                   .address = SLICE("slow@x.test") };
	return journey_begin(db, &e, 0);
}

static int add_to_100(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct journey_event e = { .at_ms = clock_wall_ms(),
		                   .queue_id = slice_from_str(f->id_of_100),
		                   .kind = JOURNEY_DELIVERED,
		                   .address = SLICE("later@here.test") };
	int rc = journey_note_late(db, e.queue_id);
	return rc == 0 ? journey_note(db, &e) : rc;
}

static void what_is_late_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	assert_int_equal(store_commit(f->store, NULL, 0, add_late, f), 0);
	assert_int_equal(find(f, ID("late@x.test"), 9).found, 1);
	assert_int_equal(find(f, FROM("slow@x.test"), 9).found, 1);
	assert_int_equal(store_commit(f->store, NULL, 0, add_to_100, f), 0);
	assert_string_equal(find(f, TO("later@here.test"), 9).last, f->id_of_100);
}

static int expire_all(struct db *db, void *arg) { return journey_expire(db, clock_wall_ms(), arg); }

static void sketches_go_with_their_journeys(void **state)
{
	struct fixture *f = *state;
	uint64_t count;
	int64_t gone = 1;
	assert_int_equal(store_commit(f->store, NULL, 0, add_late, f), 0);
	assert_int_equal(journey_sketch_all(f->store, clock_wall_ms(), &count), 0);
	while (gone > 0)
		assert_int_equal(store_commit(f->store, NULL, 0, expire_all, &gone), 0);
	assert_int_equal(testing_count(f->store, "SELECT count(*) FROM journey_sketch"), 0);
	assert_int_equal(testing_count(f->store, "SELECT count(*) FROM journey_late"), 0);
	assert_int_equal(find(f, ID("m100@x.test"), 9).found, 0);
}

/* --- how it is done --------------------------------------------------------------------- */

static int explain(struct db *db, void *arg)
{
	struct db_rows rows;
	char *out = arg;
	int rc = db_query(db, &rows,
	                  "EXPLAIN QUERY PLAN SELECT at_ms FROM journey AS r WHERE queue_id > $1"
	                  " AND queue_id <= $2 AND kind = 0 AND EXISTS (SELECT 1 FROM journey AS d"
	                  " WHERE d.queue_id = r.queue_id AND d.kind <> 0 AND d.address = $3)"
	                  " ORDER BY queue_id DESC, position DESC",
	                  "sss", "a", "b", "c");
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		out += snprintf(out, 100, "%.*s\n", SLICE_ARG(db_text(&rows, 3)));
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static void rows_are_found_by_the_key(void **state)
{
	struct fixture *f = *state;
	char plan[1000] = "";
	assert_int_equal(store_read(f->store, explain, plan), 0);
	assert_non_null(strstr(plan, "SEARCH r USING PRIMARY KEY (queue_id>? AND queue_id<?)"));
	assert_non_null(strstr(plan, "SEARCH d USING PRIMARY KEY (queue_id=?)"));
	assert_null(strstr(plan, "SCAN"));
	assert_null(strstr(plan, "SORT"));
	assert_null(strstr(plan, "TEMP"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(sketched_or_not_all_is_found), TEST(newest_comes_first),
		TEST(a_search_reads_little),        TEST(new_journeys_wait_for_their_sketch),
		TEST(what_is_late_is_found),        TEST(sketches_go_with_their_journeys),
		TEST(rows_are_found_by_the_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
