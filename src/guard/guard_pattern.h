/* Patterns: "*" stands for any bytes, "?" for one; all others for themselves. */
#ifndef VEREDUS_GUARD_GUARD_PATTERN_H
#define VEREDUS_GUARD_GUARD_PATTERN_H

#include "base/slice.h"

/* Is all of text what the pattern says? ASCII letters of text compare in lower case: the pattern
 * is so already. At most len(pattern) * len(text) steps. */
bool guard_pattern_match(struct slice pattern, struct slice text);

#endif
