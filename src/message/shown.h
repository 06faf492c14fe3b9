/* What strangers wrote, for the eyes of people: on a terminal, in a list, in a report. */
#ifndef VEREDUS_MESSAGE_SHOWN_H
#define VEREDUS_MESSAGE_SHOWN_H

#include "base/arena.h"

/* The text in the arena, with a "?" for all that could speak to a terminal or make lines look other
 * than they are: control characters of ASCII and of Latin-1 (U+0080 to U+009F), marks of direction
 * and what is invisible (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF), and bytes
 * that are no UTF-8. lines: line ends, made LF, and tabs stay. A NUL follows that is not counted.
 */
struct slice shown_text(struct arena *arena, struct slice text, bool lines);

#endif
