/* Writing what the summary holds in IMAP's syntax. Only this folder uses it. */
#ifndef VEREDUS_MESSAGE_IMAP_TEXT_H
#define VEREDUS_MESSAGE_IMAP_TEXT_H

#include "message/mime.h"

/* The envelope of a message, parentheses included; each field's value is cut at value_bytes. */
void imap_put_envelope(struct buf *out, struct arena *arena, const struct mime_fields *fields,
                       const struct message_limits *limits, size_t value_bytes);
/* BODYSTRUCTURE of the tree, parentheses included. */
void imap_put_structure(struct buf *out, struct arena *arena, const struct mime_part *part,
                        const struct message_limits *limits);
/* The same in the arena; one that is larger than out may be is shown as one part without structure.
 */
struct slice imap_make_structure(struct arena *arena, const struct mime_part *part,
                                 const struct message_limits *limits, struct buf *out);

#endif
