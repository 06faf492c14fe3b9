/* What the files of the POP3 server share. */
#ifndef VEREDUS_POP3_POP3_SESSION_H
#define VEREDUS_POP3_POP3_SESSION_H

#include "pop3/pop3_maildrop.h"
#include "pop3/pop3_reply.h"

struct pop3_session {
	struct session base;
	const struct pop3_context *context;
	char *user;          /* said by USER, not believed yet; owned */
	const char *account; /* NULL before login; in the session's arena */
	struct pop3_maildrop maildrop;
	bool utf8;               /* the client can take it: RFC 6856 */
	unsigned errors;         /* refused commands */
	unsigned login_failures; /* wrong passwords */
	unsigned retrieved, deleted;
	uint64_t retrieved_bytes;
	const char *end; /* why the session ends; NULL while it goes on */
};

/* The session will end with the reason for the log; the first reason stays. */
void pop3_end(struct pop3_session *s, const char *why);
/* The connection failed or the server stops. */
void pop3_end_on_error(struct pop3_session *s, int error);
/* The client is to speak, or to take what we say. */
int64_t pop3_deadline(const struct pop3_session *s);
/* The password may be shown on this connection as it is. */
bool pop3_clear_allowed(const struct pop3_session *s);
struct auth_client pop3_auth_client(const struct pop3_session *s);

void pop3_run_command(struct pop3_session *s, struct slice line);

/* Handlers; the table has checked where they may stand and whether they have an argument. */
typedef void (*pop3_handler)(struct pop3_session *s, struct slice argument);
void pop3_user(struct pop3_session *s, struct slice argument);
void pop3_pass(struct pop3_session *s, struct slice argument);
void pop3_auth(struct pop3_session *s, struct slice argument);
void pop3_utf8(struct pop3_session *s, struct slice argument);
void pop3_lang(struct pop3_session *s, struct slice argument);
void pop3_stls(struct pop3_session *s, struct slice argument);
void pop3_capa(struct pop3_session *s, struct slice argument);
void pop3_stat(struct pop3_session *s, struct slice argument);
void pop3_list(struct pop3_session *s, struct slice argument);
void pop3_uidl(struct pop3_session *s, struct slice argument);
void pop3_retr(struct pop3_session *s, struct slice argument);
void pop3_top(struct pop3_session *s, struct slice argument);

#endif
