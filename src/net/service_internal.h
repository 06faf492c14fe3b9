/* What the files of a service share; nothing outside src/net includes this. */
#ifndef VEREDUS_NET_SERVICE_INTERNAL_H
#define VEREDUS_NET_SERVICE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/service.h"

struct hash;

struct service {
	struct service_config config;
	atomic_int references; /* the owner's, one a running listener, one a session */
	atomic_bool stopped;
	uint16_t port;
	size_t socket_count;
	int *sockets;
	size_t listener_count;
	struct service_listener *listeners;
	atomic_uint_fast64_t accepted;
	atomic_uint_fast64_t refused;
	atomic_uint_fast64_t open;
	atomic_uint_fast64_t peak; /* of open, since memory was last given back */
	pthread_mutex_t lock;      /* of the hash below */
	struct hash *per_address;  /* host -> count of its sessions; NULL: not limited */
};

/* --- service_listen.c --- */

/* Makes the sockets of the address. */
int service_bind(struct service *s);
void service_unbind(struct service *s);

/* --- service.c --- */

void service_hold(struct service *s);
void service_release(struct service *s);
/* The limits of its client, for a session that was counted in before it was known who that is:
 * returns the one that it would pass. */
enum service_limit service_admit_client(struct service *s, const struct net_address *peer);
/* peer NULL: it was never known. True if so many have left since the peak that their memory is
 * worth giving back. */
bool service_leave(struct service *s, const struct net_address *peer);

/* --- service_session.c --- */

/* Starts the session of an accepted, admitted connection; fd is taken over. is_proxy: a header
 * comes first, and the client is not admitted yet. */
void service_session_start(struct service *s, int fd, const struct net_address *peer,
                           bool is_proxy);

/* --- service_proxy.c --- */

/* True for a peer whose connections begin with a PROXY header. */
bool service_is_proxy(const struct service *s, const struct net_address *peer);
/* Reads it and makes the connection one of who it names. 0, or an error that has been logged. */
int service_read_proxy(const struct service *s, struct conn *c);

#endif
