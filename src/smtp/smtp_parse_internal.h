/* Parameters of MAIL and RCPT, for the files that parse them. */
#ifndef VEREDUS_SMTP_SMTP_PARSE_INTERNAL_H
#define VEREDUS_SMTP_SMTP_PARSE_INTERNAL_H

#include "smtp/smtp_parse.h"

struct parameter {
	struct slice keyword;
	bool has_value;
	struct slice value;
};

/* One a keyword; command is the struct of the command. */
typedef enum smtp_parsed (*parameter_fn)(const struct parameter *p, void *command);

/* smtp_parse_options.c: of MAIL */
enum smtp_parsed smtp_take_requiretls(const struct parameter *p, void *command);
enum smtp_parsed smtp_take_by(const struct parameter *p, void *command);
enum smtp_parsed smtp_take_holdfor(const struct parameter *p, void *command);
enum smtp_parsed smtp_take_holduntil(const struct parameter *p, void *command);
enum smtp_parsed smtp_take_priority(const struct parameter *p, void *command);
enum smtp_parsed smtp_take_solicit(const struct parameter *p, void *command);

#endif
