/* ATRN (RFC 2645) and TURN (RFC 821): the connection turns round. We become the client on it, and
 * what waits for the domains of whoever asked goes back over it.
 *
 * Nobody gets mail by saying a name: who may fetch which domain is in the directory. An account may
 * have logged in; for TURN a client certificate is as good, that stands for an account or, if it is
 * verified, names the domain. */
#include "base/log.h"
#include "queue/queue.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

bool smtp_takes_mail(const struct smtp_session *s) { return s->context->kind != LISTENER_ODMR; }

bool smtp_has_atrn(const struct smtp_session *s)
{
	return s->context->kind == LISTENER_ODMR && s->context->queue;
}

bool smtp_has_turn(const struct smtp_session *s)
{
	return s->config->smtp.turn && s->context->kind != LISTENER_LMTP && s->context->queue;
}

static struct post_fetcher smtp_fetcher(const struct smtp_session *s, struct arena *arena)
{
	struct post_fetcher who = { .account_id = s->client.account ? s->client.account_id : 0 };
	struct conn_tls_peer peer;
	/* After XCLIENT the certificate is that of the proxy. */
	if (who.account_id != 0 || s->told || conn_tls_peer(s->base.conn, arena, &peer) < 0)
		return who;
	who.fingerprint = peer.fingerprint;
	who.names = peer.names;
	who.name_count = peer.verified ? peer.name_count : 0;
	return who;
}

/* Says 250 and becomes the client. Whatever comes of it, the session is over then. */
static void smtp_turn_round(struct smtp_session *s, const struct post_members *domains)
{
	struct queue_turn turn = { .conn = s->base.conn,
		                   .host = s->client.helo,
		                   .domains = domains->addresses,
		                   .domain_count = domains->count };
	smtp_say(s, SMTP_ANSWER_TURNING);
	int rc = conn_flush(s->base.conn, smtp_command_deadline(s));
	if (rc == 0)
		rc = queue_turn(s->context->queue, &turn);
	log_info("smtp.turned", kv_int("session", (int64_t)s->base.id),
	         kv_str("account", s->client.account), kv_int("messages", (int64_t)turn.sent),
	         kv_error(rc));
	smtp_end(s, "turned");
}

/* Those of the domains that were asked for, all if none was. False if one is not among them. */
static bool smtp_choose(struct post_members *domains, const struct smtp_atrn_command *asked)
{
	for (size_t i = 0; i < asked->count; i++) {
		bool found = false;
		for (size_t j = 0; j < domains->count && !found; j++)
			found = slice_equal(domains->addresses[j], asked->domains[i]);
		if (!found)
			return false;
	}
	if (asked->count > 0)
		*domains = (struct post_members){ asked->domains, asked->count, false };
	return domains->count > 0;
}

/* TURNING, or why not; *domains are those to be sent. */
static enum smtp_answer smtp_judge_atrn(struct smtp_session *s, struct arena *arena,
                                        const struct smtp_atrn_command *asked,
                                        struct post_members *domains)
{
	struct post_fetcher who = smtp_fetcher(s, arena);
	bool waits = false;
	int rc = post_find_fetched(s->context->post, &who, arena, domains);
	if (rc == 0 && !smtp_choose(domains, asked))
		return SMTP_ANSWER_TURN_REFUSED;
	if (rc == 0)
		rc = queue_turn_waits(s->context->queue, domains->addresses, domains->count,
		                      &waits);
	if (rc < 0) {
		log_error("smtp.atrn.failed", kv_error(rc));
		return SMTP_ANSWER_CANNOT_TURN;
	}
	return waits ? SMTP_ANSWER_TURNING : SMTP_ANSWER_NO_MAIL;
}

static void smtp_fetch(struct smtp_session *s, struct arena *arena,
                       const struct smtp_atrn_command *asked)
{
	struct post_members domains;
	enum smtp_answer answer = smtp_judge_atrn(s, arena, asked, &domains);
	if (answer == SMTP_ANSWER_TURNING)
		smtp_turn_round(s, &domains);
	else
		smtp_say(s, answer);
}

void smtp_atrn(struct smtp_session *s, struct slice argument)
{
	struct smtp_atrn_command asked;
	struct arena *arena = arena_new();
	if (smtp_parse_atrn(arena, argument, &asked))
		smtp_fetch(s, arena, &asked);
	else
		smtp_say(s, SMTP_ANSWER_BAD_NODE);
	arena_free(arena);
}

/* RFC 821 knows 250, after which the other side greets, and 502; what is not there to be sent makes
 * a short conversation. */
void smtp_turn(struct smtp_session *s, struct slice argument)
{
	struct arena *arena = arena_new();
	struct post_fetcher who = smtp_fetcher(s, arena);
	struct post_members domains;
	(void)argument;
	int rc = post_find_fetched(s->context->post, &who, arena, &domains);
	if (rc < 0)
		log_error("smtp.atrn.failed", kv_error(rc));
	if (rc < 0)
		smtp_say(s, SMTP_ANSWER_CANNOT_TURN);
	else if (domains.count == 0)
		smtp_say(s, SMTP_ANSWER_NOT_IMPLEMENTED);
	else
		smtp_turn_round(s, &domains);
	arena_free(arena);
}
