/* The sockets of a service: one a worker where the kernel spreads connections over them
 * (SO_REUSEPORT), so that each worker accepts for itself. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "net/service_internal.h"

/* Tries to find a port that is free in both families. */
enum { ANY_PORT_TRIES = 16 };

/* A socket, or -errno. */
static int socket_new(int family)
{
	int one = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		/* What is accepted inherits it. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

/* Makes, binds and remembers a socket. The first of an address is bound before SO_REUSEPORT is
 * set: else a second server would share the port of the first without either noticing. */
static int add_socket(struct service *s, struct net_address *address, bool is_first)
{
	int one = 1;
	int fd = socket_new(address->any.sa_family);

	if (fd < 0)
		return fd;
	s->sockets[s->socket_count++] = fd;
	if (!is_first)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, &address->any, address->len) < 0)
		return -errno;
	if (is_first && address->any.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (is_first && net_address_port(address) == 0 && address->any.sa_family != AF_UNIX) {
		address->len = sizeof(address->local);
		if (getsockname(fd, &address->any, &address->len) < 0)
			return -errno;
	}
	return 0;
}

/* One socket a worker, all on the port of the first. */
static int add_sockets(struct service *s, struct net_address *address)
{
	int rc = 0;

	for (unsigned i = 0; i < s->config.workers && rc == 0; i++)
		rc = add_socket(s, address, i == 0);
	s->port = net_address_port(address);
	return rc;
}

static struct net_address any_v6(uint16_t port)
{
	struct net_address a;

	(void)net_address_parse(SLICE("::"), port, &a);
	return a;
}

static bool has_ipv6(void)
{
	struct net_address a = any_v6(0);
	int fd = socket_new(AF_INET6);
	bool works;

	if (fd < 0)
		return false;
	works = bind(fd, &a.any, a.len) == 0;
	close(fd);
	return works;
}

static int bind_both(struct service *s)
{
	struct net_address v4 = s->config.address;
	struct net_address v6;
	int rc;

	v4.any.sa_family = AF_INET;
	rc = add_sockets(s, &v4);
	if (rc < 0 || !has_ipv6())
		return rc;
	v6 = any_v6(s->port);
	return add_sockets(s, &v6);
}

/* With port 0 the port that IPv4 was given may be taken in IPv6: then another is tried. */
static int bind_any(struct service *s)
{
	int tries = net_address_port(&s->config.address) == 0 ? ANY_PORT_TRIES : 1;
	int rc = -EADDRINUSE;

	for (int i = 0; i < tries && rc == -EADDRINUSE; i++) {
		service_unbind(s);
		rc = bind_both(s);
	}
	return rc;
}

/* A socket that nobody listens on any more is in the way of bind(). */
static void remove_stale(const struct net_address *address)
{
	int fd = socket_new(AF_UNIX);
	bool refused;

	if (fd < 0)
		return;
	refused = connect(fd, &address->any, address->len) < 0 && errno == ECONNREFUSED;
	close(fd);
	if (refused)
		unlink(address->local.sun_path);
}

static int bind_local(struct service *s)
{
	struct net_address *address = &s->config.address;
	int64_t uid = s->config.socket_uid, gid = s->config.socket_gid;
	int rc;

	remove_stale(address);
	rc = add_socket(s, address, true);
	if (rc < 0)
		return rc;
	if ((uid > 0 || gid > 0) && chown(address->local.sun_path, uid > 0 ? (uid_t)uid : (uid_t)-1,
	                                  gid > 0 ? (gid_t)gid : (gid_t)-1) < 0)
		return -errno;
	if (s->config.socket_mode &&
	    chmod(address->local.sun_path, (mode_t)s->config.socket_mode) < 0)
		return -errno;
	return 0;
}

static int bind_all(struct service *s)
{
	struct net_address address = s->config.address;

	switch (address.any.sa_family) {
	case AF_UNSPEC:
		return bind_any(s);
	case AF_UNIX:
		return bind_local(s);
	default:
		return add_sockets(s, &address);
	}
}

int service_bind(struct service *s)
{
	int rc;

	if (s->config.workers == 0)
		s->config.workers = (unsigned)get_nprocs();
	s->sockets = mem_zero(2 * (size_t)s->config.workers, sizeof(int));
	rc = bind_all(s);
	for (size_t i = 0; i < s->socket_count && rc == 0; i++)
		rc = listen(s->sockets[i], SOMAXCONN) < 0 ? -errno : 0;
	if (rc < 0)
		service_unbind(s);
	return rc;
}

void service_unbind(struct service *s)
{
	while (s->socket_count > 0)
		close(s->sockets[--s->socket_count]);
}
