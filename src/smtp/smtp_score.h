/* What speaks for and against a message of a stranger, added up (guard/guard_score.h). */
#ifndef VEREDUS_SMTP_SMTP_SCORE_H
#define VEREDUS_SMTP_SMTP_SCORE_H

#include "guard/guard_filter.h"
#include "smtp/smtp_session.h"

/* Adds "iprev" (RFC 8601 section 2.7.3): whether the address of the client leads to a name that
 * leads back to it. May park the fiber. */
void smtp_score_iprev(struct smtp_session *s, struct trust_results *results);
/* What checks of the message came to, for rules and weights (guard/guard_rule.h). How many. */
size_t smtp_score_found(const struct smtp_session *s, struct slice **out);
/* When all checks are done: the transaction's score and fate. False if the message is refused for
 * it, and the client was told so. May park the fiber. */
bool smtp_score(struct smtp_session *s);
/* Adds what the session knows of the message, and what the classifier says; as struct guard_speaker
 * wants it. */
void smtp_score_tell(void *session, struct guard_score *score);
/* A filter has something to add to it, or nobody has until now. */
void smtp_score_add(struct smtp_session *s, const struct filter_line *lines, size_t count);
/* Decides anew; as smtp_score(). */
bool smtp_score_decide(struct smtp_session *s);
bool smtp_score_is_junk(const struct smtp_session *s);
/* "X-Veredus-Score: HOSTNAME; 6.50: ...", or empty. */
struct slice smtp_score_field(const struct smtp_session *s, struct arena *arena);
/* For the journey; empty if nothing was weighed. */
struct slice smtp_score_text(const struct smtp_session *s, struct arena *arena);

#endif
