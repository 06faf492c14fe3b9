#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_agenda.h"

struct bench {
	struct queue_agenda *agenda;
	struct arena *arena;
};

static int setup(void **state)
{
	struct bench *b = mem_zero(1, sizeof(*b));
	b->agenda = queue_agenda_new();
	b->arena = arena_new();
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	queue_agenda_free(b->agenda);
	arena_free(b->arena);
	free(b);
	return 0;
}

static void takes(struct bench *b, int64_t now_ms, const char *domain)
{
	struct slice found = SLICE("none");
	queue_agenda_take(b->agenda, now_ms, b->arena, &found);
	assert_string_equal(arena_str(b->arena, found), domain);
}

static void first_due_first_taken(void **state)
{
	struct bench *b = *state;
	assert_int_equal(queue_agenda_next_ms(b->agenda), QUEUE_NEVER_MS);
	assert_true(queue_agenda_note(b->agenda, SLICE("b.test"), 20));
	assert_true(queue_agenda_note(b->agenda, SLICE("a.test"), 10));
	assert_false(queue_agenda_note(b->agenda, SLICE("c.test"), 30));
	assert_false(queue_agenda_note(b->agenda, SLICE("d.test"), QUEUE_NEVER_MS));
	assert_int_equal(queue_agenda_next_ms(b->agenda), 10);
	takes(b, 9, "none");
	takes(b, 25, "a.test");
	takes(b, 25, "b.test");
	takes(b, 25, "none");
	takes(b, 30, "c.test");
	assert_int_equal(queue_agenda_next_ms(b->agenda), QUEUE_NEVER_MS);
}

static void only_an_earlier_date_counts(void **state)
{
	struct bench *b = *state;
	queue_agenda_note(b->agenda, SLICE("a.test"), 50);
	queue_agenda_note(b->agenda, SLICE("b.test"), 40);
	queue_agenda_note(b->agenda, SLICE("a.test"), 60);
	assert_int_equal(queue_agenda_next_ms(b->agenda), 40);
	assert_true(queue_agenda_note(b->agenda, SLICE("a.test"), 30));
	takes(b, 100, "a.test");
	takes(b, 100, "b.test");
	takes(b, 100, "none");
}

static void many_come_in_order(void **state)
{
	struct bench *b = *state;
	for (int64_t i = 0; i < 5000; i++) {
		int64_t due_ms = i * 7919 % 5000;
		const char *name = arena_printf(b->arena, "d%lld.test", (long long)due_ms);
		queue_agenda_note(b->agenda, slice_from_str(name), due_ms);
	}
	for (int64_t i = 0; i < 5000; i++)
		takes(b, 5000, arena_printf(b->arena, "d%lld.test", (long long)i));
	assert_int_equal(queue_agenda_counts(b->agenda).waiting, 0);
}

static void parked_ones_wait_for_room(void **state)
{
	struct bench *b = *state;
	const struct slice names[] = { SLICE("a.test"), SLICE("b.test"), SLICE("c.test") };
	for (size_t i = 0; i < 3; i++)
		queue_agenda_park(b->agenda, SLICE("mx"), names[i]);
	assert_int_equal(queue_agenda_counts(b->agenda).parked, 3);
	queue_agenda_note(b->agenda, names[0], 0);
	takes(b, 100, "none");
	assert_false(queue_agenda_unpark(b->agenda, SLICE("other"), 5));
	assert_true(queue_agenda_unpark(b->agenda, SLICE("mx"), 2));
	takes(b, 0, "a.test");
	takes(b, 0, "b.test");
	takes(b, 0, "none");
	assert_false(queue_agenda_unpark(b->agenda, SLICE("mx"), 2));
	takes(b, 0, "c.test");
	assert_int_equal(queue_agenda_counts(b->agenda).parked, 0);
}

static void what_was_noted_meanwhile_is_not_parked(void **state)
{
	struct bench *b = *state;
	queue_agenda_note(b->agenda, SLICE("a.test"), 0);
	takes(b, 0, "a.test");
	queue_agenda_note(b->agenda, SLICE("a.test"), 5);
	queue_agenda_park(b->agenda, SLICE("mx"), SLICE("a.test"));
	assert_int_equal(queue_agenda_counts(b->agenda).parked, 0);
	takes(b, 5, "a.test");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_due_first_taken),
		TEST(only_an_earlier_date_counts),
		TEST(many_come_in_order),
		TEST(parked_ones_wait_for_room),
		TEST(what_was_noted_meanwhile_is_not_parked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
