/* The life of a session: from the accepted descriptor, through steps on pooled fibers and waits
 * without one, to its end. */
#include <errno.h>
#include <malloc.h>
#include <unistd.h>

#include "base/log.h"
#include "net/conn_internal.h"
#include "net/service_internal.h"

/* What the service keeps about a session stands before what the protocol sees. */
struct live {
	int fd; /* until the connection is made */
	bool opened;
	bool is_proxied;  /* a PROXY header is to come */
	bool is_counted;  /* among the sessions of its client */
	int64_t heard_ms; /* when the client last did something, monotonic */
	struct net_address peer;
	_Alignas(max_align_t) struct session session;
};

static struct live *live_of(struct session *s)
{
	return (struct live *)(void *)((char *)s - offsetof(struct live, session));
}

static void on_watch(void *arg, enum watch_reason why);

static int64_t idle_deadline(const struct live *l)
{
	return l->session.idle_ms < 0 ? DEADLINE_NEVER : l->heard_ms + l->session.idle_ms;
}

/* How long the client may take to read what we say. */
static int64_t flush_deadline(const struct session *s) { return deadline_in(s->idle_ms); }

static void give_memory_back(void *arg)
{
	(void)arg;
	(void)malloc_trim(0);
}

static void session_end(struct session *s)
{
	struct live *l = live_of(s);
	struct service *service = s->service;
	bool many_left;

	if (l->opened) {
		(void)conn_flush(s->conn, flush_deadline(s));
		service->config.protocol->close(s);
	}
	conn_close(s->conn);
	arena_free(s->arena);
	many_left = service_leave(service, l->is_counted ? &l->peer : NULL);
	service_release(service);
	free(l);
	/* The allocator keeps what thousands of sessions had, unless it is told. */
	if (many_left)
		fiber_offload(give_memory_back, NULL);
}

/* Back to the loop, holding neither stack nor buffers. */
static void session_rest(struct session *s)
{
	const struct protocol *protocol = s->service->config.protocol;

	conn_rest(s->conn);
	watch_idle(conn_watch(s->conn), protocol->name, on_watch, s, idle_deadline(live_of(s)));
}

/* True when there is input for a step; *verdict becomes SESSION_END when there never will be. */
static bool has_input(struct session *s, enum session_verdict *verdict)
{
	int rc;

	if (conn_buffered(s->conn).len > 0)
		return true;
	if (!conn_may_hold_more(s->conn))
		return false;
	rc = conn_try_fill(s->conn);
	if (rc <= 0 && rc != -EAGAIN)
		*verdict = SESSION_END;
	return rc > 0;
}

/* Steps until the input is used up, then flushes and rests; or ends the session. */
static void session_drive(struct session *s, enum session_verdict verdict)
{
	const struct protocol *protocol = s->service->config.protocol;
	unsigned steps = 0;

	while (verdict == SESSION_CONTINUE && has_input(s, &verdict)) {
		if (runtime_stopping()) {
			(void)protocol->step(s, SESSION_STOPPING);
			verdict = SESSION_END;
			break;
		}
		if (++steps % SERVICE_SLICE_STEPS == 0)
			fiber_yield();
		verdict = protocol->step(s, SESSION_INPUT);
	}
	if (steps > 0)
		live_of(s)->heard_ms = clock_monotonic_ms();
	if (verdict == SESSION_CONTINUE && conn_flush(s->conn, flush_deadline(s)) == 0)
		session_rest(s);
	else
		session_end(s);
}

static void on_input(struct session *s)
{
	int rc = conn_try_fill(s->conn);

	if (rc == -EAGAIN)
		session_rest(s);
	else if (rc > 0)
		session_drive(s, SESSION_CONTINUE);
	else
		session_end(s);
}

static void on_watch(void *arg, enum watch_reason why)
{
	struct session *s = arg;
	const struct protocol *protocol = s->service->config.protocol;

	switch (why) {
	case WATCH_READY:
		on_input(s);
		break;
	case WATCH_KICK:
		session_drive(s, protocol->step(s, SESSION_NOTICE));
		break;
	case WATCH_DEADLINE:
		live_of(s)->heard_ms = clock_monotonic_ms();
		session_drive(s, protocol->step(s, SESSION_IDLE));
		break;
	case WATCH_STOP:
		(void)protocol->step(s, SESSION_STOPPING);
		session_end(s);
		break;
	}
}

static int session_handshake(struct session *s)
{
	const struct service_config *config = &s->service->config;
	int64_t limit_ms = config->handshake_ms ? config->handshake_ms : SERVICE_HANDSHAKE_MS;
	char peer[NET_ADDRESS_TEXT_MAX];
	const char *why = NULL;
	int rc;

	rc = conn_tls_accept(s->conn, config->tls, deadline_in(limit_ms), &why);
	if (rc < 0)
		log_debug("net.tls.failed", kv_str("listener", config->name),
		          kv_str("client", net_address_ip(&live_of(s)->peer, peer)), kv_error(rc),
		          kv_str("why", why));
	return rc;
}

/* Finds out who the client is, and whether there may be one more of its sessions. */
static int session_unwrap(struct session *s)
{
	const struct protocol *protocol = s->service->config.protocol;
	struct live *l = live_of(s);
	enum service_limit reached;
	const char *text = NULL;
	int rc;

	rc = service_read_proxy(s->service, s->conn);
	if (rc < 0)
		return rc;
	l->peer = *conn_peer(s->conn);
	reached = service_admit_client(s->service, &l->peer);
	l->is_counted = !reached;
	if (!reached)
		return 0;
	if (protocol->refuse && !s->service->config.implicit_tls)
		text = protocol->refuse(reached);
	if (text)
		(void)conn_write(s->conn, slice_from_str(text), flush_deadline(s));
	return -EUSERS;
}

/* The first fiber of a session. */
static void session_begin(void *arg)
{
	struct session *s = arg;
	struct live *l = live_of(s);
	int rc;

	rc = conn_new(l->fd, &l->peer, &s->conn);
	if (rc == 0 && l->is_proxied)
		rc = session_unwrap(s);
	if (rc == 0 && s->service->config.implicit_tls)
		rc = session_handshake(s);
	if (rc < 0) {
		session_end(s);
		return;
	}
	l->opened = true;
	l->heard_ms = clock_monotonic_ms();
	session_drive(s, s->service->config.protocol->open(s));
}

void service_session_start(struct service *service, int fd, const struct net_address *peer,
                           bool is_proxy)
{
	size_t own = service->config.protocol->session_size - sizeof(struct session);
	static atomic_uint_fast64_t last_id;
	struct live *l = mem_zero(1, sizeof(*l) + own);
	struct session *s = &l->session;

	l->fd = fd;
	l->peer = *peer;
	l->is_proxied = is_proxy;
	l->is_counted = !is_proxy;
	s->service = service;
	s->arena = arena_new();
	s->idle_ms = service->config.idle_ms;
	s->started_ms = clock_wall_ms();
	s->id = atomic_fetch_add(&last_id, 1) + 1;
	service_hold(service);
	if (fiber_start(-1, service->config.protocol->name, session_begin, s) == 0) {
		close(fd);
		session_end(s);
	}
}

watch_id session_name(const struct session *s) { return watch_name(conn_watch(s->conn)); }

void session_notify(watch_id name) { watch_kick(name); }
