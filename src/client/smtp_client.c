/* Sessions: from the connection to being ready for MAIL. */
#include "client/smtp_client.h"

#include <errno.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "client/smtp_client_internal.h"

/* How long QUIT waits for its 221: it is only politeness. */
#define QUIT_TIMEOUT_MS 2000

struct smtp_timeouts smtp_timeouts_default(void)
{
	return (struct smtp_timeouts){ .connect_ms = 30 * 1000,
		                       .command_ms = 5 * 60 * 1000,
		                       .block_ms = 3 * 60 * 1000,
		                       .data_end_ms = 10 * 60 * 1000 };
}

unsigned smtp_client_extensions(const struct smtp_client *c) { return c->extensions; }
const struct net_address *smtp_client_peer(const struct smtp_client *c)
{
	return conn_peer(c->conn);
}
const struct net_address *smtp_client_local(const struct smtp_client *c)
{
	return conn_local(c->conn);
}
const char *smtp_client_host(const struct smtp_client *c) { return c->host; }
bool smtp_client_is_usable(const struct smtp_client *c) { return c->usable; }
unsigned smtp_client_sent(const struct smtp_client *c) { return c->sent; }
struct conn_tls_info smtp_client_tls(const struct smtp_client *c) { return conn_tls_info(c->conn); }
enum tls_trouble smtp_client_tls_trouble(const struct smtp_client *c)
{
	return conn_tls_trouble(c->conn);
}

bool smtp_client_has_input(struct smtp_client *c)
{
	if (conn_buffered(c->conn).len > 0)
		return true;
	return conn_fill(c->conn, clock_monotonic_ms()) != -ETIMEDOUT;
}

static void show(struct smtp_client *c, bool is_ours, struct slice line)
{
	if (c->config->dialogue)
		c->config->dialogue(c->config->dialogue_arg, is_ours, line);
}

bool smtp_client_is_answered(const struct smtp_client *c) { return conn_buffered(c->conn).len > 0; }

int smtp_client_put(struct smtp_client *c, struct slice line, struct slice shown)
{
	int64_t deadline = smtp_client_deadline(c, c->config->timeouts.command_ms);
	if (smtp_client_is_answered(c))
		return -EBADMSG;
	show(c, true, shown.len > 0 ? shown : line);
	int rc = conn_write(c->conn, line, deadline);
	if (rc < 0)
		return rc;
	return conn_write(c->conn, SLICE("\r\n"), deadline);
}

/* One deadline for all lines of a reply: a server that sends one a minute gains nothing. */
static int read_reply(struct smtp_client *c, int64_t deadline)
{
	smtp_reply_reset(&c->reply);
	for (;;) {
		struct slice line;
		int rc = conn_read_line(c->conn, SMTP_REPLY_LINE_MAX, &line, NULL, deadline);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return -ECONNRESET;
		show(c, false, line);
		rc = smtp_reply_line(&c->reply, line);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
}

int smtp_client_get(struct smtp_client *c, int64_t timeout_ms)
{
	int64_t deadline = smtp_client_deadline(c, timeout_ms);
	int sent = conn_flush(c->conn, deadline);
	/* A server that closes may have said why before: look even if writing failed. */
	int rc = sent == 0 || sent == -EPIPE || sent == -ECONNRESET ? read_reply(c, deadline)
	                                                            : sent;
	if (rc < 0)
		c->usable = false;
	return rc;
}

int smtp_client_command(struct smtp_client *c, struct slice line, struct slice shown)
{
	int rc = smtp_client_put(c, line, shown);
	if (rc < 0) {
		c->usable = false;
		return rc;
	}
	return smtp_client_get(c, c->config->timeouts.command_ms);
}

/* --- EHLO ---------------------------------------------------------------------------- */

static void note_extension(struct smtp_client *c, struct slice line)
{
	static const struct {
		struct slice keyword;
		unsigned bit;
	} known[] = {
		{ SLICE("PIPELINING"), SMTP_EXT_PIPELINING },
		{ SLICE("SIZE"), SMTP_EXT_SIZE },
		{ SLICE("8BITMIME"), SMTP_EXT_8BITMIME },
		{ SLICE("SMTPUTF8"), SMTP_EXT_SMTPUTF8 },
		{ SLICE("DSN"), SMTP_EXT_DSN },
		{ SLICE("STARTTLS"), SMTP_EXT_STARTTLS },
		{ SLICE("CHUNKING"), SMTP_EXT_CHUNKING },
		{ SLICE("BINARYMIME"), SMTP_EXT_BINARYMIME },
		{ SLICE("ENHANCEDSTATUSCODES"), SMTP_EXT_ENHANCED },
		{ SLICE("REQUIRETLS"), SMTP_EXT_REQUIRETLS },
		{ SLICE("DELIVERBY"), SMTP_EXT_DELIVERBY },
		{ SLICE("MT-PRIORITY"), SMTP_EXT_MT_PRIORITY },
		{ SLICE("NO-SOLICITING"), SMTP_EXT_NO_SOLICITING },
	};
	struct slice rest = slice_trim(line);
	/* "AUTH=PLAIN" is how some servers wrote it before RFC 2554. */
	if (slice_starts_with_nocase(rest, SLICE("AUTH=")))
		return smtp_client_note_mechanisms(c, slice_from(rest, 5));
	struct slice keyword = slice_split(&rest, ' ');
	if (slice_equal_nocase(keyword, SLICE("AUTH")))
		return smtp_client_note_mechanisms(c, rest);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_equal_nocase(keyword, known[i].keyword))
			c->extensions |= known[i].bit;
	}
	if (slice_equal_nocase(keyword, SLICE("SIZE")))
		slice_to_u64(slice_trim(rest), &c->max_size);
	if (slice_equal_nocase(keyword, SLICE("LIMITS")))
		smtp_client_note_limits(c, rest);
	if (slice_equal_nocase(keyword, SLICE("DELIVERBY")))
		slice_to_u64(slice_trim(rest), &c->min_by_s);
}

static void note_extensions(struct smtp_client *c)
{
	struct slice rest = buf_slice(&c->reply.text);
	c->extensions = SMTP_EXT_ESMTP;
	c->mechanisms = 0;
	c->max_size = 0;
	c->min_by_s = 0;
	smtp_client_note_limits(c, SLICE_EMPTY);
	slice_split(&rest, '\n');
	while (rest.len > 0)
		note_extension(c, slice_split(&rest, '\n'));
}

/* Our name; an address literal for want of one (RFC 5321 section 4.1.4). */
static struct slice helo_line(struct smtp_client *c, const char *verb, char *out, size_t size)
{
	char literal[NET_ADDRESS_TEXT_MAX];
	const char *name = c->config->helo;
	if (!name || !*name)
		name = net_address_literal(conn_local(c->conn), literal);
	snprintf(out, size, "%s %s", verb, name);
	return slice_from_str(out);
}

static int say_hello(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	char line[300];
	const char *verb = c->config->lmtp ? "LHLO" : "EHLO";
	int rc = smtp_client_command(c, helo_line(c, verb, line, sizeof(line)), SLICE_EMPTY);
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_EHLO, rc, arena, outcome);
	if (smtp_client_replied(c, 2)) {
		note_extensions(c);
		return 0;
	}
	c->extensions = 0;
	if (!smtp_client_replied(c, 5) || c->config->lmtp)
		return smtp_client_refused(c, SMTP_STAGE_EHLO, arena, outcome);
	rc = smtp_client_command(c, helo_line(c, "HELO", line, sizeof(line)), SLICE_EMPTY);
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_EHLO, rc, arena, outcome);
	if (!smtp_client_replied(c, 2))
		return smtp_client_refused(c, SMTP_STAGE_EHLO, arena, outcome);
	return 0;
}

/* --- TLS ----------------------------------------------------------------------------- */

static bool tls_is_needed(const struct smtp_client *c)
{
	return c->config->tls >= TLS_RULE_REQUIRED;
}

static int tls_refused(struct smtp_client *c, const char *text, struct arena *arena,
                       struct smtp_outcome *outcome)
{
	*outcome = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_TLS,
		                          .error = -EPROTO,
		                          .host = true,
		                          .tls = conn_tls_trouble(c->conn),
		                          .enhanced = { 4, 7, 4 } };
	outcome->text = slice_from_str(arena_printf(arena, "%s: TLS: %s", c->host, text));
	c->usable = false;
	return -EPROTO;
}

static int handshake(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	bool verify = c->config->tls >= TLS_RULE_VERIFIED;
	struct tls_client *tls = verify ? c->config->tls_verified : c->config->tls_any;
	const struct tls_wish plain = { .host = c->host };
	const char *why = NULL;
	int rc = conn_tls_connect_as(c->conn, tls, c->config->wish ? c->config->wish : &plain,
	                             smtp_client_deadline(c, c->config->timeouts.command_ms), &why);
	if (rc == 0)
		return 0;
	if (rc == -EPROTO)
		return tls_refused(c, why ? why : "the handshake failed", arena, outcome);
	return smtp_client_broken(c, SMTP_STAGE_TLS, rc, arena, outcome);
}

static int start_tls(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	if (c->config->tls == TLS_RULE_NONE || c->config->tls == TLS_RULE_IMPLICIT)
		return 0;
	if (!(c->extensions & SMTP_EXT_STARTTLS))
		return tls_is_needed(c) ? tls_refused(c, "not offered", arena, outcome) : 0;
	int rc = smtp_client_command(c, SLICE("STARTTLS"), SLICE_EMPTY);
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_TLS, rc, arena, outcome);
	if (c->reply.code != 220) {
		if (!tls_is_needed(c) && c->reply.code != 421)
			return 0;
		smtp_client_refused(c, SMTP_STAGE_TLS, arena, outcome);
		outcome->tls = TLS_NOT_OFFERED;
		return -EREMOTEIO;
	}
	conn_discard(c->conn);
	rc = handshake(c, arena, outcome);
	if (rc < 0)
		return rc;
	/* What was offered in clear may have been forged: ask again (RFC 3207 section 4.2). */
	return say_hello(c, arena, outcome);
}

/* --- opening and closing ------------------------------------------------------------- */

static int get_ready(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	int rc = c->config->tls == TLS_RULE_IMPLICIT ? handshake(c, arena, outcome) : 0;
	if (rc < 0)
		return rc;
	rc = smtp_client_get(c, c->config->timeouts.command_ms);
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_GREETING, rc, arena, outcome);
	if (!smtp_client_replied(c, 2))
		return smtp_client_refused(c, SMTP_STAGE_GREETING, arena, outcome);
	rc = say_hello(c, arena, outcome);
	if (rc < 0)
		return rc;
	rc = start_tls(c, arena, outcome);
	if (rc < 0)
		return rc;
	bool wants_login = c->config->user || c->config->auth == AUTH_MECHANISM_GSSAPI;
	return wants_login ? smtp_client_auth(c, arena, outcome) : 0;
}

static struct smtp_client *new_client(const struct smtp_client_config *config, const char *host)
{
	struct smtp_client *c = mem_zero(1, sizeof(*c));
	*c = (struct smtp_client){
		.config = config,
		.host = host,
		.message_deadline = config->deadline ? config->deadline : DEADLINE_NEVER,
		.usable = true,
	};
	smtp_reply_create(&c->reply);
	return c;
}

static int opened(struct smtp_client *c, int rc, struct smtp_client **out)
{
	if (rc < 0) {
		/* A refusal is answered with QUIT; a broken connection is just dropped. */
		c->usable = c->usable && rc == -EREMOTEIO;
		smtp_client_quit(c);
		return rc;
	}
	*out = c;
	return 0;
}

int smtp_client_open(const struct smtp_client_config *config, const struct net_address *to,
                     const char *host, struct arena *arena, struct smtp_client **out,
                     struct smtp_outcome *outcome)
{
	int64_t deadline = deadline_in(config->timeouts.connect_ms);
	struct conn *conn;
	if (config->deadline && config->deadline < deadline)
		deadline = config->deadline;
	int rc = conn_connect(to, config->source, deadline, &conn);
	if (rc == 0)
		return smtp_client_start(config, conn, host, arena, out, outcome);
	*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_CONNECT, rc, "4.4.1", host);
	return rc;
}

int smtp_client_start(const struct smtp_client_config *config, struct conn *conn, const char *host,
                      struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome)
{
	struct smtp_client *c = new_client(config, host);
	c->conn = conn;
	return opened(c, get_ready(c, arena, outcome), out);
}

int smtp_client_turn(const struct smtp_client_config *config, struct conn *conn, const char *host,
                     struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome)
{
	struct smtp_client *c = new_client(config, host);
	c->conn = conn;
	c->borrowed = true;
	return opened(c, get_ready(c, arena, outcome), out);
}

void smtp_client_close(struct smtp_client *c)
{
	if (!c)
		return;
	if (!c->borrowed)
		conn_close(c->conn);
	smtp_reply_destroy(&c->reply);
	hash_free(c->domains);
	free(c);
}

void smtp_client_quit(struct smtp_client *c)
{
	if (c && c->usable && smtp_client_put(c, SLICE("QUIT"), SLICE_EMPTY) == 0)
		smtp_client_get(c, QUIT_TIMEOUT_MS);
	smtp_client_close(c);
}
