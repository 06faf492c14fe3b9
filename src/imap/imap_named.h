/* Named searches (RFC 5466): FILTER name stands for the keys that are kept in the annotations
 * /private/filters/values/name, or else /shared/filters/values/name, of the server. */
#ifndef VEREDUS_IMAP_IMAP_NAMED_H
#define VEREDUS_IMAP_IMAP_NAMED_H

#include "imap/imap_session.h"

enum {
	IMAP_NAMED_DEPTH_MAX = 8, /* names in what names stand for */
	IMAP_NAMED_MAX = 50,      /* of one search */
};

/* Puts in what names stand for, into the arena. False: NO is set, [UNDEFINED-FILTER name] for one
 * that there is not. */
bool imap_named_resolve(struct imap_command *c, struct arena *arena, struct imap_search *request);
/* May an annotation have this value? True for all that are no named searches. Pure. */
bool imap_named_may_be(struct arena *arena, struct slice annotation, struct slice value);

#endif
