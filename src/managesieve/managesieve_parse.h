/* Commands of RFC 5804 section 4. Pure.
 *
 * A command is a line; where that ends in "{5+}" five bytes follow, and then another line:
 *
 *     struct managesieve_command c = { .count = 0 };
 *     while ((rc = managesieve_scan(&c, arena, line, &bytes)) == 1)
 *             ... read bytes, managesieve_add_text(&c, them), read the next line */
#ifndef VEREDUS_MANAGESIEVE_MANAGESIEVE_PARSE_H
#define VEREDUS_MANAGESIEVE_MANAGESIEVE_PARSE_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	MANAGESIEVE_ARGUMENTS_MAX = 2,
	MANAGESIEVE_LINE_MAX = 16 * 1024, /* with room for a ticket in AUTHENTICATE */
};

struct managesieve_command {
	struct slice keyword;
	struct managesieve_argument {
		bool is_number;
		uint64_t number;   /* UINT64_MAX: that, or more */
		struct slice text; /* without quotes, in the arena */
	} arguments[MANAGESIEVE_ARGUMENTS_MAX];
	size_t count;
};

/* The first line, or one behind a literal. 0: the command is whole; 1: *bytes_out bytes follow;
 * -EINVAL. */
int managesieve_scan(struct managesieve_command *c, struct arena *arena, struct slice line,
                     uint64_t *bytes_out);
/* Does a literal follow, whatever else is wrong with the line? */
bool managesieve_announces(struct slice line);
/* The literal. The text must stay. */
void managesieve_add_text(struct managesieve_command *c, struct slice text);

/* One string alone on its line, as in an AUTHENTICATE exchange. Likewise. */
int managesieve_scan_string(struct arena *arena, struct slice line, struct slice *text_out,
                            uint64_t *bytes_out);

#endif
