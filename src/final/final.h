/* Final destinations that are no mailboxes of ours: a command that is given the mail, a Maildir or
 * an mbox of a Unix user.
 *
 * Files belong to users and commands run as users, and the server is none of them. So a process of
 * its own, the helper, is begun before root is given up:
 *
 *     server          asks: way, recipient, sender, the message in memory, a pipe for the answer
 *       helper        as root (or as who started the server): makes a process for each
 *         minder      finds the user, watches the time, judges
 *           worker    gives up root whole, then writes the file or becomes the command
 *
 * The helper knows the configuration itself and is only told which section to follow and for whom:
 * who takes over the server can't have it run anything else, or write anywhere else. It ends when
 * the server has ended, however that was.
 *
 *     final.c           the server's side
 *     final_helper.c    the helper and the minder
 *     final_worker.c    becoming the user, the command
 *     final_maildir.c, final_mbox.c, final_lock.c */
#ifndef VEREDUS_FINAL_FINAL_H
#define VEREDUS_FINAL_FINAL_H

#include "client/smtp_client.h"

struct final;

/* Before there is a second thread. *out is NULL if no section of the configuration needs it. 0, or
 * a negative errno. */
int final_start(const struct config *config, struct final **out);
/* NULL is allowed. What has been begun ends by itself. */
void final_stop(struct final *f);

struct final_mail {
	const struct config_smarthost *way; /* of that configuration, with a `final` */
	struct slice recipient;             /* local@domain */
	struct slice sender;                /* reverse-path; empty: <> */
	struct slice queue_id;
	struct slice prefix;  /* header fields to put before */
	struct slice message; /* lines end in CRLF */
};
/* Delivers to one recipient; outcome's text lies in the arena. 0, or a negative errno. Parks the
 * fiber, at most for the time limit of the way and a little more. */
int final_deliver(struct final *f, const struct final_mail *mail, struct arena *arena,
                  struct smtp_outcome *outcome);

#endif
