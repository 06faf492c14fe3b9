/* What the tables of options are written with: one table a file; config_options.c joins them. */
#ifndef VEREDUS_CONFIG_CONFIG_OPTIONS_TABLE_H
#define VEREDUS_CONFIG_CONFIG_OPTIONS_TABLE_H

#include "config/config_options.h"

#define WHERE(type, member)    offsetof(type, member), sizeof(((type *)0)->member)
#define AT(member)             WHERE(struct config, member)
#define AT_LISTEN(member)      WHERE(struct config_listen, member)
#define AT_CERT(member)        WHERE(struct config_certificate, member)
#define AT_RULE(member)        WHERE(struct config_rule_text, member)
#define AT_SMARTHOST(member)   WHERE(struct config_smarthost, member)
#define AT_TLS(member)         WHERE(struct config_tls, member)
#define AT_TRANSPORT(member)   WHERE(struct config_transport, member)
#define AT_SUPPRESSION(member) WHERE(struct config_suppression, member)
#define AT_RELAY(member)       WHERE(struct config_relay, member)
#define AT_PASSDB(member)      WHERE(struct config_passdb, member)
#define SECONDS(n)             ((n)*1000ull)
#define DAYS(n)                ((n)*86400000ull)

struct config_option_table {
	const struct config_option *rows;
	size_t count;
};
#define CONFIG_OPTION_TABLE(table)                                                                 \
	{                                                                                          \
		table, sizeof(table) / sizeof((table)[0])                                          \
	}

extern const struct config_option_table config_options_server;
extern const struct config_option_table config_options_login;
extern const struct config_option_table config_options_smtp;
extern const struct config_option_table config_options_tls;
extern const struct config_option_table config_options_trust;
extern const struct config_option_table config_options_account;
extern const struct config_option_table config_options_bounces;
extern const struct config_option_table config_options_score;
extern const struct config_option_table config_options_filter;
extern const struct config_option_table config_options_attachments;
extern const struct config_option_table config_options_classifier;
extern const struct config_option_table config_options_quarantine;
extern const struct config_option_table config_options_queue;
extern const struct config_option_table config_options_relay;
extern const struct config_option_table config_options_mailbox;
extern const struct config_option_table config_options_sieve;

#endif
