/* The PROXY header that a trusted proxy sends first. It is read from the socket itself, to its end
 * and no further: what follows may be the beginning of a TLS handshake. */
#include <errno.h>

#include "base/buf.h"
#include "base/log.h"
#include "net/conn_internal.h"
#include "net/proxy_header.h"
#include "net/service_internal.h"

bool service_is_proxy(const struct service *s, const struct net_address *peer)
{
	for (size_t i = 0; i < s->config.proxy_network_count; i++) {
		if (net_network_contains(&s->config.proxy_networks[i], peer))
			return true;
	}
	return false;
}

/* Receives at most max bytes; 0 when there may be more to do, or an error. */
static int receive(struct conn *c, struct buf *to, size_t max, int64_t deadline)
{
	char *room = buf_reserve(to, max);
	if (!room)
		return -ENOBUFS;
	ssize_t got = conn_socket_receive(c->fd, room, max);
	if (got == -EAGAIN)
		return watch_wait(c->watch, FIBER_READ, deadline);
	if (got <= 0)
		return got == 0 ? -ECONNRESET : (int)got;
	buf_commit(to, (size_t)got);
	return 0;
}

/* -ENODATA: the peer went without a word, which is how balancers look whether we are alive. */
static int read_header(struct conn *c, int64_t deadline, struct proxy_header *out, const char **why)
{
	struct buf bytes = buf_make(PROXY_HEADER_MAX);
	int rc;
	while ((rc = proxy_header_parse(buf_slice(&bytes), out, why)) == 0) {
		rc = receive(c, &bytes, proxy_header_missing(buf_slice(&bytes)), deadline);
		if (rc < 0)
			break;
	}
	if (rc == -ECONNRESET && bytes.len == 0)
		rc = -ENODATA;
	buf_free(&bytes);
	return rc < 0 ? rc : 0;
}

int service_read_proxy(const struct service *s, struct conn *c)
{
	int64_t limit_ms = s->config.proxy_ms ? s->config.proxy_ms : SERVICE_PROXY_MS;
	char peer[NET_ADDRESS_TEXT_MAX];
	struct proxy_header header;
	const char *why = NULL;
	int rc = read_header(c, deadline_in(limit_ms), &header, &why);
	if (rc == 0 && header.has_addresses) {
		conn_set_ends(c, &header.source, &header.destination);
	} else if (rc < 0 && rc != -ECANCELED && rc != -ENODATA) {
		log_warn("net.proxy.refused", kv_str("listener", s->config.name),
		         kv_str("proxy", net_address_ip(&c->peer, peer)), kv_error(rc),
		         kv_str("why", why));
	}
	return rc;
}
