/* Limits on the messages that one command is about (RFC 9738). */
#ifndef VEREDUS_IMAP_IMAP_LIMIT_H
#define VEREDUS_IMAP_IMAP_LIMIT_H

#include "imap/imap_session.h"

/* Messages that one command may be about; 0: no limit. The second for COPY and APPEND. */
uint32_t imap_message_limit(const struct imap_session *s);
uint32_t imap_save_limit(const struct imap_session *s);
/* If there are more messages (with a flag of these; 0: any) than the limit: of the set those with
 * the highest UIDs are left, the answer will say so, and true is returned. */
bool imap_limit(struct imap_command *c, struct uid_set *uids, uint64_t flag, uint32_t limit);
/* NO [MESSAGELIMIT ...], nothing done. */
void imap_limit_refuse(struct imap_command *c, uint32_t limit);

#endif
