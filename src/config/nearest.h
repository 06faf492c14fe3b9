/* "Did you mean ...?": which of some names is nearest to a word that is none of them.
 *
 *     struct nearest best = nearest_begin(word);
 *     for (...)
 *             if (nearest_offer(&best, names[i]))
 *                     suggestion = names[i];
 *
 * Names further off than a third of the word, and never than three edits, are not taken. */
#ifndef VEREDUS_CONFIG_NEAREST_H
#define VEREDUS_CONFIG_NEAREST_H

#include "base/slice.h"

struct nearest {
	struct slice word;
	unsigned distance; /* of the best so far, plus one: what the next must stay below */
};

struct nearest nearest_begin(struct slice word);
/* True if name is nearer than all that were offered before. */
bool nearest_offer(struct nearest *n, const char *name);

#endif
