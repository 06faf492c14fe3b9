/* What strangers wrote, for a terminal. */
#ifndef VEREDUS_CLI_CLI_CLEAN_H
#define VEREDUS_CLI_CLI_CLEAN_H

#include "base/arena.h"

/* The text in the arena, with a "?" for all that could speak to the terminal or make lines look
 * other than they are: control characters of ASCII and of Latin-1 (U+0080 to U+009F), marks of
 * direction and what is invisible (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF),
 * and bytes that are no UTF-8. lines: line ends and tabs stay. */
const char *cli_clean(struct arena *arena, const char *text, bool lines);

#endif
