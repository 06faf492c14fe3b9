/* The system calls by which the store changes and walks segments, so that a test can make the
 * first, second, third ... of them fail. They return what the system calls return, with errno set.
 */
#ifndef VEREDUS_STORE_STORE_IO_H
#define VEREDUS_STORE_STORE_IO_H

#include <sys/types.h>
#include <sys/uio.h>

struct store_io {
	int (*openat)(int dir_fd, const char *name, int flags, mode_t mode);
	ssize_t (*pread)(int fd, void *into, size_t len, off_t offset);
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int count, off_t offset);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*renameat)(int dir_fd, const char *from, const char *to);
	int (*unlinkat)(int dir_fd, const char *name);
};

/* The system's own. */
extern const struct store_io store_io_system;

#endif
