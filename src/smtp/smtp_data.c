/* DATA, up to the 250. */
#include <errno.h>

#include "base/log.h"
#include "message/dotstuff.h"
#include "message/header.h"
#include "smtp/smtp_filter.h"
#include "smtp/smtp_fixup.h"
#include "smtp/smtp_options.h"
#include "smtp/smtp_quarantine.h"
#include "smtp/smtp_score.h"
#include "smtp/smtp_session.h"
#include "smtp/smtp_trace.h"
#include "smtp/smtp_trust.h"
#include "store/spool.h"

/* Bytes after which a sender that is never waited for gives way to other sessions. */
#define TURN_BYTES (1024 * 1024)
/* Room in memory for a message whose size was not declared. */
#define EXPECTED_BYTES (16 * 1024)

struct reception {
	struct smtp_session *session;
	struct spool spool;
	struct dot_unstuffer unstuffer;
	int64_t started_ms; /* monotonic */
	uint64_t turn_bytes;
	bool done; /* the final dot was read */
};

/* Each block has its time-out (RFC 5321 section 4.5.3.2.5), and all of them together have one
 * that grows with what has come: twice that time, and what the bytes may take at the least rate.
 * A session that sends a byte now and then would else live for ever. */
int64_t smtp_data_deadline(const struct smtp_session *s, int64_t started_ms, uint64_t bytes)
{
	int64_t timeout_ms = s->config->smtp.data_timeout_ms;
	int64_t for_block = deadline_in(timeout_ms);
	if (timeout_ms < 0)
		return for_block;
	int64_t for_all = started_ms + 2 * timeout_ms +
	                  (int64_t)(bytes * 1000 / s->config->smtp.min_data_rate);
	return for_block < for_all ? for_block : for_all;
}

int smtp_data_wait(struct smtp_session *s, int64_t deadline)
{
	struct conn *conn = s->base.conn;
	int rc = conn_flush(conn, deadline);
	if (rc < 0)
		return rc;
	rc = conn_fill(conn, deadline);
	return rc == 0 ? -ECONNRESET : rc;
}

void smtp_data_take_turn(uint64_t *turn_bytes, size_t used)
{
	*turn_bytes += used;
	if (*turn_bytes < TURN_BYTES)
		return;
	*turn_bytes = 0;
	fiber_yield();
}

/* Reads up to the final dot; 0, or why not. What is too big is read on, within reason, so that
 * the client gets to see its 552. */
static int reception_read(struct reception *r)
{
	struct conn *conn = r->session->base.conn;
	while (!r->done) {
		struct slice chunk = conn_buffered(conn);
		if (chunk.len == 0) {
			int rc = smtp_data_wait(
				r->session,
				smtp_data_deadline(r->session, r->started_ms, r->spool.size_bytes));
			if (rc < 0)
				return rc;
			continue;
		}
		size_t used;
		int rc = dot_unstuff(&r->unstuffer, chunk, spool_add, &r->spool, &used);
		if (rc < 0)
			return rc;
		conn_consume(conn, used);
		r->done = rc == 1;
		if (r->spool.size_bytes / 2 > r->spool.max_bytes)
			return -EFBIG;
		smtp_data_take_turn(&r->turn_bytes, used);
	}
	return 0;
}

void smtp_data_fail(struct smtp_session *s, int error)
{
	if (error == -EFBIG)
		smtp_say(s, SMTP_ANSWER_FAR_TOO_BIG);
	else if (error == -ETIMEDOUT)
		smtp_say(s, SMTP_ANSWER_TOO_SLOW);
	else
		smtp_end_on_error(s, error);
}

struct slice smtp_data_received(struct smtp_session *s, const struct post_client *client,
                                const char *queue_id)
{
	struct smtp_transaction *t = s->transaction;
	struct slice for_path = SLICE_EMPTY;
	if (t->recipient_count == 1) {
		const struct address only = { .local = t->recipients[0].local,
			                      .domain = t->recipients[0].domain };
		for_path = address_path(t->arena, &only);
	}
	const struct smtp_trace trace = {
		.helo = slice_from_str(s->helo),
		.peer = &s->client.address,
		.peer_name = client->local_user ? client->local_user
		             : s->client.name   ? s->client.name
		                                : smtp_guard_name(s),
		.hostname = s->config->hostname,
		.protocol = client->protocol,
		.tls_protocol = s->client.tls_protocol,
		.tls_cipher = s->client.tls_cipher,
		.queue_id = queue_id,
		.for_path = for_path,
		.priority = t->options.priority,
		.at_s = clock_wall_ms() / 1000,
	};
	return smtp_trace_field(t->arena, &trace);
}

static struct slice smtp_trace_of(struct smtp_session *s, const struct post_client *client,
                                  const char *queue_id)
{
	struct smtp_transaction *t = s->transaction;
	const struct slice fields[] = { smtp_trust_field(s),
		                        smtp_data_received(s, client, queue_id),
		                        smtp_guard_fields(s, t->arena),
		                        smtp_score_field(s, t->arena) };
	return arena_concat(t->arena, fields, 4);
}

enum post_result smtp_deliver(struct smtp_session *s, struct slice message,
                              char queue_id[static 17])
{
	struct smtp_transaction *t = s->transaction;
	char new_id[17];
	smtp_filter_id(s, new_id);
	struct post_client client = s->client;
	client.forwarded = smtp_forward_text(s, t->arena);
	client.local_user = smtp_local_user(s, t->arena);
	struct smtp_dsn dsn = { .count = 0 };
	if (t->smtputf8)
		client.protocol = smtp_is_lmtp(s)
		                          ? smtp_trace_protocol_lmtp(true, client.tls_protocol,
		                                                     client.account)
		                          : smtp_trace_protocol_utf8(client.tls_protocol,
		                                                     client.account);
	const struct post_hold *hold = smtp_quarantine(s);
	smtp_dsn_hold(t, hold);
	if (t->told && smtp_dsn_prepare(s, new_id, message, &dsn) < 0)
		return POST_FAILED;
	t->refusal = ARENA_NEW(t->arena, struct post_refusal);
	const struct post_note *notes;
	size_t note_count = smtp_guard_notes(s, &notes);
	smtp_trust_note(s, &notes, &note_count);
	smtp_filter_note(s, &notes, &note_count);
	const struct post_envelope envelope = {
		.queue_id = new_id,
		.reverse_path = address_text(t->arena, &t->sender),
		.recipients = t->recipients,
		.recipient_count = t->recipient_count,
		.smtputf8 = t->smtputf8,
		.body_8bit = t->body_8bit,
		.body_binary = t->body_binary,
		.envid = t->envid,
		.ret = t->ret,
		.options = t->options,
		.file_sent = smtp_is_submission(s),
		.bcc = t->bcc,
		.reports = dsn.parcels,
		.report_count = dsn.count,
		.notes = notes,
		.note_count = note_count,
		.checked = t->trust,
		.junk = smtp_trust_is_junk(s) || smtp_filter_is_junk(s),
		.hold = hold,
		.refusal = t->refusal,
		.score = { .known = t->score != NULL,
		           .total = t->score ? t->score->total : 0,
		           .junk = s->config->score.junk },
	};
	enum post_result result = post_deliver(s->context->post, &client, &envelope,
	                                       smtp_trace_of(s, &client, new_id), message,
	                                       queue_id);
	smtp_dsn_end(&dsn, result == POST_ACCEPTED);
	if (result == POST_ACCEPTED && client.forwarded)
		log_info("smtp.xforward", kv_int("session", (int64_t)s->base.id),
		         kv_str("queue_id", queue_id), kv_str("for", client.forwarded));
	return result;
}

enum smtp_answer smtp_result_answer(const struct config *config, enum post_result result)
{
	switch (result) {
	case POST_FULL:
		return SMTP_ANSWER_DISK_FULL;
	case POST_LOOP:
		return SMTP_ANSWER_MAIL_LOOP;
	case POST_QUOTA:
		return smtp_verdict_answer(config, POST_OVER_QUOTA);
	default:
		return SMTP_ANSWER_TEMPORARY;
	}
}

void smtp_say_unwanted(struct smtp_session *s)
{
	const struct config_reply reply = { .code = 550,
		                            .enhanced = "5.7.1",
		                            .text = s->transaction->refusal->text };
	smtp_say_refused(s, &reply);
}

void smtp_count_message(struct smtp_session *s, size_t size)
{
	s->accepted++;
	s->junk = 0;
	guard_credit(s->context->guard, &s->client.address);
	s->message_bytes += size;
}

bool smtp_deliver_to_all(struct smtp_session *s, struct slice message)
{
	char queue_id[17];
	enum post_result result = smtp_deliver(s, message, queue_id);
	if (result == POST_REFUSED) {
		smtp_say_unwanted(s);
		return false;
	}
	if (result != POST_ACCEPTED) {
		smtp_say(s, smtp_result_answer(s->config, result));
		return false;
	}
	smtp_count_message(s, message.len);
	if (s->verbose)
		smtp_verbose_tell(s);
	smtp_say_accepted(s, queue_id);
	return true;
}

/* Of a binary message only the body is free of lines. */
static bool has_bare_in_header(struct slice message)
{
	struct slice header = slice_sub(message, 0, header_length(message));
	char before = 0;
	for (size_t i = 0; i < header.len; i++) {
		char c = header.data[i];
		if (c == '\0' || (c == '\n') != (before == '\r'))
			return true;
		before = c;
	}
	return before == '\r';
}

static void smtp_data_hand_on(struct smtp_session *s, struct slice message)
{
	if (smtp_is_lmtp(s))
		smtp_lmtp_finish(s, message);
	else if (s->transaction->terminal != SMTP_MAIL)
		smtp_terminal_finish(s, message);
	else
		smtp_deliver_to_all(s, message);
}

static void smtp_data_deliver(struct smtp_session *s, struct slice message)
{
	struct smtp_fixed fixed;
	if (smtp_fixup(s, message, &fixed)) {
		struct smtp_filtered filtered;
		s->transaction->bcc = buf_slice(&fixed.bcc);
		if (smtp_filter(s, fixed.message, &filtered))
			smtp_data_hand_on(s, filtered.message);
		smtp_filtered_end(&filtered);
	}
	smtp_fixed_end(&fixed);
}

void smtp_data_finish(struct smtp_session *s, struct spool *spool, bool has_bare)
{
	struct slice message;
	if (spool_is_over(spool)) {
		smtp_say_outcome(s, SMTP_ANSWER_TOO_BIG);
		return;
	}
	if (has_bare) {
		smtp_say_outcome(s, SMTP_ANSWER_BARE_IN_MESSAGE);
		return;
	}
	int rc = spool_view(spool, &message);
	if (rc < 0) {
		log_error("smtp.spool.failed", kv_error(rc));
		smtp_say_outcome(s, rc == -ENOSPC ? SMTP_ANSWER_DISK_FULL : SMTP_ANSWER_TEMPORARY);
		return;
	}
	if (s->transaction->body_binary && has_bare_in_header(message)) {
		smtp_say_outcome(s, SMTP_ANSWER_BARE_IN_MESSAGE);
		return;
	}
	/* It would be the continuation of our Received field, and forge a part of it. */
	if (message.len > 0 && byte_is_space(message.data[0])) {
		smtp_say_outcome(s, SMTP_ANSWER_BEGINS_FOLDED);
		return;
	}
	if (smtp_options_refuse_header(s, message)) {
		smtp_say_outcome(s, SMTP_ANSWER_SOLICITED);
		return;
	}
	if (!smtp_owns_from(s, message)) {
		smtp_say_outcome(s, SMTP_ANSWER_NOT_YOUR_FROM);
		return;
	}
	struct smtp_cleaned cleaned;
	if (smtp_trust(s, message, &cleaned))
		smtp_data_deliver(s, cleaned.message);
	smtp_cleaned_end(&cleaned);
}

/* data = "DATA" CRLF                                                 RFC 5321, section 4.1.1.4 */
void smtp_data(struct smtp_session *s, struct slice argument)
{
	(void)argument;
	struct smtp_transaction *t = s->transaction;
	if (t->chunks) {
		smtp_say(s, SMTP_ANSWER_IN_CHUNKS);
		return;
	}
	/* RFC 3030 section 3. */
	if (t->body_binary) {
		smtp_say(s, SMTP_ANSWER_BINARY_BY_BDAT);
		return;
	}
	if (t->recipient_count == 0) {
		smtp_say(s, smtp_nobody_answer(s));
		return;
	}
	const struct config *config = s->config;
	struct reception r = {
		.session = s,
		.unstuffer = dot_unstuffer_make(config->smtp.bare_newline == BARE_NEWLINE_REFUSE
		                                        ? DOT_BARE_REFUSE
		                                        : DOT_BARE_NORMALISE),
		.started_ms = clock_monotonic_ms(),
	};
	spool_create(&r.spool, config->dir, (size_t)config->smtp.memory_bytes,
	             config->smtp.max_message_bytes,
	             t->declared_bytes > 0 ? t->declared_bytes : EXPECTED_BYTES);
	smtp_say(s, SMTP_ANSWER_SEND_DATA);
	int rc = reception_read(&r);
	if (rc < 0)
		smtp_data_fail(s, rc);
	else
		smtp_data_finish(s, &r.spool,
		                 r.unstuffer.bare_seen && r.unstuffer.bare == DOT_BARE_REFUSE);
	spool_destroy(&r.spool);
	smtp_drop_transaction(s);
}
