#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/client_choose.h"

static struct slice key_of(const struct config *config, struct arena *arena, const char *domain)
{
	const struct client_errand e = { .domain = slice_from_str(domain) };
	return client_choose_key(config, arena, client_choose(config, &e), e.domain);
}

static void assert_key(const struct config *config, const char *domain, const char *key)
{
	struct arena *arena = arena_new();
	struct slice found = key_of(config, arena, domain);
	assert_int_equal(found.len, slice_from_str(key).len);
	assert_memory_equal(found.data, key, found.len);
	arena_free(arena);
}

static void destinations_that_are_one(void **state)
{
	(void)state;
	struct config_smarthost ways[] = {
		{ .domain = "*", .host = "out.example.test", .port = 587, .user = "me" },
		{ .domain = "near.test", .host = "192.0.2.9", .port = 25 },
		{ .domain = "same.test", .host = "192.0.2.9", .port = 25 },
		{ .domain = "safe.test",
		  .host = "192.0.2.9",
		  .port = 25,
		  .tls = TLS_RULE_VERIFIED },
		{ .domain = "named.test", .host = "192.0.2.9", .port = 25, .helo = "b.test" },
		{ .domain = "direct.test", .direct = true, .helo = "b.test" },
	};
	struct config config = { .smarthosts = ways, .smarthost_count = 6 };
	assert_key(&config, "far.test", "smarthost:out.example.test:587:0");
	assert_key(&config, "Near.test", "smarthost:192.0.2.9:25:1");
	assert_key(&config, "same.test", "smarthost:192.0.2.9:25:1");
	assert_key(&config, "safe.test", "smarthost:192.0.2.9:25:3");
	assert_key(&config, "named.test", "smarthost:192.0.2.9:25:4");
	assert_key(&config, "direct.test", "direct.test route:5");
	config.smarthost_count = 0;
	assert_key(&config, "near.test", "near.test");
}

/* --- conditions ------------------------------------------------------------------------ */

static struct config_patterns patterns_of(struct arena *arena, const char *one, const char *other)
{
	struct config_patterns p = { .items = ARENA_ARRAY(arena, 2, struct config_pattern) };
	assert_true(config_parse_address_pattern(arena, one, &p.items[p.count++]));
	if (other)
		assert_true(config_parse_address_pattern(arena, other, &p.items[p.count++]));
	return p;
}

static void assert_choice(const struct config *config, const char *domain, const char *sender,
                          const char *account, int wanted, const char *why)
{
	struct arena *arena = arena_new();
	const struct client_errand e = { .domain = slice_from_str(domain),
		                         .sender = slice_from_str(sender),
		                         .account = slice_from_str(account) };
	const struct config_smarthost *way = client_choose(config, &e);
	assert_int_equal(way ? way - config->smarthosts : -1, wanted);
	if (way)
		assert_string_equal(client_choose_why(arena, way, &e), why);
	arena_free(arena);
}

static void by_sender_and_account(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *more[] = { "two.test", "three.test" };
	struct config_smarthost ways[] = {
		{ .domain = "*", .sender = patterns_of(arena, "@news.test", "!me@news.test") },
		{ .domain = "*", .account = patterns_of(arena, "bulk@example.test", NULL) },
		{ .domain = "one.test",
		  .domains = more,
		  .domain_count = 2,
		  .account = patterns_of(arena, "!guest@example.test", NULL) },
		{ .domain = "*", .sender = patterns_of(arena, "<>", NULL) },
	};
	struct config config = { .smarthosts = ways, .smarthost_count = 4 };
	assert_choice(&config, "far.test", "A@News.test", "", 0, "domain *, sender @news.test");
	assert_choice(&config, "far.test", "me@news.test", "", -1, "");
	/* The first of the file. */
	assert_choice(&config, "far.test", "a@news.test", "bulk@example.test", 0,
	              "domain *, sender @news.test");
	assert_choice(&config, "far.test", "b@a.test", "bulk@example.test", 1,
	              "domain *, account bulk@example.test");
	/* What names the domain comes before what is for all. */
	assert_choice(&config, "three.test", "a@news.test", "bulk@example.test", 2,
	              "domain three.test, account !guest@example.test");
	assert_choice(&config, "two.test", "a@news.test", "guest@example.test", 0,
	              "domain *, sender @news.test");
	/* A condition on the account is one that somebody has logged in. */
	assert_choice(&config, "one.test", "b@a.test", "", -1, "");
	assert_choice(&config, "one.test", "", "", 3, "domain *, sender <>");
	arena_free(arena);
}

static void all_that_may_have_it(void **state)
{
	(void)state;
	struct config_smarthost ways[] = { { .domain = "*" },
		                           { .domain = "one.test" },
		                           { .domain = "two.test" },
		                           { .domain = "*" } };
	struct config config = { .smarthosts = ways, .smarthost_count = 4 };
	const struct config_smarthost *way = NULL;
	way = client_choose_next(&config, SLICE("two.test"), way);
	assert_ptr_equal(way, &ways[0]);
	way = client_choose_next(&config, SLICE("two.test"), way);
	assert_ptr_equal(way, &ways[2]);
	way = client_choose_next(&config, SLICE("two.test"), way);
	assert_ptr_equal(way, &ways[3]);
	assert_null(client_choose_next(&config, SLICE("two.test"), way));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations_that_are_one),
		cmocka_unit_test(by_sender_and_account),
		cmocka_unit_test(all_that_may_have_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
