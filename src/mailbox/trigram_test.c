#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailbox/trigram.h"

static bool has_word(struct slice words, struct slice word)
{
	for (size_t i = 0; i < words.len; i += TRIGRAM_WORD_BYTES) {
		if (slice_equal(slice_sub(words, i, TRIGRAM_WORD_BYTES), word))
			return true;
	}
	return false;
}

/* Every trigram of the needle is among those of the text. */
static bool may_hold(struct slice text, struct slice needle)
{
	struct trigrams *t = trigrams_new();
	struct buf words = buf_make(1 << 20), wanted = buf_make(1 << 20);
	trigrams_add(t, text);
	assert_int_equal(trigrams_write(t, SIZE_MAX, &words), 0);
	assert_int_equal(trigrams_of_needle(needle, 64, &wanted), 0);
	bool all = true;
	for (size_t i = 0; i < wanted.len; i += TRIGRAM_WORD_BYTES)
		all &= has_word(buf_slice(&words),
		                slice_sub(buf_slice(&wanted), i, TRIGRAM_WORD_BYTES));
	buf_free(&words);
	buf_free(&wanted);
	trigrams_free(t);
	return all;
}

static void a_text_has_those_of_its_parts(void **state)
{
	(void)state;
	struct slice text = SLICE("a \xff\0 text, \xd0\x96\xd1\x83\xd0\xba and \xe4\xb8\xad");
	for (size_t i = 0; i < text.len; i++) {
		for (size_t len = TRIGRAM_BYTES; i + len <= text.len; len++)
			assert_true(may_hold(text, slice_sub(text, i, len)));
	}
	assert_false(may_hold(text, SLICE("a tex")));
	assert_false(may_hold(text, SLICE("\xd0\x96\xd0\xba")));
}

static void texts_are_not_joined(void **state)
{
	(void)state;
	struct trigrams *t = trigrams_new();
	trigrams_add(t, SLICE("abc"));
	trigrams_add(t, SLICE("de"));
	trigrams_add(t, SLICE("abc"));
	assert_int_equal(trigrams_count(t), 1);
	trigrams_clear(t);
	assert_int_equal(trigrams_count(t), 0);
	trigrams_add(t, SLICE("abcd"));
	assert_int_equal(trigrams_count(t), 2);
	trigrams_free(t);
}

static void words_are_bounded(void **state)
{
	(void)state;
	struct buf out = buf_make(1 << 10), tight = buf_make(7);
	assert_int_equal(trigrams_of_needle(SLICE("ab"), 64, &out), -ENODATA);
	assert_int_equal(trigrams_of_needle(SLICE("abcdefgh"), 2, &out), 0);
	assert_int_equal(out.len, 2 * TRIGRAM_WORD_BYTES);
	for (size_t i = 0; i < out.len; i++)
		assert_int_equal((unsigned char)out.data[i] >= 0x80, i % TRIGRAM_WORD_BYTES != 4);
	assert_int_equal(trigrams_of_needle(SLICE("abcd"), 64, &tight), -ENOBUFS);
	buf_free(&out);
	buf_free(&tight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_has_those_of_its_parts),
		cmocka_unit_test(texts_are_not_joined),
		cmocka_unit_test(words_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
