/* veredus send: what its files share. */
#ifndef VEREDUS_CLI_SEND_H
#define VEREDUS_CLI_SEND_H

#include "cli/cli.h"
#include "client/client_route.h"
#include "client/smtp_client.h"

/* One message on its way. */
struct send {
	struct cli *cli;
	struct arena *arena;

	/* The envelope, send_envelope.c */
	struct slice reverse_path;
	struct smtp_client_recipient *recipients;
	size_t recipient_count;
	bool smtputf8;      /* an address needs it */
	bool bare;          /* names without a domain may pass: the server completes them */
	unsigned notify;    /* DSN, as in smtp_client.h */
	struct slice envid; /* likewise */
	char ret;           /* likewise */

	/* The message, send_message.c: the head, then the body, both with any line ends. */
	struct slice head;
	struct slice body;
	bool has_8bit;

	/* The server, send_session.c */
	const char *server;
	struct smtp_client_config client;
	struct client_hop *hops;
	size_t hop_count;
	struct slice body_left;      /* not read yet */
	int64_t shown_ms;            /* when progress was shown last; 0: not yet */
	int status;                  /* an enum cli_exit */
	bool quiet;                  /* success is not told */
	struct smtp_outcome failure; /* the last one */
};

/* Composes the message from the options, or reads FILE, into a file without a name that is mapped
 * until the process ends. These return an enum cli_exit, after a message on failure. */
int send_compose(struct send *s);
int send_read_file(struct send *s, const char *path);
/* Standard input; with dot_ends a line of a dot alone is its end. */
int send_read_input(struct send *s, bool dot_ends);
/* Takes Bcc fields out of the head: they are for the sender's eyes only. */
void send_hide_bcc(struct send *s);

/* Sender and recipients from --from, --to, --cc and --bcc; when there is no recipient among them
 * from the message's own fields, as sendmail -t has it. */
int send_make_envelope(struct send *s);
/* The parts of that: an address list as in a header, the lists of the message's own fields, those
 * that begin with Resent- if it has any, and the sender. */
int send_add_list(struct send *s, struct slice text);
int send_add_fields(struct send *s);
int send_set_sender(struct send *s, struct slice text);

/* Finds the server, and out how to talk to it. */
int send_prepare(struct send *s);
/* Runs the session; tells of the outcome. */
int send_run(struct send *s);

#endif
