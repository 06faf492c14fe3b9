#include "net/service.h"

#include <errno.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/conn_internal.h"
#include "net/service_internal.h"

/* Connections that a listener accepts before the sessions have a turn. */
enum { ACCEPT_SLICE = 64 };
/* How long accepting rests when the process is out of descriptors or the system out of memory. */
enum { ACCEPT_PAUSE_MS = 200 };
/* Fewer sessions than this hold too little memory to care for. */
enum { PEAK_MIN = 1000 };
/* A pause is logged at most this often. */
enum { ACCEPT_LOG_MS = 10 * 1000 };

/* A socket on a worker. Nothing but its own fiber touches it, besides watch_name. */
struct service_listener {
	struct service *service;
	int fd;
	struct watch *watch;
	atomic_uint_fast64_t name; /* of the watch; 0 when it does not run */
	int64_t logged_ms;
};

/* --- references and limits ----------------------------------------------------------- */

void service_hold(struct service *s) { atomic_fetch_add(&s->references, 1); }

void service_release(struct service *s)
{
	if (atomic_fetch_sub(&s->references, 1) > 1)
		return;
	service_unbind(s);
	hash_free(s->per_address);
	pthread_mutex_destroy(&s->lock);
	free(s->sockets);
	free(s->listeners);
	free(s);
}

/* Changes the count of a host's sessions; false if that would pass the limit. */
static bool count_host(struct service *s, const struct net_address *peer, int by)
{
	struct slice key = net_address_client(peer);
	intptr_t count;
	unsigned max;
	bool fits;

	if (!s->per_address)
		return true;
	pthread_mutex_lock(&s->lock);
	count = (intptr_t)hash_find(s->per_address, key) + by;
	max = s->config.max_sessions_per_address;
	fits = by < 0 || max == 0 || count <= (intptr_t)max;
	if (count == 0)
		hash_remove(s->per_address, key);
	else if (fits)
		hash_put(s->per_address, key, (void *)count);
	pthread_mutex_unlock(&s->lock);
	return fits;
}

static bool is_shut_out(const struct service *s, const struct net_address *client)
{
	return s->config.is_shut_out && s->config.is_shut_out(s->config.is_shut_out_arg, client);
}

/* Counts a session in, or returns the limit that it would pass. peer NULL: it is not known yet who
 * the client is, service_admit_client() follows. */
static enum service_limit service_admit(struct service *s, const struct net_address *peer)
{
	uint64_t open = atomic_fetch_add(&s->open, 1) + 1;
	enum service_limit reached = SERVICE_LIMIT_NONE;

	unsigned max = s->config.max_sessions;
	if (max > 0 && open > max)
		reached = SERVICE_LIMIT_TOTAL;
	else if (peer && is_shut_out(s, peer))
		reached = SERVICE_LIMIT_SHUT_OUT;
	else if (peer && !count_host(s, peer, 1))
		reached = SERVICE_LIMIT_PER_ADDRESS;
	atomic_fetch_add(reached ? &s->refused : &s->accepted, 1);
	if (reached)
		atomic_fetch_sub(&s->open, 1);
	/* Two workers may lose a peak of one to each other, which is no harm. */
	else if (open > atomic_load(&s->peak))
		atomic_store(&s->peak, open);
	return reached;
}

enum service_limit service_admit_client(struct service *s, const struct net_address *peer)
{
	enum service_limit reached = SERVICE_LIMIT_NONE;

	if (is_shut_out(s, peer))
		reached = SERVICE_LIMIT_SHUT_OUT;
	else if (!count_host(s, peer, 1))
		reached = SERVICE_LIMIT_PER_ADDRESS;
	if (reached)
		atomic_fetch_add(&s->refused, 1);
	return reached;
}

bool service_leave(struct service *s, const struct net_address *peer)
{
	uint64_t open = atomic_fetch_sub(&s->open, 1) - 1;
	uint64_t peak = atomic_load(&s->peak);

	if (peer)
		count_host(s, peer, -1);
	if (peak < PEAK_MIN || open > peak / 4)
		return false;
	return atomic_compare_exchange_strong(&s->peak, &peak, open);
}

/* --- accepting ----------------------------------------------------------------------- */

static void refuse(const struct service *s, int fd, enum service_limit reached)
{
	const struct protocol *protocol = s->config.protocol;
	const char *text = NULL;

	/* In clear it would only be noise to a client that expects TLS. */
	if (protocol->refuse && !s->config.implicit_tls)
		text = protocol->refuse(reached);
	if (text)
		(void)conn_socket_send(fd, text, strlen(text));
	close(fd);
}

static int accept_one(struct service_listener *l)
{
	struct service *s = l->service;
	struct net_address peer = { .len = sizeof(peer.local) };
	enum service_limit reached;
	bool is_proxy;
	int fd;

	fd = accept4(l->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	is_proxy = service_is_proxy(s, &peer);
	reached = service_admit(s, is_proxy ? NULL : &peer);
	if (reached)
		refuse(s, fd, reached);
	else
		service_session_start(s, fd, &peer, is_proxy);
	return 0;
}

static void pause_accepting(struct service_listener *l, int error)
{
	int64_t now_ms = clock_monotonic_ms();

	if (l->logged_ms == 0 || now_ms - l->logged_ms > ACCEPT_LOG_MS) {
		log_error("net.accept.paused", kv_str("listener", l->service->config.name),
		          kv_error(error), kv_int("pause_ms", ACCEPT_PAUSE_MS));
		l->logged_ms = now_ms;
	}
	(void)fiber_sleep(deadline_in(ACCEPT_PAUSE_MS));
}

/* Accepts what is there. */
static void accept_slice(struct service_listener *l)
{
	for (int i = 0; i < ACCEPT_SLICE && !atomic_load(&l->service->stopped); i++) {
		int rc = accept_one(l);

		switch (rc) {
		case 0:
		case -EINTR:
			break;
		case -ECONNABORTED:
		case -EPROTO:
		case -EPERM:
			/* The connection was gone before it was accepted: the next, please. */
			break;
		case -EAGAIN:
			return;
		default:
			/* EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would spin. */
			pause_accepting(l, rc);
			return;
		}
	}
}

static void listener_end(struct service_listener *l)
{
	atomic_store(&l->name, 0);
	watch_free(l->watch);
	/* The kernel must send no more connections to a socket that nobody accepts from. */
	(void)shutdown(l->fd, SHUT_RD);
	service_release(l->service);
}

static void on_listener(void *arg, enum watch_reason why)
{
	struct service_listener *l = arg;

	if (why == WATCH_READY)
		accept_slice(l);
	if (why == WATCH_STOP || atomic_load(&l->service->stopped) || runtime_stopping())
		listener_end(l);
	else
		watch_idle(l->watch, "accept", on_listener, l, DEADLINE_NEVER);
}

/* The first fiber of a listener, on its worker. */
static void listener_begin(void *arg)
{
	struct service_listener *l = arg;

	l->watch = watch_new(l->fd);
	if (!l->watch) {
		log_error("net.listen.failed", kv_str("listener", l->service->config.name));
		service_release(l->service);
		return;
	}
	atomic_store(&l->name, watch_name(l->watch));
	on_listener(l, WATCH_KICK);
}

/* --- the service --------------------------------------------------------------------- */

int service_listen(const struct service_config *config, struct service **out)
{
	struct service *s = mem_zero(1, sizeof(*s));
	int rc;

	s->config = *config;
	atomic_store(&s->references, 1);
	pthread_mutex_init(&s->lock, NULL);
	/* Sessions of a listener are counted even without a limit: there may be one later. */
	if (config->max_sessions_per_address > 0 || config->listener)
		s->per_address = hash_new();
	rc = service_bind(s);
	if (rc < 0) {
		service_release(s);
		return rc;
	}
	*out = s;
	return 0;
}

void service_set_limits(struct service *s, unsigned max_sessions, unsigned max_per_address,
                        const struct config_listener *listener)
{
	s->config.max_sessions = max_sessions;
	s->config.max_sessions_per_address = max_per_address;
	s->config.listener = listener;
}

/* Every worker accepts, and every socket is accepted from: where there are fewer sockets than
 * workers (a Unix socket), workers share one. */
void service_start(struct service *s)
{
	size_t workers = (size_t)runtime_workers();

	s->listener_count = workers > s->socket_count ? workers : s->socket_count;
	s->listeners = mem_zero(s->listener_count, sizeof(*s->listeners));
	for (size_t i = 0; i < s->listener_count; i++) {
		struct service_listener *l = &s->listeners[i];

		l->service = s;
		l->fd = s->sockets[i % s->socket_count];
		service_hold(s);
		/* Given back if it was not needed; the owner's keeps the service here. */
		if (fiber_start((int)(i % workers), "accept", listener_begin, l) == 0)
			atomic_fetch_sub(&s->references, 1);
	}
}

void service_stop(struct service *s)
{
	atomic_store(&s->stopped, true);
	for (size_t i = 0; i < s->listener_count; i++)
		watch_kick(atomic_load(&s->listeners[i].name));
}

void service_free(struct service *s)
{
	if (!s)
		return;
	if (s->config.address.any.sa_family == AF_UNIX)
		unlink(s->config.address.local.sun_path);
	service_release(s);
}

void *service_context(const struct service *s) { return s->config.context; }
const struct service_config *service_config(const struct service *s) { return &s->config; }
uint16_t service_port(const struct service *s) { return s->port; }

struct service_counts service_counts(const struct service *s)
{
	return (struct service_counts){
		.accepted = atomic_load(&s->accepted),
		.refused = atomic_load(&s->refused),
		.open = atomic_load(&s->open),
	};
}
