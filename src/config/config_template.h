/* Texts with placeholders, "${local}" and the like, as commands and paths of final destinations
 * have them. What is put in comes from strangers, so it never becomes more than it was meant to
 * be: an argument stays one argument and no option, and a part of a path one name. */
#ifndef VEREDUS_CONFIG_CONFIG_TEMPLATE_H
#define VEREDUS_CONFIG_CONFIG_TEMPLATE_H

#include "base/arena.h"

struct config_template_values {
	struct slice recipient; /* local@domain */
	struct slice local;     /* in lower case, without extension */
	struct slice extension; /* what follows the plus separator; may be empty */
	struct slice domain, sender, queue_id;
	struct slice user, home; /* of the Unix user: not from strangers */
};

/* The names that may stand between "${" and "}", for messages: "recipient, local, ...". */
#define CONFIG_TEMPLATE_NAMES                                                                      \
	"${recipient}, ${local}, ${extension}, ${domain}, ${sender}, ${queue_id}, ${user}, "       \
	"${home}"

/* Are all its placeholders known? */
bool config_template_is_good(const char *text);
/* Has it any? */
bool config_template_has_any(const char *text);

enum config_template_use { TEMPLATE_ARGUMENT, TEMPLATE_PATH };
/* With values put in, in the arena; NULL if a value can't be where it would stand: it has control
 * characters; or an argument would become an option by it; or in a path it is empty, has a slash
 * in it, or begins with a dot. */
const char *config_template_expand(struct arena *arena, const char *text,
                                   enum config_template_use use,
                                   const struct config_template_values *values);

#endif
