/* What sections rule say, and turning it into rules that are known to make sense. */
#ifndef VEREDUS_CONFIG_CONFIG_RULES_H
#define VEREDUS_CONFIG_CONFIG_RULES_H

#include "config/config_check.h"

/* As written; lists are read by who reads the section. Choices are -1 where nothing was said. */
struct config_rule_text {
	int stage, tls, authenticated, verdict;
	struct config_list client, listener, account, helo, helo_is, rdns, sender, sender_is,
		recipient, found, listed;
	const char *rate, *reply, *tag, *score;
	int64_t delay_ms; /* -1 where nothing was said */
};

/* Adds a rule behind those that there are, or says what is wrong with it. */
void config_add_rule(const struct config_place *place, const struct config_rule_text *text);
/* What rules have to do with other sections. */
void config_check_rules(const struct config_place *place);
/* Which networks the guard leaves alone. */
void config_set_exempt_networks(const struct config_place *place, const struct config_list *list);

#endif
