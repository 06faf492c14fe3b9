#include "base/base_testing.h"

#include <errno.h>

#include "mailbox/note.h"

static void test_round_trip(void **state)
{
	(void)state;
	struct buf note = buf_make(1000);
	struct arena *arena = arena_new();
	assert_int_equal(note_add_at(&note, 1767225600123), 0);
	assert_int_equal(note_add_to(&note, SLICE("a b@example.test"), SLICE("Sent Mail\n%")), 0);
	assert_int_equal(note_add_relay(&note, SLICE_EMPTY, SLICE("c@remote.test")), 0);
	assert_int_equal(buf_append(&note, SLICE("later kind of line\n")), 0);
	assert_int_equal(note_add_relay(&note, SLICE("x@y.test"), SLICE("z@remote.test")), 0);

	struct cursor c = cursor_of(buf_slice(&note));
	struct note_line line;
	assert_true(note_next(&c, arena, &line));
	assert_int_equal(line.kind, NOTE_AT);
	assert_int_equal(line.at_ms, 1767225600123);
	assert_true(note_next(&c, arena, &line));
	assert_int_equal(line.kind, NOTE_TO);
	assert_text(line.address, "a b@example.test");
	assert_text(line.mailbox, "Sent Mail\n%");
	assert_true(note_next(&c, arena, &line));
	assert_int_equal(line.kind, NOTE_RELAY);
	assert_int_equal(line.reverse.len, 0);
	assert_text(line.address, "c@remote.test");
	assert_true(note_next(&c, arena, &line));
	assert_text(line.reverse, "x@y.test");
	assert_false(note_next(&c, arena, &line));
	arena_free(arena);
	buf_free(&note);
}

static void test_full_note_keeps_whole_lines(void **state)
{
	(void)state;
	struct buf note = buf_make(30);
	assert_int_equal(note_add_to(&note, SLICE("a@b.test"), SLICE("INBOX")), 0);
	size_t len = note.len;
	assert_int_equal(note_add_to(&note, SLICE("longer@example.test"), SLICE("INBOX")),
	                 -ENOBUFS);
	assert_int_equal(note.len, len);
	assert_int_equal(note_add_at(&note, 7), 0);
	buf_free(&note);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_full_note_keeps_whole_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
