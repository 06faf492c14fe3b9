#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "imap/imap_keys.h"
#include "imap/imap_thread_tree.h"

enum { TEXT_MAX = 16 << 20 };

static void append_text(struct buf *out, const struct thread_tree *t)
{
	uint32_t *list;
	size_t count = thread_tree_list(t, &list);
	bool number = false;
	for (size_t i = 0; i < count; i++) {
		if (number && list[i] != THREAD_CLOSE)
			buf_append_byte(out, ' ');
		number = list[i] != THREAD_OPEN && list[i] != THREAD_CLOSE;
		if (number)
			buf_printf(out, "%u", list[i]);
		else
			buf_append_byte(out, list[i] == THREAD_OPEN ? '(' : ')');
	}
	free(list);
}

/* A message as its header says. */
struct said {
	uint32_t uid;
	int64_t date;
	const char *id, *references, *subject;
	bool is_reply;
};

static uint64_t hash(const char *text) { return *text ? imap_keys_hash(slice_from_str(text)) : 0; }

static struct thread_message *messages_of(struct arena *arena, const struct said *said,
                                          size_t count)
{
	struct thread_message *m = ARENA_ARRAY(arena, count + 1, struct thread_message);
	for (size_t i = 0; i < count; i++) {
		struct imap_keys keys;
		imap_keys_ancestors(arena, slice_from_str(said[i].references), &keys);
		m[i] = (struct thread_message){ .uid = said[i].uid,
			                        .date = said[i].date,
			                        .is_reply = said[i].is_reply,
			                        .id = hash(said[i].id),
			                        .subject = hash(said[i].subject),
			                        .ancestors = keys.ancestors,
			                        .ancestor_count = keys.ancestor_count };
	}
	return m;
}

static void assert_threads(enum imap_thread_kind kind, const struct said *said, size_t count,
                           const char *want)
{
	struct arena *arena = arena_new();
	const struct thread_message *messages = messages_of(arena, said, count);
	struct thread_tree t;
	struct buf text = buf_make(TEXT_MAX);
	assert_int_equal(thread_tree_build(&t, kind, messages, count), 0);
	append_text(&text, &t);
	if (!slice_equal(buf_slice(&text), slice_from_str(want)))
		fail_msg("got %.*s, want %s", SLICE_ARG(buf_slice(&text)), want);
	thread_tree_destroy(&t);
	buf_free(&text);
	arena_free(arena);
}

#define M(number_, date_, id_, references_, subject_, is_reply_)                                   \
	{                                                                                          \
		.uid = number_, .date = date_, .id = (id_), .references = (references_),           \
		.subject = (subject_), .is_reply = is_reply_                                       \
	}
#define ASSERT_THREADS(kind, messages, want)                                                       \
	assert_threads(kind, messages, sizeof(messages) / sizeof((messages)[0]), want)

static void test_answers(void **state)
{
	const struct said m[] = {
		M(1, 10, "<a>", "", "lunch", false),       M(2, 20, "<b>", "<a>", "lunch", true),
		M(3, 30, "<c>", "<a> <b>", "lunch", true), M(4, 25, "<d>", "<a>", "lunch", true),
		M(5, 5, "<e>", "", "other", false),
	};
	(void)state;
	ASSERT_THREADS(THREAD_REFERENCES, m, "(5)(1 (2 3)(4))");
	ASSERT_THREADS(THREAD_REFS, m, "(5)(1 (2 3)(4))");
	ASSERT_THREADS(THREAD_ORDEREDSUBJECT, m, "(5)(1 (2)(4)(3))");
}

static void test_missing_messages(void **state)
{
	const struct said two[] = {
		M(1, 10, "<a>", "<x>", "a", false),
		M(2, 20, "<b>", "<x>", "b", false),
	};
	const struct said one[] = {
		M(1, 10, "<a>", "<x> <y> <z>", "a", false),
		M(2, 20, "<b>", "<x> <y> <z> <a>", "b", false),
	};
	const struct said between[] = {
		M(1, 10, "<a>", "", "a", false),
		M(2, 20, "<b>", "<a> <gone> <lost>", "b", false),
		M(3, 30, "<c>", "<a> <gone>", "c", false),
	};
	(void)state;
	ASSERT_THREADS(THREAD_REFS, two, "((1)(2))");
	ASSERT_THREADS(THREAD_REFS, one, "(1 2)");
	ASSERT_THREADS(THREAD_REFS, between, "(1 (2)(3))");
}

static void test_subjects(void **state)
{
	const struct said m[] = {
		M(1, 30, "<a>", "", "lunch", true), /* its original came later */
		M(2, 40, "<b>", "", "lunch", false), M(3, 50, "<c>", "", "lunch", true),
		M(4, 10, "", "", "", false),         M(5, 20, "", "", "", false),
		M(6, 60, "<d>", "", "tea", false),   M(7, 70, "<e>", "", "tea", false),
		M(8, 80, "<f>", "", "tea", false),
	};
	const struct said dummies[] = {
		M(1, 10, "<a>", "<x>", "s", true), M(2, 20, "<b>", "<x>", "s", true),
		M(3, 30, "<c>", "<y>", "s", true), M(4, 40, "<d>", "<y>", "s", true),
		M(5, 50, "<e>", "", "s", false),
	};
	(void)state;
	ASSERT_THREADS(THREAD_REFERENCES, m, "(4)(5)(2 (1)(3))((6)(7)(8))");
	ASSERT_THREADS(THREAD_REFS, m, "(4)(5)(1)(2)(3)(6)(7)(8)");
	ASSERT_THREADS(THREAD_REFERENCES, dummies, "((1)(2)(3)(4)(5))");
}

static void test_nonsense(void **state)
{
	const struct said circle[] = {
		M(1, 10, "<a>", "<b>", "a", false), M(2, 20, "<b>", "<a>", "b", false),
		M(3, 30, "<c>", "<c>", "c", false),
		M(4, 40, "<a>", "<c> <d <e", "d", false), /* an id that is taken */
	};
	(void)state;
	ASSERT_THREADS(THREAD_REFS, circle, "(2 1)(3 4)");
	assert_threads(THREAD_REFERENCES, circle, 0, "");
	assert_threads(THREAD_ORDEREDSUBJECT, circle, 0, "");
}

/* Each an answer to the one before; and all spoken of by all. */
static void test_a_long_chain(void **state)
{
	enum { COUNT = 200000 };
	struct said *m = mem_zero(COUNT, sizeof(*m));
	struct arena *arena = arena_new();
	struct buf want = buf_make(TEXT_MAX);
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		m[i] = (struct said){ .uid = i + 1, .date = COUNT - i, .subject = "s" };
		m[i].id = arena_printf(arena, "<%u>", i);
		m[i].references = i ? m[i - 1].id : "";
		buf_printf(&want, i ? " %u" : "(%u", i + 1);
	}
	buf_append(&want, SLICE(")"));
	buf_append_byte(&want, '\0');
	assert_threads(THREAD_REFERENCES, m, COUNT, want.data);
	buf_free(&want);
	arena_free(arena);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),      cmocka_unit_test(test_missing_messages),
		cmocka_unit_test(test_subjects),     cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_a_long_chain),
	};
	return cmocka_run_group_tests_name("imap_thread_tree", tests, NULL, NULL);
}
