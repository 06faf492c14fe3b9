/* Attachments that should not be let in, without a scanner: what files are by their content, what
 * they claim to be, and what is hidden in them.
 *
 * Each finding is a fact of the message, for rules and weights (guard_rule.h):
 *
 *     fact = "attachment=" kind SP name ":" SP evidence        "attachment=macro a.zip/b.doc: VBA"
 *
 * Kinds: executable, script, shortcut, macro, active, html, archive, encrypted, bomb, unchecked,
 * double-extension, hidden-name, mismatch, polyglot; docs/guard.md says what each means. Names are
 * printable ASCII. */
#ifndef VEREDUS_GUARD_ATTACHMENT_H
#define VEREDUS_GUARD_ATTACHMENT_H

#include "base/arena.h"
#include "config/config.h"

enum { ATTACHMENT_FACTS_MAX = 40, ATTACHMENT_FACT_BYTES = 400 };

struct attachment_helper;

struct attachment_facts {
	struct slice items[ATTACHMENT_FACTS_MAX]; /* in the arena */
	size_t count;
};

/* Could any rule or weight want to know? */
bool attachment_is_wanted(const struct config *config);
/* Looks at all parts of a message that are files, in a process of the helper if there are any:
 * parks the fiber then. Without a helper here. 0, or -ECANCELED. */
int attachment_look(struct attachment_helper *helper, struct arena *arena, struct slice message,
                    const struct config *config, struct attachment_facts *out);
/* Facts of others and these, in the arena; files may be NULL. How many. */
size_t attachment_join(struct arena *arena, const struct slice *found, size_t count,
                       const struct attachment_facts *files, struct slice **out);
/* One file; for tests and fuzzing. Its type "" is not known. */
void attachment_look_at(struct arena *arena, const struct config_attachments *config,
                        struct slice name, struct slice type, struct slice bytes,
                        struct attachment_facts *out);

#endif
