/* What LIST asks of annotations (RFC 9590). */
#ifndef VEREDUS_IMAP_IMAP_METADATA_H
#define VEREDUS_IMAP_IMAP_METADATA_H

#include "imap/imap_parse_metadata.h"
#include "imap/imap_session.h"
#include "mailbox/acl.h"

/* RFC 5464 section 3.3: it takes the right to look a mailbox up, and one of these. */
enum { IMAP_METADATA_RIGHTS = ACL_READ | ACL_SEEN | ACL_WRITE | ACL_INSERT | ACL_POST };

/* "* METADATA name (/shared/comment "text")": what there is of the entries that are asked for; for
 * a single mailbox NIL for what there is not. mailbox_id: or ANNOTATION_SERVER. *longest_out (NULL
 * allowed): of the values that were too long, the longest. 0 or an error of the store. */
int imap_write_metadata(struct imap_command *c, struct slice name, int64_t mailbox_id,
                        const struct imap_metadata *request, uint64_t *longest_out);

#endif
