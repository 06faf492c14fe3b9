/* The server: all parts, opened in order and closed in the opposite one.
 *
 *     server_bind()    the parts that may need root: certificates, ports, the control socket
 *     server_drop()    become the configured user, for good
 *     server_open()    store, mailboxes, accounts, DNS, post office, queue
 *     server_run()     workers and sessions, until a signal ends them
 *     server_close()   whatever was opened */
#ifndef VEREDUS_CLI_SERVER_H
#define VEREDUS_CLI_SERVER_H

#include "admin/admin.h"
#include "admin/web.h"
#include "auth/auth.h"
#include "dns/dns.h"
#include "final/final.h"
#include "guard/guard.h"
#include "imap/imap.h"
#include "mailbox/mailbox.h"
#include "managesieve/managesieve.h"
#include "pop3/pop3.h"
#include "queue/queue.h"
#include "smtp/smtp.h"

struct server {
	struct config *_Atomic config; /* in force: config_reload.h */
	struct arena *arena;
	struct tls_server *tls; /* NULL without certificates */
	struct service **services;
	size_t service_count;
	struct store *store;
	struct mailboxes *mailboxes;
	struct auth *auth;
	struct dns *dns;
	struct guard *guard;
	struct trust *trust;
	struct post *post;
	struct final *final;
	struct attachment_helper *files;
	struct queue *queue;
	struct smtp_context smtp[LISTENER_ODMR + 1]; /* by enum listener_kind */
	struct pop3_context pop3;
	struct managesieve_context managesieve;
	struct imap_context imap;
	struct imap_index *index; /* NULL: switched off */
	struct imap_orders *orders;
	struct learner *learner;    /* NULL: switched off */
	struct post_events *events; /* likewise */
	struct admin admin;
	struct web web;
	int control_dir_fd; /* see server_bind_control() */
	int signal_fd;
	int64_t began_ms; /* monotonic */
	struct fiber_mutex *reloading;
};

/* Each returns 0, or a negative errno after it logged what is wrong. */
int server_bind(struct server *s);
int server_drop(struct server *s);
int server_open(struct server *s);
int server_run(struct server *s);
void server_close(struct server *s);

/* Times and offers of logging in. [any thread] */
void server_set_auth(struct server *s, const struct config *c);

/* Takes in the configuration anew, logs that, and tells: see struct admin. server is a struct
 * server. Waits while another does it. 0, or why it could not wait. */
int server_reload(void *server, json_t **result_out);

/* A fiber: tells of accounts that are nearly full, by section quota. */
void server_watch_quotas(void *server);
/* A fiber: the quarantine's upkeep. */
void server_watch_quarantine(void *server);

/* Tells the service manager, if there is one: "READY=1" (sd_notify(3)). */
void server_notify(const char *state);

#endif
