/* Links in a message: the hosts that its text sends readers to. Pure.
 *
 * Looked into are parts of plain text and HTML, decoded, character references and %-escapes
 * undone, so that a link inside of another is found, too. A host is what follows "//" after a
 * scheme of the web, or begins with "www.". Bounded by GUARD_LINKS_BYTES of text and by the number
 * of hosts; those that stand at the end count as much as those at the beginning. */
#ifndef VEREDUS_GUARD_GUARD_LINKS_H
#define VEREDUS_GUARD_GUARD_LINKS_H

#include "base/arena.h"
#include "base/cursor.h"
#include "message/limits.h"
#include "net/address.h"

enum { GUARD_LINKS_MAX = 40, GUARD_LINKS_BYTES = 512 * 1024 };

struct guard_links {
	struct slice domains[GUARD_LINKS_MAX]; /* canonical, each once */
	size_t domain_count;
	struct net_address addresses[GUARD_LINKS_MAX]; /* of links to no name */
	size_t address_count;
};

void guard_links_find(struct arena *arena, struct slice message,
                      const struct message_limits *limits, struct guard_links *out);
/* One text, for tests and fuzzing. */
void guard_links_find_in(struct arena *arena, struct slice text, bool is_html,
                         struct guard_links *out);
/* A character reference that stands for one of ASCII: "&#46;", "&amp;". Others stay where they are.
 */
bool guard_links_take_reference(struct cursor *c, char *out);

#endif
