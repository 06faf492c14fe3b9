#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route/queue_id.h"

static void test_order(void **state)
{
	(void)state;
	struct queue_id_source source;
	char before[QUEUE_ID_LEN + 1] = "", id[QUEUE_ID_LEN + 1];
	queue_id_source_create(&source);
	/* More than a millisecond has room for, and a clock that goes back. */
	for (int i = 0; i < 10000; i++) {
		queue_id_next(&source, 1767171600000 + i / 9000 - (i > 9990 ? 5000 : 0), id);
		assert_int_equal(strlen(id), QUEUE_ID_LEN);
		assert_true(strcmp(before, id) < 0);
		memcpy(before, id, sizeof(id));
	}
}

static void test_restart(void **state)
{
	(void)state;
	char ids[50][QUEUE_ID_LEN + 1];
	for (int i = 0; i < 50; i++) {
		struct queue_id_source source;
		queue_id_source_create(&source);
		queue_id_next(&source, 1767171600000, ids[i]);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void test_least(void **state)
{
	(void)state;
	struct queue_id_source source;
	char least[QUEUE_ID_LEN + 1], next[QUEUE_ID_LEN + 1], id[QUEUE_ID_LEN + 1];
	queue_id_source_create(&source);
	queue_id_next(&source, 1767171600000, id);
	queue_id_least(1767171600000, least);
	queue_id_least(1767171600001, next);
	assert_true(strcmp(least, id) < 0 && strcmp(id, next) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_least),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
