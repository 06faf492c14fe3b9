/* URLs in commands: what they name, and for whom (RFC 4467, RFC 4469, RFC 5092). */
#ifndef VEREDUS_IMAP_IMAP_URL_H
#define VEREDUS_IMAP_IMAP_URL_H

#include "imap/imap_session.h"
#include "mailbox/url_part.h"

/* What a URL of this server names, as the session may see it, or as its own authorization says;
 * else NO [BADURL ...] is set. To be closed by url_close(). */
bool imap_url_open(struct imap_command *c, struct slice text, struct url_part *out);

#endif
