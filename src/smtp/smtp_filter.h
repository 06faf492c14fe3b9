/* Where a message meets filters (guard/guard_filter.h): when all of it is there and our own checks
 * have let it pass, before the 250. */
#ifndef VEREDUS_SMTP_SMTP_FILTER_H
#define VEREDUS_SMTP_SMTP_FILTER_H

#include "smtp/smtp_session.h"
#include "store/spool.h"

struct smtp_filtered {
	struct slice message; /* as filters want it: the one that came, or ... */
	bool made;            /* ... one in the spool */
	struct spool spool;
};

/* Shows it to all filters that are for it; they may change the envelope, too. False: it goes no
 * further, and the client was told so. End it in either case. Parks the fiber. */
bool smtp_filter(struct smtp_session *s, struct slice message, struct smtp_filtered *out);
void smtp_filtered_end(struct smtp_filtered *filtered);

/* What the message will be called: as filters have heard it, or anew. */
void smtp_filter_id(struct smtp_session *s, char out[static 17]);
/* Was it put aside by one? */
bool smtp_filter_is_junk(const struct smtp_session *s);
/* By which it is held in quarantine, and why; NULL: by none. */
const char *smtp_filter_held(const struct smtp_session *s);
/* Adds what the journey is to tell of them, in the arena of the transaction. */
void smtp_filter_note(const struct smtp_session *s, const struct post_note **notes, size_t *count);

#endif
