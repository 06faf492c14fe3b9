/* What the unit tests of this folder share: a body that runs on a fiber. A failed assertion of
 * cmocka jumps out of the function, which it must not on a fiber; CHECK only counts. */
#ifndef VEREDUS_NET_NET_TEST_H
#define VEREDUS_NET_NET_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "fiber/fiber.h"

struct net_test {
	void (*body)(struct net_test *t);
	atomic_int failures;
};

/* The failed checks of the test that runs. */
static struct net_test *net_test_now;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			atomic_fetch_add(&net_test_now->failures, 1);                              \
		}                                                                                  \
	} while (0)

#define CHECK_TEXT(s, text) CHECK(slice_equal((s), slice_from_str(text)))

/* A bound on waits that must not be reached. */
#define SOON deadline_in(20 * 1000)

static void net_test_fiber(void *arg)
{
	struct net_test *t = arg;

	t->body(t);
	runtime_stop(1000);
}

static void net_test_run(int workers, void (*body)(struct net_test *t))
{
	struct runtime_config config = { .workers = workers };
	struct net_test t = { .body = body };

	net_test_now = &t;
	assert_int_equal(runtime_run(&config, net_test_fiber, &t), 0);
	net_test_now = NULL;
	assert_int_equal(t.failures, 0);
}

#endif
