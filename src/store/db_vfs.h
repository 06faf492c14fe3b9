/* How the writer's connection writes its log: in few large writes.
 *
 * SQLite hands over each page of a commit in two small writes, which costs the kernel more than
 * the commit costs SQLite. This VFS gathers what is written to the write-ahead log, and writes it
 * when SQLite syncs the log, reads it or does anything else with it. Nobody else reads pages of
 * the log before they are synced, since SQLite tells about them afterwards (synchronous = FULL).
 * All else goes to the system's VFS as it is. */
#ifndef VEREDUS_STORE_DB_VFS_H
#define VEREDUS_STORE_DB_VFS_H

/* The name to open a connection with; over SQLite's default VFS of the first call. NULL: SQLite
 * has no memory. */
const char *db_vfs_gathering(void);

#endif
