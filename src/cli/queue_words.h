/* What the verbs of `veredus queue` share. */
#ifndef VEREDUS_CLI_QUEUE_WORDS_H
#define VEREDUS_CLI_QUEUE_WORDS_H

#include "cli/cli_admin.h"

/* The request's part that says which recipients are meant, of the words from `first` on and the
 * options. NULL after a message. */
json_t *queue_words(const struct cli *cli, size_t first);

/* "3 recipients of 2 messages", "no recipient". Returns out. */
const char *queue_count_text(const json_t *item, char out[static 96]);

/* Those that change something: cmd_queue_act.c. */
int queue_retry(struct cli *cli);
int queue_hold(struct cli *cli);
int queue_release(struct cli *cli);
int queue_drop(struct cli *cli);
int queue_bounce(struct cli *cli);
int queue_reroute(struct cli *cli);

#endif
