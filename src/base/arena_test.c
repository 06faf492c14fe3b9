#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void allocations_are_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_int_equal(arena_used(a), 0);
	char *previous = NULL;
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = arena_alloc(a, size);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		memset(p, 0x5a, size);
		assert_ptr_not_equal(p, previous);
		previous = p;
	}
	arena_free(a);
	arena_free(NULL);
}

static void large_and_small_mix(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	char *small = arena_zero(a, 1, 100);
	char *large = arena_zero(a, 1, 200000);
	char *other = arena_zero(a, 10, 10);
	memset(large, 1, 200000);
	assert_int_equal(small[99], 0);
	assert_int_equal(other[99], 0);
	assert_true(arena_used(a) >= 200200);
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	for (int i = 0; i < 100; i++) {
		memset(arena_alloc(a, 5000), i, 5000);
		arena_reset(a);
	}
	arena_free(a);
}

static void text(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct slice parts[] = { SLICE("ab"), SLICE_EMPTY, SLICE("C") };
	assert_true(slice_equal(arena_concat(a, parts, 3), SLICE("abC")));
	assert_true(slice_equal(arena_lower(a, SLICE("AbC@")), SLICE("abc@")));
	assert_true(slice_equal(arena_copy(a, SLICE("xyz")), SLICE("xyz")));
	assert_string_equal(arena_str(a, SLICE("xyz")), "xyz");
	assert_string_equal(arena_printf(a, "%d-%s", 4, "five"), "4-five");
	char *heap = mem_str(SLICE("heap"));
	assert_string_equal(heap, "heap");
	heap = mem_grow(heap, 100);
	assert_string_equal(heap, "heap");
	free(heap);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_apart),
		cmocka_unit_test(large_and_small_mix),
		cmocka_unit_test(text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
