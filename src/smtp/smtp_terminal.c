/* SEND, SOML, SAML: RFC 821 section 3.4. The local part of the account's address is the name of the
 * Unix user; utmp says at which terminals he is, and the mode of a terminal whether it takes
 * messages (mesg y). Off unless the configuration says otherwise. */
#include "smtp/smtp_terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>

#include "base/log.h"
#include "smtp/smtp_session.h"

enum {
	TERMINALS_MAX = 16,   /* of one user that get a message */
	ENTRIES_MAX = 100000, /* of utmp that are looked at */
};

/* For one user; runs on a thread of the pool, as files may block. */
struct visit {
	const char *utmp_path;
	struct slice user;
	struct slice text; /* empty: only look */
	unsigned terminals;
};

static struct slice field(const char *text, size_t size)
{
	return slice_of(text, strnlen(text, size));
}

static bool is_line_name(struct slice line)
{
	return line.len > 0 && line.data[0] != '/' && slice_find(line, SLICE("..")) < 0;
}

/* A descriptor, or -1 if there is no terminal, or its user wants no messages. */
static int open_terminal(struct slice line)
{
	char path[UT_LINESIZE + 8];
	struct stat st;
	if (!is_line_name(line))
		return -1;
	snprintf(path, sizeof(path), "/dev/%.*s", SLICE_ARG(line));
	int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && (st.st_mode & S_IWGRP) && isatty(fd))
		return fd;
	close(fd);
	return -1;
}

/* A terminal that does not take it at once (stopped by Ctrl-S, say) does not have it. */
static bool write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.data, text.len);
		if (n <= 0)
			return false;
		text = slice_from(text, (size_t)n);
	}
	return true;
}

static void visit_entry(struct visit *v, const struct utmp *entry)
{
	if (entry->ut_type != USER_PROCESS ||
	    !slice_equal(field(entry->ut_user, sizeof(entry->ut_user)), v->user))
		return;
	int fd = open_terminal(field(entry->ut_line, sizeof(entry->ut_line)));
	if (fd < 0)
		return;
	v->terminals += write_all(fd, v->text);
	close(fd);
}

/* Not by getutent(), which has one position for the whole process. */
static void visit_terminals(void *arg)
{
	struct visit *v = arg;
	struct utmp entry;
	FILE *file = fopen(v->utmp_path, "re");
	if (!file)
		return;
	for (int i = 0; i < ENTRIES_MAX && v->terminals < TERMINALS_MAX &&
	                fread(&entry, sizeof(entry), 1, file) == 1;
	     i++)
		visit_entry(v, &entry);
	fclose(file);
}

/* Returns how many terminals of the user took the text (or would). An address that is several users
 * or none is at none. */
static unsigned reach(struct smtp_session *s, const struct address *a, struct slice text)
{
	struct post_members members;
	struct address user;
	struct arena *arena = arena_new();
	const char *utmp = s->config->smtp.utmp;
	struct visit v = { .utmp_path = utmp ? utmp : _PATH_UTMP, .text = text };
	if (post_expand(s->context->post, &s->client, a->local, a->domain, arena, &members) ==
	            POST_LOCAL &&
	    members.count == 1 &&
	    address_parse(arena, members.addresses[0], ADDRESS_ALLOW_UTF8, &user)) {
		v.user = user.local;
		fiber_offload(visit_terminals, &v);
	}
	arena_free(arena);
	return v.terminals;
}

bool smtp_terminal_is_there(struct smtp_session *s, const struct address *recipient)
{
	return reach(s, recipient, SLICE_EMPTY) > 0;
}

/* Tries all recipients, and takes those away who are served by it. Returns how many were reached.
 */
static size_t visit_all(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	struct slice text = smtp_terminal_text(t->arena, address_text(t->arena, &t->sender),
	                                       message);
	size_t reached = 0, kept = 0;
	for (size_t i = 0; i < t->recipient_count; i++) {
		const struct address a = { .local = t->recipients[i].local,
			                   .domain = t->recipients[i].domain };
		bool there = reach(s, &a, text) > 0;
		reached += there;
		if (!there || t->terminal == SMTP_SAML)
			t->recipients[kept++] = t->recipients[i];
	}
	t->recipient_count = kept;
	return reached;
}

static void say_sent(struct smtp_session *s, struct slice message, size_t reached)
{
	if (reached > 0)
		smtp_count_message(s, message.len);
	smtp_say(s, reached > 0 ? SMTP_ANSWER_SENT : SMTP_ANSWER_NOT_LOGGED_IN);
}

void smtp_terminal_finish(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	/* The mailbox comes first: what is refused is not to be seen and then sent again. */
	if (t->terminal == SMTP_SAML) {
		if (smtp_deliver_to_all(s, message))
			visit_all(s, message);
		return;
	}
	size_t reached = visit_all(s, message);
	if (t->terminal == SMTP_SEND || t->recipient_count == 0)
		say_sent(s, message, reached);
	else
		smtp_deliver_to_all(s, message);
}

static void begin(struct smtp_session *s, struct slice argument, enum smtp_terminal_kind kind)
{
	smtp_mail(s, argument);
	if (s->transaction)
		s->transaction->terminal = kind;
}

/* send = "SEND FROM:" reverse-path CRLF                               RFC 821, section 4.1.2 */
void smtp_send_command(struct smtp_session *s, struct slice argument)
{
	begin(s, argument, SMTP_SEND);
}

void smtp_soml(struct smtp_session *s, struct slice argument) { begin(s, argument, SMTP_SOML); }

void smtp_saml(struct smtp_session *s, struct slice argument) { begin(s, argument, SMTP_SAML); }
