#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "guard/guard.h"
#include "guard/guard_internal.h"
#include "guard/guard_listed.h"

enum { ITEMS = 2, THREADS = 2, ROUNDS = 200 };

/* A configuration with rules, lists and filters of these names. */
static struct config *make(const char *const names[ITEMS], unsigned connections)
{
	struct config *c = config_defaults("/nonexistent");
	c->guard.bans = false; /* there is no store to keep them in */
	c->rules.items = ARENA_ARRAY(c->arena, ITEMS, struct config_rule);
	c->dns_lists.items = ARENA_ARRAY(c->arena, ITEMS, struct config_dns_list);
	c->filters.items = ARENA_ARRAY(c->arena, ITEMS, struct config_filter);
	c->rules.count = c->dns_lists.count = c->filters.count = ITEMS;
	for (unsigned i = 0; i < ITEMS; i++) {
		c->rules.items[i] = (struct config_rule){ .name = names[i], .number = i };
		c->dns_lists.items[i] = (struct config_dns_list){ .name = names[i],
			                                          .number = i,
			                                          .zone = "zone.test" };
		c->filters.items[i] = (struct config_filter){ .name = names[i],
			                                      .number = i,
			                                      .max_connections = connections };
	}
	return c;
}

static struct guard *open_guard(const struct config *config)
{
	const struct guard_config parts = { .config = config };
	struct guard *g = NULL;
	assert_int_equal(guard_open(&parts, &g), 0);
	return g;
}

static void what_has_the_same_name_goes_on(void **state)
{
	static const char *const then[] = { "a", "b" }, *const now[] = { "b", "c" };
	struct config *old = make(then, 3), *new = make(now, 3), *other = make(now, 4);
	struct guard *g = open_guard(old);
	(void)state;
	struct semaphore *places = guard_places_of(g, &old->filters.items[1]);
	atomic_fetch_add(guard_count_of(g, &old->rules.items[0]), 5);
	atomic_fetch_add(guard_count_of(g, &old->rules.items[1]), 7);
	atomic_store(&guard_state_of(g, &old->dns_lists.items[1])->rests_until, 11);
	guard_use(g, new, NULL);
	assert_int_equal(guard_rule_count(g, &guard_rules(g)->items[0]), 7);
	assert_int_equal(guard_rule_count(g, &guard_rules(g)->items[1]), 0);
	assert_int_equal(guard_state_of(g, &new->dns_lists.items[0])->rests_until, 11);
	assert_ptr_equal(guard_places_of(g, &new->filters.items[0]), places);
	/* A session that began before. */
	atomic_fetch_add(guard_count_of(g, &old->rules.items[1]), 1);
	assert_int_equal(guard_rule_count(g, &new->rules.items[0]), 8);
	assert_int_equal(guard_rule_count(g, &old->rules.items[0]), 5);
	assert_ptr_equal(guard_places_of(g, &old->filters.items[1]), places);
	guard_use(g, other, NULL);
	assert_int_equal(guard_rule_count(g, &other->rules.items[0]), 8);
	assert_ptr_not_equal(guard_places_of(g, &other->filters.items[0]), places);
	assert_ptr_equal(guard_places_of(g, &old->filters.items[1]), places);
	guard_close(g);
	config_free(old);
	config_free(new);
	config_free(other);
}

static void other_limits_hold_at_once(void **state)
{
	struct config *old = config_defaults("/nonexistent"),
		      *new = config_defaults("/nonexistent");
	struct guard *g = open_guard(old);
	struct net_address client;
	(void)state;
	net_address_parse(SLICE("192.0.2.1"), 0, &client);
	assert_int_equal(guard_note(g, &client, GUARD_EARLY_TALK), 0);
	new->guard.slow_score = 30;
	guard_use(g, new, NULL);
	assert_true(guard_note(g, &client, GUARD_EARLY_TALK) > 0);
	guard_close(g);
	config_free(old);
	config_free(new);
}

/* --- while others look ---------------------------------------------------------------------- */

static void *look(void *arg)
{
	struct guard *g = arg;
	struct net_address client;
	net_address_parse(SLICE("192.0.2.1"), 0, &client);
	for (int i = 0; i < ROUNDS; i++) {
		const struct config_rules *rules = guard_rules(g);
		atomic_fetch_add(guard_count_of(g, &rules->items[0]), 1);
		(void)guard_places_of(g, &g->config->filters.items[0]);
		(void)guard_is_exempt(g, &client);
		guard_note(g, &client, GUARD_FLOOD);
		guard_greylist_wait(g, &client, NULL);
	}
	return NULL;
}

static void it_is_changed_beside_sessions(void **state)
{
	static const char *const names[] = { "a", "b" };
	struct config *all[ROUNDS / 10];
	pthread_t threads[THREADS];
	(void)state;
	for (size_t i = 0; i < ROUNDS / 10; i++)
		all[i] = make(names, 3);
	struct guard *g = open_guard(all[0]);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look, g);
	for (size_t i = 1; i < ROUNDS / 10; i++)
		guard_use(g, all[i], NULL);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(guard_rule_count(g, &guard_rules(g)->items[0]), THREADS * ROUNDS);
	guard_close(g);
	for (size_t i = 0; i < ROUNDS / 10; i++)
		config_free(all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_the_same_name_goes_on),
		cmocka_unit_test(other_limits_hold_at_once),
		cmocka_unit_test(it_is_changed_beside_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
