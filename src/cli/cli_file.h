/* Files that commands read whole. */
#ifndef VEREDUS_CLI_CLI_FILE_H
#define VEREDUS_CLI_CLI_FILE_H

#include "cli/cli.h"

/* Mapped until the process ends. CLI_OK, or CLI_FAILED after a message. */
int cli_map_file(const char *path, struct slice *out);
/* A message with the line ends that it has on the wire, without the "From " line of a mailbox
 * file. */
int cli_read_message(struct arena *arena, const char *path, struct slice *out);

#endif
