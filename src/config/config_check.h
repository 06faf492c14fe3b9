/* What can be wrong with a configuration beyond the single value. Each function reports to the
 * place that it is given, as "file:line: what: what to do". */
#ifndef VEREDUS_CONFIG_CONFIG_CHECK_H
#define VEREDUS_CONFIG_CONFIG_CHECK_H

#include "base/buf.h"
#include "config/config.h"
#include "config/config_options.h"

struct config_place {
	struct config *config;
	struct buf *text;
	bool *failed;
	const char *path;
	int line; /* where the section ends; 0: no line */
	const char *section, *title;
};

/* Says what is wrong at the place; the configuration is refused then. */
void config_wrong(const struct config_place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Turns a listen section into one listener an address. */
void config_add_listen(const struct config_place *place, const struct config_listen *listen);
/* A relative path of "unix:PATH" begins at the data directory. */
const char *config_absolute(const struct config_place *place, const char *address);
void config_add_relay_networks(const struct config_place *place, const struct config_list *list);
void config_add_relay_certificates(const struct config_place *place,
                                   const struct config_list *list);
void config_check_certificate(const struct config_place *place,
                              const struct config_certificate *certificate);
/* Also reads the password file. */
void config_check_smarthost(const struct config_place *place, struct config_smarthost *smarthost);
/* Gives the domain its canonical form, and counts it. */
void config_check_relay(const struct config_place *place, struct config_relay *relay);
void config_check_suppression(const struct config_place *place,
                              struct config_suppression *suppression);
void config_check_forward(const struct config_place *place);
/* The first line of a file, in the arena; NULL if it can't be read or is empty. */
const char *config_read_secret(struct arena *arena, const char *path);
/* What is odd, but no mistake: a line of the text. */
void config_warn(const struct config_place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void config_check_passdb(const struct config_place *place, struct config_passdb *passdb);
/* What sections have to do with each other. */
void config_check_whole(const struct config_place *place);

#endif
