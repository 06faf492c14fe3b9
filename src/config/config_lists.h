/* What sections dns-list and score say, and turning it into what makes sense. */
#ifndef VEREDUS_CONFIG_CONFIG_LISTS_H
#define VEREDUS_CONFIG_CONFIG_LISTS_H

#include "config/config_check.h"

/* As written; lists are read by who reads the section. */
struct config_dns_list_text {
	const char *zone, *weight;
	int names;
	bool reason;
	int64_t timeout_ms;
	struct config_list ask, answers;
};

/* Adds a list behind those that there are, or says what is wrong with it. There must be room. */
void config_add_dns_list(const struct config_place *place, const struct config_dns_list_text *text);
/* The rest of section score. */
void config_set_score(const struct config_place *place, const struct config_list *weights);
/* The rest of section bounces. */
void config_set_bounces(const struct config_place *p);
/* The rest of section classifier. */
void config_set_classifier(const struct config_place *place);

#endif
