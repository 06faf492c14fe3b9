/* Files like /etc/aliases: aliases(5) of Sendmail and Postfix.
 *
 *     # a comment
 *     postmaster: root
 *     root: alice, "Bob B"@example.test,
 *             carol@example.test
 *
 * A line that begins with a space goes on with the one before it. Only names and addresses may be
 * targets here: a command, a file and :include: are no place for mail to go in this system. Pure;
 * results are slices into the text and the arena. */
#ifndef VEREDUS_DIRECTORY_ALIAS_FILE_H
#define VEREDUS_DIRECTORY_ALIAS_FILE_H

#include "base/arena.h"

enum { ALIAS_FILE_ENTRIES_MAX = 10000, ALIAS_FILE_TARGETS_MAX = 250 };

struct alias_entry {
	int line;          /* that it begins in, from 1 */
	struct slice name; /* with or without a domain, as are the targets */
	struct slice *targets;
	size_t count; /* one at least */
};

struct alias_file {
	struct alias_entry *entries;
	size_t count;
	int wrong_line;  /* of what can't be read */
	const char *why; /* likewise */
};

/* 0, or -EINVAL with wrong_line and why. */
int alias_file_parse(struct arena *arena, struct slice text, struct alias_file *out);

#endif
