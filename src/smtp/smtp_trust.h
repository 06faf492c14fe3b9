/* Where a message meets trust/trust.h: mail that strangers bring is checked before it is taken, and
 * nobody among them speaks in our name (RFC 8601 section 5). */
#ifndef VEREDUS_SMTP_SMTP_TRUST_H
#define VEREDUS_SMTP_SMTP_TRUST_H

#include "smtp/smtp_session.h"
#include "store/spool.h"

struct smtp_cleaned {
	struct slice message; /* without fields that are forged: the one that came, or ... */
	bool made;            /* ... one in the spool */
	struct spool spool;
};

/* For a transaction with a recipient: begins to ask what can be asked without the message. */
void smtp_trust_prepare(struct smtp_session *s);
/* Checks the message; the results are the transaction's. False: it can't be taken now, a rule
 * refuses it, or its author does not want it to be taken, and the client was told so. End it in
 * either case. Parks the fiber. */
bool smtp_trust(struct smtp_session *s, struct slice message, struct smtp_cleaned *out);
void smtp_cleaned_end(struct smtp_cleaned *cleaned);

/* Does it belong into the folder Junk? */
bool smtp_trust_is_junk(const struct smtp_session *s);
/* The domain that wants it in quarantine, if that is what is done then; else empty. */
struct slice smtp_trust_held_for(const struct smtp_session *s);

/* Authentication-Results, or empty. */
struct slice smtp_trust_field(const struct smtp_session *s);
/* Adds what the journey is to tell of the checks, in the arena of the transaction. */
void smtp_trust_note(const struct smtp_session *s, const struct post_note **notes, size_t *count);

#endif
