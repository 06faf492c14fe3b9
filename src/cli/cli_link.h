/* A line to the system for many requests: the server's control socket while it runs, the opened
 * store while it does not (admin/admin.h). The store stays open, and locked, as long as the link.
 * Functions print what went wrong and return an enum cli_exit. */
#ifndef VEREDUS_CLI_CLI_LINK_H
#define VEREDUS_CLI_CLI_LINK_H

#include <jansson.h>

#include "cli/cli_admin.h"

struct cli_link;

/* Where an answer goes. */
struct cli_answer {
	cli_item item;                                /* or NULL */
	void (*bytes)(struct slice piece, void *arg); /* those behind the last item, or NULL */
	void *arg;
};

int cli_link_open(const struct cli *cli, struct cli_link **out);
/* NULL is allowed. */
void cli_link_close(struct cli_link *link);
/* Sends {"command": command, ...} (request is freed) with the bytes that belong to it behind it,
 * and hands on what comes. A link that has failed is good for cli_link_close() only. */
int cli_link_call(struct cli_link *link, const char *command, json_t *request,
                  const struct slice *body, size_t parts, const struct cli_answer *answer);

#endif
