/* What a failure is about: by its status (RFC 3463) and by the words in it. */
#ifndef VEREDUS_MESSAGE_BOUNCE_CLASS_H
#define VEREDUS_MESSAGE_BOUNCE_CLASS_H

#include "base/slice.h"

/* Kept in the database by number: new ones go to the end. */
enum bounce_class {
	BOUNCE_CLASS_HARD,      /* there is no such mailbox, or no such domain: never again */
	BOUNCE_CLASS_SOFT,      /* it may work another day: full, down, expired */
	BOUNCE_CLASS_BLOCK,     /* we, our address or the contents have a bad name there */
	BOUNCE_CLASS_POLICY,    /* they don't want it: size, form, authentication, rights */
	BOUNCE_CLASS_COMPLAINT, /* the recipient says it is spam */
	BOUNCE_CLASS_COUNT,
};

/* "hard", "soft", "block", "policy", "complaint" */
const char *bounce_class_name(enum bounce_class c);
/* False for what is no name. */
bool bounce_class_find(struct slice name, enum bounce_class *out);
/* status: "5.1.1", or empty; text: what the host said, with its codes. */
enum bounce_class bounce_class_of(struct slice status, struct slice text);

#endif
