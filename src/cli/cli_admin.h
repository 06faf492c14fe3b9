/* Asking the system from the command line: through the control socket when the server runs, on
 * the opened store when it does not (admin/admin.h). */
#ifndef VEREDUS_CLI_CLI_ADMIN_H
#define VEREDUS_CLI_CLI_ADMIN_H

#include <jansson.h>

#include "cli/cli.h"
#include "config/config.h"

/* Called for each item of the answer. */
typedef void (*cli_item)(const json_t *item, void *arg);

/* Sends {"command": command, ...} (request is freed) and hands on what comes. Prints what went
 * wrong. An enum cli_exit. */
int cli_request(const struct cli *cli, const char *command, json_t *request, cli_item item,
                void *arg);
/* The same for a list: with --json the items go to standard output as one JSON array. */
int cli_list(const struct cli *cli, const char *command, json_t *request, cli_item item, void *arg);
/* Into a request: the option's text under its own name, and an age ("30m") in milliseconds under
 * `key`. Nothing if it was not given. False after a message: it is no time. */
void cli_put_text(const struct cli *cli, const char *option, json_t *request);
bool cli_put_age(const struct cli *cli, const char *option, const char *key, json_t *request);
/* As a cli_item: one line of JSON. */
void cli_print_json(const json_t *item, void *unused);

/* A line about an event of a journey. */
void cli_print_event(const json_t *item);

/* The configuration, or NULL after its errors were printed. Warnings are printed too. */
struct config *cli_load_config(const struct cli *cli);
/* When root works on a data directory of another user it becomes that user, so that the files it
 * makes are of use to the server. CLI_OK, or CLI_FAILED after a message. */
int cli_become_owner(const struct cli *cli);

/* Passwords: asked for twice without echo on a terminal, else one line of standard input. NULL
 * after a message. Wipe and free() it. */
char *cli_read_password(const char *prompt);
/* A password that exists: asked for once, on the terminal only. */
char *cli_ask_password(const char *prompt);

/* Texts and numbers of an item, "" and 0 if missing. */
const char *cli_item_text(const json_t *item, const char *key);
long long cli_item_number(const json_t *item, const char *key);
/* "1.5 MiB"; "none" for 0 if none_if_zero. Returns out. */
const char *cli_bytes(long long bytes, char out[static 32]);
/* "2026-03-01 10:00:00" in local time. Returns out. */
const char *cli_date(long long wall_ms, char out[static 32]);

#endif
