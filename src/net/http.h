/* Asking other servers over HTTP: one request, one answer that fits into memory. Over libcurl, on
 * the thread pool. TLS is verified; redirects are not followed, since what is asked here is asked
 * of a certain server. */
#ifndef VEREDUS_NET_HTTP_H
#define VEREDUS_NET_HTTP_H

#include "base/arena.h"
#include "net/address.h"

struct http_request {
	const char *url; /* http:// or https:// */
	/* Where the host of the url is to be found, if the system is not to be asked; host and port
	 * as they stand in the url. */
	const char *host;
	uint16_t port;
	const struct net_address *addresses;
	size_t address_count;
	const char *ca_path;         /* a PEM file of roots, or NULL for the system's */
	const char *user, *password; /* Basic (RFC 7617), or NULL */
	const char *form; /* what to POST (application/x-www-form-urlencoded); NULL: GET */
	/* Or this is POSTed, as that media type. */
	struct slice body;
	const char *body_type;
	int64_t timeout_ms; /* for all of it, the name's look-up included */
	size_t max_bytes;   /* of the answer */
};

struct http_reply {
	long status;
	struct slice body;        /* in the arena */
	const char *content_type; /* likewise; "" if it is not told */
	bool is_untrusted;        /* the server's certificate is not good */
	const char *why;          /* what went wrong, for the operator; in the arena */
};

/* 0 when an answer came, whatever its status. -ETIMEDOUT, -EMSGSIZE (too long an answer), -EINVAL
 * (no such URL), -EIO (anything else): reply->why is set. [fiber] */
int http_ask(const struct http_request *request, struct arena *arena, struct http_reply *reply);

/* As application/x-www-form-urlencoded wants it, in the arena. */
const char *http_escape(struct arena *arena, struct slice text);

#endif
