/* The texts of a message that SEARCH looks at: decoded, as UTF-8, and folded by imap_fold(). Those
 * who search and those who index see the same. Pure. */
#ifndef VEREDUS_IMAP_IMAP_SEARCHED_H
#define VEREDUS_IMAP_IMAP_SEARCHED_H

#include "base/arena.h"

/* The text is valid during the call. True: no more is wanted. */
typedef bool (*imap_text_fn)(struct slice folded, void *arg);

/* The values of all fields of a name; with an empty one the names and values of all fields. True
 * if fn returned that. */
bool imap_each_header_text(struct slice header, struct slice name, imap_text_fn fn, void *arg);
/* The texts among the parts of a message, and the headers of messages inside it. */
bool imap_each_body_text(struct arena *scratch, struct slice message, imap_text_fn fn, void *arg);

#endif
