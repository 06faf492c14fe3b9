/* A message that comes in chunks (RFC 3030), by BDAT and BURL. */
#ifndef VEREDUS_SMTP_SMTP_BDAT_H
#define VEREDUS_SMTP_SMTP_BDAT_H

#include "smtp/smtp_session.h"

/* The chunks of the transaction so far; they begin with the first that is asked for.
 * expected_bytes: how many there will be at least, or 0. */
struct smtp_chunks *smtp_chunks_of(struct smtp_session *s, uint64_t expected_bytes);
/* Line ends are looked at where the body is not binary. */
void smtp_chunks_add(struct smtp_chunks *c, struct slice run);
/* A chunk is there: answers, and with the last one delivers. What fails, fails as a whole: the
 * chunks that may follow get a 503. */
void smtp_chunk_taken(struct smtp_session *s, struct smtp_chunks *c, bool last);

/* smtp_burl.c: on listeners for our users. */
bool smtp_has_burl(const struct smtp_session *s);
void smtp_burl_arguments(const struct smtp_session *s, struct buf *out);
void smtp_burl(struct smtp_session *s, struct slice argument);

#endif
