/* What of a subject is the same in a message and in the answers to it (RFC 5256 section 2.1). */
#ifndef VEREDUS_MESSAGE_BASE_SUBJECT_H
#define VEREDUS_MESSAGE_BASE_SUBJECT_H

#include "base/arena.h"

/* Of a decoded subject: without "Re:", "Fwd:", "[list]" before it and "(fwd)" behind it, white
 * space made one space each. is_reply_out (NULL allowed): something of these was there that says
 * that it is an answer or was forwarded. In the arena, or a slice of the subject. */
struct slice message_base_subject(struct arena *arena, struct slice subject, bool *is_reply_out);

#endif
