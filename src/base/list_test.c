#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct member {
	int number;
	struct list link;
};

static void keeps_order_and_removes_inside(void **state)
{
	(void)state;
	struct list head;
	struct member m[5];
	list_init(&head);
	assert_null(LIST_FIRST(&head, struct member, link));
	for (int i = 0; i < 5; i++) {
		m[i].number = i;
		list_append(&head, &m[i].link);
	}
	assert_int_equal(LIST_FIRST(&head, struct member, link)->number, 0);
	int expected = 0;
	LIST_EACH (&head, link, following) {
		struct member *at = LIST_ENTRY(link, struct member, link);
		assert_int_equal(at->number, expected++);
		if (at->number % 2 == 0)
			list_remove(link);
	}
	assert_int_equal(expected, 5);
	assert_int_equal(LIST_FIRST(&head, struct member, link)->number, 1);
	list_remove(&m[0].link);
	list_remove(&m[1].link);
	list_remove(&m[3].link);
	assert_true(list_is_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_and_removes_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
