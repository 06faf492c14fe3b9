/* TLS contexts: certificates for servers, trust for clients. OpenSSL 3, TLS 1.2 and newer. */
#ifndef VEREDUS_NET_TLS_H
#define VEREDUS_NET_TLS_H

#include "base/arena.h"

struct tls_server;
struct tls_client;

struct tls_certificate_files {
	const char *chain_path; /* PEM, leaf first */
	const char *key_path;   /* PEM, not encrypted */
};

/* A server with one or more certificates. The first is the default; others are chosen by SNI
 * among the names in them (subjectAltName, wildcards of one label). Session resumption by
 * tickets whose keys last as long as the server. On failure -EINVAL, -ENOENT or -EACCES and
 * *why_out is a text that names the file and the trouble (free() it). [any thread] */
int tls_server_new(const struct tls_certificate_files *files, size_t count, struct tls_server **out,
                   char **why_out);
/* From now on clients are asked for a certificate; one that has none, or one that nobody knows, is
 * served all the same (see conn_tls_peer()). ca_path: a PEM file of the roots that are trusted for
 * this, or NULL for none. On failure as tls_server_new(), and nothing changes. Before the first
 * connection. */
int tls_server_ask(struct tls_server *t, const char *ca_path, char **why_out);
/* After the last of its connections was closed. NULL is allowed. */
void tls_server_free(struct tls_server *t);
/* Loads the files again. Sessions that run keep what they have, and tickets given out before stay
 * good; on failure nothing changes. [any thread] */
int tls_server_reload(struct tls_server *t, char **why_out);
/* The same with other files, in two steps: what is loaded is either taken or released. At least one
 * file. */
struct tls_set;
int tls_server_load(struct tls_server *t, const struct tls_certificate_files *files, size_t count,
                    struct tls_set **out, char **why_out);
void tls_server_take(struct tls_server *t, struct tls_set *set);
void tls_set_release(struct tls_set *set); /* NULL is allowed */

/* The SHA-256 of a certificate, as 64 hexadecimal digits in lower case; people also write colons
 * and upper case. In the arena. -EINVAL: it is none. */
int tls_fingerprint(struct arena *a, struct slice text, struct slice *out);

enum tls_verify {
	TLS_VERIFY_NONE, /* opportunistic: encrypt, believe any certificate, record the verdict */
	TLS_VERIFY_NAME, /* the chain must lead to a trusted root and the name must match */
};
/* Sessions that a client remembers, one a key. */
enum { TLS_CLIENT_SESSIONS_MAX = 4096 };
/* A client. ca_path: a PEM file of roots, or NULL for the system's. Sessions are cached by the key
 * of struct tls_wish for resumption. [any thread] */
int tls_client_new(enum tls_verify verify, const char *ca_path, struct tls_client **out,
                   char **why_out);
/* After the last of its connections was closed. NULL is allowed. */
void tls_client_free(struct tls_client *t);

/* What a TLSA record ties a server to (RFC 6698 section 2.1), by its own numbers. */
struct tls_association {
	uint8_t usage, selector, matching;
	struct slice data;
};
enum { TLS_USAGE_TA = 2, TLS_USAGE_EE = 3 }; /* RFC 7218: DANE-TA, DANE-EE */
/* False for what SMTP makes no use of (RFC 7672 section 3.1.3: PKIX-TA, PKIX-EE), for numbers that
 * nobody knows, and for data that can match nothing. */
bool tls_association_is_usable(const struct tls_association *a);

/* What one connection asks for, besides what its client asks for all. */
struct tls_wish {
	const char *host; /* asked for by SNI; must be in the certificate; an address is allowed */
	/* Other names that are as good. */
	const char *const *names;
	size_t name_count;
	/* If there are any, these alone say who is trusted (DANE), whatever the client trusts.
	 * DANE-EE asks neither for a name nor for a date (RFC 7672 section 3.1.1). One must be
	 * usable. */
	const struct tls_association *associations;
	size_t association_count;
	bool tls13;      /* nothing older than TLS 1.3 */
	const char *key; /* sessions are resumed under the same key only; NULL: host */
};

/* Why there is no TLS, or none that can be trusted. */
enum tls_trouble {
	TLS_FINE,
	TLS_FAILED,      /* the handshake, for another reason than the certificate */
	TLS_NOT_OFFERED, /* no STARTTLS, or it was refused */
	TLS_EXPIRED,     /* the certificate */
	TLS_WRONG_NAME,  /* none in it is asked for */
	TLS_NO_MATCH,    /* no association matches */
	TLS_UNTRUSTED,   /* anything else about the certificate */
};

#endif
