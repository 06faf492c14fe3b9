/* One line a command: each is defined in cmd_NAME.c and listed in cli_commands.c. */
#ifndef VEREDUS_CLI_COMMANDS_H
#define VEREDUS_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cmd_alias;
extern const struct cli_command cmd_backup;
extern const struct cli_command cmd_ban;
extern const struct cli_command cmd_bench;
extern const struct cli_command cmd_suppression;
extern const struct cli_command cmd_bounces;
extern const struct cli_command cmd_certificate;
extern const struct cli_command cmd_check;
extern const struct cli_command cmd_config;
extern const struct cli_command cmd_dkim;
extern const struct cli_command cmd_dns;
extern const struct cli_command cmd_domain;
extern const struct cli_command cmd_explain;
extern const struct cli_command cmd_export;
extern const struct cli_command cmd_fetch;
extern const struct cli_command cmd_fsck;
extern const struct cli_command cmd_account;
extern const struct cli_command cmd_greylist;
extern const struct cli_command cmd_guard;
extern const struct cli_command cmd_help;
extern const struct cli_command cmd_import;
extern const struct cli_command cmd_index;
extern const struct cli_command cmd_init;
extern const struct cli_command cmd_learn;
extern const struct cli_command cmd_mailq;
extern const struct cli_command cmd_message;
extern const struct cli_command cmd_newaliases;
extern const struct cli_command cmd_policy;
extern const struct cli_command cmd_queue;
extern const struct cli_command cmd_public;
extern const struct cli_command cmd_quarantine;
extern const struct cli_command cmd_quota;
extern const struct cli_command cmd_send;
extern const struct cli_command cmd_sendmail;
extern const struct cli_command cmd_recover;
extern const struct cli_command cmd_relay;
extern const struct cli_command cmd_reload;
extern const struct cli_command cmd_restore;
extern const struct cli_command cmd_route;
extern const struct cli_command cmd_serve;
extern const struct cli_command cmd_sieve;
extern const struct cli_command cmd_share;
extern const struct cli_command cmd_status;
extern const struct cli_command cmd_dmarc;
extern const struct cli_command cmd_tlsrpt;
extern const struct cli_command cmd_trace;
extern const struct cli_command cmd_store;
extern const struct cli_command cmd_undelete;
extern const struct cli_command cmd_user;
extern const struct cli_command cmd_version;

#endif
