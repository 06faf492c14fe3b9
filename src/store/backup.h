/* Backups: consistent copies of a data directory, made while it is in use.
 *
 *     TARGET/
 *       segments/00000001.seg ...      copied once, shared by all generations
 *       20261122T084500Z/              a generation: whole if it has this name
 *         veredus.db, veredus.conf, ...
 *         segments -> ../segments
 *         segments.list                the numbers of those that it needs
 *       20261122T090000Z.partial/      one that was interrupted; the next backup removes it
 *       backup.lock
 *
 *   1. Everything that was durable when backup_make() was called is in the generation it makes.
 *   2. A generation has its name only when all of it is durable; no later backup, whole or not,
 *      takes away what it needs.
 *   3. No row of a generation names bytes that are not in it: segments are copied before the
 *      database (what the collector may remove meanwhile) and after it (what came meanwhile), and
 *      the rows are then compared with what is there.
 *
 * Segments only grow, at the end of the newest, so one whose size and time are as in the copy is
 * not copied again. The database is copied whole, through SQLite. A generation is a data
 * directory: store_open() with read_only reads it. Blocking; not for a fiber. */
#ifndef VEREDUS_STORE_BACKUP_H
#define VEREDUS_STORE_BACKUP_H

#include "base/arena.h"

enum { BACKUP_NAME_LEN = 24 };

struct backup_made {
	char name[BACKUP_NAME_LEN];
	uint64_t segments;        /* that it needs */
	uint64_t segments_copied; /* anew */
	uint64_t bytes_copied;    /* with the database */
};
/* keep: of the whole generations this many newest stay, at least 1. -ENOENT: dir has no database;
 * -EWOULDBLOCK: another backup goes on there; -EXDEV: the backups there are of another store;
 * -EAGAIN: the collector was always faster; -ENOSPC and the like. *what_out (in the arena) says
 * what the error is about. */
int backup_make(struct arena *arena, const char *dir, const char *target, unsigned keep,
                struct backup_made *out, const char **what_out);

/* The names of whole generations, oldest first, in the arena. -ENOENT: no such directory. */
int backup_list(struct arena *arena, const char *target, const char ***names_out,
                size_t *count_out);

/* Makes a data directory of a generation. dir gets its database only when all else is durable;
 * after an interruption it is to be called again. -EEXIST: dir has a database; -ENOTEMPTY: it has
 * none, but segments. */
int backup_restore(struct arena *arena, const char *target, const char *name, const char *dir,
                   uint64_t *bytes_out, const char **what_out);

#endif
