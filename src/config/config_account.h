/* The configuration of limits on what accounts send (guard/guard_account.h). */
#ifndef VEREDUS_CONFIG_CONFIG_ACCOUNT_H
#define VEREDUS_CONFIG_CONFIG_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

struct config_patterns;

/* 0 of a number: there is no such limit. */
struct config_account {
	bool enabled;
	unsigned hour_recipients, day_recipients;
	unsigned networks; /* from which it sent within networks_ms */
	int64_t networks_ms;
	unsigned network_bits_v4, network_bits_v6;
	const char *country_database; /* NULL: none */
	unsigned countries;           /* within countries_ms */
	int64_t countries_ms;
	unsigned bounce_percent, bounce_min; /* hard bounces of a day */
	int64_t delay_ms;                    /* of each MAIL of one that is slowed */
	unsigned slow_recipients;            /* that it may send to in an hour */
	int64_t slow_ms;                     /* how long it stays so; 0: until it is released */
	unsigned hold_after;                 /* recipients refused: what it sends is held */
	bool tell;                           /* postmaster, by mail */
	const char **exempt;                 /* patterns of accounts, in lower case */
	unsigned exempt_count;
};

#endif
