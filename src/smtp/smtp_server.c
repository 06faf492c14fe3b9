/* The session: greeting, one command a step, good-bye, log line. */
#include <errno.h>

#include "base/log.h"
#include "smtp/smtp_session.h"
#include "smtp/smtp_trace.h"
#include "trust/trust_spf.h"

static struct smtp_session *smtp_of(struct session *s) { return (struct smtp_session *)s; }

int64_t smtp_command_deadline(const struct smtp_session *s)
{
	return deadline_in(s->config->smtp.command_timeout_ms);
}

void smtp_end(struct smtp_session *s, const char *why)
{
	if (!s->end)
		s->end = why;
}

void smtp_end_on_error(struct smtp_session *s, int error)
{
	if (error == -ETIMEDOUT)
		smtp_say(s, SMTP_ANSWER_IDLE);
	else if (error == -ECANCELED)
		smtp_say(s, SMTP_ANSWER_STOPPING);
	else
		smtp_end(s, "lost");
}

static bool smtp_has_relay_certificate(const struct smtp_session *s)
{
	const struct config *config = s->config;
	struct conn_tls_peer peer;
	bool found = false;
	/* After XCLIENT it is that of the proxy. */
	if (config->relay_certificate_count == 0 || s->told || !conn_tls_has_peer(s->base.conn))
		return false;
	struct arena *arena = arena_new(); /* not the session's: EHLO may be said without end */
	if (conn_tls_peer(s->base.conn, arena, &peer) == 0) {
		for (size_t i = 0; i < config->relay_certificate_count && !found; i++)
			found = slice_equal(peer.fingerprint, config->relay_certificates[i]);
	}
	arena_free(arena);
	return found;
}

static bool smtp_is_relay_client(const struct smtp_session *s)
{
	const struct config *config = s->config;
	/* Who may open a Unix socket is for its owner and mode to say. */
	if ((smtp_is_lmtp(s) || smtp_is_local(s)) && s->client.address.any.sa_family == AF_UNIX)
		return true;
	if (s->context->kind != LISTENER_SMTP && !smtp_is_lmtp(s))
		return false;
	for (size_t i = 0; i < config->relay_network_count; i++) {
		if (net_network_contains(&config->relay_networks[i], &s->client.address))
			return true;
	}
	return smtp_has_relay_certificate(s);
}

void smtp_update_client(struct smtp_session *s)
{
	struct conn_tls_info tls = conn_tls_info(s->base.conn);
	struct post_client *client = &s->client;
	client->helo = s->helo ? s->helo : "";
	client->tls_protocol = tls.protocol;
	client->tls_cipher = tls.cipher;
	client->waits = true;
	client->may_relay = client->account || smtp_is_relay_client(s);
	client->protocol = smtp_is_lmtp(s)
	                           ? smtp_trace_protocol_lmtp(false, tls.protocol, client->account)
	                           : smtp_trace_protocol(s->esmtp, tls.protocol, client->account);
}

void smtp_drop_transaction(struct smtp_session *s)
{
	if (s->transaction) {
		smtp_chunks_free(s->transaction->chunks);
		trust_spf_end(s->transaction->spf);
		arena_free(s->transaction->arena);
		s->verbose = false;
	}
	smtp_forward_free(s->forward);
	s->forward = NULL;
	s->transaction = NULL;
}

void smtp_forget(struct smtp_session *s)
{
	smtp_drop_transaction(s);
	free(s->helo);
	s->helo = NULL;
	s->esmtp = false;
	s->submission = false;
	s->told_login = false;
	s->client.account = NULL;
	s->client.account_id = 0;
	smtp_update_client(s);
}

static enum session_verdict smtp_open(struct session *base)
{
	struct smtp_session *s = smtp_of(base);
	s->context = service_context(base->service);
	s->config = s->context->config;
	s->base.idle_ms = s->config->smtp.command_timeout_ms;
	s->client.address = *conn_peer(base->conn);
	s->is_trusted_proxy = smtp_is_trusted_proxy(base);
	smtp_update_client(s);
	if (smtp_guard_connect(s))
		smtp_say_greeting(s);
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

/* Between chunks it may have been a BURL: then the message must not go on without it. */
static void smtp_refuse_line(struct smtp_session *s, enum smtp_answer answer)
{
	smtp_say(s, answer);
	if (s->transaction && s->transaction->chunks)
		smtp_drop_transaction(s);
}

static void smtp_read_command(struct smtp_session *s)
{
	struct slice line;
	enum line_end end;
	size_t max = s->config->smtp.max_command_bytes;
	int rc = conn_read_line(s->base.conn, max > SMTP_AUTH_LINE_MAX ? max : SMTP_AUTH_LINE_MAX,
	                        &line, &end, smtp_command_deadline(s));
	/* AUTH with its initial response may be as long as a line of the exchange, and URLs are
	 * long. */
	if (rc > 0 && line.len > max && !slice_starts_with_nocase(line, SLICE("AUTH ")) &&
	    !slice_starts_with_nocase(line, SLICE("BURL ")))
		rc = -EMSGSIZE;
	if (rc == -EMSGSIZE)
		smtp_refuse_line(s, SMTP_ANSWER_LINE_TOO_LONG);
	else if (rc <= 0)
		smtp_end_on_error(s, rc);
	else if (end == LINE_LF && s->config->smtp.bare_newline == BARE_NEWLINE_REFUSE)
		smtp_refuse_line(s, SMTP_ANSWER_BARE_NEWLINE);
	else
		smtp_run_command(s, line);
}

static enum session_verdict smtp_step(struct session *base, enum session_event event)
{
	struct smtp_session *s = smtp_of(base);
	switch (event) {
	case SESSION_INPUT:
		smtp_read_command(s);
		break;
	case SESSION_NOTICE:
		break;
	case SESSION_IDLE:
		smtp_say(s, SMTP_ANSWER_IDLE);
		break;
	case SESSION_STOPPING:
		smtp_say(s, SMTP_ANSWER_STOPPING);
		break;
	}
	return s->end ? SESSION_END : SESSION_CONTINUE;
}

/* "ehlo=1 mail=1 rcpt=0/3 quit=1": half of all questions to support answered. */
static void smtp_count_text(const struct smtp_session *s, struct buf *out)
{
	char name[16];
	for (size_t i = 0; i < SMTP_VERB_MAX && smtp_command_name(i, name); i++) {
		const struct smtp_verb_count *n = &s->counts[i];
		if (n->tried == 0)
			continue;
		buf_printf(out, "%s%s=%u", out->len > 0 ? " " : "", name, n->done);
		if (n->done != n->tried)
			buf_printf(out, "/%u", n->tried);
	}
}

static void smtp_log_end(const struct smtp_session *s)
{
	char peer[NET_ADDRESS_TEXT_MAX];
	struct buf counts = buf_make(1024);
	smtp_count_text(s, &counts);
	log_info("smtp.session.end", kv_int("session", (int64_t)s->base.id),
	         kv_str("listener", service_config(s->base.service)->name),
	         kv_str("client", net_address_ip(&s->client.address, peer)),
	         kv_str("helo", s->client.helo), kv_str("with", s->client.protocol),
	         kv_str("account", s->client.account), kv_slice("commands", buf_slice(&counts)),
	         kv_int("messages", s->accepted), kv_int("bytes", (int64_t)s->message_bytes),
	         kv_int("ms", clock_wall_ms() - s->base.started_ms),
	         kv_str("end", s->end ? s->end : "lost"));
	buf_free(&counts);
}

static void smtp_close(struct session *base)
{
	struct smtp_session *s = smtp_of(base);
	smtp_log_end(s);
	smtp_drop_transaction(s);
	smtp_guard_end(s);
	if (s->told)
		arena_free(s->told);
	free(s->helo);
}

const struct protocol smtp_protocol = {
	.name = "smtp",
	.session_size = sizeof(struct smtp_session),
	.open = smtp_open,
	.step = smtp_step,
	.close = smtp_close,
	.refuse = smtp_refusal,
};
