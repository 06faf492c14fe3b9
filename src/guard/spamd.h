/* A message given to SpamAssassin's spamd by its own protocol (SPAMC/1.5), command REPORT: the
 * verdict stands in the field Spam, and in the report what each rule adds to it. */
#ifndef VEREDUS_GUARD_SPAMD_H
#define VEREDUS_GUARD_SPAMD_H

#include "guard/scanner.h"

/* Reads an answer. The total is that of the field Spam; lines are those that the report has in the
 * usual form, and one for what they leave. -EPROTO: it is none. Pure. */
int spamd_parse(const struct config_filter *filter, const struct scanner_reply *reply,
                struct filter_answer *out);

/* As milter_ask(). */
int spamd_ask(const struct config_filter *filter, const struct filter_question *question,
              int64_t deadline, struct filter_answer *out);

#endif
