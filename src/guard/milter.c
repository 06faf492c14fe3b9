#include "guard/milter.h"

#include <errno.h>

#include "guard/milter_parse.h"
#include "message/header.h"
#include "net/conn.h"

struct milter {
	const struct config_filter *filter;
	const struct filter_question *question;
	struct filter_answer *answer;
	struct conn *conn;
	struct buf in, out;
	size_t used; /* of in: the packet that was looked at last */
	int64_t deadline;
	uint32_t protocol, version;
	bool decided; /* nothing more is to be shown */
	bool skip;    /* nothing more of the body */
};

/* --- packets ------------------------------------------------------------------------------ */

static int send_all(struct milter *m)
{
	int64_t deadline = filter_sooner(m->filter->command_timeout_ms, m->deadline);
	int rc = buf_failed(&m->out) ? -EMSGSIZE
	                             : conn_write(m->conn, buf_slice(&m->out), deadline);
	if (rc == 0)
		rc = conn_flush(m->conn, deadline);
	buf_clear(&m->out);
	return rc;
}

/* The next answer; its slices are valid until the next call. */
static int receive(struct milter *m, int64_t timeout_ms, struct milter_message *out)
{
	int64_t deadline = filter_sooner(timeout_ms, m->deadline);
	buf_consume(&m->in, m->used);
	m->used = 0;
	for (;;) {
		struct slice rest = buf_slice(&m->in), packet;
		int rc = milter_take_packet(&rest, &packet);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			m->used = m->in.len - rest.len;
			return milter_parse(packet, out);
		}
		if (conn_buffered(m->conn).len == 0 && (rc = conn_fill(m->conn, deadline)) <= 0)
			return rc == 0 ? -ECONNRESET : rc;
		struct slice more = conn_buffered(m->conn);
		rc = buf_append(&m->in, more);
		if (rc < 0)
			return rc;
		conn_consume(m->conn, more.len);
	}
}

/* --- what it wants to be changed ---------------------------------------------------------- */

static int change_field(struct milter *m, const struct milter_message *msg)
{
	int kind = msg->answer == MILTER_ADD_HEADER      ? FILTER_ADD_FIELD
	           : msg->answer == MILTER_INSERT_HEADER ? FILTER_INSERT_FIELD
	                                                 : FILTER_CHANGE_FIELD;
	return filter_want_field(m->answer, kind, msg->index, msg->name, msg->value,
	                         m->protocol & MILTER_LEADING_SPACE);
}

static int change_body(struct milter *m, struct slice piece)
{
	const struct filter_question *q = m->question;
	struct filter_answer *a = m->answer;
	if (!a->has_body)
		spool_create(&a->body, q->dir, q->memory_bytes, q->max_bytes, piece.len);
	a->has_body = true;
	(void)spool_add(&a->body, piece);
	return spool_is_over(&a->body) ? -EFBIG : 0;
}

static int change(struct milter *m, const struct milter_message *msg)
{
	struct filter_answer *a = m->answer;
	switch (msg->answer) {
	case MILTER_ADD_HEADER:
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
		return change_field(m, msg);
	case MILTER_ADD_RCPT:
	case MILTER_ADD_RCPT_ARGS:
	case MILTER_DELETE_RCPT:
		return filter_want_recipient(a, msg->answer == MILTER_DELETE_RCPT, msg->value);
	case MILTER_REPLACE_BODY:
		return change_body(m, msg->value);
	case MILTER_CHANGE_FROM:
		return filter_want_sender(a, msg->value);
	case MILTER_QUARANTINE:
		return filter_want_quarantine(a, msg->value);
	default:
		return -EPROTO;
	}
}

/* --- verdicts ----------------------------------------------------------------------------- */

static int refuse(struct milter *m, struct config_reply reply)
{
	m->answer->fate = FILTER_REFUSE;
	m->answer->reply = reply;
	m->decided = true;
	return 0;
}

static int verdict(struct milter *m, const struct milter_message *msg)
{
	struct config_reply reply;
	switch (msg->answer) {
	case MILTER_CONTINUE:
		return 0;
	case MILTER_SKIPPED:
		m->skip = true;
		return 0;
	case MILTER_ACCEPT:
		m->decided = true;
		return 0;
	case MILTER_DISCARD:
		m->answer->fate = FILTER_DISCARD;
		m->decided = true;
		return 0;
	case MILTER_REJECT:
		return refuse(m, (struct config_reply){ 550, "5.7.1", "Refused by a filter" });
	case MILTER_TEMPFAIL:
		return refuse(m, (struct config_reply){ 451, "4.7.1", "Try again later" });
	case MILTER_SHUTDOWN:
		return refuse(m, (struct config_reply){ 421, "4.7.1", "Try again later" });
	case MILTER_REPLY:
		return milter_parse_reply(m->answer->arena, msg->value, &reply) ? refuse(m, reply)
		                                                                : -EPROTO;
	case MILTER_CONNFAIL:
		return -ECONNABORTED;
	default:
		return -EPROTO;
	}
}

/* Sends what was prepared and looks at the answer, if there is to be one. */
static int exchange(struct milter *m, bool quiet)
{
	struct milter_message msg;
	int rc = send_all(m);
	if (rc < 0 || quiet)
		return rc;
	do
		rc = receive(m, m->filter->command_timeout_ms, &msg);
	while (rc == 0 && msg.answer == MILTER_PROGRESS);
	return rc < 0 ? rc : verdict(m, &msg);
}

/* --- stages ------------------------------------------------------------------------------- */

static void put_macro(struct milter *m, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	milter_put_string(&m->out, slice_from_str(name));
	milter_put_string(&m->out, slice_from_str(value));
}

/* Without the brackets. */
static const char *bare(struct milter *m, struct slice path)
{
	bool has = path.len >= 2 && path.data[0] == '<';
	return arena_str(m->answer->arena, has ? slice_sub(path, 1, path.len - 2) : path);
}

static void put_macros(struct milter *m, char command, const char *recipient)
{
	const struct filter_question *q = m->question;
	char ip[NET_ADDRESS_TEXT_MAX];
	size_t at;
	milter_put_begin(&m->out, 'D', &at);
	(void)buf_append_byte(&m->out, command);
	if (command == 'C') {
		put_macro(m, "j", q->hostname);
		put_macro(m, "v", "Veredus");
		put_macro(m, "{daemon_name}", q->listener);
		put_macro(m, "{client_addr}", net_address_ip(q->client, ip));
		put_macro(m, "{client_name}", q->client_name ? q->client_name : "unknown");
	} else if (command == 'H') {
		put_macro(m, "{tls_version}", q->tls_protocol);
		put_macro(m, "{cipher}", q->tls_cipher);
	} else if (command == 'M') {
		put_macro(m, "i", q->queue_id);
		put_macro(m, "{auth_type}", q->account ? "SASL" : NULL);
		put_macro(m, "{auth_authen}", q->account);
		put_macro(m, "{mail_addr}", bare(m, q->sender));
	} else if (command == 'R') {
		put_macro(m, "{rcpt_addr}", recipient);
	} else {
		put_macro(m, "i", q->queue_id);
	}
	milter_put_end(&m->out, at);
}

/* A command whose data is one text, or nothing. */
static int simple(struct milter *m, char command, const struct slice *text, uint32_t no,
                  uint32_t quiet)
{
	size_t at;
	if (m->decided || m->protocol & no)
		return 0;
	put_macros(m, command, command == 'R' ? bare(m, *text) : NULL);
	milter_put_begin(&m->out, command, &at);
	if (text)
		milter_put_string(&m->out, *text);
	milter_put_end(&m->out, at);
	return exchange(m, m->protocol & quiet);
}

static int negotiate(struct milter *m)
{
	struct milter_message msg = { .answer = MILTER_CONTINUE };
	size_t at;
	milter_put_begin(&m->out, 'O', &at);
	milter_put_number(&m->out, MILTER_VERSION);
	milter_put_number(&m->out, MILTER_MAY_ALL);
	milter_put_number(&m->out, MILTER_OFFERED);
	milter_put_end(&m->out, at);
	int rc = send_all(m);
	if (rc == 0)
		rc = receive(m, m->filter->command_timeout_ms, &msg);
	if (rc < 0)
		return rc;
	/* What was not offered would not be done. */
	if (msg.answer != MILTER_OPTIONS || msg.options.actions & ~(uint32_t)MILTER_MAY_ALL ||
	    msg.options.protocol & ~(uint32_t)MILTER_OFFERED)
		return -EPROTO;
	m->protocol = msg.options.protocol;
	m->version = msg.options.version;
	return 0;
}

static int show_connect(struct milter *m)
{
	const struct filter_question *q = m->question;
	char ip[NET_ADDRESS_TEXT_MAX], literal[NET_ADDRESS_TEXT_MAX];
	size_t at;
	if (m->protocol & MILTER_NO_CONNECT)
		return 0;
	int family = q->client->any.sa_family;
	bool is_v6 = family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&q->client->v6.sin6_addr);
	uint16_t port = net_address_port(q->client);
	put_macros(m, 'C', NULL);
	milter_put_begin(&m->out, 'C', &at);
	milter_put_string(&m->out,
	                  slice_from_str(q->client_name ? q->client_name
	                                                : net_address_literal(q->client, literal)));
	/* Who comes over a Unix socket is this host. */
	(void)buf_append_byte(&m->out, is_v6 ? '6' : '4');
	(void)buf_append_byte(&m->out, (char)(port >> 8));
	(void)buf_append_byte(&m->out, (char)(port & 0xFF));
	milter_put_string(
		&m->out,
		slice_from_str(family == AF_UNIX ? "127.0.0.1" : net_address_ip(q->client, ip)));
	milter_put_end(&m->out, at);
	return exchange(m, m->protocol & MILTER_QUIET_CONNECT);
}

static int show_envelope(struct milter *m)
{
	const struct filter_question *q = m->question;
	struct slice helo = slice_from_str(q->helo);
	int rc = show_connect(m);
	if (rc == 0 && helo.len > 0)
		rc = simple(m, 'H', &helo, MILTER_NO_HELO, MILTER_QUIET_HELO);
	if (rc == 0)
		rc = simple(m, 'M', &q->sender, MILTER_NO_MAIL, MILTER_QUIET_MAIL);
	for (size_t i = 0; i < q->recipient_count && rc == 0; i++)
		rc = simple(m, 'R', &q->recipients[i], MILTER_NO_RCPT, MILTER_QUIET_RCPT);
	if (rc < 0 || m->version < MILTER_VERSION_DATA)
		return rc;
	return simple(m, 'T', NULL, MILTER_NO_DATA, MILTER_QUIET_DATA);
}

static int show_fields(struct milter *m, struct slice header, struct slice *rest_out)
{
	struct header_walk walk = { .rest = header };
	struct header_field f;
	int rc = 0;
	while (header_next(&walk, &f)) {
		size_t at;
		/* What is no field can't be told as one. */
		if (rc < 0 || m->decided || m->protocol & MILTER_NO_HEADER || f.name.len == 0)
			continue;
		milter_put_begin(&m->out, 'L', &at);
		milter_put_string(&m->out, slice_sub(f.name, 0, 998));
		milter_put_value(&m->out, f.value, m->protocol & MILTER_LEADING_SPACE);
		milter_put_end(&m->out, at);
		rc = exchange(m, m->protocol & MILTER_QUIET_HEADER);
	}
	*rest_out = walk.rest;
	return rc;
}

/* The body begins at *body_out. */
static int show_header(struct milter *m, struct slice *body_out)
{
	int rc = show_fields(m, m->question->results, body_out);
	if (rc == 0)
		rc = show_fields(m, m->question->message, body_out);
	return rc == 0 ? simple(m, 'N', NULL, MILTER_NO_EOH, MILTER_QUIET_EOH) : rc;
}

static int show_body(struct milter *m, struct slice body)
{
	int rc = 0;
	while (body.len > 0 && rc == 0 && !m->decided && !m->skip &&
	       !(m->protocol & MILTER_NO_BODY)) {
		struct slice piece = slice_sub(body, 0, MILTER_CHUNK_MAX);
		size_t at;
		milter_put_begin(&m->out, 'B', &at);
		(void)buf_append(&m->out, piece);
		milter_put_end(&m->out, at);
		rc = exchange(m, m->protocol & MILTER_QUIET_BODY);
		body = slice_from(body, piece.len);
	}
	return rc;
}

static bool is_change(enum milter_answer answer)
{
	return answer == MILTER_ADD_HEADER || answer == MILTER_INSERT_HEADER ||
	       answer == MILTER_CHANGE_HEADER || answer == MILTER_CHANGE_FROM ||
	       answer == MILTER_ADD_RCPT || answer == MILTER_ADD_RCPT_ARGS ||
	       answer == MILTER_DELETE_RCPT || answer == MILTER_REPLACE_BODY ||
	       answer == MILTER_QUARANTINE;
}

/* The end: what it wants to be changed, and then its verdict. */
static int show_end(struct milter *m)
{
	struct milter_message msg;
	size_t at;
	put_macros(m, 'E', NULL);
	milter_put_begin(&m->out, 'E', &at);
	milter_put_end(&m->out, at);
	int rc = send_all(m);
	while (rc == 0) {
		rc = receive(m, m->filter->message_timeout_ms, &msg);
		if (rc < 0)
			break;
		if (is_change(msg.answer))
			rc = change(m, &msg);
		else if (msg.answer != MILTER_PROGRESS)
			return msg.answer == MILTER_SKIPPED ? -EPROTO : verdict(m, &msg);
	}
	return rc;
}

static int show(struct milter *m)
{
	struct slice body = SLICE_EMPTY;
	int rc = negotiate(m);
	if (rc == 0)
		rc = show_envelope(m);
	if (rc == 0 && !m->decided)
		rc = show_header(m, &body);
	if (rc == 0 && !m->decided)
		rc = show_body(m, body);
	return rc == 0 && !m->decided ? show_end(m) : rc;
}

int milter_ask(const struct config_filter *filter, const struct filter_question *question,
               int64_t deadline, struct filter_answer *out)
{
	struct milter m = {
		.filter = filter,
		.question = question,
		.answer = out,
		.in = buf_make(MILTER_PACKET_MAX + CONN_BUFFER_MAX + 4),
		.out = buf_make(4 * (size_t)MILTER_CHUNK_MAX),
		.deadline = deadline,
	};
	out->shown = question->results;
	int rc = conn_connect(&filter->address, NULL,
	                      filter_sooner(filter->connect_timeout_ms, deadline), &m.conn);
	if (rc == 0) {
		size_t at;
		rc = show(&m);
		/* Good-bye, if there is somebody to hear it. */
		buf_clear(&m.out);
		milter_put_begin(&m.out, 'Q', &at);
		milter_put_end(&m.out, at);
		if (rc == 0)
			(void)send_all(&m);
		conn_close(m.conn);
	}
	buf_free(&m.in);
	buf_free(&m.out);
	return rc;
}
