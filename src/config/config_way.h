/* Sections smarthost, transport and route: which mail takes which way. What they have in common is
 * told here; how mail is matched against them, client/client_choose.h. */
#ifndef VEREDUS_CONFIG_CONFIG_WAY_H
#define VEREDUS_CONFIG_CONFIG_WAY_H

#include "config/config_check.h"

/* The lists of a section as they are written. */
struct config_way_lists {
	struct config_list domain, sender, account, source, pipe;
};

/* Gives the way its domains (those of the list, or the title) and conditions, and says what is
 * wrong with them. Then the way stands behind those that there are; there must be room for it. */
void config_add_way(const struct config_place *place, struct config_smarthost *way,
                    const struct config_way_lists *lists);
/* As above, from a section transport. */
void config_add_transport(const struct config_place *place, struct config_transport *transport,
                          const struct config_way_lists *lists);
/* Addresses to connect from; one that this machine does not have is warned of and left out. */
void config_add_sources(const struct config_place *place, const struct config_list *list,
                        struct config_sources *out);

/* Is the way for this domain (lower-case A-labels) by its name, "*" not counting? */
bool config_way_names(const struct config_smarthost *way, struct slice domain);
/* Is it for all domains? */
bool config_way_is_for_all(const struct config_smarthost *way);
/* Does it ask for more than the domain? */
bool config_way_has_conditions(const struct config_smarthost *way);

#endif
