/* Connections: a byte stream over TCP or a Unix socket, plain or TLS, with a read buffer and a
 * write buffer.
 *
 * A connection belongs to one worker. Its buffers come from a pool of the worker and go back as
 * soon as they are empty, so an idle connection holds none. All functions that wait take an
 * absolute deadline and return -ETIMEDOUT or -ECANCELED like every wait; -ECONNRESET, -EPIPE and
 * the like when the peer is gone; -EPROTO when TLS fails. After any error but a time-out the
 * connection is good only for conn_close(); after -ECANCELED, which is the server stopping, it
 * can still say good-bye. */
#ifndef VEREDUS_NET_CONN_H
#define VEREDUS_NET_CONN_H

#include "base/arena.h"
#include "base/buf.h"
#include "fiber/watch.h"
#include "net/address.h"
#include "net/tls.h"

struct conn;

/* Takes over a connected, non-blocking descriptor; also on failure (-errno), when it is closed. */
int conn_new(int fd, const struct net_address *peer, struct conn **out);
/* Connects; from is the source address or NULL. -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH... */
int conn_connect(const struct net_address *to, const struct net_address *from, int64_t deadline,
                 struct conn **out);
/* Closes without waiting: what is in the write buffer is tried once. NULL is allowed. */
void conn_close(struct conn *c);

const struct net_address *conn_peer(const struct conn *c);
const struct net_address *conn_local(const struct conn *c);
/* Who speaks, and to whom, when somebody who is trusted says so for others. */
void conn_set_ends(struct conn *c, const struct net_address *peer, const struct net_address *local);
/* The Unix user at the other end of a Unix socket, as it was when it connected. 0, or -errno. */
int conn_peer_uid(const struct conn *c, uid_t *uid_out);
struct watch *conn_watch(struct conn *c);

/* --- reading ------------------------------------------------------------------------- */

/* What has been received and not consumed; valid until the next call that reads. */
struct slice conn_buffered(const struct conn *c);
/* Receives at least one byte more. 1, or 0 at the end of the stream, or an error. -ENOBUFS if
 * the buffer already holds CONN_BUFFER_MAX unconsumed bytes. What is in the write buffer is sent
 * before it waits (here and in conn_read_line()), so no reply is ever kept from a peer that we
 * wait for. */
int conn_fill(struct conn *c, int64_t deadline);
/* The bytes stay where they are until the next call that reads. */
void conn_consume(struct conn *c, size_t len);
/* Consumes and discards what was received so far: after STARTTLS nothing that came in clear
 * may be taken for part of the encrypted stream (RFC 3207 section 4.2). */
void conn_discard(struct conn *c);

enum { CONN_BUFFER_MAX = 64 * 1024 };

enum line_end { LINE_CRLF, LINE_LF };
/* Reads a line of at most max bytes, its end not counted (and never more than CONN_BUFFER_MAX with
 * its end). line_out is without its end, valid until the next call that reads; end_out (NULL
 * allowed) tells how it ended: a bare LF ends a line here, bare CR does not, and the caller
 * decides what to think of it. 1; 0 at the end of the stream (an unfinished last line is
 * dropped); -EMSGSIZE for a longer line, which has then been skipped to its end. If the deadline
 * passes while a long line is skipped, the next conn_read_line() goes on skipping, so that its
 * rest is never taken for a line. */
int conn_read_line(struct conn *c, size_t max, struct slice *line_out, enum line_end *end_out,
                   int64_t deadline);
enum { CONN_SKIPPED_END = 2 };
/* Whether the line that was skipped last ended so, in at most CONN_SKIPPED_END bytes: in IMAP
 * and ManageSieve that may say what the bytes behind it are. */
bool conn_skipped_ends_with(const struct conn *c, struct slice end);

/* --- writing ------------------------------------------------------------------------- */

/* Into the write buffer, which is sent on when it is full; deadline bounds that. */
int conn_write(struct conn *c, struct slice s, int64_t deadline);
/* At most CONN_BUFFER_MAX bytes at once; -ENOBUFS for more. */
int conn_printf(struct conn *c, int64_t deadline, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Sends what is in the write buffer. */
int conn_flush(struct conn *c, int64_t deadline);

/* --- compression --------------------------------------------------------------------- */

/* From here on both directions are compressed (RFC 1951, without a header). What is in the write
 * buffer goes out as it is before; what has been received and not consumed is taken for compressed.
 * -EALREADY, -ENOMEM, or why it can't be sent. A session costs some 72 KiB more for it. */
int conn_compress(struct conn *c, int64_t deadline);
bool conn_is_compressed(const struct conn *c);

/* --- TLS ----------------------------------------------------------------------------- */

/* Handshakes, after sending what is in the write buffer; buffered plain input must have been
 * discarded (-EPROTO if there is any). -EPROTO: *why (NULL allowed) is set to a text for the
 * log, valid until the connection is closed. The context must outlive the connection. */
int conn_tls_accept(struct conn *c, struct tls_server *tls, int64_t deadline, const char **why);
/* host is asked for by SNI, is the key of the session cache, and must be in the certificate; an
 * IP address is allowed. */
int conn_tls_connect(struct conn *c, struct tls_client *tls, const char *host, int64_t deadline,
                     const char **why);
/* The same with all that a wish can say. -EPROTO also when none of its associations is usable. */
int conn_tls_connect_as(struct conn *c, struct tls_client *tls, const struct tls_wish *wish,
                        int64_t deadline, const char **why);
struct conn_tls_info {
	const char *protocol;    /* "TLSv1.3"; NULL when the connection is plain */
	const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
	const char *server_name; /* SNI, or NULL */
	int bits;
	bool resumed;
	bool verified; /* the peer's certificate chain and name were found good */
};
/* What is wrong with it; also after a handshake that failed. */
enum tls_trouble conn_tls_trouble(const struct conn *c);
/* Strings live as long as the connection. */
struct conn_tls_info conn_tls_info(const struct conn *c);
bool conn_is_tls(const struct conn *c);
/* The certificate by which the peer has named itself, if it has (a client does only where the
 * server asks: tls_server_ask()). */
struct conn_tls_peer {
	bool verified;       /* it leads to a root that we trust for this, and is in its time */
	const char *subject; /* as RFC 4514 writes it: "CN=alice,O=Example" */
	struct slice fingerprint; /* SHA-256 of the certificate, 64 digits in lower case */
	struct slice *emails;     /* rfc822Name of the subjectAltName, as they stand there */
	size_t email_count;
	struct slice *names; /* its dNSName */
	size_t name_count;
};
bool conn_tls_has_peer(const struct conn *c);
/* All in the arena. -ENOENT: there is no certificate; -EPROTO: one that can't be read. */
int conn_tls_peer(const struct conn *c, struct arena *a, struct conn_tls_peer *out);
/* What ties something said over TLS to this very connection, or to this very server. */
enum conn_binding {
	CONN_BINDING_EXPORTER,  /* "tls-exporter", RFC 9266: the connection; TLS 1.3 */
	CONN_BINDING_END_POINT, /* "tls-server-end-point", RFC 5929 section 4: the server's
	                           certificate */
};
enum { CONN_BINDING_MAX_BYTES = 64 };
/* -ENOTSUP: the connection is plain, its TLS too old, or the certificate signed without a hash. */
int conn_tls_binding(const struct conn *c, enum conn_binding kind,
                     uint8_t out[static CONN_BINDING_MAX_BYTES], size_t *len_out);

#endif
