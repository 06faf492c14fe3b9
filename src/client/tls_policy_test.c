#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/tls_policy.h"
#include "client/tls_policy_dane.h"

struct fixture {
	struct arena *arena;
	struct config *config;
	struct config_tls minimum;
	struct config_smarthost smarthost;
	struct client_route route;
	struct smtp_outcome outcome;
	struct tls_policy policy;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	f->config = config_defaults("/nonexistent");
	f->minimum = (struct config_tls){ .domain = "far.test" };
	f->route.kind = CLIENT_BY_MX;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	config_free(f->config);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* For a host of which the DNS knows nothing. */
static int find(struct fixture *f, enum tls_policy_demand demand)
{
	struct tls_policy_domain domain;
	struct client_hop hop = { .host = "192.0.2.1" };
	net_address_parse(SLICE("192.0.2.1:25"), 25, &hop.address);
	tls_policy_find_domain(NULL, f->config, &f->route, SLICE("Far.test"), demand, &domain);
	return tls_policy_find_host(&domain, &hop, f->arena, DEADLINE_NEVER, &f->policy,
	                            &f->outcome);
}

static enum config_tls_rule rule(struct fixture *f, enum tls_policy_demand demand)
{
	assert_int_equal(find(f, demand), 0);
	assert_non_null(f->policy.why);
	return f->policy.rule;
}

static void smarthosts(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum config_tls_rule rule;
		const char *password;
		enum config_tls_rule usual, verified, ignore;
	} cases[] = {
		{ TLS_RULE_NONE, NULL, TLS_RULE_NONE, TLS_RULE_VERIFIED, TLS_RULE_NONE },
		{ TLS_RULE_OPPORTUNISTIC, NULL, TLS_RULE_OPPORTUNISTIC, TLS_RULE_VERIFIED,
		  TLS_RULE_OPPORTUNISTIC },
		{ TLS_RULE_REQUIRED, NULL, TLS_RULE_REQUIRED, TLS_RULE_VERIFIED,
		  TLS_RULE_OPPORTUNISTIC },
		{ TLS_RULE_VERIFIED, NULL, TLS_RULE_VERIFIED, TLS_RULE_VERIFIED,
		  TLS_RULE_OPPORTUNISTIC },
		{ TLS_RULE_VERIFIED, "secret", TLS_RULE_VERIFIED, TLS_RULE_VERIFIED,
		  TLS_RULE_VERIFIED },
		{ TLS_RULE_IMPLICIT, NULL, TLS_RULE_IMPLICIT, TLS_RULE_IMPLICIT,
		  TLS_RULE_IMPLICIT },
	};
	f->route.smarthost = &f->smarthost;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->smarthost.tls = cases[i].rule;
		f->smarthost.password = cases[i].password;
		assert_int_equal(rule(f, TLS_DEMAND_USUAL), cases[i].usual);
		assert_int_equal(rule(f, TLS_DEMAND_VERIFIED), cases[i].verified);
		assert_int_equal(rule(f, TLS_DEMAND_IGNORE), cases[i].ignore);
	}
}

static void minimums(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(rule(f, TLS_DEMAND_USUAL), TLS_RULE_OPPORTUNISTIC);
	assert_int_equal(f->policy.kind, TLS_POLICY_NONE);
	assert_int_equal(rule(f, TLS_DEMAND_VERIFIED), TLS_RULE_VERIFIED);
	f->config->tls_minimums = &f->minimum;
	f->config->tls_minimum_count = 1;
	static const enum config_tls_rule expected[][3] = {
		[TLS_LEVEL_NONE] = { TLS_RULE_NONE, TLS_RULE_VERIFIED, TLS_RULE_NONE },
		[TLS_LEVEL_OPPORTUNISTIC] = { TLS_RULE_OPPORTUNISTIC, TLS_RULE_VERIFIED,
		                              TLS_RULE_OPPORTUNISTIC },
		[TLS_LEVEL_REQUIRED] = { TLS_RULE_REQUIRED, TLS_RULE_VERIFIED,
		                         TLS_RULE_OPPORTUNISTIC },
		[TLS_LEVEL_VERIFIED] = { TLS_RULE_VERIFIED, TLS_RULE_VERIFIED,
		                         TLS_RULE_OPPORTUNISTIC },
	};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		f->minimum.level = (enum config_tls_level)i;
		for (size_t demand = 0; demand < 3; demand++)
			assert_int_equal(rule(f, (enum tls_policy_demand)demand),
			                 expected[i][demand]);
	}
	f->minimum.oldest = TLS_VERSION_1_3;
	assert_int_equal(rule(f, TLS_DEMAND_USUAL), TLS_RULE_VERIFIED);
	assert_true(f->policy.wish.tls13);
	f->minimum.domain = "*";
	assert_int_equal(rule(f, TLS_DEMAND_USUAL), TLS_RULE_VERIFIED);
	f->minimum.domain = "near.test";
	assert_int_equal(rule(f, TLS_DEMAND_USUAL), TLS_RULE_OPPORTUNISTIC);
}

static void dane_or_nothing(void **state)
{
	struct fixture *f = *state;
	f->config->tls_minimums = &f->minimum;
	f->config->tls_minimum_count = 1;
	f->minimum.level = TLS_LEVEL_DANE;
	assert_true(find(f, TLS_DEMAND_USUAL) < 0);
	assert_int_equal(f->outcome.verdict, SMTP_TEMPORARY);
	assert_int_equal(f->outcome.stage, SMTP_STAGE_TLS);
	assert_int_equal(rule(f, TLS_DEMAND_IGNORE), TLS_RULE_OPPORTUNISTIC);
}

static void which_associations(void **state)
{
	(void)state;
	static const char digest[64] = { 0 };
	struct tls_association a = { 3, 1, 1, slice_of(digest, 32) };
	assert_true(tls_association_is_usable(&a));
	a.usage = 2;
	assert_true(tls_association_is_usable(&a));
	for (uint8_t usage = 0; usage < 5; usage++) {
		a.usage = usage;
		assert_int_equal(tls_association_is_usable(&a), usage == 2 || usage == 3);
	}
	a = (struct tls_association){ 3, 2, 1, slice_of(digest, 32) };
	assert_false(tls_association_is_usable(&a));
	a = (struct tls_association){ 3, 1, 2, slice_of(digest, 32) };
	assert_false(tls_association_is_usable(&a));
	a.data = slice_of(digest, 64);
	assert_true(tls_association_is_usable(&a));
	a.matching = 3;
	assert_false(tls_association_is_usable(&a));
	a.matching = 0; /* 64 zeros are neither a certificate nor a key */
	assert_false(tls_association_is_usable(&a));
	a.selector = 0;
	assert_false(tls_association_is_usable(&a));
}

static void sessions_are_kept_apart(void **state)
{
	struct fixture *f = *state;
	static const char data[32] = { 0 };
	const struct tls_association a[] = { { 3, 1, 1, slice_of(data, 32) },
		                             { 2, 1, 1, slice_of(data, 32) } };
	const struct tls_wish none = { 0 }, one = { .associations = a, .association_count = 1 },
			      other = { .associations = &a[1], .association_count = 1 },
			      both = { .associations = a, .association_count = 2 };
	const char *first = tls_policy_dane_digest(f->arena, &one);
	assert_string_equal(tls_policy_dane_digest(f->arena, &none), "");
	assert_int_equal(strlen(first), 64);
	assert_string_not_equal(first, tls_policy_dane_digest(f->arena, &other));
	assert_string_not_equal(first, tls_policy_dane_digest(f->arena, &both));
	assert_string_equal(tls_association_text(f->arena, &a[0]),
	                    "3 1 1 00000000000000000000000000000000"
	                    "00000000000000000000000000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(smarthosts, setup, teardown),
		cmocka_unit_test_setup_teardown(minimums, setup, teardown),
		cmocka_unit_test_setup_teardown(dane_or_nothing, setup, teardown),
		cmocka_unit_test(which_associations),
		cmocka_unit_test_setup_teardown(sessions_are_kept_apart, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
