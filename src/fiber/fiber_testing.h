/* For the unit tests of this folder and of those above: a test body runs as the first fiber of a
 * runtime of its own. An assertion of cmocka must not jump off a fiber's stack, so CHECK ends the
 * process instead. */
#ifndef VEREDUS_FIBER_FIBER_TESTING_H
#define VEREDUS_FIBER_FIBER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fiber/fiber.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: CHECK(%s) failed\n", __FILE__, __LINE__,       \
			        __func__, #condition);                                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct fiber_testing {
	fiber_fn body;
	void *arg;
};

static inline void fiber_testing_first(void *arg)
{
	const struct fiber_testing *t = arg;
	t->body(t->arg);
	runtime_stop(1000);
}

/* Runs body(arg) on worker 0 of some, then stops the runtime. */
static inline void run_on_fiber(int workers, fiber_fn body, void *arg)
{
	struct runtime_config config = { .workers = workers };
	struct fiber_testing t = { .body = body, .arg = arg };
	assert_int_equal(runtime_run(&config, fiber_testing_first, &t), 0);
}

#endif
