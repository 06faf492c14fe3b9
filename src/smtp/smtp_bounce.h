/* Mail without a sender that strangers bring: is it a report about mail of ours? (route/batv.h) */
#ifndef VEREDUS_SMTP_SMTP_BOUNCE_H
#define VEREDUS_SMTP_SMTP_BOUNCE_H

#include "smtp/smtp_session.h"

/* At RCPT, of a recipient that is ours, before it is added. False if the client has had its answer.
 * May note lines for the score. */
bool smtp_bounce_allows(struct smtp_session *s, const struct address *recipient);
/* Adds them. */
void smtp_bounce_score(const struct smtp_session *s, struct guard_score *score);

#endif
