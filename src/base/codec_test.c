#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"

/* RFC 4648, section 10. */
static const struct {
	struct slice bytes, text;
} base64_vectors[] = {
	{ { "", 0 }, { "", 0 } },
	{ { "f", 1 }, { "Zg==", 4 } },
	{ { "fo", 2 }, { "Zm8=", 4 } },
	{ { "foo", 3 }, { "Zm9v", 4 } },
	{ { "foob", 4 }, { "Zm9vYg==", 8 } },
	{ { "fooba", 5 }, { "Zm9vYmE=", 8 } },
	{ { "foobar", 6 }, { "Zm9vYmFy", 8 } },
	{ { "\0\xff\xfe", 3 }, { "AP/+", 4 } },
};

static void base64_both_ways(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(base64_vectors) / sizeof(base64_vectors[0]); i++) {
		struct slice bytes = base64_vectors[i].bytes, text = base64_vectors[i].text, back;
		struct buf b = buf_make(100);
		assert_int_equal(base64_encode(bytes, &b), 0);
		assert_true(slice_equal(buf_slice(&b), text));
		buf_free(&b);
		assert_true(slice_equal(base64_encode_arena(a, bytes), text));
		assert_true(base64_decode(a, text, &back));
		assert_true(slice_equal(back, bytes));
	}
	arena_free(a);
}

static void base64_refuses(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	static const char *const bad[] = { "Z",    "Zg",   "Zg=",      "====", "Z===",  "Zm9v\n",
		                           "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v=", "-_-_" };
	struct slice out;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(base64_decode(a, slice_from_str(bad[i]), &out));
	arena_free(a);
}

static void hex(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct slice out;
	assert_true(slice_equal(hex_encode(a, slice_of("\0\xab\x7f", 3)), SLICE("00ab7f")));
	assert_true(hex_decode(a, SLICE("00AB7f"), &out));
	assert_true(slice_equal(out, slice_of("\0\xab\x7f", 3)));
	assert_false(hex_decode(a, SLICE("0"), &out));
	assert_false(hex_decode(a, SLICE("0g"), &out));
	arena_free(a);
}

static void random_stays_below(void **state)
{
	(void)state;
	unsigned seen = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t value = random_below(5);
		assert_true(value < 5);
		seen |= 1U << value;
	}
	assert_int_equal(seen, 31);
	assert_int_equal(random_below(1), 0);
	assert_true(random_u64() != random_u64());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(hex),
		cmocka_unit_test(random_stays_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
