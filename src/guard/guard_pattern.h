/* Patterns: "*" stands for any bytes, "?" for one; all others for themselves. */
#ifndef VEREDUS_GUARD_GUARD_PATTERN_H
#define VEREDUS_GUARD_GUARD_PATTERN_H

#include "config/config_guard.h"

/* Is all of text what the pattern says? ASCII letters of text compare in lower case: the pattern
 * is so already. At most len(pattern) * len(text) steps. */
bool guard_pattern_match(struct slice pattern, struct slice text);

/* By which item a list holds for a fact, as it was written; NULL: it does not hold. Negated items
 * are looked at first, wherever they stand. */
const char *guard_patterns_hold(const struct config_patterns *list,
                                bool (*holds)(struct slice item, const void *fact),
                                const void *fact);
/* The same for an address. A pattern without a text is the null sender, and no other pattern is. */
const char *guard_patterns_hold_address(const struct config_patterns *list, struct slice address);

#endif
