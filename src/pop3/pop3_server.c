/* The session: greeting, one command a step, log line. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "pop3/pop3_session.h"

static struct pop3_session *pop3_of(struct session *s) { return (struct pop3_session *)s; }

void pop3_end(struct pop3_session *s, const char *why)
{
	if (!s->end)
		s->end = why;
}

void pop3_end_on_error(struct pop3_session *s, int error)
{
	if (error == -ECANCELED)
		pop3_end(s, "stopping");
	else
		pop3_end(s, error == -ETIMEDOUT ? "idle" : "lost");
}

int64_t pop3_deadline(const struct pop3_session *s) { return deadline_in(s->base.idle_ms); }

/* What the rules say to who connects. */
static bool pop3_is_admitted(struct pop3_session *s)
{
	struct guard_decision d;
	if (guard_admits(s->context->guard, conn_peer(s->base.conn),
	                 service_config(s->base.service)->name, &d))
		return true;
	pop3_printf(s, "-ERR %s %s\r\n", d.verdict == RULE_REJECT ? "[SYS/PERM]" : "[SYS/TEMP]",
	            d.reply.text);
	pop3_end(s, "refused");
	return false;
}

static enum session_verdict pop3_open(struct session *base)
{
	struct pop3_session *s = pop3_of(base);
	s->context = service_context(base->service);
	s->base.idle_ms = s->context->config->pop3.idle_ms;
	if (pop3_is_admitted(s))
		pop3_printf(s, "+OK %s POP3 ready\r\n", s->context->config->hostname);
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

/* Between two commands; in the middle of an answer the line would be taken for part of it. */
static void pop3_say_stopping(struct pop3_session *s)
{
	pop3_say(s, POP3_ERR_STOPPING);
	pop3_end_on_error(s, -ECANCELED);
}

static void pop3_read_command(struct pop3_session *s)
{
	struct slice line;
	int rc = conn_read_line(s->base.conn, POP3_AUTH_LINE_MAX, &line, NULL, pop3_deadline(s));
	/* Clients put their tokens and tickets into the line of AUTH, however long they are (RFC
	 * 5034 section 4 would have them wait for the challenge). */
	if (rc == 1 && line.len > POP3_COMMAND_MAX &&
	    !slice_starts_with_nocase(line, SLICE("AUTH ")))
		rc = -EMSGSIZE;
	if (rc == -EMSGSIZE)
		pop3_say(s, POP3_ERR_TOO_LONG);
	else if (rc == -ECANCELED)
		pop3_say_stopping(s);
	else if (rc <= 0)
		pop3_end_on_error(s, rc);
	else
		pop3_run_command(s, line);
}

static enum session_verdict pop3_step(struct session *base, enum session_event event)
{
	struct pop3_session *s = pop3_of(base);
	switch (event) {
	case SESSION_INPUT:
		pop3_read_command(s);
		break;
	case SESSION_NOTICE:
		break;
	case SESSION_IDLE:
		/* Without a word: RFC 1939, section 3. */
		pop3_end_on_error(s, -ETIMEDOUT);
		break;
	case SESSION_STOPPING:
		pop3_say_stopping(s);
		break;
	}
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

static void pop3_close(struct session *base)
{
	struct pop3_session *s = pop3_of(base);
	char peer[NET_ADDRESS_TEXT_MAX];
	log_info("pop3.session.end", kv_int("session", (int64_t)base->id),
	         kv_str("listener", service_config(base->service)->name),
	         kv_str("client", net_address_ip(conn_peer(base->conn), peer)),
	         kv_str("account", s->account), kv_int("retrieved", s->retrieved),
	         kv_int("bytes", (int64_t)s->retrieved_bytes), kv_int("deleted", s->deleted),
	         kv_int("errors", s->errors), kv_int("ms", clock_wall_ms() - base->started_ms),
	         kv_str("end", s->end ? s->end : "lost"));
	pop3_maildrop_close(&s->maildrop, s->context);
	free(s->user);
}

static const char *pop3_refuse(enum service_limit reached)
{
	if (reached == SERVICE_LIMIT_SHUT_OUT)
		return "-ERR [SYS/TEMP] you are shut out for now\r\n";
	return reached == SERVICE_LIMIT_PER_ADDRESS
	               ? "-ERR [SYS/TEMP] too many connections from your address\r\n"
	               : "-ERR [SYS/TEMP] too many connections, try again later\r\n";
}

const struct protocol pop3_protocol = {
	.name = "pop3",
	.session_size = sizeof(struct pop3_session),
	.open = pop3_open,
	.step = pop3_step,
	.close = pop3_close,
	.refuse = pop3_refuse,
};
