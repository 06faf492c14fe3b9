#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/spool.h"

#include <errno.h>

enum { MEMORY = 1000, MOST = 10000 };

static int setup(void **state)
{
	char path[] = "/tmp/veredus-spool-XXXXXX";
	*state = strdup(mkdtemp(path));
	return 0;
}

static int teardown(void **state)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/tmp", (char *)*state);
	/* Fails if a file was left behind. */
	int rc = rmdir(path) < 0 && access(path, F_OK) == 0;
	rc |= rmdir(*state);
	free(*state);
	return rc;
}

static void fill(struct spool *spool, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char byte = (char)('a' + i % 26);
		assert_int_equal(spool_add(spool, slice_of(&byte, 1)), 0);
	}
}

static void check(struct spool *spool, size_t count)
{
	struct slice view;
	assert_int_equal(spool_view(spool, &view), 0);
	assert_int_equal(view.len, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(view.data[i], 'a' + i % 26);
}

static void test_sizes(void **state)
{
	const size_t sizes[] = { 0, 1, MEMORY - 1, MEMORY, MEMORY + 1, 2 * MEMORY, MOST };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct spool spool;
		spool_create(&spool, *state, MEMORY, MOST, 0);
		fill(&spool, sizes[i]);
		assert_false(spool_is_over(&spool));
		assert_int_equal(spool.fd >= 0, sizes[i] > MEMORY);
		check(&spool, sizes[i]);
		check(&spool, sizes[i]);
		spool_destroy(&spool);
	}
}

static void test_too_much(void **state)
{
	struct spool spool;
	spool_create(&spool, *state, MEMORY, MOST, MEMORY);
	fill(&spool, 3 * MOST);
	assert_true(spool_is_over(&spool));
	assert_int_equal(spool_view(&spool, &(struct slice){ 0 }), -EFBIG);
	assert_int_equal(spool.size_bytes, 3 * MOST);
	assert_true(spool.file_bytes <= MOST);
	spool_destroy(&spool);
}

static void test_no_directory(void **state)
{
	struct slice view;
	struct spool spool;
	(void)state;
	spool_create(&spool, "/proc/none", MEMORY, MOST, 0);
	fill(&spool, MOST);
	assert_true(spool_view(&spool, &view) < 0);
	spool_destroy(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_directory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
