/* Files like /etc/aliases: what is read of them, and that it is of the file. */
#include "directory/alias_file.h"
#include "fuzz.h"

static void check_entry(const struct alias_entry *e, int line_before)
{
	FUZZ_CHECK(e->line > line_before);
	FUZZ_CHECK(e->name.len > 0);
	FUZZ_CHECK(e->count >= 1 && e->count <= ALIAS_FILE_TARGETS_MAX);
	for (size_t i = 0; i < e->count; i++) {
		struct slice target = e->targets[i];
		FUZZ_CHECK(target.len > 0);
		FUZZ_CHECK(slice_find_byte(target, '\n') < 0);
		/* No place for mail to go. */
		FUZZ_CHECK(target.data[0] != '|' && target.data[0] != '/');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct alias_file file;
	if (alias_file_parse(arena, input, &file) == 0) {
		FUZZ_CHECK(file.count <= ALIAS_FILE_ENTRIES_MAX);
		for (size_t i = 0; i < file.count; i++)
			check_entry(&file.entries[i], i > 0 ? file.entries[i - 1].line : 0);
	} else {
		FUZZ_CHECK(file.wrong_line >= 1 && file.why);
	}
	arena_free(arena);
	return 0;
}
