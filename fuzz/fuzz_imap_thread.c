/* Threads: each line is a message, "id SP subject SP references". Every message is in one thread,
 * once, and parentheses balance. */
#include "fuzz.h"
#include "imap/imap_thread_tree.h"
#include "message/base_subject.h"

enum { MESSAGES_MAX = 200 };

struct seen {
	bool is_there[MESSAGES_MAX + 1];
	size_t count;
	long depth;
	unsigned number;
};

static void number_ends(struct seen *seen)
{
	if (seen->number == 0)
		return;
	FUZZ_CHECK(seen->number <= MESSAGES_MAX && !seen->is_there[seen->number]);
	seen->is_there[seen->number] = true;
	seen->count++;
	seen->number = 0;
}

static void check_piece(void *arg, struct slice piece)
{
	struct seen *seen = arg;
	for (size_t i = 0; i < piece.len; i++) {
		char c = piece.data[i];
		if (byte_is_digit(c)) {
			seen->number = seen->number * 10 + (unsigned)(c - '0');
			continue;
		}
		number_ends(seen);
		seen->depth += c == '(' ? 1 : c == ')' ? -1 : 0;
		FUZZ_CHECK(seen->depth >= 0);
	}
}

static void check_kind(enum imap_thread_kind kind, const struct thread_message *messages,
                       size_t count)
{
	struct thread_tree t;
	struct seen seen = { .count = 0 };
	if (thread_tree_build(&t, kind, messages, count) == 0) {
		thread_tree_write(&t, check_piece, &seen);
		FUZZ_CHECK(seen.count == count && seen.depth == 0);
	}
	thread_tree_destroy(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct thread_message *messages = ARENA_ARRAY(arena, MESSAGES_MAX, struct thread_message);
	struct slice input = fuzz_input(data, size);
	size_t count = 0;
	while (input.len > 0 && count < MESSAGES_MAX) {
		struct slice line = slice_split(&input, '\n');
		struct thread_message *m = &messages[count++];
		*m = (struct thread_message){ .number = (uint32_t)count };
		m->id = slice_split(&line, ' ');
		m->subject = message_base_subject(arena, slice_split(&line, ' '), &m->is_reply);
		m->date = (int64_t)line.len % 3;
		m->references = line;
	}
	check_kind(THREAD_ORDEREDSUBJECT, messages, count);
	check_kind(THREAD_REFERENCES, messages, count);
	check_kind(THREAD_REFS, messages, count);
	arena_free(arena);
	return 0;
}
