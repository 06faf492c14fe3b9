/* What holds a message back that is taken all the same. */
#ifndef VEREDUS_SMTP_SMTP_QUARANTINE_H
#define VEREDUS_SMTP_SMTP_QUARANTINE_H

#include "route/post_quarantine.h"
#include "smtp/smtp_session.h"

/* When all has been asked. NULL: it goes on; else in the arena of the transaction. A rule counts
 * first, then filters, the score, and at last DMARC. */
const struct post_hold *smtp_quarantine(const struct smtp_session *s);

#endif
