/* The configuration of listeners: where connections are accepted, and who may say
 * for whom they come. */
#ifndef VEREDUS_CONFIG_CONFIG_LISTEN_H
#define VEREDUS_CONFIG_CONFIG_LISTEN_H

#include "net/address.h"

enum listener_kind {
	LISTENER_SMTP,        /* strangers: 25, 2525 */
	LISTENER_SUBMISSION,  /* our users, STARTTLS: 587 */
	LISTENER_SUBMISSIONS, /* our users, TLS from the start: 465 */
	LISTENER_LMTP,        /* other servers that leave delivery to us: RFC 2033 */
	LISTENER_LOCAL,       /* programs of this host, on a Unix socket */
	LISTENER_ODMR,        /* hosts that fetch their mail: RFC 2645 */
	LISTENER_POP3,
	LISTENER_POP3S,
	LISTENER_IMAP,
	LISTENER_IMAPS,
	LISTENER_MANAGESIEVE,
	LISTENER_HTTP,  /* pages for users, behind a proxy that does TLS */
	LISTENER_HTTPS, /* the same with TLS */
};

/* Where the command sendmail looks for a listener of the kind local. */
#define CONFIG_LOCAL_SOCKET "/run/veredus/sendmail"

struct config_listener {
	const char *name; /* the section's title */
	enum listener_kind kind;
	struct net_address address;
	unsigned max_sessions;
	unsigned max_sessions_per_address;
	int auth_without_tls;               /* 1, 0, or -1: as its protocol has it */
	unsigned socket_mode;               /* of a Unix socket */
	int64_t socket_uid, socket_gid;     /* -1: who the server is started as */
	struct net_network *proxy_networks; /* whose connections begin with a PROXY header */
	size_t proxy_network_count;
	int64_t proxy_timeout_ms;
	struct net_network *xclient_networks; /* who may speak for others, by XCLIENT */
	size_t xclient_network_count;
};

/* l: NULL for a listener without a section. otherwise: what its protocol has. */
static inline bool config_auth_without_tls(const struct config_listener *l, bool otherwise)
{
	return l && l->auth_without_tls >= 0 ? l->auth_without_tls > 0 : otherwise;
}

#endif
