/* Copying files, for backup.c. */
#ifndef VEREDUS_STORE_BACKUP_COPY_H
#define VEREDUS_STORE_BACKUP_COPY_H

#include "base/arena.h"

/* Copies a regular file with mode and times, and, as root, its owner, under another name first and
 * not synced. *bytes_out is added to. */
int copy_file(struct arena *arena, const char *from, const char *to, uint64_t *bytes_out);
/* Is the copy as the original is? By size and time. */
bool copy_is_current(const char *from, const char *to);
/* Calls visit for each entry of a directory, "." and ".." left out, by name. */
int copy_each(const char *path, int (*visit)(const char *name, void *arg), void *arg);
/* A directory with what is in it. -ENOENT is no error. */
int copy_remove_tree(struct arena *arena, const char *path);
/* Makes durable all that was written in the file system of a directory. */
int copy_sync(const char *path);

#endif
