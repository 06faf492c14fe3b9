/* How the writer's connection writes its log: in few large writes, into a file that is longer.
 *
 * SQLite hands over each page of a commit in two small writes, which costs the kernel more than
 * the commit costs SQLite. This VFS gathers what is written to the write-ahead log, and writes it
 * when SQLite syncs the log, reads it or does anything else with it. Nobody else reads pages of
 * the log before they are synced, since SQLite tells about them afterwards (synchronous = FULL).
 *
 * While the log grows (it starts over at some 64 MiB, and a server that is started begins a new
 * one) each sync would have to write the file's length, too, which takes as long again. So behind
 * what is synced zeros are written, a piece at a time.
 *
 * All else goes to the system's VFS as it is. */
#ifndef VEREDUS_STORE_DB_VFS_H
#define VEREDUS_STORE_DB_VFS_H

/* The name to open a connection with; over SQLite's default VFS of the first call. NULL: SQLite
 * has no memory. */
const char *db_vfs_gathering(void);

#endif
