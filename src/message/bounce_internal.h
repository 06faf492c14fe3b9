/* What the parsers of reports share. */
#ifndef VEREDUS_MESSAGE_BOUNCE_INTERNAL_H
#define VEREDUS_MESSAGE_BOUNCE_INTERNAL_H

#include "message/bounce.h"

/* Of a text or a header that is looked at. */
enum { BOUNCE_PART_MAX = 256 * 1024 };

/* Adds one whose address is an address, in whatever brackets; NULL if it is none, or there is no
 * room. */
struct bounce_recipient *bounce_add(struct arena *arena, struct bounce *b, struct slice address);
/* Notes what a header says about the message in question. */
void bounce_note_header(struct arena *arena, struct bounce *b, struct slice header);
/* One line, at most BOUNCE_TEXT_MAX bytes, without control characters. */
struct slice bounce_clean(struct arena *arena, struct slice text);
/* The first "class.subject.detail" (RFC 3463) of class 2, 4 or 5 in a text; or empty. */
struct slice bounce_find_status(struct slice text);

/* bounce_text.c: a report in words. header is that of the report. */
void bounce_parse_text(struct arena *arena, struct slice header, struct slice text,
                       struct bounce *out);

#endif
