/* GSSAPI (RFC 4752) with Kerberos: a client with a ticket for smtp/HOST, imap/HOST or pop/HOST is
 * the account of its principal, user@REALM being user@DOMAIN.
 *
 * Over MIT's GSS-API itself: GNU SASL's server can't be told which keytab to read, nor which
 * session its questions about service and host belong to. No security layer is offered; for that
 * there is TLS. Tickets are looked at on the thread pool, as keytab and replay cache are files. */
#ifndef VEREDUS_AUTH_KERBEROS_H
#define VEREDUS_AUTH_KERBEROS_H

#include "auth/sasl.h"

struct kerberos;

struct kerberos_config {
	const char *keytab; /* a file, which is read anew for each ticket */
	const char *realm;
	const char *domain;       /* of the accounts; NULL: the realm in lower case */
	const char *hostname;     /* whose tickets we take */
	const char *replay_cache; /* a file that is made */
};

/* A service without a key in the keytab is not offered, which is logged; if none has one, or the
 * keytab can't be read, it is -ENOENT and *why_out (free() it). [any thread] */
int kerberos_open(const struct kerberos_config *config, struct kerberos **out, char **why_out);
void kerberos_close(struct kerberos *k);
bool kerberos_serves(const struct kerberos *k, enum auth_service service);

/* A struct sasl_mechanism's. */
enum auth_result kerberos_speak(struct auth_exchange *e, struct slice said,
                                struct slice *challenge_out);
void kerberos_end(struct auth_exchange *e);

/* The user of a principal of our realm ("user@REALM"); false for others, for services and instances
 * ("user/admin@REALM"), and for names that need escapes. */
bool kerberos_principal_user(struct slice principal, struct slice realm, struct slice *user_out);

#endif
