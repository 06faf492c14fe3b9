/* A wall clock that is set two days forward and back while mail waits: nothing is lost, nothing
 * expires, and the schedule goes on as if it had not been. */
#include "queue/queue_testing.h"

#include "base/clock.h"
#include "fiber/fiber.h"
#include "route/journey.h"

#define DAY_MS   (24 * 3600 * 1000LL)
#define HOUR_MS  (3600 * 1000LL)
#define DEFERRED "SELECT count(*) FROM journey WHERE kind = 4"
#define BOUNCED  "SELECT count(*) FROM journey WHERE kind = 5"
_Static_assert(JOURNEY_DEFERRED == 4 && JOURNEY_BOUNCED == 5, "the rows' numbers");
/* That wait, as long after they arrived as one that failed once an hour ahead. */
#define SPACED                                                                                     \
	"SELECT count(*) FROM queue_recipient r JOIN queue_message m ON m.id = r.queue_message_id" \
	" WHERE r.lease_owner IS NULL AND r.due_ms - m.arrived_ms BETWEEN 3000000 AND 4500000"
#define IN_TIME "SELECT count(*) FROM queue_message WHERE expires_ms - arrived_ms = 86400000"

/* Each is more than what waits can be due ahead, or has waited. */
static const int64_t jumps[] = { 2 * DAY_MS, -2 * DAY_MS, -2 * DAY_MS, 2 * DAY_MS };

static int setup(void **state)
{
	int rc = office_setup(state);
	struct office *o = *state;
	if (rc == 0) {
		o->config->queue.times.retry_first_ms = HOUR_MS;
		o->config->queue.times.retry_max_ms = 4 * HOUR_MS;
		office_reopen(o);
	}
	return rc;
}

static void jump(struct office *o, int64_t by_ms)
{
	clock_shift_wall(by_ms);
	queue_kick(o->queue);
}

static void before_a_dead_host(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, -1, "421 4.3.2 closed" };
	office_fill(o, 100, "d#.far.test", 10);
	queue_kick(o->queue);
	office_wait(o, SPACED, 100);
	unsigned probes = o->remote.connections;
	int64_t deferred = office_count(o, DEFERRED);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		jump(o, jumps[i]);
		office_wait(o, SPACED, 100);
		EXPECT_NUMBER(o, office_count(o, IN_TIME), 100);
	}
	EXPECT_NUMBER(o, o->remote.connections, probes);
	EXPECT_NUMBER(o, office_count(o, DEFERRED), deferred);
	EXPECT_NUMBER(o, office_count(o, BOUNCED), 0);
	/* The pause ends when it would have. */
	o->remote.rules[0].times = 0;
	clock_let_pass(HOUR_MS / 2);
	queue_kick(o->queue);
	fiber_sleep(deadline_in(200));
	EXPECT_NUMBER(o, o->remote.connections, probes);
	clock_let_pass(HOUR_MS);
	queue_kick(o->queue);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 100);
	clock_let_pass(-HOUR_MS - HOUR_MS / 2);
}

static void a_dead_host_is_not_tried_for_it(void **state)
{
	office_run(*state, before_a_dead_host);
}

static void put_off_one_by_one(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, -1, "450 4.2.1 not yet" };
	office_fill(o, 20, "d#.far.test", 4);
	queue_kick(o->queue);
	office_wait(o, DEFERRED, 20);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		jump(o, jumps[i]);
		fiber_sleep(deadline_in(300));
		office_wait(o, "SELECT count(*) FROM queue_recipient WHERE lease_owner IS NULL",
		            20);
		/* A date may be taken for one that has come; but each recipient once. */
		EXPECT_RANGE(o, office_count(o, DEFERRED), 20, 20 * (int64_t)(i + 2));
	}
	EXPECT_NUMBER(o, office_count(o, BOUNCED), 0);
	EXPECT_NUMBER(o, office_count(o, QUEUED), 20);
}

static void recipients_are_tried_once_for_it(void **state)
{
	office_run(*state, put_off_one_by_one);
}

static void set_forward(void) { clock_shift_wall(2 * DAY_MS); }

static void while_it_connects(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, 1, "421 4.3.2 closed" };
	o->remote.connected = set_forward;
	office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, SPACED, 1);
	o->remote.connected = NULL;
	EXPECT_NUMBER(o, o->remote.connections, 1);
	clock_let_pass(2 * HOUR_MS);
	queue_kick(o->queue);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 1);
	clock_let_pass(-2 * HOUR_MS);
	clock_shift_wall(-2 * DAY_MS);
}

/* A pause that begins by the new date is not moved with those before. */
static void a_pause_is_moved_once(void **state) { office_run(*state, while_it_connects); }

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, office_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_dead_host_is_not_tried_for_it),
		TEST(recipients_are_tried_once_for_it),
		TEST(a_pause_is_moved_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
