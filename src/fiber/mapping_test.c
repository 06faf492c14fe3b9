#include "fiber/mapping.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "fiber/fiber.h"

enum { FILE_BYTES = 256 * 1024 };

static int make_file(void)
{
	char name[] = "/tmp/veredus-mapping-XXXXXX";
	static const char bytes[FILE_BYTES] = { [FILE_BYTES - 1] = 'z' };
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(pwrite(fd, "abc", 3, 5000), 3);
	return fd;
}

static void cut_short(void *arg)
{
	struct mapping *m, *other;
	int fd = make_file(), second = make_file();
	(void)arg;
	assert_int_equal(mapping_new(fd, 5000, FILE_BYTES - 5000, &m), 0);
	assert_int_equal(mapping_new(second, 5000, 3, &other), 0);
	struct slice bytes = mapping_bytes(m);
	assert_int_equal(bytes.len, FILE_BYTES - 5000);
	assert_memory_equal(bytes.data, "abc", 3);
	assert_int_equal(bytes.data[bytes.len - 1], 'z');
	assert_true(mapping_is_whole(m));
	/* The last page goes, then all. */
	assert_int_equal(ftruncate(fd, FILE_BYTES - 4096), 0);
	assert_int_equal(bytes.data[0], 'a');
	assert_true(mapping_is_whole(m));
	assert_int_equal(bytes.data[bytes.len - 1], 0);
	assert_false(mapping_is_whole(m));
	assert_int_equal(bytes.data[0], 'a');
	assert_int_equal(ftruncate(fd, 0), 0);
	for (size_t i = 0; i < bytes.len; i++)
		assert_int_equal(bytes.data[i], 0);
	assert_true(mapping_is_whole(other));
	assert_memory_equal(mapping_bytes(other).data, "abc", 3);
	mapping_free(m);
	mapping_free(other);
	/* Its place is used again, and is whole. */
	assert_int_equal(mapping_new(second, 5000, 3, &m), 0);
	assert_true(mapping_is_whole(m));
	mapping_free(m);
	close(fd);
	close(second);
	runtime_stop(0);
}

static void what_is_gone_is_zeros(void **state)
{
	const struct runtime_config config = { .workers = 1 };
	(void)state;
	assert_int_equal(runtime_run(&config, cut_short, NULL), 0);
}

static void there_is_an_end(void *arg)
{
	static struct mapping *all[5000];
	int fd = make_file();
	size_t count = 0;
	(void)arg;
	int rc = 0;
	while (rc == 0 && count < 5000) {
		rc = mapping_new(fd, 0, 10, &all[count]);
		count += rc == 0;
	}
	assert_int_equal(rc, -EMFILE);
	while (count > 0)
		mapping_free(all[--count]);
	assert_int_equal(mapping_new(fd, 0, 10, &all[0]), 0);
	mapping_free(all[0]);
	mapping_free(NULL);
	close(fd);
	runtime_stop(0);
}

static void too_many_are_refused(void **state)
{
	const struct runtime_config config = { .workers = 1 };
	(void)state;
	assert_int_equal(runtime_run(&config, there_is_an_end, NULL), 0);
}

static void none_without_the_runtime(void **state)
{
	struct mapping *m;
	int fd = make_file();
	(void)state;
	assert_int_equal(mapping_new(fd, 0, 10, &m), -ENOTSUP);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_without_the_runtime),
		cmocka_unit_test(what_is_gone_is_zeros),
		cmocka_unit_test(too_many_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
