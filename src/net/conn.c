#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/conn_internal.h"

/* With less room than this behind the received bytes they are moved to the front. */
enum { FILL_MIN = 4096 };

/* --- life ---------------------------------------------------------------------------- */

int conn_new(int fd, const struct net_address *peer, struct conn **out)
{
	struct watch *watch = watch_new(fd);
	struct conn *c;

	if (!watch) {
		close(fd);
		return -ENOMEM;
	}
	c = mem_zero(1, sizeof(*c));
	c->fd = fd;
	c->watch = watch;
	c->peer = *peer;
	c->local.len = sizeof(c->local.local);
	if (getsockname(fd, &c->local.any, &c->local.len) < 0)
		c->local = (struct net_address){ .len = sizeof(c->local.any) };
	*out = c;
	return 0;
}

static int connect_start(int fd, const struct net_address *to, const struct net_address *from)
{
	int one = 1;

	if (to->any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (from && net_address_port(from) == 0 && from->any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (from && bind(fd, &from->any, from->len) < 0)
		return -errno;
	if (connect(fd, &to->any, to->len) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int connect_finish(struct conn *c, int64_t deadline)
{
	socklen_t len = sizeof(int);
	int error = 0;
	int rc;

	rc = watch_wait(c->watch, FIBER_WRITE, deadline);
	if (rc < 0)
		return rc;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

int conn_connect(const struct net_address *to, const struct net_address *from, int64_t deadline,
                 struct conn **out)
{
	struct conn *c;
	int fd;
	int rc;

	fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect_start(fd, to, from);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	rc = conn_new(fd, to, &c);
	if (rc < 0)
		return rc;
	rc = connect_finish(c, deadline);
	if (rc < 0) {
		conn_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* Closing a socket with unread input resets the stream, and the peer may lose the last reply. */
static void drain_input(struct conn *c)
{
	char *sink;

	if (!c->more || c->broken || shutdown(c->fd, SHUT_WR) < 0)
		return;
	sink = net_buffer_take();
	(void)conn_socket_receive(c->fd, sink, CONN_BUFFER_MAX);
	net_buffer_give(sink);
}

static ssize_t stream_receive(struct conn *c, char *to, size_t max)
{
	if (c->zip)
		return conn_zip_receive(c, to, max);
	return c->tls ? conn_tls_receive(c, to, max) : conn_socket_receive(c->fd, to, max);
}

static ssize_t stream_send(struct conn *c, const char *from, size_t len)
{
	if (c->zip)
		return conn_zip_send(c, from, len);
	return c->tls ? conn_tls_send(c, from, len) : conn_socket_send(c->fd, from, len);
}

void conn_close(struct conn *c)
{
	if (!c)
		return;
	if (c->out && !c->broken)
		(void)stream_send(c, c->out + c->out_at, c->out_end - c->out_at);
	if (c->zip)
		conn_zip_end(c);
	if (c->tls)
		conn_tls_end(c);
	drain_input(c);
	watch_free(c->watch);
	close(c->fd);
	if (c->in)
		net_buffer_give(c->in);
	if (c->out)
		net_buffer_give(c->out);
	free(c);
}

const struct net_address *conn_peer(const struct conn *c) { return &c->peer; }
const struct net_address *conn_local(const struct conn *c) { return &c->local; }
void conn_set_ends(struct conn *c, const struct net_address *peer, const struct net_address *local)
{
	c->peer = *peer;
	c->local = *local;
}

int conn_peer_uid(const struct conn *c, uid_t *uid_out)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (c->peer.any.sa_family != AF_UNIX)
		return -EOPNOTSUPP;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	*uid_out = peer.uid;
	return 0;
}

struct watch *conn_watch(struct conn *c) { return c->watch; }

/* --- reading ------------------------------------------------------------------------- */

ssize_t conn_socket_receive(int fd, char *to, size_t max)
{
	ssize_t got;

	do
		got = recv(fd, to, max, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

struct slice conn_buffered(const struct conn *c)
{
	return c->in ? slice_of(c->in + c->in_at, c->in_end - c->in_at) : SLICE_EMPTY;
}

void conn_consume(struct conn *c, size_t len)
{
	size_t left = c->in_end - c->in_at;

	c->in_at += (uint32_t)(len < left ? len : left);
	if (c->in_scanned < c->in_at)
		c->in_scanned = c->in_at;
}

void conn_discard(struct conn *c)
{
	c->in_at = c->in_end = c->in_scanned = 0;
	c->skipping = false;
}

/* Makes room for a receive; false if the buffer is full. */
static bool make_room(struct conn *c)
{
	if (!c->in) {
		c->in = net_buffer_take();
		c->in_at = c->in_end = c->in_scanned = 0;
		return true;
	}
	if (c->in_at == c->in_end) {
		c->in_at = c->in_end = c->in_scanned = 0;
	} else if (c->in_at > 0 && CONN_BUFFER_MAX - c->in_end < FILL_MIN) {
		memmove(c->in, c->in + c->in_at, c->in_end - c->in_at);
		c->in_end -= c->in_at;
		c->in_scanned -= c->in_at;
		c->in_at = 0;
	}
	return c->in_end < CONN_BUFFER_MAX;
}

int conn_try_fill(struct conn *c)
{
	size_t room;
	ssize_t got;

	if (c->broken)
		return c->broken;
	if (!make_room(c))
		return -ENOBUFS;
	room = CONN_BUFFER_MAX - c->in_end;
	c->wants = FIBER_READ;
	got = stream_receive(c, c->in + c->in_end, room);
	c->more = got > 0 && (size_t)got == room;
	if (got > 0) {
		c->in_end += (uint32_t)got;
		return 1;
	}
	if (got < 0 && got != -EAGAIN)
		c->broken = (int)got;
	return (int)got;
}

bool conn_may_hold_more(const struct conn *c)
{
	return !c->broken &&
	       (c->more || (c->tls && conn_tls_pending(c)) || (c->zip && conn_zip_pending(c)));
}

void conn_rest(struct conn *c)
{
	if (c->in && c->in_at == c->in_end) {
		net_buffer_give(c->in);
		c->in = NULL;
		c->in_at = c->in_end = c->in_scanned = 0;
	}
	if (c->out && c->out_at == c->out_end) {
		net_buffer_give(c->out);
		c->out = NULL;
		c->out_at = c->out_end = 0;
	}
	if (c->zip)
		conn_zip_rest(c);
}

int conn_fill(struct conn *c, int64_t deadline)
{
	for (;;) {
		int rc = conn_try_fill(c);

		int wants = c->wants;

		if (rc != -EAGAIN)
			return rc;
		/* The peer may be waiting for just that before it says more. */
		rc = conn_flush(c, deadline);
		if (rc < 0)
			return rc;
		conn_rest(c);
		rc = watch_wait(c->watch, wants, deadline);
		if (rc < 0)
			return rc;
	}
}

/* The LF that ends the first buffered line, or NULL. */
static const char *find_line_end(const struct conn *c)
{
	if (c->in_scanned == c->in_end)
		return NULL;
	return memchr(c->in + c->in_scanned, '\n', c->in_end - c->in_scanned);
}

static void skip_bytes(struct conn *c, size_t len)
{
	const size_t kept = sizeof(c->skipped);
	for (size_t i = len > kept ? len - kept : 0; i < len; i++) {
		memmove(c->skipped, c->skipped + 1, kept - 1);
		c->skipped[kept - 1] = c->in[c->in_at + i];
	}
	conn_consume(c, len);
}

bool conn_skipped_ends_with(const struct conn *c, struct slice end)
{
	size_t len = sizeof(c->skipped);
	return slice_ends_with(slice_of(c->skipped, len - (c->skipped[len - 1] == '\r')), end);
}

/* Consumes up to the next LF, wherever that is. 1 when it was there. */
static int skip_line(struct conn *c, int64_t deadline)
{
	if (!c->skipping)
		memset(c->skipped, 0, sizeof(c->skipped));
	c->skipping = true;
	for (;;) {
		const char *end = find_line_end(c);
		int rc;

		if (end) {
			skip_bytes(c, (size_t)(end - (c->in + c->in_at)));
			conn_consume(c, 1);
			c->skipping = false;
			return 1;
		}
		skip_bytes(c, c->in_end - c->in_at);
		rc = conn_fill(c, deadline);
		if (rc <= 0)
			return rc;
	}
}

int conn_read_line(struct conn *c, size_t max, struct slice *line_out, enum line_end *end_out,
                   int64_t deadline)
{
	if (max > CONN_BUFFER_MAX - 2)
		max = CONN_BUFFER_MAX - 2;
	while (!c->skipping) {
		const char *end = find_line_end(c);
		struct slice held = conn_buffered(c);
		size_t len = end ? (size_t)(end - held.data) : held.len;
		bool has_cr = len > 0 && held.data[len - 1] == '\r';
		int rc;

		if (len - has_cr > max)
			break;
		if (end) {
			*line_out = slice_of(held.data, len - has_cr);
			if (end_out)
				*end_out = has_cr ? LINE_CRLF : LINE_LF;
			conn_consume(c, len + 1);
			return 1;
		}
		c->in_scanned = c->in_end;
		rc = conn_fill(c, deadline);
		if (rc <= 0)
			return rc;
	}
	int rc = skip_line(c, deadline);
	return rc <= 0 ? rc : -EMSGSIZE;
}

/* --- writing ------------------------------------------------------------------------- */

ssize_t conn_socket_send(int fd, const char *from, size_t len)
{
	ssize_t sent;

	do
		sent = send(fd, from, len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* Sends the write buffer and then as much as it likes of s, in one call. */
static ssize_t socket_send_with(struct conn *c, struct slice s)
{
	struct iovec parts[2] = {
		{ .iov_base = c->out + c->out_at, .iov_len = c->out_end - c->out_at },
		{ .iov_base = (void *)s.data, .iov_len = s.len },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	do
		sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* What a failed send means: 0 after waiting until it can be tried again, or the error. */
static int after_send(struct conn *c, ssize_t error, int64_t deadline)
{
	if (error == -EAGAIN)
		return watch_wait(c->watch, c->wants, deadline);
	c->broken = (int)error;
	return (int)error;
}

int conn_flush(struct conn *c, int64_t deadline)
{
	if (c->broken)
		return c->broken;
	while (c->out_at < c->out_end) {
		const char *from = c->out + c->out_at;
		size_t len = c->out_end - c->out_at;
		ssize_t sent;
		int rc;

		c->wants = FIBER_WRITE;
		sent = stream_send(c, from, len);
		if (sent >= 0) {
			c->out_at += (uint32_t)sent;
			continue;
		}
		rc = after_send(c, sent, deadline);
		if (rc < 0)
			return rc;
	}
	if (c->out) {
		net_buffer_give(c->out);
		c->out = NULL;
	}
	c->out_at = c->out_end = 0;
	return 0;
}

/* Room for len bytes in the write buffer, which must fit. */
static int reserve(struct conn *c, size_t len, int64_t deadline)
{
	int rc;

	if (c->broken)
		return c->broken;
	if (len > (size_t)CONN_BUFFER_MAX - c->out_end) {
		rc = conn_flush(c, deadline);
		if (rc < 0)
			return rc;
	}
	if (!c->out)
		c->out = net_buffer_take();
	return 0;
}

/* Sends the write buffer and s, more than fits, without copying s. */
static int write_large(struct conn *c, struct slice s, int64_t deadline)
{
	if (c->broken)
		return c->broken;
	c->wants = FIBER_WRITE;
	while (s.len > 0) {
		size_t held = c->out_end - c->out_at;
		ssize_t sent = socket_send_with(c, s);
		int rc;

		if (sent < 0) {
			rc = after_send(c, sent, deadline);
			if (rc < 0) {
				/* Part of s may be gone: nothing may follow. */
				c->broken = rc;
				return rc;
			}
		} else if ((size_t)sent <= held) {
			c->out_at += (uint32_t)sent;
		} else {
			c->out_at = c->out_end;
			s = slice_from(s, (size_t)sent - held);
		}
	}
	return conn_flush(c, deadline);
}

int conn_write(struct conn *c, struct slice s, int64_t deadline)
{
	int rc;

	if (!c->tls && !c->zip && s.len >= CONN_BUFFER_MAX)
		return write_large(c, s, deadline);
	while (s.len > 0) {
		size_t room = (size_t)CONN_BUFFER_MAX - c->out_end;
		size_t part = s.len <= room || room == 0 ? s.len : room;

		if (part > CONN_BUFFER_MAX)
			part = CONN_BUFFER_MAX;
		rc = reserve(c, part, deadline);
		if (rc < 0)
			return rc;
		memcpy(c->out + c->out_end, s.data, part);
		c->out_end += (uint32_t)part;
		s = slice_from(s, part);
	}
	return c->broken;
}

int conn_printf(struct conn *c, int64_t deadline, const char *format, ...)
{
	size_t room = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		va_list args;
		int len;
		int rc;

		rc = reserve(c, attempt == 0 ? 1 : CONN_BUFFER_MAX, deadline);
		if (rc < 0)
			return rc;
		room = (size_t)CONN_BUFFER_MAX - c->out_end;
		va_start(args, format);
		len = vsnprintf(c->out + c->out_end, room, format, args);
		va_end(args);
		if (len < 0)
			return -EINVAL;
		if ((size_t)len < room) {
			c->out_end += (uint32_t)len;
			return 0;
		}
	}
	return -ENOBUFS;
}
