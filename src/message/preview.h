/* The first words of a message, for lists (RFC 8970). */
#ifndef VEREDUS_MESSAGE_PREVIEW_H
#define VEREDUS_MESSAGE_PREVIEW_H

#include "message/mime.h"

enum { MESSAGE_PREVIEW_CHARS = 200 };

/* UTF-8 of at most so many characters, in the arena: the first part that is plain text, or HTML
 * without its tags; white space is made one space each. Empty if there is no text. */
struct slice message_preview(struct slice bytes, const struct message_limits *limits,
                             struct arena *arena);

#endif
