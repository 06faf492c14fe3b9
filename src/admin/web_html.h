/* HTML for people, of texts that strangers wrote. */
#ifndef VEREDUS_ADMIN_WEB_HTML_H
#define VEREDUS_ADMIN_WEB_HTML_H

#include "base/buf.h"

/* Appends a text as it is to be read, also in the value of an attribute in quotes. */
int html_put(struct buf *out, struct slice text);
/* Appends "<tr><th>name</th><td>text</td></tr>". name is ours. */
int html_put_row(struct buf *out, const char *name, struct slice text);
/* The page around: what stands before the body's own, and behind it. title is ours. */
int html_begin(struct buf *out, const char *title);
int html_end(struct buf *out);

#endif
