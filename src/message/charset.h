/* Bytes of a named charset into UTF-8, and encoded words. The part of header.h that others in this
 * folder share. */
#ifndef VEREDUS_MESSAGE_CHARSET_H
#define VEREDUS_MESSAGE_CHARSET_H

#include "message/header.h"

/* Appends bytes that claim to be of a charset, as UTF-8. What does not convert becomes U+FFFD; an
 * unknown charset is treated like the empty one: UTF-8 if the bytes are that, else Windows-1252
 * (which holds Latin-1). 0 or -ENOBUFS. */
int charset_append(struct buf *out, struct slice charset, struct slice bytes);

/* Length of the encoded word that s begins with, or 0. */
size_t encoded_word_length(struct slice s);

#endif
