#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "store/squeeze.h"

static void what_shrinks_comes_back(void **state)
{
	(void)state;
	struct squeezer *q = squeezer_new();
	struct arena *arena = arena_new();
	char text[3000], back[3000];
	struct slice frame;
	uint64_t length;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "a line of text\r\n"[i % 16];
	for (int i = 0; i < 3; i++) {
		assert_true(squeeze(q, arena, slice_of(text, sizeof(text)), &frame));
		assert_true(frame.len < 1000);
		assert_int_equal(squeeze_length(frame, &length), 0);
		assert_int_equal(length, sizeof(text));
		assert_int_equal(unsqueeze(q, frame, back, length), 0);
		assert_memory_equal(text, back, sizeof(text));
	}
	for (size_t i = 0; i < frame.len; i++) {
		char *broken = arena_str(arena, frame);
		broken[i] ^= 0x01;
		struct slice other = slice_of(broken, frame.len);
		/* Damage is found, or does no harm. */
		if (squeeze_length(other, &length) == 0 && length == sizeof(text) &&
		    unsqueeze(q, other, back, length) == 0)
			assert_memory_equal(text, back, sizeof(text));
		assert_int_equal(unsqueeze(q, slice_sub(frame, 0, i), back, sizeof(back)),
		                 -EBADMSG);
	}
	assert_int_equal(squeeze_length(slice_of(text, sizeof(text)), &length), -EBADMSG);
	assert_int_equal(unsqueeze(q, frame, back, sizeof(back) - 1), -EBADMSG);
	squeezer_free(q);
	arena_free(arena);
}

static void what_does_not_shrink_stays(void **state)
{
	(void)state;
	struct squeezer *q = squeezer_new();
	struct arena *arena = arena_new();
	struct slice frame;
	char noise[5000];
	uint64_t seed = 1;
	for (size_t i = 0; i < sizeof(noise); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (char)(seed >> 56);
	}
	assert_false(squeeze(q, arena, slice_of(noise, sizeof(noise)), &frame));
	assert_false(squeeze(q, arena, SLICE("short short short short"), &frame));
	assert_false(squeeze(q, arena, SLICE_EMPTY, &frame));
	char *large = mem_zero(1, SQUEEZE_BYTES_MAX + 1);
	assert_false(squeeze(q, arena, slice_of(large, SQUEEZE_BYTES_MAX + 1), &frame));
	assert_true(squeeze(q, arena, slice_of(large, SQUEEZE_BYTES_MAX), &frame));
	free(large);
	squeezer_free(q);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_shrinks_comes_back),
		cmocka_unit_test(what_does_not_shrink_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
