/* What the files of the SMTP client share. */
#ifndef VEREDUS_CLIENT_SMTP_CLIENT_INTERNAL_H
#define VEREDUS_CLIENT_SMTP_CLIENT_INTERNAL_H

#include "client/smtp_client.h"

/* What AUTH may name, the strongest first, those that tell the password behind; GSSAPI needs none.
 */
enum smtp_auth_mechanism {
	SMTP_AUTH_SCRAM_SHA_256,
	SMTP_AUTH_SCRAM_SHA_1,
	SMTP_AUTH_DIGEST_MD5,
	SMTP_AUTH_CRAM_MD5,
	SMTP_AUTH_PLAIN,
	SMTP_AUTH_LOGIN,
	SMTP_AUTH_GSSAPI,
	SMTP_AUTH_MECHANISMS,
};

struct smtp_client {
	const struct smtp_client_config *config;
	const char *host;
	struct conn *conn;
	struct smtp_reply reply; /* the last one read */
	unsigned extensions;     /* enum smtp_extension */
	unsigned mechanisms;     /* bits by enum smtp_auth_mechanism */
	uint64_t max_size;
	uint64_t min_by_s;        /* of DELIVERBY */
	int64_t message_deadline; /* of the message that is being sent; before: of the config */
	/* RFC 9422, all of a session but recipients, which may also be what was learnt from a
	 * transaction that was full; 0: not told. */
	struct {
		unsigned mails, recipients, domains;
	} limits;
	struct hash *domains; /* of recipients so far, if there is a limit */
	unsigned mails;       /* MAIL commands so far */
	unsigned sent;
	bool borrowed; /* the connection is somebody else's */
	bool usable;
	bool needs_rset; /* a transaction was left open at the server */
};

enum { SMTP_OUTCOME_TEXT_MAX = 512 };

/* There are more replies than there were commands: the next one would be taken for the answer to
 * what was not said yet, and a message for delivered that nobody has. */
bool smtp_client_is_answered(const struct smtp_client *c);
/* Writes a command line without flushing; shown: what the dialogue sees (or line.len == 0).
 * -EBADMSG if it has been answered. */
int smtp_client_put(struct smtp_client *c, struct slice line, struct slice shown);
/* Sends what was put, waits for a reply into c->reply. 0, or a negative errno. After a failure
 * the connection is usable no more. */
int smtp_client_get(struct smtp_client *c, int64_t timeout_ms);
/* Both, for a command that stands alone. */
int smtp_client_command(struct smtp_client *c, struct slice line, struct slice shown);

/* When a step that begins now must be over. */
static inline int64_t smtp_client_deadline(const struct smtp_client *c, int64_t timeout_ms)
{
	int64_t deadline = deadline_in(timeout_ms);
	return deadline < c->message_deadline ? deadline : c->message_deadline;
}

static inline bool smtp_client_replied(const struct smtp_client *c, int class)
{
	return c->reply.code / 100 == class;
}

/* The outcome that c->reply makes at a stage; not for replies that are fine. Returns -EREMOTEIO. */
int smtp_client_refused(struct smtp_client *c, enum smtp_stage stage, struct arena *arena,
                        struct smtp_outcome *outcome);
/* The outcome of a broken conversation. Returns error. */
int smtp_client_broken(struct smtp_client *c, enum smtp_stage stage, int error, struct arena *arena,
                       struct smtp_outcome *outcome);

/* smtp_client_auth.c: AUTH by the configured mechanism, or the strongest that both know. */
void smtp_client_note_mechanisms(struct smtp_client *c, struct slice names);
int smtp_client_auth(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome);

/* smtp_client_limits.c: what stands behind LIMITS. */
void smtp_client_note_limits(struct smtp_client *c, struct slice words);
/* A recipient was refused after so many were taken in the transaction: if that was only one too
 * many, says so in its outcome, and keeps to that many from now on. */
void smtp_client_note_too_many(struct smtp_client *c, size_t taken, struct smtp_outcome *outcome);

/* smtp_client_options.c: NULL if a message with these options may go to the server; otherwise why
 * not, and *enhanced. */
const char *smtp_client_check_options(const struct smtp_client *c, const struct envelope_options *o,
                                      const char **enhanced);
/* The parameters of MAIL for mail->options, each behind a space, written to
 * room, which has size bytes. Returns how many it wrote: at most SMTP_OPTIONS_MAX, and all or none.
 */
enum { SMTP_OPTIONS_MAX = ENVELOPE_SOLICIT_MAX + ENVELOPE_AUTH_MAX + 128 };
size_t smtp_client_put_options(const struct smtp_client *c, const struct envelope_options *o,
                               char *room, size_t size);

#endif
