/* What the files of the ManageSieve server share. */
#ifndef VEREDUS_MANAGESIEVE_MANAGESIEVE_SESSION_H
#define VEREDUS_MANAGESIEVE_MANAGESIEVE_SESSION_H

#include "managesieve/managesieve.h"
#include "managesieve/managesieve_parse.h"

struct managesieve_session {
	struct session base;
	const struct managesieve_context *context;
	struct arena *arena; /* of the command */
	const char *account; /* NULL before login; owned */
	int64_t account_id;
	unsigned errors;         /* refused commands */
	unsigned login_failures; /* wrong passwords */
	unsigned commands;
	const char *end; /* why the session ends; NULL while it goes on */
};

/* The session will end with the reason for the log; the first reason stays. */
void managesieve_end(struct managesieve_session *s, const char *why);
/* The client is to speak, or to take what we say. */
int64_t managesieve_deadline(const struct managesieve_session *s);
struct auth_client managesieve_auth_client(const struct managesieve_session *s);

/* managesieve_reply.c. code: NULL, or "QUOTA/MAXSIZE". Each NO counts as an error, and the one too
 * many ends the session. */
void managesieve_ok(struct managesieve_session *s, const char *code, const char *text);
void managesieve_no(struct managesieve_session *s, const char *code, const char *text);
void managesieve_bye(struct managesieve_session *s, const char *code, const char *text);
void managesieve_write(struct managesieve_session *s, struct slice bytes);
/* As a quoted string where it can be one, else as a literal; without a line end. */
void managesieve_write_string(struct managesieve_session *s, struct slice text);
/* What capabilities there are now, and OK. */
void managesieve_say_capabilities(struct managesieve_session *s);

/* managesieve_server.c: the bytes of a literal, in the arena of the command. 1; 0: it was too large
 * and has been said to be; or the session ends. */
int managesieve_read_literal(struct managesieve_session *s, uint64_t bytes, struct slice *out);
/* A line that is wrong. If a literal follows the session ends: its bytes, which may be those of a
 * script, would be taken for commands. */
void managesieve_refuse_line(struct managesieve_session *s, struct slice line, const char *code,
                             const char *text);
/* A line, likewise. */
int managesieve_read_line(struct managesieve_session *s, struct slice *out);

void managesieve_run(struct managesieve_session *s, const struct managesieve_command *c);

/* Handlers; the table has checked their arguments and whether they may stand here. */
typedef void (*managesieve_handler)(struct managesieve_session *s,
                                    const struct managesieve_command *c);
void managesieve_authenticate(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_starttls(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_unauthenticate(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_have_space(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_put_script(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_check_script(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_list_scripts(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_get_script(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_set_active(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_delete_script(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_rename_script(struct managesieve_session *s, const struct managesieve_command *c);

#endif
