/* Threads: each line is a message, "id SP subject SP references". Every message is in one thread,
 * once, and parentheses balance. */
#include <stdlib.h>

#include "fuzz.h"
#include "imap/imap_keys.h"
#include "imap/imap_thread_tree.h"
#include "message/base_subject.h"

enum { MESSAGES_MAX = 200 };

static void check_list(const uint32_t *list, size_t listed, size_t count)
{
	bool is_there[MESSAGES_MAX + 1] = { false };
	size_t seen = 0;
	long depth = 0;
	for (size_t i = 0; i < listed; i++) {
		if (list[i] == THREAD_OPEN) {
			depth++;
		} else if (list[i] == THREAD_CLOSE) {
			FUZZ_CHECK(--depth >= 0);
		} else {
			FUZZ_CHECK(list[i] <= count && !is_there[list[i]]);
			is_there[list[i]] = true;
			seen++;
		}
	}
	FUZZ_CHECK(seen == count && depth == 0);
}

static void check_kind(enum imap_thread_kind kind, const struct thread_message *messages,
                       size_t count)
{
	struct thread_tree t;
	if (thread_tree_build(&t, kind, messages, count) == 0) {
		uint32_t *list;
		size_t listed = thread_tree_list(&t, &list);
		check_list(list, listed, count);
		free(list);
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
		struct imap_keys keys;
		*m = (struct thread_message){ .uid = (uint32_t)count };
		struct slice id = slice_split(&line, ' ');
		m->id = id.len ? imap_keys_hash(id) : 0;
		struct slice subject = message_base_subject(arena, slice_split(&line, ' '),
		                                            &m->is_reply);
		m->subject = subject.len ? imap_keys_hash(subject) : 0;
		m->date = (int64_t)line.len % 3;
		imap_keys_ancestors(arena, line, &keys);
		m->ancestors = keys.ancestors;
		m->ancestor_count = keys.ancestor_count;
	}
	check_kind(THREAD_ORDEREDSUBJECT, messages, count);
	check_kind(THREAD_REFERENCES, messages, count);
	check_kind(THREAD_REFS, messages, count);
	arena_free(arena);
	return 0;
}
