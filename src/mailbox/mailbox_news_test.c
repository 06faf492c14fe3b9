#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "mailbox/mailbox_news.h"

static void note(struct mailbox_news *n, int64_t mailbox_id, const char *name)
{
	struct mailbox_news_item change = { .mailbox_id = mailbox_id,
		                            .name = slice_from_str(name) };
	mailbox_news_note(n, &change);
}

static void what_came_since(void **state)
{
	struct mailbox_news *n = mailbox_news_new();
	struct arena *arena = arena_new();
	struct mailbox_news_item *changes;
	uint64_t early = mailbox_news_count(n), late;
	size_t count;
	(void)state;
	note(n, 7, "/shared/a");
	late = mailbox_news_count(n);
	note(n, 8, "/private/b");
	assert_true(mailbox_news_since(n, arena, &early, &changes, &count));
	assert_int_equal(count, 2);
	assert_int_equal(changes[0].mailbox_id, 7);
	assert_true(slice_equal(changes[1].name, SLICE("/private/b")));
	assert_true(mailbox_news_since(n, arena, &late, &changes, &count) && count == 1);
	assert_int_equal(changes[0].mailbox_id, 8);
	assert_true(mailbox_news_since(n, arena, &late, &changes, &count) && count == 0);
	/* As many as are kept, and one too many. */
	for (int i = 0; i < MAILBOX_NEWS_KEPT; i++)
		note(n, i, "/shared/c");
	assert_true(mailbox_news_since(n, arena, &early, &changes, &count));
	assert_int_equal(count, MAILBOX_NEWS_KEPT);
	assert_int_equal(changes[count - 1].mailbox_id, MAILBOX_NEWS_KEPT - 1);
	note(n, 1, "/shared/d");
	assert_false(mailbox_news_since(n, arena, &late, &changes, &count));
	assert_int_equal(count, 0);
	assert_true(mailbox_news_since(n, arena, &late, &changes, &count));
	arena_free(arena);
	mailbox_news_free(n);
	mailbox_news_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_since),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
