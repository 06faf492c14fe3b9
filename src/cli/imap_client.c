#include "cli/imap_client.h"

#include <errno.h>
#include <stdio.h>

#include "base/codec.h"
#include "imap/imap_lexer.h"
#include "net/conn.h"

enum { WHY_MAX = 300, GOODBYE_MS = 2000, COMMAND_MAX = 16 * 1024 };

struct imap_client {
	const struct imap_client_config *config;
	struct conn *conn;
	struct buf response;
	struct arena *arena; /* of one command */
	unsigned tag;
	unsigned capabilities;
	bool usable;
	char why[WHY_MAX];
};

const char *imap_client_why(const struct imap_client *c) { return c->why; }
unsigned imap_client_capabilities(const struct imap_client *c) { return c->capabilities; }

static int fail(struct imap_client *c, int rc, const char *what)
{
	c->usable = false;
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why), "%s: %s", what, strerrordesc_np(-rc));
	return rc;
}

/* What the server says must not reach a terminal as control characters. */
static int refuse(struct imap_client *c, struct slice text)
{
	snprintf(c->why, sizeof(c->why), "%.*s", (int)(text.len < 200 ? text.len : 200), text.data);
	for (char *p = c->why; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return IMAP_CLIENT_NO;
}

static int64_t deadline(const struct imap_client *c) { return deadline_in(c->config->timeout_ms); }

/* --- responses -------------------------------------------------------------------------------- */

/* Moves bytes up to and with the first LF into the response, or len bytes if that is not 0. */
static int move_bytes(struct imap_client *c, uint64_t len, int64_t until)
{
	bool line = len == 0;
	for (;;) {
		struct slice some = conn_buffered(c->conn);
		ptrdiff_t end = line ? slice_find_byte(some, '\n') : -1;
		if (line && end >= 0)
			some = slice_sub(some, 0, (size_t)end + 1);
		else if (!line)
			some = slice_sub(some, 0, len < some.len ? (size_t)len : some.len);
		if (buf_append(&c->response, some) < 0)
			return -EMSGSIZE;
		conn_consume(c->conn, some.len);
		len -= line ? 0 : some.len;
		if ((line && end >= 0) || (!line && len == 0))
			return 0;
		int rc = conn_fill(c->conn, until);
		if (rc <= 0)
			return rc < 0 ? rc : -ECONNRESET;
	}
}

/* The whole of it, literals included, without its last CRLF. */
static int read_response(struct imap_client *c, int64_t until, struct slice *out)
{
	struct slice prefix, rest;
	uint64_t size;
	bool at_once;
	size_t line = 0;
	buf_clear(&c->response);
	for (;;) {
		int rc = move_bytes(c, 0, until);
		if (rc < 0)
			return rc;
		rest = slice_trim(slice_from(buf_slice(&c->response), line));
		if (!imap_line_literal(rest, &size, &at_once, &prefix))
			break;
		if (size > 0)
			rc = size > c->config->response_bytes ? -EMSGSIZE
			                                      : move_bytes(c, size, until);
		if (rc < 0)
			return rc;
		line = c->response.len;
	}
	*out = buf_slice(&c->response);
	while (out->len > line &&
	       (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		out->len--;
	return 0;
}

/* "OK text" and the like: 0, or IMAP_CLIENT_NO. */
static int take_result(struct imap_client *c, struct slice text)
{
	return slice_starts_with_nocase(text, SLICE("OK")) ? 0 : refuse(c, text);
}

/* Up to the tagged response; 2 if stop_at_plus and the server wants more. */
static int read_responses(struct imap_client *c, imap_client_take take, void *arg,
                          bool stop_at_plus)
{
	char tag[24];
	int len = snprintf(tag, sizeof(tag), "a%u ", c->tag);
	struct slice ours = slice_of(tag, (size_t)len), response;
	for (;;) {
		int rc = read_response(c, deadline(c), &response);
		if (rc < 0)
			return fail(c, rc, "reading");
		if (slice_starts_with(response, ours))
			return take_result(c, slice_from(response, ours.len));
		if (stop_at_plus && slice_starts_with(response, SLICE("+")))
			return 2;
		if (slice_starts_with(response, SLICE("* "))) {
			response = slice_from(response, 2);
			if (slice_starts_with_nocase(response, SLICE("BYE")))
				refuse(c, response);
			rc = take ? take(arg, response) : 0;
		}
		if (rc < 0)
			return fail(c, rc, "an answer");
	}
}

/* --- commands --------------------------------------------------------------------------------- */

static int send_text(struct imap_client *c, struct slice text)
{
	int rc = conn_write(c->conn, text, deadline(c));
	return rc < 0 ? fail(c, rc, "writing") : 0;
}

__attribute__((format(printf, 2, 0))) static int vsend(struct imap_client *c, const char *format,
                                                       va_list args)
{
	struct buf line = buf_make(COMMAND_MAX);
	c->why[0] = '\0';
	buf_printf(&line, "a%u ", ++c->tag);
	buf_vprintf(&line, format, args);
	int rc = buf_failed(&line) ? fail(c, -E2BIG, "a command") : send_text(c, buf_slice(&line));
	buf_free(&line);
	return rc;
}

static int flush(struct imap_client *c)
{
	int rc = conn_flush(c->conn, deadline(c));
	return rc < 0 ? fail(c, rc, "writing") : 0;
}

int imap_client_run(struct imap_client *c, imap_client_take take, void *arg, const char *format,
                    ...)
{
	va_list args;
	va_start(args, format);
	int rc = vsend(c, format, args);
	va_end(args);
	if (rc == 0)
		rc = send_text(c, SLICE("\r\n"));
	if (rc == 0)
		rc = flush(c);
	return rc == 0 ? read_responses(c, take, arg, false) : rc;
}

int imap_client_run_literal(struct imap_client *c, struct slice literal, imap_client_take take,
                            void *arg, const char *format, ...)
{
	char announcement[32];
	bool at_once = c->capabilities & IMAP_CAN_LITERAL_PLUS;
	int len = snprintf(announcement, sizeof(announcement),
	                   at_once ? " {%zu+}\r\n" : " {%zu}\r\n", literal.len);
	va_list args;
	va_start(args, format);
	int rc = vsend(c, format, args);
	va_end(args);
	if (rc == 0)
		rc = send_text(c, slice_of(announcement, (size_t)len));
	if (rc == 0 && !at_once) {
		rc = flush(c);
		rc = rc == 0 ? read_responses(c, take, arg, true) : rc;
		if (rc != 2)
			return rc;
		rc = 0;
	}
	if (rc == 0)
		rc = send_text(c, literal);
	if (rc == 0)
		rc = send_text(c, SLICE("\r\n"));
	if (rc == 0)
		rc = flush(c);
	return rc == 0 ? read_responses(c, take, arg, false) : rc;
}

int imap_client_idle(struct imap_client *c, imap_client_take take, void *arg,
                     bool (*done)(void *arg), int64_t until)
{
	char line[32];
	struct slice response;
	int len = snprintf(line, sizeof(line), "a%u IDLE\r\n", ++c->tag);
	int rc = send_text(c, slice_of(line, (size_t)len));
	if (rc == 0)
		rc = flush(c);
	rc = rc == 0 ? read_responses(c, take, arg, true) : rc;
	if (rc != 2)
		return rc;
	rc = 0;
	while (rc == 0 && !done(arg)) {
		rc = read_response(c, until, &response);
		if (rc == 0 && slice_starts_with(response, SLICE("* ")) && take)
			rc = take(arg, slice_from(response, 2));
	}
	if (rc < 0 && rc != -ETIMEDOUT)
		return fail(c, rc, "idling");
	rc = send_text(c, SLICE("DONE\r\n"));
	if (rc == 0)
		rc = flush(c);
	return rc == 0 ? read_responses(c, take, arg, false) : rc;
}

const char *imap_client_quoted(struct arena *arena, struct slice text)
{
	char *out = arena_alloc(arena, text.len * 2 + 3);
	size_t len = 0;
	out[len++] = '"';
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == '\r' || byte == '\n' || byte == '\0') /* no quoted string has them */
			continue;
		if (byte == '"' || byte == '\\')
			out[len++] = '\\';
		out[len++] = byte;
	}
	out[len++] = '"';
	out[len] = '\0';
	return out;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void note_capability(struct imap_client *c, struct slice name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = { { "SASL-IR", IMAP_CAN_SASL_IR },
		      { "AUTH=PLAIN", IMAP_CAN_PLAIN },
		      { "CONDSTORE", IMAP_CAN_CONDSTORE },
		      { "QRESYNC", IMAP_CAN_CONDSTORE },
		      { "NAMESPACE", IMAP_CAN_NAMESPACE },
		      { "LITERAL+", IMAP_CAN_LITERAL_PLUS },
		      { "IDLE", IMAP_CAN_IDLE } };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(names[i].name)))
			c->capabilities |= names[i].bit;
	}
}

static int take_capabilities(void *arg, struct slice response)
{
	if (!slice_starts_with_nocase(response, SLICE("CAPABILITY ")))
		return 0;
	while (response.len > 0)
		note_capability(arg, slice_split(&response, ' '));
	return 0;
}

static int ask_capabilities(struct imap_client *c)
{
	c->capabilities = 0;
	return imap_client_run(c, take_capabilities, c, "CAPABILITY");
}

static int start_tls(struct imap_client *c, const char *host)
{
	const char *why = NULL;
	conn_discard(c->conn);
	int rc = conn_tls_connect(c->conn, c->config->tls_client, host, deadline(c), &why);
	if (rc < 0 && why)
		snprintf(c->why, sizeof(c->why), "TLS: %s", why);
	return rc < 0 ? fail(c, rc, "TLS") : 0;
}

static int read_greeting(struct imap_client *c)
{
	struct slice greeting;
	int rc = read_response(c, deadline(c), &greeting);
	if (rc < 0)
		return fail(c, rc, "greeting");
	if (slice_starts_with_nocase(greeting, SLICE("* OK")))
		return 0;
	refuse(c, greeting);
	return fail(c, -EPROTO, "greeting");
}

static int authenticate_plain(struct imap_client *c)
{
	const struct imap_client_config *g = c->config;
	struct slice parts[] = { slice_from_str(g->master ? g->user : ""),
		                 { "", 1 },
		                 slice_from_str(g->master ? g->master : g->user),
		                 { "", 1 },
		                 slice_from_str(g->password) };
	struct slice text = base64_encode_arena(c->arena, arena_concat(c->arena, parts, 5));
	if (c->capabilities & IMAP_CAN_SASL_IR)
		return imap_client_run(c, NULL, NULL, "AUTHENTICATE PLAIN %.*s", SLICE_ARG(text));
	char line[40];
	int len = snprintf(line, sizeof(line), "a%u AUTHENTICATE PLAIN\r\n", ++c->tag);
	int rc = send_text(c, slice_of(line, (size_t)len));
	if (rc == 0)
		rc = flush(c);
	rc = rc == 0 ? read_responses(c, NULL, NULL, true) : rc;
	if (rc != 2)
		return rc;
	rc = send_text(c, text);
	if (rc == 0)
		rc = send_text(c, SLICE("\r\n"));
	if (rc == 0)
		rc = flush(c);
	return rc == 0 ? read_responses(c, NULL, NULL, false) : rc;
}

static int login(struct imap_client *c)
{
	const struct imap_client_config *g = c->config;
	if (!g->user)
		return 0;
	if (g->master || (c->capabilities & IMAP_CAN_PLAIN))
		return authenticate_plain(c);
	return imap_client_run(c, NULL, NULL, "LOGIN %s %s",
	                       imap_client_quoted(c->arena, slice_from_str(g->user)),
	                       imap_client_quoted(c->arena, slice_from_str(g->password)));
}

static int open_session(struct imap_client *c, const struct client_hop *hop)
{
	int rc = conn_connect(&hop->address, NULL, deadline(c), &c->conn);
	if (rc < 0)
		return fail(c, rc, hop->host);
	c->usable = true;
	if (c->config->tls == TLS_RULE_IMPLICIT)
		rc = start_tls(c, hop->host);
	if (rc == 0)
		rc = read_greeting(c);
	if (rc == 0 && c->config->tls == TLS_RULE_REQUIRED) {
		rc = imap_client_run(c, NULL, NULL, "STARTTLS");
		rc = rc == 0 ? start_tls(c, hop->host) : rc;
	}
	if (rc == 0)
		rc = ask_capabilities(c);
	if (rc == 0)
		rc = login(c);
	return rc == 0 ? ask_capabilities(c) : rc;
}

int imap_client_open(const struct imap_client_config *config, const struct client_hop *hop,
                     struct imap_client **out)
{
	struct imap_client *c = mem_zero(1, sizeof(*c));
	c->config = config;
	c->arena = arena_new();
	c->response = buf_make(config->response_bytes);
	*out = c;
	int rc = open_session(c, hop);
	arena_reset(c->arena);
	return rc;
}

void imap_client_close(struct imap_client *c)
{
	if (!c)
		return;
	if (c->usable) {
		conn_printf(c->conn, deadline_in(GOODBYE_MS), "a%u LOGOUT\r\n", ++c->tag);
		conn_flush(c->conn, deadline_in(GOODBYE_MS));
	}
	conn_close(c->conn);
	buf_free(&c->response);
	arena_free(c->arena);
	free(c);
}
