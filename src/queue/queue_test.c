/* The whole queue, from the accepting commit to the last record, against a scripted remote. */
#include "queue/queue_testing.h"

#include <errno.h>

#include "base/codec.h"
#include "fiber/fiber.h"
#include "queue/queue_table.h"
#include "route/journey.h"

#define JOURNEY(kind) "SELECT count(*) FROM journey WHERE kind = " #kind
#define RELAYED       JOURNEY(3)
#define DEFERRED      JOURNEY(4)
#define BOUNCED       JOURNEY(5)
#define DROPPED       JOURNEY(6)
_Static_assert(JOURNEY_RELAYED == 3 && JOURNEY_DEFERRED == 4 && JOURNEY_BOUNCED == 5 &&
                       JOURNEY_DROPPED == 6,
               "the rows' numbers");

static bool has(struct slice text, const char *part)
{
	return slice_find(text, slice_from_str(part)) >= 0;
}

static void nothing_is_left(struct office *o)
{
	EXPECT_NUMBER(o, office_count(o, QUEUED), 0);
	EXPECT_NUMBER(o, office_count(o, "SELECT count(*) FROM queue_message"), 0);
	EXPECT_NUMBER(o, office_count(o, "SELECT coalesce(sum(refs), 0) FROM blob"),
	              office_count(o, INBOXED));
}

/* --- relaying ------------------------------------------------------------------------- */

static void many_on_one_connection(struct office *o)
{
	for (int i = 0; i < 20; i++)
		office_post(o, "alice@example.test", "bob@far.test carol@near.test", 0);
	office_wait(o, QUEUED, 0);
	office_wait(o, RELAYED, 40);
	EXPECT_NUMBER(o, o->remote.messages, 20);
	EXPECT_NUMBER(o, o->remote.recipients, 40);
	struct slice last = slice_of(o->remote.last, o->remote.last_len);
	EXPECT(o, slice_starts_with(last, SLICE("Received: test\r\nSubject: one\r\n")));
	EXPECT(o, slice_ends_with(last, SLICE("\r\n\r\n.dot\r\nbody\r\n")));
	nothing_is_left(o);
}

static void relays(void **state)
{
	struct office *o = *state;
	o->config->queue.max_connections_per_destination = 1;
	office_reopen(o);
	office_run(o, many_on_one_connection);
	assert_int_equal(o->remote.connections, 1);
}

static void once_refused(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", "bob@far.test", 2, "450 4.2.0 not yet" };
	office_post(o, "alice@example.test", "bob@far.test carol@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, office_count(o, DEFERRED), 2);
	EXPECT_NUMBER(o, office_count(o, RELAYED), 2);
	EXPECT_NUMBER(o, o->remote.messages, 2);
	EXPECT_NUMBER(o, o->remote.recipients, 2);
	nothing_is_left(o);
}

static void tries_again_who_was_refused(void **state) { office_run(*state, once_refused); }

static void takes_nobody(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", "bob@", 1, "450 4.2.0 not yet" };
	o->remote.rules[1] = (struct remote_rule){ "DATA", NULL, 1, "354 go on anyway" };
	office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, office_count(o, DEFERRED), 1);
	EXPECT_NUMBER(o, o->remote.messages, 2); /* the first one was empty, and for nobody */
	EXPECT_NUMBER(o, o->remote.recipients, 1);
}

static void an_odd_354_is_answered(void **state) { office_run(*state, takes_nobody); }

static void lost_after_the_dot(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ ".", NULL, 1, NULL };
	office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, office_count(o, DEFERRED), 1);
	EXPECT_NUMBER(o, o->remote.mails, 2);
	EXPECT_NUMBER(o, o->remote.messages, 1);
}

static void a_lost_reply_is_no_success(void **state) { office_run(*state, lost_after_the_dot); }

static void closed_while_idle(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "MAIL", "second@", 1,
		                                   "421 4.4.2 too long idle" };
	o->remote.rules[1] = (struct remote_rule){ "MAIL", "third@", 1, NULL };
	office_post(o, "first@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	office_post(o, "second@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	office_post(o, "third@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, office_count(o, DEFERRED), 0);
	EXPECT_NUMBER(o, o->remote.messages, 3);
}

static void a_stale_connection_is_no_failure(void **state)
{
	struct office *o = *state;
	office_run(o, closed_while_idle);
	assert_int_equal(o->remote.connections, 3);
}

/* --- failing -------------------------------------------------------------------------- */

static void three_fates(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", "no@", -1, "550 5.1.1 no such user" };
	o->remote.rules[1] = (struct remote_rule){ "RCPT", "later@", 1, "451 4.3.0 later" };
	office_post(o, "alice@example.test", "yes@far.test no@far.test later@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 2);
	EXPECT_NUMBER(o, o->remote.recipients, 2);
	EXPECT_NUMBER(o, office_count(o, BOUNCED), 1);
	EXPECT_NUMBER(o, office_count(o, INBOXED), 1);
	struct slice dsn = office_inbox(o);
	EXPECT(o, slice_starts_with(dsn, SLICE("Return-Path: <>\r\n")));
	EXPECT(o, has(dsn, "\r\nTo: <alice@example.test>\r\n"));
	EXPECT(o, has(dsn, "report-type=delivery-status"));
	EXPECT(o, has(dsn, "\r\nFinal-Recipient: rfc822; no@far.test\r\nAction: failed\r\n"
	                   "Status: 5.1.1\r\n"));
	EXPECT(o, has(dsn, "\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
	EXPECT(o, !has(dsn, "later@far.test"));
	EXPECT(o, !has(dsn, "Final-Recipient: rfc822; yes@far.test"));
	EXPECT(o, has(dsn, "\r\nSubject: one\r\n"));
	nothing_is_left(o);
}

static void the_sender_is_told(void **state) { office_run(*state, three_fates); }

static void silent_failures(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, -1, "550 5.1.1 no" };
	office_post(o, "", "bob@far.test", 0);
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_NEVER);
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_SUCCESS);
	office_post(o, "nobody@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	office_wait(o, BOUNCED, 4);
	/* Postmaster, of the one that nobody can be told of. */
	EXPECT_NUMBER(o, office_count(o, INBOXED), 1);
	EXPECT(o, has(office_inbox(o), "\r\nTo: <postmaster@mx.example.test>\r\n"));
	nothing_is_left(o);
}

static void nobody_is_told_who_should_not(void **state) { office_run(*state, silent_failures); }

static void bounces_afar(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", "bob@", -1, "550 5.1.1 no" };
	office_post(o, "sender@far.test", "bob@far.test", 0);
	office_wait(o, RELAYED, 1);
	office_wait(o, QUEUED, 0);
	struct slice dsn = slice_of(o->remote.last, o->remote.last_len);
	EXPECT(o, has(dsn, "\r\nTo: <sender@far.test>\r\n"));
	nothing_is_left(o);
}

static void a_report_goes_through_the_queue(void **state) { office_run(*state, bounces_afar); }

static void success_is_told(struct office *o)
{
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_SUCCESS);
	office_wait(o, QUEUED, 0);
	office_wait(o, INBOXED, 1);
	struct slice dsn = office_inbox(o);
	EXPECT(o, has(dsn, "\r\nAction: relayed\r\nStatus: 2.0.0\r\n"));
	EXPECT(o, has(dsn, "Content-Type: text/rfc822-headers\r\n"));
}

static void success_is_told_if_asked(void **state) { office_run(*state, success_is_told); }

/* --- time ----------------------------------------------------------------------------- */

static void too_old(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, -1, "450 4.2.1 busy" };
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_FAILURE | NOTIFY_DELAY);
	office_wait(o, DEFERRED, 1);
	/* Five hours later its sender hears that it takes long, after five days that it is over. */
	clock_let_pass(5 * 3600 * 1000LL);
	queue_kick(o->queue);
	office_wait(o, INBOXED, 1);
	EXPECT(o, has(office_inbox(o), "\r\nAction: delayed\r\nStatus: 4.2.1\r\n"));
	EXPECT(o, has(office_inbox(o), "\r\nWill-Retry-Until: "));
	clock_let_pass(5 * 24 * 3600 * 1000LL);
	queue_kick(o->queue);
	office_wait(o, INBOXED, 2);
	struct slice dsn = office_inbox(o);
	EXPECT(o, has(dsn, "\r\nAction: failed\r\nStatus: 4.4.7\r\n"));
	EXPECT(o, has(dsn, "450 4.2.1 busy"));
	nothing_is_left(o);
}

static void what_is_too_old_goes_back(void **state)
{
	office_run(*state, too_old);
	clock_shift_wall(-(5 * 24 + 5) * 3600 * 1000LL);
}

static int make_often_tried(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db, "UPDATE queue_recipient SET attempts = 8", "");
}

/* The pauses are long enough to be looked at. */
static void fails_once(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, 1, "421 4.3.2 closed" };
	office_wait(o, "SELECT count(*) FROM queue_recipient WHERE last_text LIKE '421 %'", 1);
	EXPECT_RANGE(o, office_count(o, "SELECT due_ms - last_ms FROM queue_recipient"), 53000,
	             67000);
}

/* Those were for a full mailbox, perhaps: the host failed once. */
static void a_host_pauses_for_its_own_failures(void **state)
{
	struct office *o = *state;
	o->config->queue.times.retry_first_ms = 60 * 1000;
	o->config->queue.times.retry_max_ms = 4 * 3600 * 1000;
	office_reopen(o);
	office_fill(o, 1, "far.test", 1);
	assert_int_equal(store_commit(o->store, NULL, 0, make_often_tried, NULL), 0);
	office_run(o, fails_once);
}

/* RFC 3464 section 2.3.4: 5.x.x would be an end. */
static void refused_at_the_door(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, -1, "554 5.7.1 go away" };
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_FAILURE | NOTIFY_DELAY);
	office_wait(o, DEFERRED, 1);
	clock_let_pass(5 * 3600 * 1000LL);
	queue_kick(o->queue);
	office_wait(o, INBOXED, 1);
	EXPECT(o, has(office_inbox(o), "\r\nAction: delayed\r\nStatus: 4.7.1\r\n"));
	EXPECT(o, has(office_inbox(o), "\r\nDiagnostic-Code: smtp; 554 5.7.1 go away\r\n"));
}

static void a_delay_is_no_end(void **state)
{
	office_run(*state, refused_at_the_door);
	clock_shift_wall(-5 * 3600 * 1000LL);
}

static void after_a_crash(struct office *o)
{
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 1);
}

static int give_up_leases(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db, "UPDATE queue_recipient SET lease_owner = NULL", "");
}

#define YEAR_MS (365 * 24 * 3600 * 1000LL)

static void a_year_ahead(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, -1, "450 4.2.1 busy" };
	office_post(o, "alice@example.test", "bob@far.test", NOTIFY_FAILURE | NOTIFY_DELAY);
	office_wait(o, DEFERRED, 1);
	clock_shift_wall(YEAR_MS);
	queue_kick(o->queue);
	office_wait(o, DEFERRED, 4);
	EXPECT_NUMBER(o, office_count(o, QUEUED), 1);
	EXPECT_NUMBER(o, office_count(o, BOUNCED), 0);
	/* Its time goes on from there. */
	clock_let_pass(3 * 24 * 3600 * 1000LL);
	queue_kick(o->queue);
	office_wait(o, INBOXED, 1);
	EXPECT(o, has(office_inbox(o), "\r\nAction: delayed\r\n"));
	clock_let_pass(3 * 24 * 3600 * 1000LL);
	queue_kick(o->queue);
	office_wait(o, BOUNCED, 1);
	nothing_is_left(o);
}

static void a_clock_set_forward_bounces_nothing(void **state)
{
	office_run(*state, a_year_ahead);
	clock_shift_wall(-YEAR_MS - 6 * 24 * 3600 * 1000LL);
}

static void a_year_back(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, 2, "450 4.2.1 busy" };
	office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, DEFERRED, 1);
	clock_shift_wall(-YEAR_MS);
	queue_added(o->queue);
	office_wait(o, RELAYED, 1);
	nothing_is_left(o);
}

static void a_clock_set_back_delays_nothing(void **state)
{
	office_run(*state, a_year_back);
	clock_shift_wall(YEAR_MS);
}

/* Written by a clock that was ahead, and read after a restart by one that is right. */
static void rows_from_the_future_are_due(void **state)
{
	struct office *o = *state;
	clock_shift_wall(YEAR_MS);
	office_post(o, "alice@example.test", "bob@far.test", 0);
	clock_shift_wall(-YEAR_MS);
	assert_int_equal(store_commit(o->store, NULL, 0, give_up_leases, NULL), 0);
	office_run(o, after_a_crash);
}

/* Read by one that is ahead, or written by one that was behind: its time may not be over. */
static void rows_from_the_past_are_tried(void **state)
{
	struct office *o = *state;
	o->remote.rules[0] = (struct remote_rule){ "RCPT", NULL, 3, "450 4.2.1 busy" };
	clock_shift_wall(-YEAR_MS);
	office_post(o, "alice@example.test", "bob@far.test", 0);
	clock_shift_wall(YEAR_MS);
	office_run(o, after_a_crash);
}

static void a_dead_host(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, 4, "421 4.3.2 closed" };
	for (int i = 0; i < 50; i++)
		office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 50);
	/* Each step is one attempt of one message, but for what was on its way at the first. */
	EXPECT_RANGE(o, office_count(o, DEFERRED), 1, 4);
}

static void a_dead_host_costs_one_attempt_a_step(void **state)
{
	struct office *o = *state;
	o->config->queue.max_connections_per_destination = 1;
	office_reopen(o);
	office_run(o, a_dead_host);
	assert_in_range(o->remote.connections, 5, 8);
}

static void one_dead_one_alive(struct office *o)
{
	for (int i = 0; i < 10; i++)
		office_post(o, "alice@example.test", i % 2 ? "a@dead.test" : "b@far.test", 0);
	office_wait(o, RELAYED, 5);
	office_wait(o,
	            "SELECT count(*) FROM queue_recipient WHERE last_text LIKE"
	            " '%connection refused%' AND lease_owner IS NULL",
	            5);
	EXPECT_NUMBER(o, office_count(o, QUEUED), 5);
}

static void a_dead_host_holds_up_no_other(void **state)
{
	struct office *o = *state;
	struct config_smarthost hosts[2] = { o->smarthost, o->smarthost };
	hosts[1].domain = "dead.test";
	hosts[1].port = 1;
	o->config->smarthosts = hosts;
	o->config->smarthost_count = 2;
	o->config->queue.times.retry_first_ms = o->config->queue.times.retry_max_ms = 3600 * 1000;
	office_reopen(o);
	office_run(o, one_dead_one_alive);
}

static const char queued_for_dead[] =
	"SELECT count(*) FROM queue_recipient WHERE domain = 'dead.test'";

/* More than there is room for in memory, due at once, and behind them mail that can go. */
static void a_crowd_before_a_dead_host(struct office *o)
{
	office_wait(o, RELAYED, 300);
	EXPECT_NUMBER(o, office_count(o, queued_for_dead), 3000);
	office_wait(o,
	            "SELECT count(*) FROM queue_recipient WHERE lease_owner IS NULL"
	            " AND last_text LIKE '%connection refused%'",
	            3000);
	/* The attempts: those that were on their way together. */
	EXPECT_RANGE(o, office_count(o, DEFERRED), 1, 10);
	office_post(o, "alice@example.test", "b@far.test", 0);
	office_wait(o, RELAYED, 301);
}

static void a_crowd_for_a_dead_host_holds_up_no_other(void **state)
{
	struct office *o = *state;
	struct config_smarthost hosts[2] = { o->smarthost, o->smarthost };
	hosts[1].domain = "dead.test";
	hosts[1].port = 1;
	o->config->smarthosts = hosts;
	o->config->smarthost_count = 2;
	o->config->queue.times.retry_first_ms = o->config->queue.times.retry_max_ms = 3600 * 1000;
	office_reopen(o);
	office_fill(o, 3000, "dead.test", 1);
	office_fill(o, 300, "d#.far.test", 60);
	office_run(o, a_crowd_before_a_dead_host);
}

static void a_crowd(struct office *o)
{
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 2500);
	nothing_is_left(o);
}

/* More than is taken from the table at once, for one destination by way of many domains: each is
 * looked at again when there is room. */
static void a_crowd_for_one_host_goes_by_and_by(void **state)
{
	struct office *o = *state;
	office_fill(o, 2500, "d#.far.test", 500);
	office_run(o, a_crowd);
}

/* --- leases and the operator ---------------------------------------------------------- */

static int lease_to_the_dead(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db,
	              "UPDATE queue_recipient SET lease_owner = 'gone', due_ms = due_ms + 3600000",
	              "");
}

static void takes_over_from_the_dead(void **state)
{
	struct office *o = *state;
	office_post(o, "alice@example.test", "bob@far.test", 0);
	assert_int_equal(store_commit(o->store, NULL, 0, lease_to_the_dead, NULL), 0);
	office_run(o, after_a_crash);
}

/* All that a filter means, as the operator's commands do it: a look, a commit. */
struct act {
	struct queue_filter filter;
	struct queue_place place, *found;
	struct queue_order order;
	int states[QUEUE_STATES];
};

static int find_place(const struct queue_entry *e, void *arg)
{
	struct act *a = arg;
	a->states[e->state]++;
	if (queue_action_means(a->order.action, e))
		a->found[a->order.count++] = e->place;
	return 0;
}

static int do_look(struct db *db, void *arg)
{
	struct act *a = arg;
	return queue_look(db, &a->filter, QUEUE_LOOK_ROWS, &a->place, find_place, a);
}

static int do_act(struct db *db, void *arg) { return queue_act(db, &((struct act *)arg)->order); }

static int64_t act_so(struct office *o, struct act *a)
{
	a->order.places = a->found = ARENA_ARRAY(o->arena, QUEUE_LOOK_ROWS, struct queue_place);
	a->order.now_ms = clock_wall_ms();
	EXPECT_NUMBER(o, store_read(o->store, do_look, a), 0);
	EXPECT_NUMBER(o, store_commit(o->store, NULL, 0, do_act, a), 0);
	if (a->order.withdraw)
		queue_withdraw(o->queue, a->found, a->order.count);
	queue_kick(o->queue);
	return a->order.changed;
}

static int64_t act(struct office *o, enum queue_action action, struct queue_filter filter)
{
	struct act a = { .filter = filter, .order = { .action = action } };
	return act_so(o, &a);
}

#define FAR         ((struct queue_filter){ .domain = SLICE("far.test") })
#define NULL_SENDER ((struct queue_filter){ .sender = SLICE("<>") })

static struct queue_filter to(struct hash *words, const char *word)
{
	hash_put(words, slice_from_str(word), words);
	return (struct queue_filter){ .words = words };
}

static int states_of(struct office *o, enum queue_state state)
{
	struct act a = { .filter = FAR,
		         .found = ARENA_ARRAY(o->arena, QUEUE_LOOK_ROWS, struct queue_place) };
	EXPECT_NUMBER(o, store_read(o->store, do_look, &a), 0);
	return a.states[state];
}

static void operating(struct office *o)
{
	struct hash *words = hash_new();
	const struct queue_filter bob = to(words, "bob@far.test");
	EXPECT_NUMBER(o, states_of(o, QUEUE_HELD), 3);
	EXPECT_NUMBER(o, act(o, QUEUE_RELEASE, NULL_SENDER), 0);
	EXPECT_NUMBER(o, act(o, QUEUE_RETRY, bob), 0); /* held ones stay so */
	EXPECT_NUMBER(o, act(o, QUEUE_RELEASE, bob), 1);
	office_wait(o, RELAYED, 1);
	office_wait(o, QUEUED, 2);
	EXPECT_NUMBER(o, act(o, QUEUE_DROP, FAR), 2);
	nothing_is_left(o);
	EXPECT_NUMBER(o, office_count(o, DROPPED), 2);
	EXPECT_NUMBER(o, office_count(o, INBOXED), 0);
	hash_free(words);
}

static void holds_releases_and_drops(void **state)
{
	struct office *o = *state;
	office_post(o, "alice@example.test", "bob@far.test carol@far.test dave@far.test", 0);
	EXPECT_NUMBER(o, act(o, QUEUE_HOLD, FAR), 3);
	office_run(o, operating);
}

static void asked_for(struct office *o)
{
	o->remote.rules[0] = (struct remote_rule){ "CONNECT", NULL, 1, "421 4.3.2 closed" };
	for (int i = 0; i < 3; i++)
		office_post(o, "alice@example.test", "bob@far.test", 0);
	office_wait(o, "SELECT count(*) FROM queue_recipient WHERE lease_owner IS NULL", 3);
	EXPECT_NUMBER(o, act(o, QUEUE_RETRY, FAR), 3);
	office_wait(o, QUEUED, 0);
	EXPECT_NUMBER(o, o->remote.messages, 3);
}

static void the_operator_ends_a_pause(void **state)
{
	struct office *o = *state;
	o->config->queue.times.retry_first_ms = o->config->queue.times.retry_max_ms = 3600 * 1000;
	o->config->queue.max_connections_per_destination = 1;
	office_reopen(o);
	office_run(o, asked_for);
}

/* Long enough for the operator, who comes when it is on its way; nothing fails if he comes later.
 */
static void greet_late(void) { fiber_sleep(deadline_in(200)); }

static void wished_on_the_way(struct office *o, struct queue_order order)
{
	o->remote.connected = greet_late;
	office_post(o, "alice@example.test", "bob@far.test carol@near.test", 0);
	while (o->remote.connections == 0)
		fiber_sleep(deadline_in(5));
	o->remote.connected = NULL;
	struct act a = { .filter = FAR, .order = order };
	EXPECT_NUMBER(o, act_so(o, &a), 1);
	office_wait(o, QUEUED, 1);
	EXPECT_NUMBER(o, o->remote.messages, 1);
	/* Nothing was wished for the other one. */
	office_wait(o,
	            "SELECT count(*) FROM queue_recipient WHERE lease_owner IS NULL"
	            " AND attempts = 1 AND due_ms > last_ms + 1000000",
	            1);
	EXPECT_NUMBER(o, act(o, QUEUE_DROP, (struct queue_filter){ .domain = SLICE("near.test") }),
	              1);
}

static void rerouted_on_the_way(struct office *o)
{
	const char *elsewhere = arena_printf(o->arena, "127.0.0.1:%u", o->remote.port);
	wished_on_the_way(o, (struct queue_order){ .action = QUEUE_REROUTE,
	                                           .reroute = slice_from_str(elsewhere) });
}

static void retried_on_the_way(struct office *o)
{
	wished_on_the_way(o, (struct queue_order){ .action = QUEUE_RETRY });
}

/* What is made of it on its way, however much later it is to be tried again. */
static void wishes_come_true_at_once(struct office *o, void (*wish)(struct office *o))
{
	static const struct remote_rule refusals[] = { { "RCPT", NULL, 2, "450 4.2.1 busy" },
		                                       { "CONNECT", NULL, 1, "421 4.3.2 closed" } };
	o->config->queue.times.retry_first_ms = o->config->queue.times.retry_max_ms = 3600 * 1000;
	for (size_t i = 0; i < 2; i++) {
		o->remote.rules[0] = refusals[i];
		o->remote.connections = o->remote.messages = 0;
		office_reopen(o);
		office_run(o, wish);
	}
}

static void a_new_way_is_tried_at_once(void **state)
{
	wishes_come_true_at_once(*state, rerouted_on_the_way);
}

/* The attempt that there is may have begun before the other side was mended. */
static void what_fails_meanwhile_is_tried_at_once(void **state)
{
	wishes_come_true_at_once(*state, retried_on_the_way);
}

/* --- how it is done --------------------------------------------------------------------- */

static int explain(struct db *db, void *arg)
{
	struct db_rows rows;
	char *out = arg;
	int rc = db_query(db, &rows, "EXPLAIN QUERY PLAN " QUEUE_TABLE_WAITS, "tss", SLICE("a"),
	                  "b", "c");
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		out += snprintf(out, 120, "%.*s\n", SLICE_ARG(db_text(&rows, 3)));
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static void what_waits_is_found_by_the_index(void **state)
{
	struct office *o = *state;
	char plan[1000] = "";
	assert_int_equal(store_read(o->store, explain, plan), 0);
	assert_non_null(strstr(plan, "queue_recipient_place (lease_owner=? AND domain=?)"));
	assert_null(strstr(plan, "SCAN"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, office_setup, office_teardown)
	const struct CMUnitTest tests[] = {
		TEST(relays),
		TEST(tries_again_who_was_refused),
		TEST(an_odd_354_is_answered),
		TEST(a_lost_reply_is_no_success),
		TEST(a_stale_connection_is_no_failure),
		TEST(the_sender_is_told),
		TEST(nobody_is_told_who_should_not),
		TEST(a_report_goes_through_the_queue),
		TEST(success_is_told_if_asked),
		TEST(what_is_too_old_goes_back),
		TEST(what_waits_is_found_by_the_index),
		TEST(a_host_pauses_for_its_own_failures),
		TEST(a_delay_is_no_end),
		TEST(a_clock_set_forward_bounces_nothing),
		TEST(a_clock_set_back_delays_nothing),
		TEST(rows_from_the_future_are_due),
		TEST(rows_from_the_past_are_tried),
		TEST(a_dead_host_costs_one_attempt_a_step),
		TEST(a_dead_host_holds_up_no_other),
		TEST(a_crowd_for_a_dead_host_holds_up_no_other),
		TEST(a_crowd_for_one_host_goes_by_and_by),
		TEST(takes_over_from_the_dead),
		TEST(holds_releases_and_drops),
		TEST(the_operator_ends_a_pause),
		TEST(a_new_way_is_tried_at_once),
		TEST(what_fails_meanwhile_is_tried_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
