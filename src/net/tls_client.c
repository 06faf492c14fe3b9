/* A client's trust, and the sessions that it may resume. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/hash.h"
#include "net/tls_internal.h"

struct tls_client {
	SSL_CTX *context;
	pthread_mutex_t lock;
	struct hash *sessions; /* key of a wish -> SSL_SESSION */
};

/* --- shared with the server ---------------------------------------------------------- */

void tls_context_harden(SSL_CTX *context)
{
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	/* Mail protocols mark the end of what they say, so a peer that closes without close_notify,
	 * as many do, is not taken for an attack: what it left unfinished is dropped anyway. */
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Without its buffers an idle session is a third as large. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A record's header and body in one receive. */
	SSL_CTX_set_read_ahead(context, 1);
}

char *tls_error_text(const char *what)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;
	struct arena *a = arena_new();
	char *text;

	text = arena_printf(a, "%s: %s", what, reason ? reason : "failed");
	text = mem_str(slice_from_str(text));
	arena_free(a);
	ERR_clear_error();
	return text;
}

/* --- sessions ------------------------------------------------------------------------ */

/* OpenSSL gives a session that can be resumed; 1 keeps it. */
static int session_remember(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *wanted = SSL_get_app_data(ssl);
	SSL_SESSION *old = NULL;
	struct slice key;
	void *value;
	size_t position = 0;

	pthread_mutex_lock(&t->lock);
	if (hash_count(t->sessions) >= TLS_CLIENT_SESSIONS_MAX &&
	    hash_next(t->sessions, &position, &key, &value))
		SSL_SESSION_free(hash_remove(t->sessions, key));
	old = hash_put(t->sessions, slice_from_str(wanted), session);
	pthread_mutex_unlock(&t->lock);
	SSL_SESSION_free(old);
	return 1;
}

/* The session to resume, or NULL; the caller frees it. One of TLS 1.3 is used but once, so that
 * connections can't be linked by it (RFC 8446 appendix C.4). */
static SSL_SESSION *session_recall(struct tls_client *t, const char *wanted)
{
	struct slice key = slice_from_str(wanted);
	SSL_SESSION *session;

	pthread_mutex_lock(&t->lock);
	session = hash_find(t->sessions, key);
	if (session && SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
		hash_remove(t->sessions, key);
	else if (session)
		SSL_SESSION_up_ref(session);
	pthread_mutex_unlock(&t->lock);
	return session;
}

/* --- the client ---------------------------------------------------------------------- */

int tls_client_new(enum tls_verify verify, const char *ca_path, struct tls_client **out,
                   char **why_out)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct tls_client *t;

	if (!context) {
		*why_out = tls_error_text("TLS");
		return -ENOMEM;
	}
	tls_context_harden(context);
	if (ca_path ? SSL_CTX_load_verify_file(context, ca_path) != 1
	            : SSL_CTX_set_default_verify_paths(context) != 1) {
		*why_out = tls_error_text(ca_path ? ca_path : "the system's certificates");
		SSL_CTX_free(context);
		return -EINVAL;
	}
	SSL_CTX_set_verify(context, verify == TLS_VERIFY_NAME ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
	                   NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, session_remember);
	if (SSL_CTX_dane_enable(context) != 1) {
		*why_out = tls_error_text("DANE");
		SSL_CTX_free(context);
		return -ENOMEM;
	}
	t = mem_zero(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->context = context;
	t->sessions = hash_new();
	SSL_CTX_set_app_data(context, t);
	*out = t;
	return 0;
}

void tls_client_free(struct tls_client *t)
{
	struct slice key;
	void *session;
	size_t position = 0;

	if (!t)
		return;
	while (hash_next(t->sessions, &position, &key, &session))
		SSL_SESSION_free(session);
	hash_free(t->sessions);
	SSL_CTX_free(t->context);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- a connection -------------------------------------------------------------------- */

/* RFC 6698 section 7.2, 7.3 and 7.4 */
enum { SELECT_CERTIFICATE = 0, SELECT_KEY = 1 };
enum { MATCH_FULL = 0, MATCH_SHA256 = 1, MATCH_SHA512 = 2 };

static bool is_readable(uint8_t selector, struct slice data)
{
	const unsigned char *at = (const unsigned char *)data.data;
	const unsigned char *end = at + data.len;
	X509 *certificate;
	EVP_PKEY *key;
	bool is_whole;

	if (selector == SELECT_CERTIFICATE) {
		certificate = d2i_X509(NULL, &at, (long)data.len);
		is_whole = certificate && at == end && X509_get0_pubkey(certificate);
		X509_free(certificate);
	} else {
		key = d2i_PUBKEY(NULL, &at, (long)data.len);
		is_whole = key && at == end;
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
	return is_whole;
}

bool tls_association_is_usable(const struct tls_association *a)
{
	if (a->usage != TLS_USAGE_TA && a->usage != TLS_USAGE_EE)
		return false;
	if (a->selector != SELECT_CERTIFICATE && a->selector != SELECT_KEY)
		return false;
	switch (a->matching) {
	case MATCH_FULL:
		return is_readable(a->selector, a->data);
	case MATCH_SHA256:
		return a->data.len == SHA256_DIGEST_LENGTH;
	case MATCH_SHA512:
		return a->data.len == SHA512_DIGEST_LENGTH;
	default:
		return false;
	}
}

/* The certificate must be for host; a name is also what SNI asks for (RFC 6066 section 3: no
 * addresses there). */
static bool expect_host(SSL *ssl, const char *host)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* Associations alone are to be trusted: had none been taken, OpenSSL would look into its roots. */
static bool expect_associations(SSL *ssl, const struct tls_wish *w)
{
	size_t taken = 0;

	if (SSL_dane_enable(ssl, w->host) != 1)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < w->association_count; i++) {
		const struct tls_association *a = &w->associations[i];

		if (!tls_association_is_usable(a))
			continue;
		taken += SSL_dane_tlsa_add(ssl, a->usage, a->selector, a->matching,
		                           (const unsigned char *)a->data.data, a->data.len) == 1;
	}
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return taken > 0;
}

static bool expect(SSL *ssl, const struct tls_wish *w)
{
	if (w->association_count > 0 && !expect_associations(ssl, w))
		return false;
	if (!expect_host(ssl, w->host))
		return false;
	for (size_t i = 0; i < w->name_count; i++)
		if (SSL_add1_host(ssl, w->names[i]) != 1)
			return false;
	return !w->tls13 || SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1;
}

SSL *tls_client_open(struct tls_client *t, const struct tls_wish *wish)
{
	SSL *ssl = SSL_new(t->context);
	SSL_SESSION *session;

	if (!ssl)
		return NULL;
	if (!expect(ssl, wish)) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_app_data(ssl, (char *)wish->key);
	session = session_recall(t, wish->key);
	if (session)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
	SSL_set_connect_state(ssl);
	return ssl;
}
