/* Text that is nearly there (RFC 6203). Pure. */
#ifndef VEREDUS_IMAP_IMAP_FUZZY_H
#define VEREDUS_IMAP_IMAP_FUZZY_H

#include "base/slice.h"

enum { IMAP_FUZZY_EXACT = 100 };

/* How well a text has what is searched, both folded by imap_fold(): 100, all of it as it stands;
 * less, its words, in any order, some of them misspelt (one letter of four to seven bytes, two of
 * more) or missing (not more than half of them); 0, no match. */
unsigned imap_fuzzy(struct slice text, struct slice wanted);

#endif
