/* Who is this? SASL for servers, over GNU SASL, the same for SMTP, IMAP and POP3.
 *
 * An exchange goes step by step. Passwords are hashed on the thread pool, as that is slow on
 * purpose, and only so many at a time: a flood of logins waits in line, and does not eat the
 * memory; nor does one client's flood hold up another's login. One that was right a while ago is
 * not hashed again. Texts are base64 on the wire: the protocol passes what it read, and sends what
 * it gets, without looking inside. A refusal comes after a pause of a second or two, and the more
 * have failed before, the later comes any answer (auth_toll.h); every outcome is logged. [fiber] */
#ifndef VEREDUS_AUTH_AUTH_H
#define VEREDUS_AUTH_AUTH_H

#include "base/arena.h"
#include "config/config.h"
#include "directory/app_password.h"
#include "directory/directory.h"
#include "net/conn.h"

struct auth;
struct auth_exchange;
struct kerberos;
struct oauth;
struct store;

/* [any thread] */
int auth_open(struct store *store, struct auth **out);
void auth_close(struct auth *a);

struct auth_counts {
	uint64_t accepted, refused, unavailable;
	uint64_t throttled; /* not looked at, as too many wait already because of failures */
	uint64_t waiting;   /* now */
};
/* [any thread] */
struct auth_counts auth_counts(const struct auth *a);
/* The same by mechanism, in the order in which they are announced, and then "login" for IMAP LOGIN
 * and POP3 PASS. False: there is no i-th. [any thread] */
struct auth_mechanism_counts {
	const char *mechanism;
	uint64_t accepted, refused;
};
bool auth_mechanism_counts(const struct auth *a, size_t i, struct auth_mechanism_counts *out);
/* Keeps what strangers are shown the same from start to start: the installation's key, in a file
 * that is made if it is not there. Without this call the key dies with the process. 0; -EINVAL: no
 * key is in it; or what the system said. Before the first exchange. */
int auth_use_key_file(struct auth *a, const char *path);
/* Who is asked about passwords: config's passdb sections, or the internal directory alone. made is
 * for accounts that are made at their first login. The configuration must stay.
 * Before the first exchange; 0, or a negative errno after a log line. */
int auth_set_back_ends(struct auth *a, const struct config *config, directory_account_hook made);
/* How long a refusal takes, and as much again by chance. 0: none. */
void auth_set_refusal_pause(struct auth *a, int64_t ms);
/* What failures before cost a login at most, and how fast they are forgotten: auth_toll.h. 0: they
 * cost nothing. */
void auth_set_toll(struct auth *a, int64_t max_ms, int64_t half_ms);
/* How long a right password is not hashed again. 0: always. */
void auth_set_remember(struct auth *a, int64_t ms);
/* Some account has got, or lost, what SCRAM, CRAM-MD5 or DIGEST-MD5 need: look again whether to
 * offer them. It is looked from time to time anyway. [any thread] */
void auth_accounts_changed(struct auth *a);
/* Writes down when application passwords were last used: it is gathered, and done once a minute. */
void auth_write_uses(struct auth *a);
/* Whether mechanisms that bind to the connection (-PLUS) are offered, over TLS. They are. */
void auth_set_binding(struct auth *a, bool offered);

/* Offers GSSAPI from now on (kerberos.h); a takes k over. Before the first exchange. */
void auth_set_kerberos(struct auth *a, struct kerberos *k);
/* Offers OAUTHBEARER and XOAUTH2 from now on (oauth.h), as above. */
void auth_set_oauth(struct auth *a, struct oauth *o);

/* What is logged in to; bits of a set, the same as an application password's. */
enum auth_service {
	AUTH_SMTP = APP_SCOPE_SMTP,
	AUTH_IMAP = APP_SCOPE_IMAP,
	AUTH_POP3 = APP_SCOPE_POP3,
};

/* Who wants to log in, and where. */
struct auth_client {
	const struct conn *conn; /* NULL: over none */
	enum auth_service service;
	bool clear_allowed; /* mechanisms that show the password also without TLS */
	bool is_spoken_for; /* by the TLS peer, whose certificate is not the client's */
	/* Set inside src/auth: when it tried (monotonic), and what tells the password that it
	 * showed from others (0: it showed none). */
	int64_t tried_ms;
	uint64_t guess;
};

/* The mechanisms to announce, best first, separated by spaces ("SCRAM-SHA-256 PLAIN"). */
const char *auth_mechanisms(struct auth *a, const struct auth_client *client);

struct auth_identity {
	int64_t account_id;
	const char *address; /* canonical; in the arena given to auth_begin */
};

enum auth_result {
	AUTH_CONTINUE,    /* send the challenge, read an answer, call auth_step() */
	AUTH_OK,          /* identity is set; if challenge is not empty it must be sent first and
	                     answered by an empty line */
	AUTH_REFUSED,     /* wrong name or password; nobody may learn which (535 5.7.8) */
	AUTH_FORBIDDEN,   /* the right password, but not to act as who was named besides (535
	                     5.7.8): RFC 4422 section 3.4.1 */
	AUTH_TOO_WEAK,    /* the right password, of an account that takes only application
	                     passwords (534 5.7.9) */
	AUTH_EXPIRED,     /* the right password, which has to be changed first (432 4.7.12) */
	AUTH_NOT_OFFERED, /* no such mechanism (504 5.5.4) */
	AUTH_NEEDS_TLS,   /* mechanism not without TLS (538 5.7.11) */
	AUTH_BAD_SYNTAX,  /* not base64, or not what the mechanism expects (501 5.5.2) */
	AUTH_CANCELLED,   /* the client sent "*" (501 5.0.0) */
	AUTH_UNAVAILABLE, /* the store does not answer, or too many logins wait because of
	                     failures before them (454 4.7.0) */
};

/* Begins. initial: the client's initial response in base64, "=" for an empty one, NULL when
 * there was none. Results after AUTH_CONTINUE come with *challenge_out (base64, arena). The
 * exchange is freed by auth_end(), whatever happened. */
enum auth_result auth_begin(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice mechanism, const struct slice *initial,
                            struct auth_exchange **exchange_out, struct slice *challenge_out);
enum auth_result auth_step(struct auth_exchange *e, struct slice answer,
                           struct slice *challenge_out);
const struct auth_identity *auth_identity(const struct auth_exchange *e);
void auth_end(struct auth_exchange *e);

/* Name and password at once (IMAP LOGIN, POP3 PASS). A name without a domain is looked for in
 * every domain of ours and must be found in one only. Costs the same time whether the account
 * exists or not. */
enum auth_result auth_login(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice name, struct slice password,
                            struct auth_identity *identity_out);

/* The account that logs in by this name, for who has it from somebody else who checked. -ENOENT:
 * none, or it is disabled. */
int auth_find_account(struct auth *a, struct arena *arena, struct slice name,
                      struct auth_identity *identity_out);

#endif
