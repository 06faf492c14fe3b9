#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define COUNT 5000

static int values[COUNT];

static struct slice key_of(int i, char out[static 16])
{
	int len = snprintf(out, 16, "key-%d", i);
	return slice_of(out, (size_t)len);
}

static void puts_finds_removes(void **state)
{
	(void)state;
	char text[16];
	struct hash *h = hash_new();
	assert_null(hash_find(h, SLICE("none")));
	for (int i = 0; i < COUNT; i++)
		assert_null(hash_put(h, key_of(i, text), &values[i]));
	assert_int_equal(hash_count(h), COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(hash_find(h, key_of(i, text)), &values[i]);
	for (int i = 0; i < COUNT; i += 2)
		assert_ptr_equal(hash_remove(h, key_of(i, text)), &values[i]);
	assert_null(hash_remove(h, key_of(0, text)));
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(hash_find(h, key_of(i, text)), i % 2 ? &values[i] : NULL);
	assert_ptr_equal(hash_put(h, key_of(1, text), &values[2]), &values[1]);
	assert_ptr_equal(hash_find(h, key_of(1, text)), &values[2]);
	assert_int_equal(hash_count(h), COUNT / 2);
	hash_free(h);
	hash_free(NULL);
}

static void churns_without_growing_lost(void **state)
{
	(void)state;
	char text[16];
	struct hash *h = hash_new();
	for (int i = 0; i < 20000; i++) {
		hash_put(h, key_of(i, text), &values[0]);
		if (i >= 10)
			assert_non_null(hash_remove(h, key_of(i - 10, text)));
	}
	assert_int_equal(hash_count(h), 10);
	hash_free(h);
}

static void visits_and_removes(void **state)
{
	(void)state;
	char text[16];
	struct hash *h = hash_new();
	for (int i = 0; i < 100; i++)
		hash_put(h, key_of(i, text), &values[i]);
	size_t position = 0, seen = 0;
	struct slice key;
	void *value;
	while (hash_next(h, &position, &key, &value)) {
		assert_ptr_equal(hash_find(h, key), value);
		hash_remove(h, slice_of(memcpy(text, key.data, key.len), key.len));
		seen++;
	}
	assert_int_equal(seen, 100);
	assert_int_equal(hash_count(h), 0);
	hash_free(h);
}

/* The vectors of the SipHash paper's reference: key 00..0f, messages 00..(n-1). */
static void siphash_vectors(void **state)
{
	(void)state;
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	char message[64];
	for (int i = 0; i < 64; i++)
		message[i] = (char)i;
	assert_true(hash_bytes_keyed(key, slice_of(message, 0)) == 0x726fdb47dd0e0e31);
	assert_true(hash_bytes_keyed(key, slice_of(message, 15)) == 0xa129ca6149be45e5);
	assert_true(hash_bytes(SLICE("a")) == hash_bytes(SLICE("a")));
	assert_true(hash_bytes(SLICE("a")) != hash_bytes(SLICE("b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_finds_removes),
		cmocka_unit_test(churns_without_growing_lost),
		cmocka_unit_test(visits_and_removes),
		cmocka_unit_test(siphash_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
