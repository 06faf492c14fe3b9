/* Files in memory, which may break. A page of a mapped file that the disk can't give, or that is
 * not in the file any more, is a signal and no error (SIGBUS). In mappings made here that page and
 * all behind it become zeros instead, and mapping_is_whole() says so from then on. Elsewhere the
 * process dies of it, as it would without this.
 *
 * What is sent from a mapping is therefore ended only if the mapping is whole when all of it has
 * been read. The signal is looked for while the runtime runs; its threads see to their own
 * mappings. */
#ifndef VEREDUS_FIBER_MAPPING_H
#define VEREDUS_FIBER_MAPPING_H

#include "base/slice.h"

struct mapping;

/* [any thread] For reading. -ENOTSUP: the runtime does not run; -EMFILE: there are too many; read
 * the bytes instead. Or another negative errno. */
int mapping_new(int fd, uint64_t position, size_t len, struct mapping **out);
struct slice mapping_bytes(const struct mapping *m);
bool mapping_is_whole(const struct mapping *m);
/* NULL is allowed. */
void mapping_free(struct mapping *m);

/* For the runtime: from here on, or no more. */
void mapping_watch(bool watches);
/* Of the signal's handler: true if the access may be tried again. */
bool mapping_mend(const char *at);

#endif
