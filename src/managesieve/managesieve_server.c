/* The session: greeting, one command a step, log line. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "managesieve/managesieve_session.h"

enum {
	STRANGER_LITERAL_MAX = 16 * 1024, /* bytes of a literal before login */
	PASSED_OVER_MAX = 16 << 20,       /* of one that is too large, to say so */
};

static struct managesieve_session *session_of(struct session *s)
{
	return (struct managesieve_session *)s;
}

void managesieve_end(struct managesieve_session *s, const char *why)
{
	if (!s->end)
		s->end = why;
}

int64_t managesieve_deadline(const struct managesieve_session *s)
{
	return deadline_in(s->base.idle_ms);
}

/* --- input ------------------------------------------------------------------------------- */

static void end_on_error(struct managesieve_session *s, int error)
{
	if (error == -ECANCELED)
		managesieve_bye(s, "TRYLATER", "The server stops.");
	else if (error == -ETIMEDOUT)
		managesieve_bye(s, NULL, "You were silent for too long.");
	managesieve_end(s, error == -ECANCELED   ? "stopping"
	                   : error == -ETIMEDOUT ? "idle"
	                                         : "lost");
}

/* A line after which a literal may come. */
static void refuse_or_end(struct managesieve_session *s, bool literal_follows, const char *code,
                          const char *text)
{
	if (!literal_follows) {
		managesieve_no(s, code, text);
		return;
	}
	managesieve_bye(s, code, text);
	managesieve_end(s, "lost track");
}

int managesieve_read_line(struct managesieve_session *s, struct slice *out)
{
	int rc = conn_read_line(s->base.conn, MANAGESIEVE_LINE_MAX, out, NULL,
	                        managesieve_deadline(s));
	if (rc == 1)
		return 1;
	if (rc == -EMSGSIZE)
		refuse_or_end(s, conn_skipped_ends_with(s->base.conn, SLICE("}")), NULL,
		              "The line is too long.");
	else
		end_on_error(s, rc);
	return 0;
}

/* out NULL: passes over them. */
static int read_bytes(struct managesieve_session *s, uint64_t bytes, char *out)
{
	struct conn *conn = s->base.conn;
	while (bytes > 0) {
		struct slice piece = conn_buffered(conn);
		if (piece.len == 0) {
			int rc = conn_fill(conn, managesieve_deadline(s));
			if (rc <= 0)
				return rc == 0 ? -ECONNRESET : rc;
			continue;
		}
		piece = slice_sub(piece, 0, piece.len < bytes ? piece.len : (size_t)bytes);
		if (out)
			out = (char *)memcpy(out, piece.data, piece.len) + piece.len;
		conn_consume(conn, piece.len);
		bytes -= piece.len;
	}
	return 0;
}

void managesieve_refuse_line(struct managesieve_session *s, struct slice line, const char *code,
                             const char *text)
{
	refuse_or_end(s, managesieve_announces(line), code, text);
}

static int pass_over(struct managesieve_session *s, uint64_t bytes)
{
	struct slice rest;
	int rc = bytes > PASSED_OVER_MAX || !s->account ? -EFBIG : read_bytes(s, bytes, NULL);
	if (rc == 0 && managesieve_read_line(s, &rest) == 1)
		managesieve_refuse_line(s, rest, "QUOTA/MAXSIZE", "The script is too large.");
	if (rc == -EFBIG) {
		managesieve_bye(s, "QUOTA/MAXSIZE", "That is far too large.");
		managesieve_end(s, "too much");
	} else if (rc < 0) {
		end_on_error(s, rc);
	}
	return 0;
}

int managesieve_read_literal(struct managesieve_session *s, uint64_t bytes, struct slice *out)
{
	uint64_t max = s->account ? s->context->config->sieve.max_script_bytes
	                          : STRANGER_LITERAL_MAX;
	if (bytes > max)
		return pass_over(s, bytes);
	char *text = arena_alloc(s->arena, (size_t)bytes + 1);
	int rc = read_bytes(s, bytes, text);
	if (rc < 0) {
		end_on_error(s, rc);
		return 0;
	}
	*out = slice_of(text, (size_t)bytes);
	return 1;
}

static void read_command(struct managesieve_session *s)
{
	struct managesieve_command command = { .keyword = SLICE_EMPTY };
	struct slice line, text;
	uint64_t bytes;
	int rc;
	do {
		if (!managesieve_read_line(s, &line))
			return;
		rc = managesieve_scan(&command, s->arena, line, &bytes);
		if (rc == 1) {
			if (!managesieve_read_literal(s, bytes, &text))
				return;
			managesieve_add_text(&command, text);
		}
	} while (rc == 1);
	s->commands++;
	if (rc < 0)
		managesieve_refuse_line(s, line, NULL,
		                        "That is no command: KEYWORD \"string\" {1+} 17");
	else
		managesieve_run(s, &command);
}

/* --- the session ------------------------------------------------------------------------- */

static bool is_admitted(struct managesieve_session *s)
{
	struct guard_decision d;
	if (guard_admits(s->context->guard, conn_peer(s->base.conn),
	                 service_config(s->base.service)->name, &d))
		return true;
	managesieve_bye(s, d.verdict == RULE_REJECT ? NULL : "TRYLATER", d.reply.text);
	managesieve_end(s, "refused");
	return false;
}

static enum session_verdict server_open(struct session *base)
{
	struct managesieve_session *s = session_of(base);
	s->context = service_context(base->service);
	s->arena = arena_new();
	s->base.idle_ms = s->context->config->managesieve.idle_ms;
	if (is_admitted(s))
		managesieve_say_capabilities(s);
	arena_reset(s->arena);
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

static enum session_verdict server_step(struct session *base, enum session_event event)
{
	struct managesieve_session *s = session_of(base);
	switch (event) {
	case SESSION_INPUT:
		read_command(s);
		break;
	case SESSION_NOTICE:
		break;
	case SESSION_IDLE:
		end_on_error(s, -ETIMEDOUT);
		break;
	case SESSION_STOPPING:
		end_on_error(s, -ECANCELED);
		break;
	}
	arena_reset(s->arena);
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

static void server_close(struct session *base)
{
	struct managesieve_session *s = session_of(base);
	char peer[NET_ADDRESS_TEXT_MAX];
	log_info("managesieve.session.end", kv_int("session", (int64_t)base->id),
	         kv_str("client", net_address_ip(conn_peer(base->conn), peer)),
	         kv_str("account", s->account), kv_int("commands", s->commands),
	         kv_int("errors", s->errors), kv_int("ms", clock_wall_ms() - base->started_ms),
	         kv_str("end", s->end ? s->end : "lost"));
	free((char *)s->account);
	arena_free(s->arena);
}

static const char *refuse(enum service_limit reached)
{
	return reached == SERVICE_LIMIT_SHUT_OUT
	               ? "BYE (TRYLATER) \"You are shut out for now.\"\r\n"
	               : "BYE (TRYLATER) \"Too many connections, try again later.\"\r\n";
}

const struct protocol managesieve_protocol = {
	.name = "managesieve",
	.session_size = sizeof(struct managesieve_session),
	.open = server_open,
	.step = server_step,
	.close = server_close,
	.refuse = refuse,
};
