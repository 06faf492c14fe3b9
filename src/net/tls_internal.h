/* What the TLS contexts and the connections over them share; nothing outside src/net includes
 * this. */
#ifndef VEREDUS_NET_TLS_INTERNAL_H
#define VEREDUS_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* One load of a server's certificates. */
struct tls_set;

/* An SSL for an accepted connection. The handshake needs *set_out, which is the caller's until
 * tls_set_release(). NULL when OpenSSL has no memory. */
SSL *tls_server_open(struct tls_server *t, struct tls_set **set_out);

/* An SSL for a connection as wished; wish->key must be set and live as long as it, the rest need
 * not. NULL when OpenSSL has no memory, or when none of the associations can be used. */
SSL *tls_client_open(struct tls_client *t, const struct tls_wish *wish);

/* The options that servers and clients have in common. */
void tls_context_harden(SSL_CTX *context);
/* "what: reason" for the newest error of OpenSSL in this thread, which is cleared; free() it. */
char *tls_error_text(const char *what);

#endif
