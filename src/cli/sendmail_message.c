/* A message from standard input to the server, by the socket that every user of the host may open.
 * What a submission lacks the server adds; only who sends it is known here. */
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/codec.h"
#include "cli/send.h"
#include "cli/sendmail.h"
#include "message/header.h"

enum { NAME_MAX_BYTES = 200 };

/* The login name of who calls; in the arena. */
static const char *sendmail_user(struct arena *arena)
{
	const struct passwd *user = getpwuid(getuid());
	return user ? arena_str(arena, slice_from_str(user->pw_name))
	            : arena_printf(arena, "uid%u", (unsigned)getuid());
}

/* The first part of the field that chfn(1) writes; "&" in it is the login name, capitalised. */
static struct slice full_name(struct arena *arena)
{
	const struct passwd *user = getpwuid(getuid());
	if (!user || !user->pw_gecos)
		return SLICE_EMPTY;
	struct slice field = slice_from_str(user->pw_gecos);
	struct buf name = buf_make(NAME_MAX_BYTES);
	field = slice_split(&field, ',');
	for (size_t i = 0; i < field.len; i++) {
		char first = user->pw_name[0];
		if (field.data[i] != '&')
			buf_append_byte(&name, field.data[i]);
		else
			buf_printf(&name, "%c%s",
			           first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first,
			           user->pw_name + 1);
	}
	struct slice out = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return out;
}

/* As a quoted string; the server encodes what is not ASCII. */
static const char *quoted(struct arena *arena, struct slice name)
{
	struct buf out = buf_make(2 * (size_t)NAME_MAX_BYTES + 2);
	buf_append_byte(&out, '"');
	for (size_t i = 0; i < name.len && i < NAME_MAX_BYTES; i++) {
		char c = name.data[i];
		if ((unsigned char)c < ' ' || c == 0x7F)
			continue;
		if (c == '"' || c == '\\')
			buf_append_byte(&out, '\\');
		buf_append_byte(&out, c);
	}
	buf_append_byte(&out, '"');
	const char *text = arena_str(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

/* "Full Name <user>" for the field that is missing. The name of the account is not that of another
 * sender. */
static const char *author(const struct sendmail *m, const struct send *s)
{
	struct slice name = slice_from_str(m->name), path = s->reverse_path;
	if (!m->name && !m->sender)
		name = full_name(s->arena);
	if (path.len == 0)
		path = slice_from_str(sendmail_user(s->arena));
	if (name.len == 0)
		return arena_printf(s->arena, "From: %.*s\r\n", SLICE_ARG(path));
	return arena_printf(s->arena, "From: %s <%.*s>\r\n", quoted(s->arena, name),
	                    SLICE_ARG(path));
}

/* Some write the line that begins a message in a mailbox file; some no header at all. */
static void complete_header(const struct sendmail *m, struct send *s)
{
	struct header_walk walk = { .rest = s->head };
	struct header_field first;
	struct slice found;
	if (slice_starts_with(s->head, SLICE("From "))) {
		slice_split(&s->head, '\n');
		walk.rest = s->head;
	}
	if (!header_next(&walk, &first) || first.name.len == 0) {
		const struct slice all[] = { s->head, s->body };
		if (s->head.len > 0)
			s->body = arena_concat(s->arena, all, 2);
		s->head = slice_from_str(arena_printf(s->arena, "%s\r\n", author(m, s)));
	} else if (!header_find(s->head, SLICE("From"), &found)) {
		const struct slice parts[] = { slice_from_str(author(m, s)), s->head };
		s->head = arena_concat(s->arena, parts, 2);
	}
}

static int make(const struct sendmail *m, struct send *s)
{
	const char *sender = m->sender ? m->sender : sendmail_user(s->arena);
	if (send_read_input(s, !m->dot_is_text) != CLI_OK)
		return EX_IOERR;
	s->smtputf8 = false; /* an address may ask for it; other fields the server encodes */
	if (send_set_sender(s, slice_from_str(sender)) != CLI_OK)
		return EX_USAGE;
	for (size_t i = 0; i < m->recipient_count; i++) {
		if (send_add_list(s, slice_from_str(m->recipients[i])) != CLI_OK)
			return EX_USAGE;
	}
	if (m->from_header && send_add_fields(s) != CLI_OK)
		return EX_DATAERR;
	if (m->from_header)
		send_hide_bcc(s);
	if (s->recipient_count == 0) {
		cli_fail("there is no recipient: name one, or give -t to have the message name "
		         "them");
		return EX_USAGE;
	}
	complete_header(m, s);
	return EX_OK;
}

/* What the caller can make of a refusal. */
static int exit_of(const struct smtp_outcome *o)
{
	if (o->enhanced.class == 5 && o->enhanced.subject == 1)
		return o->enhanced.detail == 2 ? EX_NOHOST : EX_NOUSER;
	if (o->enhanced.class == 5 && o->enhanced.subject == 7)
		return EX_NOPERM;
	return EX_UNAVAILABLE;
}

static int set_server(const struct sendmail *m, struct send *s, struct client_hop *hop)
{
	const char *address = arena_printf(s->arena, "unix:%s", m->socket);
	*hop = (struct client_hop){ .host = m->socket };
	if (net_address_parse(slice_from_str(address), 0, &hop->address) < 0) {
		cli_fail("%s is no path of a socket", m->socket);
		return EX_CONFIG;
	}
	s->client = (struct smtp_client_config){ .helo = "localhost",
		                                 .tls = TLS_RULE_NONE,
		                                 .timeouts = smtp_timeouts_default() };
	s->hops = hop;
	s->hop_count = 1;
	return EX_OK;
}

int sendmail_deliver(const struct sendmail *m)
{
	struct client_hop hop;
	struct send s = { .cli = m->cli,
		          .arena = m->cli->arena,
		          .head = SLICE_EMPTY,
		          .body = SLICE_EMPTY,
		          .reverse_path = SLICE_EMPTY,
		          .bare = true,
		          .quiet = !m->verbose,
		          .notify = m->notify,
		          .ret = m->ret,
		          .envid = xtext_encode(m->cli->arena, slice_from_str(m->envid)) };
	int status = make(m, &s);
	if (status == EX_OK)
		status = set_server(m, &s, &hop);
	if (status != EX_OK)
		return status;
	status = send_run(&s);
	if (status == CLI_TRY_LATER && s.failure.stage == SMTP_STAGE_CONNECT)
		cli_fail("nobody takes mail at %s: does the server run?", m->socket);
	return status == CLI_OK          ? EX_OK
	       : status == CLI_TRY_LATER ? EX_TEMPFAIL
	                                 : exit_of(&s.failure);
}
