#include "net/fd_pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

int fd_pass_send(int socket, struct slice bytes, const int *fds, size_t count)
{
	union control control = { .room = { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.len };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.room,
		                  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t fd_pass_receive(int socket, char *room, size_t size, int *fds, size_t count)
{
	union control control;
	struct iovec part = { .iov_base = room, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.room,
		                  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	ssize_t got;
	do {
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	const struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(count * sizeof(int)))
		return -1;
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	return got;
}
