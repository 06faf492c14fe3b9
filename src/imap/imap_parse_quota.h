/* Arguments of SETQUOTA (RFC 9208 section 7). Pure, as imap_parse.h has it. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_QUOTA_H
#define VEREDUS_IMAP_IMAP_PARSE_QUOTA_H

#include "imap/imap_lexer.h"
#include "mailbox/quota.h"

/* setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")" (RFC 9208); STORAGE as it
 * stands there, in units of 1,024 bytes; 0 for what is not named. */
bool imap_take_quota_list(struct cursor *c, uint64_t limit_out[static QUOTA_RESOURCES]);

#endif
