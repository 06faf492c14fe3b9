/* A message shown to a milter: the client's side of the protocol, over one connection a message.
 *
 * All stages of a session are replayed when the message is there: connect, HELO, MAIL, each RCPT,
 * DATA, header, body. So what a milter says to an early stage refuses the message. */
#ifndef VEREDUS_GUARD_MILTER_H
#define VEREDUS_GUARD_MILTER_H

#include "guard/guard_filter.h"

/* Fills in *out, whose arena is set. 0, or why it failed: -ETIMEDOUT, -ECONNREFUSED, -EPROTO,
 * -E2BIG (more changes than FILTER_CHANGES_MAX), -ECANCELED... Parks the fiber, until `deadline` at
 * most. */
int milter_ask(const struct config_filter *filter, const struct filter_question *question,
               int64_t deadline, struct filter_answer *out);

#endif
