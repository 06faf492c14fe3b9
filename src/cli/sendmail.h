/* veredus sendmail: what its files share. Exit codes are those of sysexits.h, which callers look
 * at. */
#ifndef VEREDUS_CLI_SENDMAIL_H
#define VEREDUS_CLI_SENDMAIL_H

#include "cli/cli.h"

enum sendmail_mode {
	SENDMAIL_DELIVER = 'm', /* a message from standard input */
	SENDMAIL_SMTP = 's',    /* a session over standard input and output */
	SENDMAIL_QUEUE = 'p',   /* as mailq */
	SENDMAIL_ALIASES = 'i', /* as newaliases */
	SENDMAIL_VERIFY = 'v',  /* would the recipients be taken? */
};

struct sendmail {
	struct cli *cli;
	enum sendmail_mode mode;
	const char *sender; /* -f; NULL: whoever calls */
	const char *name;   /* -F */
	const char *envid;  /* -V */
	unsigned notify;    /* -N: bits of enum post_notify */
	char ret;           /* -R */
	bool from_header;   /* -t */
	bool dot_is_text;   /* -i */
	bool verbose;       /* -v */
	bool run_queue;     /* -q */
	const char *queued; /* of that: Iid or Rrecipient; NULL: all */
	char **recipients;
	size_t recipient_count;
	const char *socket;
};

/* sendmail_message.c: reads and sends. */
int sendmail_deliver(const struct sendmail *m);

/* cmd_mailq.c and cmd_alias_import.c; these return an enum cli_exit. domain NULL: that of the
 * server. */
int sendmail_list_queue(const struct cli *cli);
int sendmail_import(const struct cli *cli, const char *path, const char *domain);
int sendmail_new_aliases(const struct cli *cli);

/* sendmail_raw.c */
int sendmail_smtp(const struct sendmail *m);
int sendmail_verify(const struct sendmail *m);

#endif
