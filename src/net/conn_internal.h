/* What the files of a connection share; nothing outside src/net includes this. */
#ifndef VEREDUS_NET_CONN_INTERNAL_H
#define VEREDUS_NET_CONN_INTERNAL_H

#include <sys/types.h>

#include "net/conn.h"

struct conn_tls;
struct conn_zip;

/* Half of the struct is rarely touched: what a round trip needs stands first. */
struct conn {
	int fd;
	int wants; /* what the stream waits for when it could go no further */
	struct watch *watch;
	struct conn_tls *tls; /* NULL: plain */
	struct conn_zip *zip; /* NULL: not compressed */
	char *in;             /* a buffer of the pool, or NULL */
	uint32_t in_at;       /* first byte not consumed */
	uint32_t in_end;      /* behind the last byte received */
	uint32_t in_scanned;  /* before this there is no LF, from in_at on */
	uint32_t out_at;      /* first byte not sent */
	uint32_t out_end;
	char *out;
	int broken;                         /* what the stream failed with, or 0 */
	bool more;                          /* the last receive may have left something behind */
	bool skipping;                      /* within a line that was too long */
	char skipped[CONN_SKIPPED_END + 1]; /* the last of it, with a CR */
	struct net_address peer;
	struct net_address local;
};

/* --- net_buffer.c --- */

/* A buffer of CONN_BUFFER_MAX bytes, not cleared. */
char *net_buffer_take(void);
void net_buffer_give(char *buffer);

/* --- conn.c, for the service --- */

/* Receives what is there without waiting: 1, 0, -EAGAIN, or an error as conn_fill(). */
int conn_try_fill(struct conn *c);
/* True if a receive might find something although the descriptor tells nothing. */
bool conn_may_hold_more(const struct conn *c);
/* Gives the buffers back that are empty. */
void conn_rest(struct conn *c);
/* Receives or sends once over the socket: bytes, 0 at the end, -EAGAIN or another -errno. */
ssize_t conn_socket_receive(int fd, char *to, size_t max);
ssize_t conn_socket_send(int fd, const char *from, size_t len);

/* --- conn_zip.c --- */

/* As those of TLS. */
ssize_t conn_zip_receive(struct conn *c, char *to, size_t max);
ssize_t conn_zip_send(struct conn *c, const char *from, size_t len);
/* True if there are bytes that have been received and not inflated, or their end was among those.
 */
bool conn_zip_pending(const struct conn *c);
/* Gives its buffers back that are empty. */
void conn_zip_rest(struct conn *c);
void conn_zip_end(struct conn *c);

/* --- conn_tls.c --- */

/* As conn_socket_receive() and conn_socket_send(), over TLS; -EAGAIN sets c->wants. */
ssize_t conn_tls_receive(struct conn *c, char *to, size_t max);
ssize_t conn_tls_send(struct conn *c, const char *from, size_t len);
/* True if OpenSSL holds bytes that it has received. */
bool conn_tls_pending(const struct conn *c);
/* OpenSSL's part of it; NULL while there is none that is established. */
struct ssl_st *conn_tls_ssl(const struct conn *c);
/* Says good-bye to the peer without waiting, and frees. */
void conn_tls_end(struct conn *c);

#endif
