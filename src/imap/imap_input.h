/* A whole command from the connection: its first line, and as long as a line ends by announcing a
 * literal, that literal and the next line. */
#ifndef VEREDUS_IMAP_IMAP_INPUT_H
#define VEREDUS_IMAP_IMAP_INPUT_H

#include "imap/imap_session.h"

enum imap_input {
	INPUT_COMMAND, /* *command_out is there */
	INPUT_REFUSED, /* too long or too large, and answered; the next command may follow */
	INPUT_END,     /* the client is gone, or must go: the session ends */
};

/* c->arena is used for the bytes. For an APPEND it stops before the message: c->is_literal_next
 * and its kin are set then, and the announcement is cut off the command. */
enum imap_input imap_input_read(struct imap_command *c, struct slice *command_out);

/* The bytes of a literal of the message kind, in pieces, to a sink; 0 or a negative errno of the
 * connection or the sink. */
int imap_input_literal(struct imap_session *s, uint64_t bytes,
                       int (*sink)(void *arg, struct slice piece), void *arg);
/* What was announced and never asked for (c->is_literal_next, not c->literal_taken): a message that
 * waits for us will not be sent, but one that comes at once is read, with the rest of its line and
 * the messages that that announces, or they would be taken for commands. False: the session must
 * end. */
bool imap_input_skip(struct imap_command *c);
/* Reads one line within the command's limit: what follows a message. False if the connection is
 * gone, or has been told that it goes. */
bool imap_input_line(struct imap_session *s, struct arena *arena, struct slice *line_out);
/* The same for an answer to AUTHENTICATE and IDLE, which announces no literal. */
bool imap_input_answer(struct imap_session *s, struct arena *arena, struct slice *line_out);

#endif
