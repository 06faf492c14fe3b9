/* Inside src/auth: what sasl.c and auth.c share. */
#ifndef VEREDUS_AUTH_SASL_H
#define VEREDUS_AUTH_SASL_H

#include <gsasl.h>

#include "auth/auth.h"
#include "auth/legacy.h"
#include "auth/scram.h"

/* What decides which mechanisms are offered. */
enum sasl_offer {
	SASL_OFFER_CLEAR = 1,   /* those that show the password: over TLS, or if configured */
	SASL_OFFER_BINDING = 2, /* those that bind to the connection */
	SASL_OFFER_LEGACY = 4, /* those that need the password itself: if an account has opted in */
	SASL_OFFER_EXTERNAL = 8, /* the client has shown a certificate */
	SASL_OFFER_GSSAPI = 16,  /* we have a key for what is logged in to */
	SASL_OFFER_OAUTH = 32,   /* we know who issues tokens */
	SASL_OFFER_TLS = 64,     /* nobody can listen, whatever is configured */
	SASL_OFFER_SCRAM = 128,  /* accounts have verifiers for it */
	SASL_OFFERS = 256,
};

/* A mechanism that we offer. One more is one more row, and what GNU SASL's callback must answer for
 * it, or a function of our own. */
struct sasl_mechanism {
	const char *name;
	unsigned needs;     /* all of these offers */
	const char *scram;  /* the kind of verifier that it needs, or NULL */
	bool server_speaks; /* the first word is ours (LOGIN): an initial response answers the
	                       first challenge */
	/* Not by GNU SASL: what we say to what the client said. Sets the identity with AUTH_OK, and
	 * the name of the claim as far as it is known. */
	enum auth_result (*speak)(struct auth_exchange *e, struct slice said,
	                          struct slice *challenge_out);
	void (*end)(struct auth_exchange *e); /* frees its state; or NULL */
	bool (*check)(struct slice answer);   /* NULL, or what GNU SASL can be given */
	const char *prompts[2]; /* sent instead of GNU SASL's, as clients expect them */
};

/* Who a client says it is. */
struct sasl_claim {
	struct slice name, password; /* in the arena of the exchange; NULs at their ends */
	struct slice authorize_as;   /* empty: the same */
	bool made;                   /* by showing the password, which is to be checked */
};

struct auth_exchange {
	struct auth *auth;
	struct arena *arena;
	struct auth_client client;
	const struct sasl_mechanism *mechanism;
	Gsasl_session *session; /* NULL: the mechanism is ours */
	void *state;            /* then what it keeps; in the arena */
	unsigned steps;
	struct sasl_claim claim;
	/* Of mechanisms that need the password, once the name is known: who it would be. */
	struct auth_identity candidate;
	bool may_login;
	bool unavailable;
	bool concluded; /* a refusal was logged and has cost its time before the last word */
	struct auth_identity identity;
};

enum { SASL_MECHANISMS_MAX = 20 };
struct sasl_counts {
	_Atomic uint64_t accepted, refused;
};

struct sasl {
	Gsasl *gsasl;
	struct sasl_counts counts[SASL_MECHANISMS_MAX + 1]; /* the last: none, name and password */
	char *names[SASL_OFFERS];                           /* to announce */
};

int sasl_open(struct sasl *out);
void sasl_close(struct sasl *s);
void sasl_count(struct sasl *s, const char *mechanism, bool accepted);
/* As auth_mechanism_counts(). */
bool sasl_counts(const struct sasl *s, size_t i, struct auth_mechanism_counts *out);

/* Who is behind a name and password; see auth_login(), without its pause and log. */
enum auth_result auth_check(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice name, struct slice password,
                            struct auth_identity *identity_out);
/* False if the client is not to try now: it is told AUTH_UNAVAILABLE. */
bool auth_may_try(struct auth *a, const struct auth_client *client);
/* Counts, logs, and lets an answer take its time, counted from client->tried_ms. Returns the
 * result, or AUTH_UNAVAILABLE if nobody may know it. */
enum auth_result auth_conclude(struct auth *a, const struct auth_client *client,
                               const char *mechanism, struct slice name, enum auth_result result);
/* What a SCRAM server says about a name. */
int auth_find_scram(struct auth *a, struct arena *arena, const char *kind, struct slice name,
                    struct scram_finding *out);
/* The password of an account that has opted in, or one that nobody knows. */
int auth_find_legacy(struct auth *a, struct arena *arena, struct slice name,
                     struct legacy_finding *out);
bool auth_has_legacy(struct auth *a);
bool auth_has_scram(struct auth *a);
/* Whether mechanisms that bind are offered on this connection. */
bool auth_may_bind(const struct auth *a, const struct conn *c);
const struct sasl *auth_sasl(const struct auth *a);
struct store *auth_store(const struct auth *a);
/* NULL: not configured. */
const struct kerberos *auth_kerberos(const struct auth *a);
struct oauth *auth_oauth(const struct auth *a);

#endif
