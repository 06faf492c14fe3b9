/* A configuration that takes the place of another while the server runs.
 *
 * Most options are read where they are needed, from the configuration that is in force then. What
 * is made of the others at the start (ports, threads, tables of the queue) can't become another
 * thing beside those that use it: these are marked at_start in their table, and a configuration
 * that is loaded anew has for them what the one before it had.
 *
 *     config_reload()         loads it, and tells what has changed
 *     (the new one is handed to all parts; the old one stays in memory: see below)
 *
 * The one before must live as long as the new one, which points into it. So a server keeps all that
 * were ever in force until it ends, and that is what makes it safe without counting: whatever is
 * under way keeps what it began with. One costs some tens of KiB; one that says what the last one
 * said is not kept. */
#ifndef VEREDUS_CONFIG_CONFIG_RELOAD_H
#define VEREDUS_CONFIG_CONFIG_RELOAD_H

#include "config/config.h"

/* An option that was given, as it was written. */
struct config_setting {
	const char *section; /* "" outside of sections */
	const char *title;   /* "" where the section has none */
	const char *option;  /* "" for the order of a section with titles, in value */
	const char *value;   /* of a file with a password: also what tells that from another */
};

struct config_change {
	const char *option; /* "smtp.max-message"; "rule \"NAME\"" for all options of a section with
	                       a title, but "listen \"NAME\".max-sessions"; "rule" for their
	                       order */
	bool at_start;      /* it needs a restart: the old value is kept */
};

struct config_changes {
	struct config_change *items;
	size_t count, at_start; /* how many of them need a restart */
};

/* As config_load(). *changes_out is in the arena of *out. If nothing has changed *out is a config
 * that may be freed, as nothing uses it. Not by two threads at once. */
int config_reload(struct config *old, struct config **out, struct config_changes *changes_out,
                  char **errors_out);
/* This one, and all whose place it took. */
void config_free_all(struct config *c);

/* --- config_settings.c, for config_load() and this --- */

struct cfg_t;
/* Notes what the parser has found. */
void config_settings_collect(struct config *c, struct cfg_t *cfg);
/* What two configurations have different. */
void config_settings_compare(const struct config *old, const struct config *fresh,
                             struct arena *arena, struct config_changes *out);

#endif
