#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "imap/imap_fuzzy.h"

static unsigned score(const char *text, const char *wanted)
{
	return imap_fuzzy(slice_from_str(text), slice_from_str(wanted));
}

static void as_it_stands(void **state)
{
	(void)state;
	assert_int_equal(score("THE BROKEN IMAP", "BROKEN IMAP"), 100);
	assert_int_equal(score("ANYTHING", ""), 100);
	assert_int_equal(score("", "WORD"), 0);
	assert_int_equal(score("", ""), 100);
}

static void words_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(score("IMAP IS BROKEN", "BROKEN IMAP"), 90);
	assert_int_equal(score("IMAP, UNBROKENLY", "BROKEN IMAP"), (75 + 90) / 2);
	assert_int_equal(score("IMAP IS FAST", "BROKEN IMAP"), 45);
	assert_int_equal(score("IMAP IS FAST", "BROKEN SLOW IMAP"), 0);
	assert_int_equal(score("IMAP", "- + -"), 0);
}

static void misspelt_words(void **state)
{
	(void)state;
	assert_int_equal(score("SAY HELLO", "HELO"), 60);
	assert_int_equal(score("SAY HELLO", "EHLLO"), 60);
	assert_int_equal(score("SAY HELLO", "HXLXO"), 0);
	assert_int_equal(score("RECIEVED AND SEEN", "RECEIVED"), 60);
	assert_int_equal(score("RECIEVD AND SEEN", "RECEIVED"), 40);
	assert_int_equal(score("A CAT", "CAR"), 0);
}

static void long_words(void **state)
{
	char text[300], wanted[300];
	(void)state;
	memset(text, 'A', sizeof(text));
	memset(wanted, 'A', sizeof(wanted));
	text[sizeof(text) - 1] = wanted[sizeof(wanted) - 1] = '\0';
	wanted[0] = 'B';
	assert_int_equal(score(text, wanted), 0);
	wanted[49] = '\0';
	assert_int_equal(score(text, wanted), 0);
	wanted[48] = text[48] = '\0';
	assert_int_equal(score(text, wanted), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_it_stands),
		                            cmocka_unit_test(words_in_any_order),
		                            cmocka_unit_test(misspelt_words),
		                            cmocka_unit_test(long_words) };
	return cmocka_run_group_tests_name("imap_fuzzy", tests, NULL, NULL);
}
