#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dns/dns_cache.h"

static const struct dns_cache_config roomy = {
	.max_bytes = 1 << 20, .min_ttl_s = 5, .max_ttl_s = 3600, .max_negative_ttl_s = 60
};

static struct dns_key key(const char *name, enum dns_type type)
{
	struct dns_key k;
	dns_key_make(slice_from_str(name), type, &k);
	return k;
}

static void put(struct dns_cache *c, const char *name, int result, uint32_t ttl, const char *record,
                int64_t now_ms)
{
	const struct slice data[] = { slice_from_str(record) };
	const struct dns_cached answer = { .result = result,
		                           .security = DNS_SECURE,
		                           .ttl = ttl,
		                           .canonical = SLICE("other.test"),
		                           .data = data,
		                           .count = record ? 1 : 0 };
	struct dns_key k = key(name, DNS_TYPE_TXT);
	dns_cache_put(c, &k, &answer, now_ms);
}

static bool has(struct dns_cache *c, const char *name, int64_t now_ms)
{
	struct arena *a = arena_new();
	struct dns_key k = key(name, DNS_TYPE_TXT);
	struct dns_cached found;
	bool is_there = dns_cache_find(c, &k, a, now_ms, &found);
	arena_free(a);
	return is_there;
}

static void an_answer_comes_back_whole(void **state)
{
	struct dns_cache *c = dns_cache_new(&roomy);
	struct arena *a = arena_new();
	const struct slice data[] = { SLICE("one"), SLICE(""), SLICE("thr\0e") };
	const struct dns_cached answer = { .security = DNS_SECURE,
		                           .ttl = 300,
		                           .canonical = SLICE("c.test"),
		                           .data = data,
		                           .count = 3 };
	struct dns_key k = key("A.Test.", DNS_TYPE_TXT);
	struct dns_cached found;

	(void)state;
	dns_cache_put(c, &k, &answer, 1000);
	k = key("a.tesT", DNS_TYPE_TXT);
	assert_true(dns_cache_find(c, &k, a, 11000, &found));
	assert_int_equal(found.result, 0);
	assert_int_equal(found.security, DNS_SECURE);
	assert_int_equal(found.ttl, 290);
	assert_true(slice_equal(found.canonical, SLICE("c.test")));
	assert_int_equal(found.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(slice_equal(found.data[i], data[i]));
	k = key("a.test", DNS_TYPE_A);
	assert_false(dns_cache_find(c, &k, a, 11000, &found));
	arena_free(a);
	dns_cache_free(c);
}

static void answers_live_as_long_as_they_say_within_bounds(void **state)
{
	struct dns_cache *c = dns_cache_new(&roomy);

	(void)state;
	put(c, "plain.test", 0, 100, "x", 0);
	assert_true(has(c, "plain.test", 99999));
	assert_false(has(c, "plain.test", 100000));
	put(c, "brief.test", 0, 0, "x", 0);
	assert_true(has(c, "brief.test", 4999));
	assert_false(has(c, "brief.test", 5000));
	put(c, "long.test", 0, 1000000, "x", 0);
	assert_false(has(c, "long.test", 3600000));
	put(c, "none.test", -ENOENT, 1000, NULL, 0);
	assert_true(has(c, "none.test", 59999));
	assert_false(has(c, "none.test", 60000));
	dns_cache_free(c);
}

static void without_a_floor_no_ttl_is_no_keeping(void **state)
{
	struct dns_cache_config config = roomy;
	struct dns_cache *c;

	(void)state;
	config.min_ttl_s = 0;
	c = dns_cache_new(&config);
	put(c, "a.test", 0, 0, "x", 0);
	assert_false(has(c, "a.test", 0));
	dns_cache_free(c);
}

static void memory_is_bounded(void **state)
{
	struct dns_cache_config config = roomy;
	struct dns_cache *c;
	size_t count, bytes;
	char name[32];
	enum { LARGE = 8000 };

	(void)state;
	config.max_bytes = 64 * 1024;
	c = dns_cache_new(&config);
	put(c, "kept.test", 0, 300, "x", 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%d.test", i);
		put(c, name, 0, 300, "some text", 0);
		/* What is asked for again and again stays. */
		assert_true(has(c, "kept.test", 1));
	}
	dns_cache_size(c, &count, &bytes);
	assert_true(count > 100 && count < 1000);
	assert_true(bytes <= config.max_bytes);
	assert_true(has(c, "4999.test", 1));
	assert_false(has(c, "0.test", 1));
	char *large = mem_zero(1, LARGE);
	memset(large, 'x', LARGE - 1);
	put(c, "large.test", 0, 300, large, 0);
	assert_false(has(c, "large.test", 1));
	free(large);
	dns_cache_free(c);
}

static void the_newer_answer_counts(void **state)
{
	struct dns_cache *c = dns_cache_new(&roomy);
	size_t count, bytes;

	(void)state;
	put(c, "a.test", -ENOENT, 30, NULL, 0);
	put(c, "a.test", 0, 300, "x", 0);
	assert_true(has(c, "a.test", 100000));
	dns_cache_size(c, &count, &bytes);
	assert_int_equal(count, 1);
	dns_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_back_whole),
		cmocka_unit_test(answers_live_as_long_as_they_say_within_bounds),
		cmocka_unit_test(without_a_floor_no_ttl_is_no_keeping),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(the_newer_answer_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
