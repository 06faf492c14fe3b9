/* Bodies in another transfer encoding, piece by piece. Only recode.c uses this. */
#ifndef VEREDUS_MESSAGE_RECODE_BODY_H
#define VEREDUS_MESSAGE_RECODE_BODY_H

#include "message/mime.h"
#include "message/outlet.h"

/* Text whose lines end in CRLF. */
void recode_to_quoted_printable(struct outlet *out, struct slice body);
/* What claims to be quoted-printable, with its own escapes and line breaks kept. */
void recode_mend_quoted_printable(struct outlet *out, struct slice body);
/* from: the encoding that body has now. */
void recode_to_base64(struct outlet *out, struct slice body, enum mime_encoding from);
/* Bytes between parts: long lines are broken, what is no ASCII becomes "?". */
void recode_gap(struct outlet *out, struct slice gap, unsigned goals);

#endif
