/* Which moves are lessons, and that no more than so many wait. */
#include "mailbox/lesson.h"

#include <errno.h>

#include "mailbox/mailbox_testing.h"

struct move {
	struct step step;
	uint64_t room;
	int64_t teacher;
	struct lesson_noted noted;
	struct lesson lesson;
	int64_t count;
};

static int do_move(struct db *db, void *arg)
{
	struct move *m = arg;
	struct step *s = &m->step;
	int rc = mailbox_move(db, s->arena, s->mailbox, &s->uids, s->to, &s->copied);
	return rc < 0 ? rc
	              : lesson_of_copy(db, s->arena, m->teacher, s->mailbox, s->to, &s->copied,
	                               m->room, &m->noted);
}

static int do_next(struct db *db, void *arg)
{
	struct move *m = arg;
	int rc = lesson_count(db, &m->count);
	return rc < 0 ? rc : lesson_next(db, m->step.arena, &m->lesson);
}

static int do_end(struct db *db, void *arg)
{
	const struct move *m = arg;
	return lesson_end(db, m->lesson.id);
}

static int64_t id_of(struct fixture *f, const char *name)
{
	return testing_find_mailbox(f, slice_from_str(name)).id;
}

/* Moves so many new messages, and tells what came of it. */
static struct move move_new(struct fixture *f, const char *from, const char *to, uint64_t count,
                            int64_t teacher)
{
	struct move m = { .room = 10, .teacher = teacher };
	m.step.mailbox = id_of(f, from);
	m.step.to = id_of(f, to);
	m.step.arena = f->arena;
	uint32_t last = testing_append(f, m.step.mailbox, 0, count);
	m.step.uids = testing_range(f, last - (uint32_t)count + 1, last);
	assert_int_equal(store_commit(f->store, NULL, 0, do_move, &m), 0);
	return m;
}

static void only_into_and_out_of_junk(void **state)
{
	static const struct {
		const char *from, *to;
		bool noted, spam;
	} moves[] = {
		{ "INBOX", "Junk", true, true },      { "Trash", "Junk", true, true },
		{ "Junk", "INBOX", true, false },     { "Junk", "Archive", true, false },
		{ "Junk", "Trash", false, false },    { "INBOX", "Trash", false, false },
		{ "INBOX", "Archive", false, false },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		struct move m = move_new(f, moves[i].from, moves[i].to, 2, f->account);
		assert_int_equal(m.noted.noted, moves[i].noted);
		assert_int_equal(store_read(f->store, do_next, &m), moves[i].noted ? 0 : -ENODATA);
		if (!moves[i].noted)
			continue;
		assert_int_equal(m.count, 2);
		assert_int_equal(m.lesson.mailbox_id, m.step.to);
		assert_int_equal(m.lesson.is_spam, moves[i].spam);
		assert_int_equal(uid_set_size(&m.lesson.uids), 2);
		assert_true(uid_set_has(&m.lesson.uids, m.step.copied.first_uid + 1));
		assert_int_equal(store_commit(f->store, NULL, 0, do_end, &m), 0);
	}
}

static void nobody_teaches_others(void **state)
{
	struct fixture *f = *state;
	assert_false(move_new(f, "INBOX", "Junk", 1, f->account + 1).noted.noted);
}

static void there_is_room_for_some(void **state)
{
	struct fixture *f = *state;
	assert_true(move_new(f, "INBOX", "Junk", 6, f->account).noted.noted);
	struct move m = move_new(f, "INBOX", "Junk", 5, f->account);
	assert_false(m.noted.noted);
	assert_int_equal(m.noted.lost, 5);
	assert_true(move_new(f, "INBOX", "Junk", 4, f->account).noted.noted);
	assert_int_equal(testing_rows(f, "SELECT count(*) FROM lesson"), 2);
}

static void keywords(void **state)
{
	const struct slice junk[] = { SLICE("$Forwarded"), SLICE("$junk") };
	const struct slice wanted[] = { SLICE("$NotJunk") };
	const struct slice both[] = { SLICE("$Junk"), SLICE("$NotJunk") };
	(void)state;
	assert_int_equal(lesson_keyword_kind(junk, 2), 1);
	assert_int_equal(lesson_keyword_kind(junk, 1), -1);
	assert_int_equal(lesson_keyword_kind(wanted, 1), 0);
	assert_int_equal(lesson_keyword_kind(both, 2), -1);
}

#define ON_A_STORE(test)                                                                           \
	cmocka_unit_test_setup_teardown(test, mailbox_testing_setup, mailbox_testing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_STORE(only_into_and_out_of_junk),
		ON_A_STORE(nobody_teaches_others),
		ON_A_STORE(there_is_room_for_some),
		cmocka_unit_test(keywords),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
