#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_group.h"

#define BASE SLICE("far.test")

static struct client_hop hops[] = {
	{ .host = "Mx2.host.test", .preference = 10 },
	{ .host = "backup.test", .preference = 20 },
	{ .host = "mx1.host.test", .preference = 10 },
	{ .host = "mx2.host.test", .preference = 10 },
};

static void is_named(const struct client_route *route, const struct tls_policy_domain *policy,
                     struct slice base, const char *wanted)
{
	struct arena *arena = arena_new();
	struct slice name = queue_group_of(arena, base, BASE, route, policy);
	assert_string_equal(arena_str(arena, name), wanted);
	arena_free(arena);
}

static void named_by_hosts(void **state)
{
	const struct client_route route = { .kind = CLIENT_BY_MX, .hops = hops, .count = 4 };
	struct tls_policy_domain policy = { .demand = TLS_DEMAND_USUAL };
	(void)state;
	is_named(&route, &policy, BASE, "mx:mx1.host.test,mx2.host.test;backup.test");
	is_named(&route, &policy, SLICE("far.test route:2"),
	         "mx:mx1.host.test,mx2.host.test;backup.test route:2");
	policy.mx_secure = true;
	is_named(&route, &policy, BASE, "mx:mx1.host.test,mx2.host.test;backup.test dnssec");
}

static void alone(void **state)
{
	struct client_route route = { .kind = CLIENT_BY_MX, .hops = hops, .count = 4 };
	struct tls_policy_domain policy = { .demand = TLS_DEMAND_VERIFIED };
	struct sts_found sts = { .has_policy = true };
	(void)state;
	is_named(&route, &policy, BASE, "far.test");
	policy = (struct tls_policy_domain){ .sts = &sts };
	is_named(&route, &policy, BASE, "far.test");
	policy.sts = NULL;
	route.kind = CLIENT_BY_ADDRESS;
	is_named(&route, &policy, BASE, "far.test");
}

static void remembered(void **state)
{
	struct queue_groups *g = queue_groups_new();
	struct arena *arena = arena_new();
	(void)state;
	assert_true(slice_equal(queue_groups_find(g, arena, BASE), BASE));
	queue_groups_note(g, BASE, SLICE("mx:one"));
	queue_groups_note(g, BASE, SLICE("mx:two"));
	assert_true(slice_equal(queue_groups_find(g, arena, BASE), SLICE("mx:two")));
	queue_groups_note(g, BASE, BASE);
	assert_true(slice_equal(queue_groups_find(g, arena, BASE), BASE));
	queue_groups_note(g, BASE, SLICE("mx:one"));
	arena_free(arena);
	queue_groups_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_by_hosts),
		cmocka_unit_test(alone),
		cmocka_unit_test(remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
