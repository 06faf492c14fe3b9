/* Reading a part's header into struct mime_part. Only mime.c uses this. */
#ifndef VEREDUS_MESSAGE_MIME_HEADER_H
#define VEREDUS_MESSAGE_MIME_HEADER_H

#include "message/mime.h"

/* Notes the field if it is one of those kept; the message's own only if part->fields is set. */
void mime_header_field(struct arena *arena, const struct message_limits *limits,
                       struct mime_part *part, const struct header_field *field);
/* Puts the defaults where nothing was said. */
void mime_header_finish(struct arena *arena, struct mime_part *part, bool in_digest);

#endif
