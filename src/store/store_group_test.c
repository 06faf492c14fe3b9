/* Closures of one group: which are run again, and what remains of those that fail. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "store/store_internal.h"
#include "store/store_testing.h"

enum { MEMBERS = 12, CAREFUL_GROUPS_SEEN = 40 };

struct member {
	pthread_t thread;
	struct store *store;
	int64_t number;
	int error; /* that its closure returns, after it has written */
	int runs;
	int rc; /* of the commit */
	int64_t blob_id;
};

static struct slice bytes_of(int64_t number, char out[static 32])
{
	return slice_of(out, (size_t)snprintf(out, 32, "of member %d", (int)number));
}

struct joining {
	struct member *member;
	struct store_blob *blob;
};

/* The key is unique: what a first run did must be gone. */
static int join(struct db *db, void *arg)
{
	const struct joining *j = arg;
	struct member *m = j->member;
	m->runs++;
	int rc = db_run(db,
	                "INSERT INTO message (id, blob_id, size_bytes, internal_ms, envelope,"
	                " body_structure) VALUES ($1, $2, 1, 0, '', '')",
	                "ii", m->number, j->blob->id);
	if (rc == 0)
		rc = blob_retain(db, j->blob->id, 1);
	return rc == 0 ? m->error : rc;
}

static void *commit_member(void *arg)
{
	struct member *m = arg;
	char text[32];
	struct slice bytes = bytes_of(m->number, text);
	struct store_blob blob = { .parts = &bytes, .part_count = 1, .note = SLICE("a note") };
	struct joining j = { m, &blob };
	m->rc = store_commit(m->store, &blob, 1, join, &j);
	m->blob_id = blob.id;
	return NULL;
}

static size_t waiting(struct store *s)
{
	size_t count = 0;
	pthread_mutex_lock(&s->queue_lock);
	for (struct commit *c = s->queue; c; c = c->next)
		count++;
	pthread_mutex_unlock(&s->queue_lock);
	return count;
}

struct gate {
	struct store *store;
	size_t members;
};

/* While a closure runs no other group is taken, so all that come meanwhile make one. */
static int hold_until_all_wait(struct db *db, void *arg)
{
	const struct gate *g = arg;
	(void)db;
	while (waiting(g->store) < g->members)
		usleep(100);
	return 0;
}

static void *commit_gate(void *arg)
{
	struct gate *g = arg;
	assert_int_equal(store_commit(g->store, NULL, 0, hold_until_all_wait, g), 0);
	return NULL;
}

static void commit_together(struct store *s, struct member *members, size_t count)
{
	struct gate gate = { s, count };
	pthread_t keeper;
	uint64_t before = store_counts(s).groups;
	assert_int_equal(pthread_create(&keeper, NULL, commit_gate, &gate), 0);
	/* It must have been taken before the first member comes. */
	bool busy = false;
	while (!busy) {
		pthread_mutex_lock(&s->queue_lock);
		busy = s->busy;
		pthread_mutex_unlock(&s->queue_lock);
	}
	for (size_t i = 0; i < count; i++) {
		members[i].store = s;
		members[i].runs = 0;
		assert_int_equal(
			pthread_create(&members[i].thread, NULL, commit_member, &members[i]), 0);
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(members[i].thread, NULL);
	pthread_join(keeper, NULL);
	assert_int_equal(store_counts(s).groups, before + 2);
}

static void assert_kept(struct store *s, const struct member *m)
{
	char text[32];
	assert_int_equal(m->rc, 0);
	assert_true(testing_blob_is(s, m->blob_id, bytes_of(m->number, text)));
}

static void assert_nothing_wrong(struct store *s)
{
	struct store_check check = { 0 };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
}

static void one_that_fails_spoils_no_other(void **state)
{
	struct store *s = testing_open(*state);
	struct member members[MEMBERS];
	for (size_t i = 0; i < MEMBERS; i++)
		members[i] = (struct member){ .number = (int64_t)i + 1,
			                      .error = i % 5 == 3 ? -EDOM : 0 };
	commit_together(s, members, MEMBERS);
	for (size_t i = 0; i < MEMBERS; i++) {
		if (members[i].error == 0)
			assert_kept(s, &members[i]);
		assert_int_equal(members[i].rc, members[i].error);
	}
	assert_int_equal(testing_count(s, "SELECT count(*) FROM message"), MEMBERS - 2);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM blob"), MEMBERS - 2);
	assert_nothing_wrong(s);
	store_close(s);
	s = testing_open(*state);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM message"), MEMBERS - 2);
	store_close(s);
}

static void references_are_counted_anew(void **state)
{
	struct store *s = testing_open(*state);
	struct member members[] = { { .number = 1 }, { .number = 2, .error = -EDOM } };
	int first_runs = 0;
	/* Which of the two comes first is not ours to say. */
	for (int64_t number = 1; first_runs != 2; number += 2) {
		members[0].number = number;
		members[1].number = number + 1;
		s->careful = 0;
		commit_together(s, members, 2);
		first_runs = members[0].runs;
		assert_int_equal(members[1].runs, 2);
		assert_kept(s, &members[0]);
		assert_int_equal(members[1].rc, -EDOM);
	}
	assert_int_equal(testing_count(s, "SELECT count(*) FROM blob WHERE refs <> 1"), 0);
	assert_nothing_wrong(s);
	store_close(s);
}

static void failures_do_not_have_each_group_run_twice(void **state)
{
	struct store *s = testing_open(*state);
	struct member members[] = { { .number = 1, .error = -EDOM }, { .number = 2 } };
	commit_together(s, members, 2);
	assert_int_equal(members[0].runs, 2);
	int groups = 0;
	/* In savepoints at first. */
	do {
		assert_true(groups++ < CAREFUL_GROUPS_SEEN);
		members[1].number++;
		commit_together(s, members, 2);
		assert_kept(s, &members[1]);
		assert_int_equal(members[0].rc, -EDOM);
	} while (members[0].runs == 1);
	assert_true(groups > 10);
	assert_nothing_wrong(s);
	store_close(s);
}

static void alone_it_runs_once(void **state)
{
	struct store *s = testing_open(*state);
	struct member m = { .store = s, .number = 1, .error = -EDOM };
	commit_member(&m);
	assert_int_equal(m.rc, -EDOM);
	assert_int_equal(m.runs, 1);
	assert_int_equal(s->careful, 0);
	store_close(s);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(one_that_fails_spoils_no_other),
		UNIT(references_are_counted_anew),
		UNIT(failures_do_not_have_each_group_run_twice),
		UNIT(alone_it_runs_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
