/* A server's certificates. Each has an SSL_CTX; together they are a set, which is replaced as a
 * whole by a reload and lives until the last handshake that began with it is over. */
#include <errno.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "net/tls_internal.h"

/* As SSL_CTX_set_tlsext_ticket_keys() wants them: a name, a MAC key and a cipher key. */
enum { TICKET_KEYS_BYTES = 80 };
/* One ticket a connection is enough: each resumption brings the next. */
enum { TICKETS_PER_HANDSHAKE = 1 };
enum { HOST_NAME_MAX_BYTES = 255 };

struct tls_set {
	atomic_int references;
	size_t count;
	SSL_CTX **contexts;
	struct hash *names; /* of a certificate, lower case -> SSL_CTX */
};

struct tls_server {
	pthread_mutex_t lock;
	struct tls_set *current;
	size_t count;
	struct tls_certificate_files *files;
	bool asks;     /* clients for a certificate */
	char *ca_path; /* whose are trusted, or NULL */
	unsigned char ticket_keys[TICKET_KEYS_BYTES];
};

/* --- loading ------------------------------------------------------------------------- */

/* Nobody is there to type a pass phrase. */
static int no_password(char *text, int size, int for_writing, void *arg)
{
	(void)text, (void)size, (void)for_writing, (void)arg;
	return -1;
}

static int check_readable(const char *path, char **why_out)
{
	struct arena *a;

	if (access(path, R_OK) == 0)
		return 0;
	int error = errno;
	a = arena_new();
	*why_out = mem_str(slice_from_str(
		arena_printf(a, "%s: %s", path, error == ENOENT ? "no such file" : "unreadable")));
	arena_free(a);
	return error == ENOENT ? -ENOENT : -EACCES;
}

static int load_files(SSL_CTX *context, const struct tls_certificate_files *files, char **why_out)
{
	int rc;

	rc = check_readable(files->chain_path, why_out);
	if (rc < 0)
		return rc;
	rc = check_readable(files->key_path, why_out);
	if (rc < 0)
		return rc;
	SSL_CTX_set_default_passwd_cb(context, no_password);
	if (SSL_CTX_use_certificate_chain_file(context, files->chain_path) != 1) {
		*why_out = tls_error_text(files->chain_path);
		return -EINVAL;
	}
	if (SSL_CTX_use_PrivateKey_file(context, files->key_path, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(context) != 1) {
		*why_out = tls_error_text(files->key_path);
		return -EINVAL;
	}
	return 0;
}

/* The first certificate that has a name keeps it. */
static void add_name(struct hash *names, const unsigned char *data, int len, SSL_CTX *context)
{
	char name[HOST_NAME_MAX_BYTES];
	struct slice key = { name, (size_t)len };

	if (len <= 0 || (size_t)len > sizeof(name) || memchr(data, '\0', (size_t)len))
		return;
	for (int i = 0; i < len; i++)
		name[i] = byte_lower((char)data[i]);
	if (!hash_find(names, key))
		hash_put(names, key, context);
}

/* The DNS names of the subjectAltName; the common name counts only if there are none. */
static void add_names(struct hash *names, SSL_CTX *context)
{
	X509 *certificate = SSL_CTX_get0_certificate(context);
	GENERAL_NAMES *list = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	int found = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *entry = sk_GENERAL_NAME_value(list, i);
		const ASN1_IA5STRING *name = entry->d.dNSName;

		if (entry->type != GEN_DNS)
			continue;
		add_name(names, ASN1_STRING_get0_data(name), ASN1_STRING_length(name), context);
		found++;
	}
	GENERAL_NAMES_free(list);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (found == 0 && at >= 0) {
		const ASN1_STRING *name = X509_NAME_ENTRY_get_data(
			X509_NAME_get_entry(subject, at));
		add_name(names, ASN1_STRING_get0_data(name), ASN1_STRING_length(name), context);
	}
}

/* --- choosing by name ---------------------------------------------------------------- */

/* The certificate for a name: its own, or the one with "*" in place of its first label
 * (RFC 6125 section 6.4.3). */
static SSL_CTX *set_find(const struct tls_set *set, struct slice name)
{
	char text[HOST_NAME_MAX_BYTES];
	struct slice key = { text, name.len };
	ptrdiff_t dot;
	SSL_CTX *context;

	if (name.len == 0 || name.len > sizeof(text))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		text[i] = byte_lower(name.data[i]);
	context = hash_find(set->names, key);
	dot = slice_find_byte(key, '.');
	if (context || dot < 1)
		return context;
	text[dot - 1] = '*';
	return hash_find(set->names, slice_from(key, (size_t)dot - 1));
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls_set *set = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *context;

	(void)alert;
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	context = set_find(set, slice_from_str(name));
	/* A name that is not ours gets the default certificate, and the client decides. */
	if (!context)
		return SSL_TLSEXT_ERR_OK;
	SSL_set_SSL_CTX(ssl, context);
	return SSL_TLSEXT_ERR_OK;
}

/* --- sets ---------------------------------------------------------------------------- */

void tls_set_release(struct tls_set *set)
{
	if (!set || atomic_fetch_sub(&set->references, 1) > 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		SSL_CTX_free(set->contexts[i]);
	hash_free(set->names);
	free(set->contexts);
	free(set);
}

/* --- certificates of clients --------------------------------------------------------- */

/* The verdict is kept and asked for later: see conn_tls_peer(). */
static int serve_all_the_same(int good, X509_STORE_CTX *context)
{
	(void)good, (void)context;
	return 1;
}

static int ask_clients(const struct tls_server *t, SSL_CTX *context, char **why_out)
{
	STACK_OF(X509_NAME) * names;
	int rc;

	if (!t->asks)
		return 0;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, serve_all_the_same);
	if (!t->ca_path)
		return 0;
	rc = check_readable(t->ca_path, why_out);
	if (rc < 0)
		return rc;
	names = SSL_load_client_CA_file(t->ca_path);
	if (!names || SSL_CTX_load_verify_file(context, t->ca_path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		*why_out = tls_error_text(t->ca_path);
		return -EINVAL;
	}
	SSL_CTX_set_client_CA_list(context, names);
	return 0;
}

static SSL_CTX *server_context(struct tls_server *t, struct tls_set *set)
{
	static const unsigned char id[] = "veredus";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return NULL;
	tls_context_harden(context);
	/* The tickets hold all of the state: the server keeps none. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
	SSL_CTX_set_num_tickets(context, TICKETS_PER_HANDSHAKE);
	SSL_CTX_set_tlsext_ticket_keys(context, t->ticket_keys, TICKET_KEYS_BYTES);
	SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(context, set);
	return context;
}

int tls_server_load(struct tls_server *t, const struct tls_certificate_files *files, size_t count,
                    struct tls_set **out, char **why_out)
{
	struct tls_set *set = mem_zero(1, sizeof(*set));
	int rc;

	atomic_store(&set->references, 1);
	set->names = hash_new();
	set->contexts = mem_zero(count, sizeof(SSL_CTX *));
	for (size_t i = 0; i < count; i++) {
		SSL_CTX *context = server_context(t, set);

		if (!context) {
			*why_out = tls_error_text("TLS");
			tls_set_release(set);
			return -EINVAL;
		}
		set->contexts[set->count++] = context;
		rc = load_files(context, &files[i], why_out);
		if (rc == 0)
			rc = ask_clients(t, context, why_out);
		if (rc < 0) {
			tls_set_release(set);
			return rc;
		}
		add_names(set->names, context);
	}
	*out = set;
	return 0;
}

/* --- the server ---------------------------------------------------------------------- */

int tls_server_new(const struct tls_certificate_files *files, size_t count, struct tls_server **out,
                   char **why_out)
{
	struct tls_server *t;
	int rc;

	if (count == 0) {
		*why_out = mem_str(SLICE("no certificate"));
		return -EINVAL;
	}
	t = mem_zero(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->count = count;
	t->files = mem_zero(count, sizeof(*t->files));
	for (size_t i = 0; i < count; i++) {
		t->files[i].chain_path = mem_str(slice_from_str(files[i].chain_path));
		t->files[i].key_path = mem_str(slice_from_str(files[i].key_path));
	}
	if (RAND_priv_bytes(t->ticket_keys, sizeof(t->ticket_keys)) != 1) {
		*why_out = tls_error_text("random bytes");
		rc = -EIO;
	} else {
		rc = tls_server_load(t, t->files, t->count, &t->current, why_out);
	}
	if (rc < 0) {
		tls_server_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

void tls_server_free(struct tls_server *t)
{
	if (!t)
		return;
	tls_set_release(t->current);
	for (size_t i = 0; i < t->count; i++) {
		free((char *)t->files[i].chain_path);
		free((char *)t->files[i].key_path);
	}
	free(t->files);
	free(t->ca_path);
	pthread_mutex_destroy(&t->lock);
	OPENSSL_cleanse(t->ticket_keys, sizeof(t->ticket_keys));
	free(t);
}

void tls_server_take(struct tls_server *t, struct tls_set *set)
{
	pthread_mutex_lock(&t->lock);
	struct tls_set *old = t->current;
	t->current = set;
	pthread_mutex_unlock(&t->lock);
	tls_set_release(old);
}

int tls_server_reload(struct tls_server *t, char **why_out)
{
	struct tls_set *fresh;
	int rc = tls_server_load(t, t->files, t->count, &fresh, why_out);
	if (rc == 0)
		tls_server_take(t, fresh);
	return rc;
}

int tls_server_ask(struct tls_server *t, const char *ca_path, char **why_out)
{
	t->asks = true;
	t->ca_path = ca_path ? mem_str(slice_from_str(ca_path)) : NULL;
	int rc = tls_server_reload(t, why_out);
	if (rc == 0)
		return 0;
	t->asks = false;
	free(t->ca_path);
	t->ca_path = NULL;
	return rc;
}

SSL *tls_server_open(struct tls_server *t, struct tls_set **set_out)
{
	struct tls_set *set;
	SSL *ssl;

	pthread_mutex_lock(&t->lock);
	set = t->current;
	atomic_fetch_add(&set->references, 1);
	pthread_mutex_unlock(&t->lock);
	ssl = SSL_new(set->contexts[0]);
	if (!ssl) {
		tls_set_release(set);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	*set_out = set;
	return ssl;
}
