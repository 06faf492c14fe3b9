/* Descriptors over a Unix socket, each time the same number of them with a few bytes (unix(7)). */
#ifndef VEREDUS_NET_FD_PASS_H
#define VEREDUS_NET_FD_PASS_H

#include <sys/types.h>

#include "base/slice.h"

enum { FD_PASS_MAX = 4 };

/* One packet with all of them; they stay open here. 0 or -errno: -EAGAIN if the socket does not
 * block, and is full. */
int fd_pass_send(int socket, struct slice bytes, const int *fds, size_t count);
/* Waits for a packet; the descriptors that come are closed by exec. The bytes in room, or -1: the
 * other end is gone, or what came is something else. */
ssize_t fd_pass_receive(int socket, char *room, size_t size, int *fds, size_t count);

#endif
