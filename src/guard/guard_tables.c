/* What is counted and kept of each rule, list and filter, whatever configuration they stand in.
 *
 * Rules, lists and filters are known by their address. One configuration that takes the place of
 * another has them elsewhere, while sessions still go by the old ones: so there is a table for each
 * that was ever in force, the newest first. What has the same name in both is the same thing here,
 * so that counts go on, a list that rests goes on resting, and a filter's limit holds for the
 * sessions of both. */
#include "fiber/sync.h"
#include "guard/guard_internal.h"
#include "guard/guard_listed.h"

struct guard_tables {
	const struct config *config;
	atomic_uint_fast64_t **rule_counts;
	struct guard_list_state **list_states;
	struct semaphore **filter_places;
	struct guard_tables *older;
	struct arena *arena; /* of this, and of what it has made */
	struct semaphore **made;
	size_t made_count;
};

static bool is_same(const char *a, const char *b)
{
	return slice_equal(slice_from_str(a), slice_from_str(b));
}

static void put_rules(struct guard_tables *t, const struct guard_tables *older)
{
	const struct config_rules *rules = &t->config->rules;
	t->rule_counts = ARENA_ARRAY(t->arena, rules->count + 1, atomic_uint_fast64_t *);
	for (size_t i = 0; i < rules->count; i++) {
		const struct config_rules *others = older ? &older->config->rules : NULL;
		for (size_t k = 0; others && k < others->count && !t->rule_counts[i]; k++) {
			if (is_same(rules->items[i].name, others->items[k].name))
				t->rule_counts[i] = older->rule_counts[k];
		}
		if (!t->rule_counts[i])
			t->rule_counts[i] = ARENA_NEW(t->arena, atomic_uint_fast64_t);
	}
}

static void put_lists(struct guard_tables *t, const struct guard_tables *older)
{
	const struct config_dns_lists *lists = &t->config->dns_lists;
	t->list_states = ARENA_ARRAY(t->arena, lists->count + 1, struct guard_list_state *);
	for (size_t i = 0; i < lists->count; i++) {
		const struct config_dns_lists *others = older ? &older->config->dns_lists : NULL;
		for (size_t k = 0; others && k < others->count && !t->list_states[i]; k++) {
			if (is_same(lists->items[i].name, others->items[k].name) &&
			    is_same(lists->items[i].zone, others->items[k].zone))
				t->list_states[i] = older->list_states[k];
		}
		if (!t->list_states[i])
			t->list_states[i] = ARENA_NEW(t->arena, struct guard_list_state);
	}
}

/* With another limit it is another thing. */
static void put_filters(struct guard_tables *t, const struct guard_tables *older)
{
	const struct config_filters *filters = &t->config->filters;
	t->filter_places = ARENA_ARRAY(t->arena, filters->count + 1, struct semaphore *);
	t->made = ARENA_ARRAY(t->arena, filters->count + 1, struct semaphore *);
	for (size_t i = 0; i < filters->count; i++) {
		const struct config_filter *f = &filters->items[i];
		const struct config_filters *others = older ? &older->config->filters : NULL;
		for (size_t k = 0; others && k < others->count && !t->filter_places[i]; k++) {
			if (is_same(f->name, others->items[k].name) &&
			    f->max_connections == others->items[k].max_connections)
				t->filter_places[i] = older->filter_places[k];
		}
		if (!t->filter_places[i])
			t->filter_places[i] = t->made[t->made_count++] = semaphore_new(
				f->max_connections);
	}
}

void guard_tables_put(struct guard *g, const struct config *c)
{
	struct guard_tables *older = g->tables;
	struct arena *arena = arena_new();
	struct guard_tables *t = ARENA_NEW(arena, struct guard_tables);
	t->arena = arena;
	t->config = c;
	t->older = older;
	put_rules(t, older);
	put_lists(t, older);
	put_filters(t, older);
	g->tables = t;
}

void guard_tables_free(struct guard *g)
{
	struct guard_tables *t = g->tables;
	while (t) {
		struct guard_tables *older = t->older;
		for (size_t i = 0; i < t->made_count; i++)
			semaphore_free(t->made[i]);
		arena_free(t->arena);
		t = older;
	}
}

/* --- finding ------------------------------------------------------------------------------ */

/* Numbers count from 0 in each configuration, so what is before it tells which one it is of. */
atomic_uint_fast64_t *guard_count_of(const struct guard *g, const struct config_rule *rule)
{
	const struct guard_tables *t = g->tables;
	while (t->older && rule - rule->number != t->config->rules.items)
		t = t->older;
	return t->rule_counts[rule->number];
}

struct guard_list_state *guard_state_of(const struct guard *g, const struct config_dns_list *list)
{
	const struct guard_tables *t = g->tables;
	while (t->older && list - list->number != t->config->dns_lists.items)
		t = t->older;
	return t->list_states[list->number];
}

struct semaphore *guard_places_of(const struct guard *g, const struct config_filter *filter)
{
	const struct guard_tables *t = g->tables;
	while (t->older && filter - filter->number != t->config->filters.items)
		t = t->older;
	return t->filter_places[filter->number];
}
