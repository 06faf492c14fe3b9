/* Inside src/auth: what sasl.c and auth.c share. */
#ifndef VEREDUS_AUTH_SASL_H
#define VEREDUS_AUTH_SASL_H

#include <gsasl.h>

#include "auth/auth.h"

/* A mechanism that we offer. One more is one more row, and what sasl_callback() must answer for
 * it. */
struct sasl_mechanism {
	const char *name;
	bool shows_password;    /* only over TLS, unless configured otherwise */
	bool server_speaks;     /* the first word is ours (LOGIN): an initial response answers the
	                           first challenge */
	const char *prompts[2]; /* sent instead of GNU SASL's, as clients expect them */
};

extern const struct sasl_mechanism sasl_mechanisms[];
extern const size_t sasl_mechanism_count;

/* What a mechanism found out. Name and password are to be checked by the caller. */
struct sasl_claim {
	struct slice name, password; /* in the arena of the exchange; NULs at their ends */
	struct slice authorize_as;   /* empty: the same */
	bool made;
};

/* GNU SASL's questions while it steps; the session's hook is the struct sasl_claim's owner. */
int sasl_callback(Gsasl *context, Gsasl_session *session, Gsasl_property property);
Gsasl *sasl_open(void);

/* Who is behind a name and password; see auth_login(), without its pause and log. */
enum auth_result auth_check(struct auth *a, struct arena *arena, const struct conn *c,
                            struct slice name, struct slice password,
                            struct auth_identity *identity_out);
/* Counts, logs, and lets a refusal take its time. Returns the result. */
enum auth_result auth_conclude(struct auth *a, const struct conn *c, const char *mechanism,
                               struct slice name, enum auth_result result);
Gsasl *auth_gsasl(const struct auth *a);

#endif
