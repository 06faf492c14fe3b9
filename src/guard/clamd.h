/* A message given to ClamAV's clamd, by its command INSTREAM (clamd(8)), over one connection a
 * message: lengths of 32 bits in network order before pieces, and an empty piece at the end. */
#ifndef VEREDUS_GUARD_CLAMD_H
#define VEREDUS_GUARD_CLAMD_H

#include "guard/guard_filter.h"

enum clamd_result { CLAMD_CLEAN, CLAMD_FOUND };

/* One answer, "stream: OK" or "stream: NAME FOUND", without the NUL that ends it. *name_out lies in
 * it, printable ASCII. -EPROTO: an error of clamd's, or what is no answer. Pure. */
int clamd_parse(struct slice answer, enum clamd_result *out, struct slice *name_out);

/* As milter_ask(). */
int clamd_ask(const struct config_filter *filter, const struct filter_question *question,
              int64_t deadline, struct filter_answer *out);

#endif
