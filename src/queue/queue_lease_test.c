/* Several queues on one store, some of which die. */
#include "queue/queue_lease.h"

#include <errno.h>

#include "fiber/fiber.h"
#include "queue/queue_testing.h"

#define LEASE_MS 600
#define DAY_MS   (24 * 3600 * 1000LL)
#define OWNERS   "SELECT count(*) FROM queue_owner"

static int run_sql(struct db *db, void *sql) { return db_run(db, sql, ""); }

static void commit(struct office *o, const char *sql)
{
	EXPECT_NUMBER(o, store_commit(o->store, NULL, 0, run_sql, (void *)(uintptr_t)sql), 0);
}

static int setup(void **state)
{
	int rc = office_setup(state);
	struct office *o = *state;
	if (rc == 0) {
		o->config->queue.lease_ms = LEASE_MS;
		office_reopen(o);
	}
	return rc;
}

/* --- somebody else -------------------------------------------------------------------- */

/* Has some of the mail, and has just given a sign of life. */
static void somebody_has_it(struct office *o)
{
	commit(o, "INSERT INTO queue_owner (owner, node, beat, at_ms)"
	          " VALUES ('5b', 'elsewhere', 7, 0)");
	commit(o, "UPDATE queue_recipient SET due_ms = due_ms + 86400000,"
	          " lease_owner = CASE queue_message_id % 2 WHEN 0 THEN '5b' ELSE '5b+3' END");
}

static void after_lease_time(struct office *o)
{
	int64_t began_ms = clock_monotonic_ms();
	/* No clock on the wall has a say in it. */
	clock_shift_wall(2 * DAY_MS);
	office_wait(o, OWNERS, 2);
	clock_shift_wall(-4 * DAY_MS);
	office_wait(o, QUEUED, 0);
	clock_shift_wall(2 * DAY_MS);
	EXPECT(o, clock_monotonic_ms() - began_ms >= LEASE_MS);
	EXPECT_NUMBER(o, o->remote.messages, 6);
	EXPECT_NUMBER(o, office_count(o, OWNERS), 1);
}

static void the_dead_are_taken_over_from(void **state)
{
	struct office *o = *state;
	office_fill(o, 6, "d#.far.test", 3);
	somebody_has_it(o);
	office_run(o, after_lease_time);
}

static void while_it_lives(struct office *o)
{
	int64_t until_ms = clock_monotonic_ms() + 3 * LEASE_MS;
	while (clock_monotonic_ms() < until_ms) {
		commit(o, "UPDATE queue_owner SET beat = beat + 1 WHERE owner = '5b'");
		fiber_sleep(deadline_in(LEASE_MS / 10));
	}
	EXPECT_NUMBER(o, o->remote.messages, 0);
	EXPECT_NUMBER(o,
	              office_count(o, "SELECT count(*) FROM queue_recipient"
	                              " WHERE lease_owner LIKE '5b%'"),
	              6);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 6);
}

static void the_living_keep_what_they_have(void **state)
{
	struct office *o = *state;
	office_fill(o, 6, "d#.far.test", 3);
	somebody_has_it(o);
	office_run(o, while_it_lives);
}

static void at_once(struct office *o)
{
	int64_t began_ms = clock_monotonic_ms();
	office_wait(o, QUEUED, 0);
	EXPECT(o, clock_monotonic_ms() - began_ms < 30 * 1000);
	EXPECT_NUMBER(o, office_count(o, OWNERS), 1);
}

/* What died in this directory is dead for sure. */
static void a_former_life_is_taken_over_from_at_once(void **state)
{
	struct office *o = *state;
	o->config->queue.lease_ms = 3600 * 1000;
	office_reopen(o);
	office_fill(o, 6, "d#.far.test", 3);
	somebody_has_it(o);
	const char *node = store_node(o->store);
	char sql[100];
	assert_int_equal(strlen(node), 16);
	snprintf(sql, sizeof(sql), "UPDATE queue_owner SET node = '%s'", node);
	commit(o, sql);
	office_run(o, at_once);
}

/* --- taken over ----------------------------------------------------------------------- */

static void taken_over(struct office *o)
{
	for (int i = 0; i < 8; i++)
		office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 7);
	/* As another one does it that has seen nothing of us for long. */
	commit(o, "DELETE FROM queue_owner");
	somebody_has_it(o);
	office_wait(o, OWNERS, 2);
	commit(o, "UPDATE queue_owner SET beat = beat + 1 WHERE owner = '5b'");
	unsigned sent = o->remote.messages;
	EXPECT_NUMBER(o,
	              office_count(o, "SELECT count(*) FROM queue_recipient"
	                              " WHERE lease_owner LIKE '5b%'"),
	              7);
	/* It sends them all. */
	commit(o, "DELETE FROM queue_recipient");
	commit(o, "DELETE FROM queue_message");
	office_post(o, "alice@example.test", "bob@near.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, sent + 1);
}

/* It forgets what it had in memory, and goes on. */
static void who_was_taken_over_begins_anew(void **state)
{
	struct office *o = *state;
	/* One at once, and the others wait in memory, three seconds each. */
	o->config->queue.rates.messages = 20;
	office_reopen(o);
	office_run(o, taken_over);
}

/* --- two at work ---------------------------------------------------------------------- */

struct second {
	struct post *post;
	struct queue *queue;
};

static struct second second;

static void added_to_second(void *arg)
{
	(void)arg;
	queue_added(second.queue);
}

static void open_second(struct office *o)
{
	const struct post_config post = { .store = o->store,
		                          .mailboxes = o->mailboxes,
		                          .config = o->config,
		                          .queued = added_to_second };
	assert_int_equal(post_open(&post, &second.post), 0);
	const struct queue_config queue = {
		.store = o->store, .post = second.post, .config = o->config, .node = "elsewhere"
	};
	assert_int_equal(queue_open(&queue, &second.queue), 0);
}

static void close_second(void)
{
	queue_close(second.queue);
	post_close(second.post);
}

static int64_t both_relayed(const struct office *o)
{
	return (int64_t)(queue_counts(o->queue).relayed + queue_counts(second.queue).relayed);
}

/* They count when the rows have gone. */
static void wait_for_counts(struct office *o, int64_t wanted)
{
	for (int i = 0; i < 1000 && both_relayed(o) < wanted; i++)
		fiber_sleep(deadline_in(10));
	EXPECT_NUMBER(o, both_relayed(o), wanted);
}

static void both_work(struct office *o)
{
	EXPECT_NUMBER(o, queue_start(second.queue), 0);
	office_fill(o, 200, "d#.far.test", 40);
	queue_kick(o->queue);
	queue_kick(second.queue);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 200);
	EXPECT_NUMBER(o, office_count(o, OWNERS), 2);
	wait_for_counts(o, 200);
	EXPECT(o, queue_counts(o->queue).relayed > 0);
	EXPECT(o, queue_counts(second.queue).relayed > 0);
}

static void two_share_the_work(void **state)
{
	struct office *o = *state;
	/* Slow enough for one to leave something to the other. */
	o->config->queue.max_connections = 2;
	o->config->queue.rates.messages = 1200;
	office_reopen(o);
	open_second(o);
	office_run(o, both_work);
	close_second();
	assert_int_equal(office_count(o, OWNERS), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, office_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_dead_are_taken_over_from),
		TEST(the_living_keep_what_they_have),
		TEST(a_former_life_is_taken_over_from_at_once),
		TEST(who_was_taken_over_begins_anew),
		TEST(two_share_the_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
