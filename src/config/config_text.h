/* A configuration file and what it includes, as one text that knows where its lines came from.
 *
 * Comments are blanked and includes are put in here, not by libConfuse: version 3.3 counts the
 * lines of comments several times over, and does not clean up after an include that fails.
 *
 *     include("more.conf")        on a line of its own; relative to the data directory */
#ifndef VEREDUS_CONFIG_CONFIG_TEXT_H
#define VEREDUS_CONFIG_CONFIG_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* From this line of the text on, lines are those of path, beginning with path_line. */
struct config_origin {
	int line;
	const char *path;
	int path_line;
};

enum { CONFIG_BYTES_MAX = 4 << 20, CONFIG_FILES_MAX = 100, CONFIG_DEPTH_MAX = 8 };

struct config_text {
	struct arena *arena; /* the caller's */
	const char *dir;
	struct buf text;
	int lines; /* so far */
	struct config_origin *origins;
	size_t origin_count;
	size_t file_count;
};

/* Reads it. On failure a negative errno (-EINVAL for what is included) and *why_out says
 * "file:line: what: what to do" (in the arena). config_text_free() in both cases. */
int config_text_read(struct config_text *t, const char *path, const char **why_out);
void config_text_free(struct config_text *t);
/* Where a line of the text (from 1) came from. */
const char *config_text_where(const struct config_text *t, int line, int *path_line_out);

#endif
