/* STARTTLS: RFC 3207. */
#include "base/log.h"
#include "smtp/smtp_session.h"

static void smtp_handshake(struct smtp_session *s, struct tls_server *tls)
{
	struct conn *conn = s->base.conn;
	const char *why = NULL;
	int64_t deadline = smtp_command_deadline(s);
	/* What came behind STARTTLS in clear was put there by somebody in the middle, to be taken
	 * for what the client says under TLS. */
	conn_discard(conn);
	smtp_say(s, SMTP_ANSWER_START_TLS);
	int rc = conn_flush(conn, deadline);
	if (rc == 0)
		rc = conn_tls_accept(conn, tls, deadline, &why);
	if (rc < 0) {
		char peer[NET_ADDRESS_TEXT_MAX];
		log_info("smtp.tls.failed", kv_int("session", (int64_t)s->base.id),
		         kv_str("client", net_address_ip(&s->client.address, peer)), kv_error(rc),
		         kv_str("why", why));
		smtp_end(s, "tls");
		return;
	}
	smtp_forget(s);
}

void smtp_starttls(struct smtp_session *s, struct slice argument)
{
	struct tls_server *tls = service_config(s->base.service)->tls;
	(void)argument;
	if (conn_is_tls(s->base.conn))
		smtp_say(s, SMTP_ANSWER_HAS_TLS);
	else
		smtp_handshake(s, tls);
}
