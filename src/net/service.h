/* Services: listeners, and the life of the sessions that they accept.
 *
 * A protocol gives a table of functions; the service accepts on each worker, counts, limits,
 * does implicit TLS, and calls the protocol on a fiber:
 *
 *     open()   once: the connection is there (and encrypted on an implicit-TLS listener); greet
 *     step()   whenever there is something to do; see below
 *     close()  once if open() was called: free the session's own things (not the struct nor the
 *              connection)
 *
 * The session struct is protocol->session_size bytes, cleared, and begins with struct session. */
#ifndef VEREDUS_NET_SERVICE_H
#define VEREDUS_NET_SERVICE_H

#include "net/conn.h"
#include "net/tls.h"

struct service;
struct session;
struct config_listener;

enum session_event {
	SESSION_INPUT,   /* input is buffered: a line, or the beginning of one */
	SESSION_NOTICE,  /* session_notify() was called */
	SESSION_IDLE,    /* the idle deadline passed: say so (421, BYE) and return SESSION_END */
	SESSION_STOPPING /* the server stops: say so and return SESSION_END */
};

enum session_verdict {
	SESSION_CONTINUE, /* call again at once if input is buffered, else wait holding no stack */
	SESSION_END,      /* flush, close */
};

/* The limit that a new connection would pass. */
enum service_limit {
	SERVICE_LIMIT_NONE,
	SERVICE_LIMIT_TOTAL,       /* max_sessions */
	SERVICE_LIMIT_PER_ADDRESS, /* max_sessions_per_address */
	SERVICE_LIMIT_SHUT_OUT,    /* is_shut_out() says so */
};

struct protocol {
	const char *name;
	size_t session_size;
	enum session_verdict (*open)(struct session *s);
	/* Handles one command (or one notice). Flushing is done by the service when no more
	 * input is buffered, and by the connection before it waits for input. */
	enum session_verdict (*step)(struct session *s, enum session_event event);
	void (*close)(struct session *s);
	/* One line for a client that is one too many (with CRLF), sent before closing. Static
	 * storage or NULL for silence. The function may be NULL. */
	const char *(*refuse)(enum service_limit reached);
};

struct session {
	struct service *service;
	struct conn *conn;
	struct arena *arena; /* lives as long as the session */
	int64_t idle_ms;     /* how long the client may be silent between commands (notices do not
	                        count); the protocol may change it; negative: for ever */
	int64_t started_ms;  /* wall clock */
	uint64_t id;         /* unique in this process, for the log */
};

/* Commands that a client who pipelines gets done before the other sessions have a turn. */
enum { SERVICE_SLICE_STEPS = 64 };

struct service_config {
	const struct protocol *protocol;
	const char *name;           /* of the listener: "smtp", "submissions" */
	struct net_address address; /* "*" (AF_UNSPEC): IPv4 and IPv6; a Unix socket that is left
	                               over from a server that has ended is replaced */
	struct tls_server *tls;     /* NULL: no TLS here */
	bool implicit_tls;
	int64_t idle_ms;
	int64_t handshake_ms; /* for implicit TLS; 0: SERVICE_HANDSHAKE_MS */
	/* Peers in these networks must begin with a PROXY header (proxy_header.h), before TLS if
	 * that is implicit. The client is who it names: for conn_peer(), and for
	 * max_sessions_per_address, which does not hold for the proxy itself. */
	const struct net_network *proxy_networks;
	size_t proxy_network_count;
	int64_t proxy_ms;              /* to wait for that header; 0: SERVICE_PROXY_MS */
	_Atomic unsigned max_sessions; /* in total for this listener; 0: no limit */
	/* 0: no limit; a /64 counts as one IPv6 address. */
	_Atomic unsigned max_sessions_per_address;
	unsigned socket_mode; /* permissions of a Unix socket; 0: the umask's */
	/* Its owner, 0 or -1 to leave it as it is made. */
	int64_t socket_uid, socket_gid;
	unsigned workers; /* that will accept, each on a socket of its own; 0: one a core */
	/* Asked before anything is said to a client; NULL: nobody is. [any thread], at once */
	bool (*is_shut_out)(void *arg, const struct net_address *client);
	void *is_shut_out_arg;
	void *context; /* for the protocol: service_context() */
	/* For the protocol, too: the listener's section, NULL if it has none. */
	const struct config_listener *_Atomic listener;
};

enum { SERVICE_HANDSHAKE_MS = 30 * 1000, SERVICE_PROXY_MS = 10 * 1000 };

/* Binds and listens at once (so that it can be done before root is dropped); accepting begins
 * with service_start() on the runtime. What config points at must live as long as the service.
 * -EADDRINUSE, -EACCES... */
int service_listen(const struct service_config *config, struct service **out);
/* Other limits, for connections that come, and another section for the protocol to look into.
 * [any thread] */
void service_set_limits(struct service *s, unsigned max_sessions, unsigned max_per_address,
                        const struct config_listener *listener);
/* On a fiber. */
void service_start(struct service *s);
/* [any thread] Stops accepting; sessions go on. */
void service_stop(struct service *s);
/* Ends what service_listen() began; after service_stop() or after the runtime has ended. Sessions
 * that are still open go on; what they use of the service is freed with the last of them. */
void service_free(struct service *s);
void *service_context(const struct service *s);
const struct service_config *service_config(const struct service *s);
/* The port that was bound, for a config with port 0. */
uint16_t service_port(const struct service *s);

struct service_counts {
	uint64_t accepted, refused, open;
};
/* [any thread] */
struct service_counts service_counts(const struct service *s);

/* A name for the session that other threads may hold; it names nothing once the session ended. */
watch_id session_name(const struct session *s);
/* [any thread] step(SESSION_NOTICE) will be called; several notices may become one. */
void session_notify(watch_id name);

#endif
