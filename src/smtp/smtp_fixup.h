/* What our users hand in is completed before it is taken: RFC 6409 section 8. What is done to a
 * message stands in message/fixup.h; here is for whom, and where the new bytes are meanwhile. */
#ifndef VEREDUS_SMTP_SMTP_FIXUP_H
#define VEREDUS_SMTP_SMTP_FIXUP_H

#include "smtp/smtp_session.h"
#include "store/spool.h"

struct smtp_fixed {
	struct slice message; /* as it is to go on: the one that came, or one in the spool */
	struct buf bcc;       /* the Bcc fields that were taken out */
	bool made;            /* the spool is in use */
	struct spool spool;
};

/* Does this transaction come from one of our users' programs, and not from a mail server? */
bool smtp_is_submission(const struct smtp_session *s);
/* False: it can't be sent, and the client was told why. End it in either case. Parks the fiber. */
bool smtp_fixup(struct smtp_session *s, struct slice message, struct smtp_fixed *out);
void smtp_fixed_end(struct smtp_fixed *fixed);

#endif
