/* The configuration of logging in, over any protocol. */
#ifndef VEREDUS_CONFIG_CONFIG_LOGIN_H
#define VEREDUS_CONFIG_CONFIG_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

struct config_auth {
	int64_t refusal_pause_ms; /* before a wrong password is refused */
	int64_t toll_max_ms;      /* what failures before cost a login at most; 0: nothing */
	int64_t toll_half_ms;     /* in which they count half */
	int64_t remember_ms;      /* a right one is not hashed again for so long */
	bool channel_binding;     /* SCRAM bound to TLS is offered */
	bool client_certificates; /* are asked for, for EXTERNAL */
	const char *client_ca;    /* whose are believed, or NULL */
};

struct config_kerberos {
	const char *keytab; /* NULL: no GSSAPI */
	const char *realm, *domain;
};

struct config_oauth {
	const char *keys, *introspection; /* a path or URL, and a URL; one or none */
	const char *client_id, *client_secret;
	const char *issuer, *audience, *scope, *account_claim, *ca;
	int64_t leeway_ms, timeout_ms, refresh_ms;
};

#endif
