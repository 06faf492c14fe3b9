/* TLS over a connection. OpenSSL reads and writes through a BIO of our own, which never raises
 * SIGPIPE and never waits; waiting is done out here, with no OpenSSL function on the stack. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include "net/conn_internal.h"
#include "net/tls_internal.h"

struct conn_tls {
	SSL *ssl;
	struct tls_set *set; /* until the handshake of a server is done */
	char *host, *key;    /* of a client */
	char *why;           /* the handshake failed, or NULL */
	int socket_error;    /* of the last receive or send, 0 or -errno */
	bool at_end;         /* the peer has closed the socket */
	bool established;
};

/* --- the BIO ------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, size_t max, size_t *got_out)
{
	struct conn *c = BIO_get_data(bio);
	ssize_t got = conn_socket_receive(c->fd, to, max);

	BIO_clear_retry_flags(bio);
	if (got > 0) {
		*got_out = (size_t)got;
		return 1;
	}
	if (got == -EAGAIN)
		BIO_set_retry_read(bio);
	else
		c->tls->socket_error = (int)got;
	c->tls->at_end = got == 0;
	return 0;
}

static int bio_write(BIO *bio, const char *from, size_t len, size_t *sent_out)
{
	struct conn *c = BIO_get_data(bio);
	ssize_t sent = conn_socket_send(c->fd, from, len);

	BIO_clear_retry_flags(bio);
	if (sent >= 0) {
		*sent_out = (size_t)sent;
		return 1;
	}
	if (sent == -EAGAIN)
		BIO_set_retry_write(bio);
	else
		c->tls->socket_error = (int)sent;
	return 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	const struct conn *c = BIO_get_data(bio);

	(void)number, (void)pointer;
	if (command == BIO_CTRL_EOF)
		return c->tls->at_end;
	return command == BIO_CTRL_FLUSH;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void method_make(void)
{
	method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");
	if (!method || !BIO_meth_set_read_ex(method, bio_read) ||
	    !BIO_meth_set_write_ex(method, bio_write) || !BIO_meth_set_ctrl(method, bio_control))
		abort();
}

static int attach(struct conn *c)
{
	BIO *bio;

	pthread_once(&method_once, method_make);
	bio = BIO_new(method);
	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->tls->ssl, bio, bio);
	return 0;
}

/* --- results ------------------------------------------------------------------------- */

/* What OpenSSL's last call on this thread came to: -EAGAIN with c->wants set, 0 at the end of the
 * stream, or an error. */
static int tls_result(struct conn *c, int returned)
{
	switch (SSL_get_error(c->tls->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		c->wants = FIBER_READ;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		c->wants = FIBER_WRITE;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return c->tls->socket_error < 0 ? c->tls->socket_error : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

ssize_t conn_tls_receive(struct conn *c, char *to, size_t max)
{
	size_t got;
	int returned;

	ERR_clear_error();
	returned = SSL_read_ex(c->tls->ssl, to, max, &got);
	return returned == 1 ? (ssize_t)got : tls_result(c, returned);
}

ssize_t conn_tls_send(struct conn *c, const char *from, size_t len)
{
	size_t sent;
	int returned;
	int rc;

	if (len == 0)
		return 0;
	ERR_clear_error();
	returned = SSL_write_ex(c->tls->ssl, from, len, &sent);
	if (returned == 1)
		return (ssize_t)sent;
	rc = tls_result(c, returned);
	return rc == 0 ? -EPIPE : rc;
}

bool conn_tls_pending(const struct conn *c) { return SSL_has_pending(c->tls->ssl) == 1; }

/* --- handshakes ---------------------------------------------------------------------- */

static char *failure_text(struct conn *c, int error)
{
	long verdict = SSL_get_verify_result(c->tls->ssl);

	if (error == -EPROTO && verdict != X509_V_OK && ERR_peek_last_error() != 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return mem_str(slice_from_str(X509_verify_cert_error_string(verdict)));
	if (error == -EPROTO)
		return tls_error_text("TLS");
	return mem_str(SLICE("the peer has closed the connection"));
}

static int handshake(struct conn *c, int64_t deadline)
{
	for (;;) {
		int returned;
		int rc;

		ERR_clear_error();
		returned = SSL_do_handshake(c->tls->ssl);
		if (returned == 1)
			return 0;
		rc = tls_result(c, returned);
		if (rc != -EAGAIN) {
			c->tls->why = failure_text(c, rc);
			return -EPROTO;
		}
		rc = watch_wait(c->watch, c->wants, deadline);
		if (rc < 0)
			return rc;
	}
}

/* Takes over ssl, which may be NULL, and handshakes. */
static int establish(struct conn *c, int64_t deadline, const char **why)
{
	int rc;

	rc = c->tls->ssl ? attach(c) : -EPROTO;
	if (rc == -EPROTO)
		c->tls->why = mem_str(SLICE("it can't be begun as asked for"));
	if (rc == 0)
		rc = handshake(c, deadline);
	tls_set_release(c->tls->set);
	c->tls->set = NULL;
	c->tls->established = rc == 0;
	if (rc < 0)
		c->broken = rc;
	if (rc == -EPROTO && why)
		*why = c->tls->why;
	return rc;
}

/* Nothing that came in clear may be left over (RFC 3207 section 4.2). */
static int prepare(struct conn *c, int64_t deadline, const char **why)
{
	if (c->tls || conn_buffered(c).len > 0) {
		if (why)
			*why = c->tls ? "TLS within TLS" : "input before the handshake";
		return -EPROTO;
	}
	return conn_flush(c, deadline);
}

int conn_tls_accept(struct conn *c, struct tls_server *tls, int64_t deadline, const char **why)
{
	int rc;

	rc = prepare(c, deadline, why);
	if (rc < 0)
		return rc;
	conn_rest(c);
	c->tls = mem_zero(1, sizeof(*c->tls));
	c->tls->ssl = tls_server_open(tls, &c->tls->set);
	return establish(c, deadline, why);
}

int conn_tls_connect(struct conn *c, struct tls_client *tls, const char *host, int64_t deadline,
                     const char **why)
{
	const struct tls_wish wish = { .host = host };

	return conn_tls_connect_as(c, tls, &wish, deadline, why);
}

int conn_tls_connect_as(struct conn *c, struct tls_client *tls, const struct tls_wish *wish,
                        int64_t deadline, const char **why)
{
	struct slice name = slice_from_str(wish->host);
	struct tls_wish plain = *wish;
	int rc;

	rc = prepare(c, deadline, why);
	if (rc < 0)
		return rc;
	conn_rest(c);
	if (name.len > 1 && slice_ends_with(name, SLICE(".")))
		name.len--;
	c->tls = mem_zero(1, sizeof(*c->tls));
	c->tls->host = mem_str(name);
	for (char *at = c->tls->host; *at; at++)
		*at = byte_lower(*at);
	c->tls->key = mem_str(slice_from_str(wish->key ? wish->key : c->tls->host));
	plain.host = c->tls->host;
	plain.key = c->tls->key;
	c->tls->ssl = tls_client_open(tls, &plain);
	return establish(c, deadline, why);
}

void conn_tls_end(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->established && (!c->broken || c->broken == -ETIMEDOUT)) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
	}
	SSL_free(t->ssl);
	ERR_clear_error();
	free(t->host);
	free(t->key);
	free(t->why);
	free(t);
	c->tls = NULL;
}

SSL *conn_tls_ssl(const struct conn *c)
{
	return c->tls && c->tls->established ? c->tls->ssl : NULL;
}

enum tls_trouble conn_tls_trouble(const struct conn *c)
{
	if (!c->tls)
		return TLS_NOT_OFFERED;
	if (!c->tls->ssl)
		return TLS_FAILED;
	switch (SSL_get_verify_result(c->tls->ssl)) {
	case X509_V_OK:
		return c->tls->established ? TLS_FINE : TLS_FAILED;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TLS_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_WRONG_NAME;
	case X509_V_ERR_DANE_NO_MATCH:
		return TLS_NO_MATCH;
	default:
		return TLS_UNTRUSTED;
	}
}

bool conn_is_tls(const struct conn *c) { return c->tls != NULL; }

struct conn_tls_info conn_tls_info(const struct conn *c)
{
	struct conn_tls_info info = { 0 };
	SSL *ssl;

	if (!c->tls || !c->tls->established)
		return info;
	ssl = c->tls->ssl;
	info.protocol = SSL_get_version(ssl);
	info.cipher = SSL_get_cipher_name(ssl);
	info.server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	info.bits = SSL_get_cipher_bits(ssl, NULL);
	info.resumed = SSL_session_reused(ssl) == 1;
	info.verified = SSL_get0_peer_certificate(ssl) != NULL &&
	                SSL_get_verify_result(ssl) == X509_V_OK;
	return info;
}
