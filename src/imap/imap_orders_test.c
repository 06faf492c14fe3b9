#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "imap/imap_orders.h"

enum { COUNT = 1000, BYTES = COUNT * 4 + 200, LACKING_MAX = COUNT / IMAP_ORDERS_PLACE_ROWS };

struct world {
	struct arena *arena;
	struct imap_orders *orders;
	uint32_t numbers[COUNT];
};

static int set_up(void **state)
{
	struct world *w = mem_zero(1, sizeof(*w));
	w->arena = arena_new();
	w->orders = imap_orders_new(4 * BYTES);
	for (uint32_t i = 0; i < COUNT; i++)
		w->numbers[i] = COUNT - i;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	imap_orders_free(w->orders);
	arena_free(w->arena);
	free(w);
	return 0;
}

static struct uid_set range(struct world *w, uint32_t first, uint32_t last)
{
	struct uid_set set = { 0 };
	uid_set_add(w->arena, &set, first, last);
	return set;
}

static struct imap_order_key key_of(int64_t mailbox_id, const char *request)
{
	return (struct imap_order_key){ .mailbox_id = mailbox_id,
		                        .uid_validity = 1,
		                        .request = slice_from_str(request) };
}

static void keep(struct world *w, struct imap_order_key key)
{
	struct uid_set uids = range(w, 1, COUNT);
	imap_orders_keep(w->orders, &key, &uids, w->numbers, COUNT);
}

static bool finds(struct world *w, struct imap_order_key key, struct uid_set uids)
{
	struct imap_order order;
	if (!imap_orders_find(w->orders, &key, &uids, w->arena, &order))
		return false;
	assert_int_equal(order.count, COUNT);
	assert_memory_equal(order.numbers, w->numbers, sizeof(w->numbers));
	return order.lacking.count == 0;
}

static void test_what_it_holds_for(void **state)
{
	struct world *w = *state;
	struct imap_order_key key = key_of(7, "S1"), other = key;
	assert_false(finds(w, key, range(w, 1, COUNT)));
	keep(w, key);
	assert_true(finds(w, key, range(w, 1, COUNT)));
	assert_true(finds(w, key, range(w, 100, 400)));
	assert_false(finds(w, key, range(w, 2, COUNT + 1)));
	assert_false(finds(w, key, range(w, 5, 9))); /* so few are read faster */
	assert_false(finds(w, key_of(8, "S1"), range(w, 1, COUNT)));
	assert_false(finds(w, key_of(7, "S2"), range(w, 1, COUNT)));
	other.uid_validity = 2;
	assert_false(finds(w, other, range(w, 1, COUNT)));
	other = key;
	other.exact = true;
	assert_true(finds(w, other, range(w, 1, COUNT)));
	assert_false(finds(w, other, range(w, 1, COUNT - 1)));
}

static void test_gaps(void **state)
{
	struct world *w = *state;
	struct imap_order_key key = key_of(7, "S1");
	struct uid_set uids = range(w, 1, 600);
	uid_set_add(w->arena, &uids, 700, 1099);
	imap_orders_keep(w->orders, &key, &uids, w->numbers, COUNT);
	assert_true(finds(w, key, uids));
	assert_true(finds(w, key, range(w, 700, 1000)));
	assert_false(finds(w, key, range(w, 500, 800)));
	assert_false(finds(w, key, range(w, 650, 900)));
}

static void test_lacking(void **state)
{
	struct world *w = *state;
	struct imap_order_key key = key_of(7, "S1");
	struct uid_set uids = range(w, 11, COUNT + LACKING_MAX);
	struct imap_order order;
	keep(w, key);
	assert_true(imap_orders_find(w->orders, &key, &uids, w->arena, &order));
	assert_int_equal(order.count, COUNT);
	assert_int_equal(order.lacking.count, 1);
	assert_int_equal(order.lacking.ranges[0].first, COUNT + 1);
	assert_int_equal(order.lacking.ranges[0].last, COUNT + LACKING_MAX);
	memset(&order.numbers[COUNT], 1, LACKING_MAX * sizeof(*order.numbers));
	uids.ranges[0].last++;
	assert_false(imap_orders_find(w->orders, &key, &uids, w->arena, &order));
	uids = range(w, 1, COUNT + 1);
	key.exact = true;
	assert_false(imap_orders_find(w->orders, &key, &uids, w->arena, &order));
}

/* A part does not take the place of the whole; what goes beyond it does. */
static void test_places(void **state)
{
	struct world *w = *state;
	struct imap_order_key key = key_of(7, "S1");
	struct uid_set part = range(w, 1, COUNT / 2), more = range(w, 1, COUNT + 1);
	uint32_t numbers[COUNT + 1] = { 0 };
	keep(w, key);
	imap_orders_keep(w->orders, &key, &part, w->numbers, COUNT / 2);
	assert_true(finds(w, key, range(w, 1, COUNT)));
	imap_orders_keep(w->orders, &key, &more, numbers, COUNT + 1);
	struct imap_order order;
	assert_true(imap_orders_find(w->orders, &key, &more, w->arena, &order));
	assert_int_equal(order.count, COUNT + 1);
}

static void test_bounds(void **state)
{
	struct world *w = *state;
	struct uid_set all = range(w, 1, COUNT), few = range(w, 1, 10),
		       many = range(w, 1, 4 * COUNT);
	struct imap_order_key key = key_of(1, "");
	keep(w, key);
	assert_false(finds(w, key, all));
	key = key_of(1, "S1");
	imap_orders_keep(w->orders, &key, &few, w->numbers, 10);
	assert_false(finds(w, key, few));
	uint32_t *numbers = mem_zero(4 * COUNT, sizeof(*numbers));
	imap_orders_keep(w->orders, &key, &many, numbers, 4 * COUNT);
	assert_false(finds(w, key, many));
	free(numbers);
	for (int64_t id = 1; id <= 4; id++)
		keep(w, key_of(id, "S1"));
	assert_true(finds(w, key_of(1, "S1"), all)); /* so that the second is the oldest */
	keep(w, key_of(5, "S1"));
	assert_true(finds(w, key_of(1, "S1"), all));
	assert_false(finds(w, key_of(2, "S1"), all));
	assert_true(finds(w, key_of(5, "S1"), all));
	assert_false(imap_orders_find(NULL, &key, &all, w->arena, &(struct imap_order){ 0 }));
	imap_orders_keep(NULL, &key, &all, w->numbers, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_it_holds_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gaps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lacking, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("imap_orders", tests, NULL, NULL);
}
