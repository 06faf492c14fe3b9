#include <errno.h>

#include "base/log.h"
#include "guard/guard.h"
#include "imap/imap_input.h"
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"

static struct imap_session *session_of(struct session *session)
{
	return (struct imap_session *)(void *)session;
}

static enum session_verdict verdict(struct imap_session *s)
{
	return s->ending || s->write_error ? SESSION_END : SESSION_CONTINUE;
}

/* What the rules say to who connects. */
static bool is_admitted(struct imap_session *s)
{
	struct guard_decision d;
	char text[512];
	if (guard_admits(imap_context(s)->guard, conn_peer(s->session.conn),
	                 service_config(s->session.service)->name, &d))
		return true;
	snprintf(text, sizeof(text), "%s %s",
	         d.verdict == RULE_REJECT ? "[NOPERM]" : "[UNAVAILABLE]", d.reply.text);
	imap_bye(s, text);
	return false;
}

static enum session_verdict imap_open(struct session *session)
{
	struct imap_session *s = session_of(session);
	struct arena *arena = arena_new();

	s->state = IMAP_STRANGER;
	if (session->idle_ms < 0 || session->idle_ms > IMAP_LOGIN_MS)
		session->idle_ms = IMAP_LOGIN_MS;
	imap_extend(s);
	if (is_admitted(s))
		imap_printf(s, "* OK [CAPABILITY %s] %s Veredus ready.\r\n",
		            imap_capabilities(s, arena), imap_context(s)->config->hostname);
	arena_free(arena);
	return verdict(s);
}

/* --- commands ------------------------------------------------------------------------ */

/* A command without a tag that we could answer with. */
static void no_tag(struct imap_session *s)
{
	imap_write(s, SLICE("* BAD Invalid tag\r\n"));
	s->bad_count++;
}

static void run_command(struct imap_session *s, struct arena *arena)
{
	struct imap_command c = { .s = s, .arena = arena };
	struct slice command;

	switch (imap_input_read(&c, &command)) {
	case INPUT_END:
		s->ending = true;
		return;
	case INPUT_REFUSED:
		return;
	case INPUT_COMMAND:
		break;
	}
	c.args = cursor_of(command);
	if (!imap_take_tag(&c.args, &c.tag))
		no_tag(s);
	else
		imap_command_run(&c);
	if (!imap_input_skip(&c) && !s->ending)
		imap_bye(s, "[TOOBIG] Message too large.");
}

static void idle_input(struct imap_session *s, struct arena *arena)
{
	struct slice line;
	if (imap_input_answer(s, arena, &line))
		imap_idle_line(s, line);
	else
		s->ending = true;
}

/* What went wrong with the command of a client that has not logged in costs it time, or the
 * session. The answer has been written, and is sent afterwards. */
static void weigh(struct imap_session *s, bool has_failed, bool is_bad)
{
	if (s->state != IMAP_STRANGER || (!has_failed && !is_bad))
		return;
	int rc = guard_weigh(imap_context(s)->guard, conn_peer(s->session.conn),
	                     has_failed ? GUARD_FAILED_LOGIN : GUARD_PROTOCOL_ERROR);
	if (rc == -EACCES && !s->ending)
		imap_bye(s, "[UNAVAILABLE] Too much went wrong.");
}

static void on_input(struct imap_session *s)
{
	unsigned failures = s->login_failures, bad = s->bad_count;
	struct arena *arena = arena_new();
	imap_extend(s);
	if (s->idle_tag)
		idle_input(s, arena);
	else
		run_command(s, arena);
	weigh(s, s->login_failures > failures, s->bad_count > bad);
	if (s->bad_count >= imap_context(s)->config->imap.max_errors && !s->ending)
		imap_bye(s, "Too many bad commands.");
	arena_free(arena);
}

/* --- notices ------------------------------------------------------------------------- */

/* Only sessions in IDLE, or with NOTIFY, watch mailboxes; all others look after each command. */
static void on_notice(struct imap_session *s)
{
	imap_extend(s);
	if (s->notify)
		imap_notify_tell(s);
	else if (s->selected && s->idle_tag)
		imap_end_if_lost(s, imap_notify_sync(s, false, NULL));
}

static enum session_verdict imap_step(struct session *session, enum session_event event)
{
	struct imap_session *s = session_of(session);
	switch (event) {
	case SESSION_INPUT:
		on_input(s);
		break;
	case SESSION_NOTICE:
		on_notice(s);
		break;
	case SESSION_IDLE:
		imap_extend(s);
		imap_bye(s, "Idle for too long.");
		break;
	case SESSION_STOPPING:
		imap_extend(s);
		imap_bye(s, "Server is shutting down.");
		break;
	}
	return verdict(s);
}

static void imap_end(struct session *session)
{
	struct imap_session *s = session_of(session);
	char peer[NET_ADDRESS_TEXT_MAX];

	if (s->idle_tag && s->selected)
		mailboxes_unwatch(imap_context(s)->mailboxes, s->selected->view->mailbox_id,
		                  session_name(session));
	imap_notify_drop(s);
	imap_deselect(s);
	free(s->idle_tag);
	log_info("imap.session.end", kv_int("session", (int64_t)session->id),
	         kv_str("client", net_address_ip(conn_peer(session->conn), peer)),
	         kv_str("account", s->address ? s->address : "-"),
	         kv_int("commands", (int64_t)s->command_count),
	         kv_int("ms", clock_wall_ms() - session->started_ms));
	free(s->address);
}

static const char *imap_refuse(enum service_limit reached)
{
	/* RFC 5530: LIMIT is about this client, UNAVAILABLE about the server. */
	if (reached == SERVICE_LIMIT_SHUT_OUT)
		return "* BYE [UNAVAILABLE] You are shut out for now.\r\n";
	return reached == SERVICE_LIMIT_PER_ADDRESS
	               ? "* BYE [LIMIT] Too many connections from your address.\r\n"
	               : "* BYE [UNAVAILABLE] Too many connections; please try again later.\r\n";
}

const struct protocol imap_protocol = {
	.name = "imap",
	.session_size = sizeof(struct imap_session),
	.open = imap_open,
	.step = imap_step,
	.close = imap_end,
	.refuse = imap_refuse,
};
