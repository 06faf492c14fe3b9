#include "store/store_testing.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mailbox/text_index.h"

enum { ACCOUNT = 7, INBOX = 1, OTHER = 2 };

static struct arena *arena;
static struct trigrams *words;
static struct side *side;
static void *dir;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	words = trigrams_new();
	assert_int_equal(testing_make_dir(&dir), 0);
	return text_index_open(dir, ACCOUNT, true, &side);
}

static int teardown(void **state)
{
	(void)state;
	side_close(side);
	text_index_remove(dir, ACCOUNT);
	trigrams_free(words);
	arena_free(arena);
	/* Nothing of it is left. */
	int rc = rmdir(dir);
	free(dir);
	return rc;
}

static const struct trigrams *words_of(const char *text)
{
	trigrams_clear(words);
	trigrams_add(words, slice_from_str(text));
	return words;
}

static int fill(struct db *db, void *unused)
{
	(void)unused;
	const struct text_index_mark mark = { INBOX, 5, 30 };
	assert_int_equal(text_index_add(db, 100, words_of("the quick brown fox")), 0);
	assert_int_equal(text_index_add(db, 101, words_of("a lazy dog")), 0);
	assert_int_equal(text_index_add(db, 102, NULL), 0);
	assert_int_equal(text_index_add(db, 103, words_of("")), 0);
	assert_int_equal(text_index_place(db, 100, INBOX, 20), 0);
	assert_int_equal(text_index_place(db, 100, INBOX, 20), 0);
	assert_int_equal(text_index_place(db, 100, OTHER, 1), 0);
	assert_int_equal(text_index_place(db, 101, INBOX, 10), 0);
	assert_int_equal(text_index_place(db, 102, INBOX, 30), 0);
	return text_index_set_done(db, &mark);
}

static const char *find(struct db *db, int64_t mailbox, const char *needle)
{
	struct uid_set set;
	struct buf text = buf_make(1000);
	assert_int_equal(text_index_find(db, arena, mailbox, slice_from_str(needle), &set), 0);
	assert_int_equal(uid_set_write(&set, &text), 0);
	const char *out = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return out;
}

static int look(struct db *db, void *unused)
{
	(void)unused;
	struct text_index_mark mark = { .mailbox_id = INBOX }, other = { .mailbox_id = OTHER };
	struct text_index_counts counts;
	struct uid_set set;
	bool looked;
	assert_string_equal(find(db, INBOX, "quick brown"), "20,30");
	assert_string_equal(find(db, INBOX, "lazy"), "10,30");
	assert_string_equal(find(db, INBOX, "LAZY"), "30");
	assert_string_equal(find(db, INBOX, " and OR \"*"), "30");
	assert_string_equal(find(db, OTHER, "fox"), "1");
	assert_string_equal(find(db, OTHER, "dog"), "");
	assert_int_equal(text_index_find(db, arena, INBOX, SLICE("do"), &set), -ENODATA);
	assert_int_equal(text_index_done(db, &mark), 0);
	assert_int_equal(mark.uid, 30);
	assert_int_equal(mark.uid_validity, 5);
	assert_int_equal(text_index_done(db, &other), 0);
	assert_int_equal(other.uid, 0);
	assert_int_equal(text_index_has(db, 102, &looked), 0);
	assert_false(looked);
	assert_int_equal(text_index_has(db, 104, &looked), -ENODATA);
	assert_int_equal(text_index_count(db, &counts), 0);
	assert_int_equal(counts.blobs, 4);
	assert_int_equal(counts.skipped, 1);
	return 0;
}

static void what_may_hold_a_needle_is_found(void **state)
{
	(void)state;
	struct side *reader;
	assert_int_equal(text_index_open(dir, ACCOUNT + 1, false, &reader), -ENOENT);
	assert_int_equal(side_change(side, fill, NULL), 0);
	assert_int_equal(text_index_open(dir, ACCOUNT, false, &reader), 0);
	assert_int_equal(side_read(reader, look, NULL), 0);
	assert_int_not_equal(side_change(reader, fill, NULL), 0);
	side_close(reader);
	assert_true(text_index_bytes(dir, ACCOUNT) > 0);
}

static int forget(struct db *db, void *unused)
{
	(void)unused;
	int64_t mailbox = 0;
	uint32_t uid = 0;
	assert_int_equal(text_index_displace(db, 100, INBOX, 20), 0);
	assert_string_equal(find(db, INBOX, "fox"), "30");
	assert_int_equal(text_index_next_place(db, 100, &mailbox, &uid), 0);
	assert_int_equal(mailbox, OTHER);
	assert_int_equal(uid, 1);
	assert_int_equal(text_index_next_place(db, 100, &mailbox, &uid), -ENODATA);
	assert_int_equal(text_index_drop(db, 100, words_of("the quick brown fox")), 0);
	assert_int_equal(text_index_drop(db, 102, NULL), 0);
	assert_string_equal(find(db, OTHER, "fox"), "");
	/* Nothing is left of it: what comes under its id is found by its own words only. */
	assert_int_equal(text_index_add(db, 100, words_of("slow")), 0);
	assert_int_equal(text_index_place(db, 100, INBOX, 40), 0);
	assert_string_equal(find(db, INBOX, "fox"), "");
	assert_string_equal(find(db, INBOX, "slow"), "40");
	return -ECANCELED;
}

static void what_goes_leaves_no_words(void **state)
{
	(void)state;
	assert_int_equal(side_change(side, fill, NULL), 0);
	assert_int_equal(side_change(side, forget, NULL), -ECANCELED);
	assert_int_equal(side_read(side, look, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_may_hold_a_needle_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(what_goes_leaves_no_words, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
