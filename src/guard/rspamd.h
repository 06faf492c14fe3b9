/* A message given to Rspamd over its HTTP interface (/checkv2): what is known of who brings it
 * stands in fields of the request, what it thinks of it in a JSON object. */
#ifndef VEREDUS_GUARD_RSPAMD_H
#define VEREDUS_GUARD_RSPAMD_H

#include "guard/guard_filter.h"

/* Reads the answer about a message: its action, the scores of its symbols, changes. -EPROTO: it is
 * none. Pure; of a stack that grows with the depth of the JSON, so not for a fiber. */
int rspamd_parse(const struct config_filter *filter, struct slice message, struct slice json,
                 struct filter_answer *out);

/* As milter_ask(). */
int rspamd_ask(const struct config_filter *filter, const struct filter_question *question,
               int64_t deadline, struct filter_answer *out);

#endif
