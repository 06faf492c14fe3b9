/* Limits on what accounts send (guard/guard_account.h), where a session meets them. */
#ifndef VEREDUS_SMTP_SMTP_ACCOUNT_H
#define VEREDUS_SMTP_SMTP_ACCOUNT_H

#include "smtp/smtp_session.h"

/* At MAIL: false if the client has had its answer. May make it wait. account is for the transaction
 * that begins. */
bool smtp_account_may_send(struct smtp_session *s, struct account_answer *account);
/* At RCPT, before one is added: likewise. */
bool smtp_account_has_room(struct smtp_session *s);

#endif
