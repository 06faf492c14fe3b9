/*
 * What units of all folders share: an arena for each test, and slices compared as text. Include it
 * first; it brings cmocka. A test
 * that is listed as ARENA_TEST(name) finds its arena in *state.
 */
#ifndef VEREDUS_BASE_BASE_TESTING_H
#define VEREDUS_BASE_BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/slice.h"

static inline int testing_arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static inline int testing_arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

#define ARENA_TEST(name)                                                                           \
	cmocka_unit_test_setup_teardown(name, testing_arena_setup, testing_arena_teardown)

static inline void assert_text(struct slice got, const char *want)
{
	if (!slice_equal(got, slice_from_str(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARG(got), want);
}

#endif
