#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fiber/fiber_slot.h"

static void names_expire(void **state)
{
	struct slots slots = { .worker = 3 };
	int objects[200];
	uint64_t ids[200];
	(void)state;
	for (int i = 0; i < 200; i++) {
		ids[i] = slot_take(&slots, &objects[i]);
		assert_true(ids[i] != 0);
		assert_int_equal(id_worker(ids[i]), 3);
		assert_false(id_is_ticket(ids[i]));
	}
	for (int i = 0; i < 200; i++)
		assert_ptr_equal(slot_find(&slots, ids[i]), &objects[i]);
	slot_release(&slots, ids[7]);
	slot_release(&slots, ids[7]);
	assert_null(slot_find(&slots, ids[7]));
	uint64_t again = slot_take(&slots, &objects[7]);
	assert_true(again != ids[7]);
	assert_ptr_equal(slot_find(&slots, again), &objects[7]);
	assert_null(slot_find(&slots, ids[7]));
	assert_null(slot_find(&slots, 0));
	assert_null(slot_find(&slots, ~UINT64_C(0)));
	slots_destroy(&slots);
}

static void tickets_name_their_worker(void **state)
{
	(void)state;
	uint64_t id = id_from_ticket(255, UINT64_MAX);
	assert_true(id_is_ticket(id));
	assert_int_equal(id_worker(id), 255);
	assert_true(id_from_ticket(0, 0) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_expire),
		cmocka_unit_test(tickets_name_their_worker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
