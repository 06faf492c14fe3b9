/* One transaction: MAIL, RCPT..., DATA, the message.
 *
 * With PIPELINING (RFC 2920) the commands go out in groups, DATA at the end of the last, and the
 * replies are read in order. Without, each waits for its reply. Both ways the same replies are
 * judged in the same order, so there is one walk over the steps and it only differs in when it
 * flushes. */
#include <errno.h>

#include "client/smtp_client_internal.h"
#include "message/dotstuff.h"

/* RCPTs in a group: their replies must fit in the socket's buffer while we still write, or both
 * sides could wait for each other for ever (RFC 2920 section 3.1). */
#define PIPELINE_GROUP_MAX 100
#define READ_BYTES         (16 * 1024)
/* MAIL or RCPT with all parameters; paths are at most ADDRESS_PATH_MAX. */
#define LINE_MAX_BYTES 2048

struct transaction {
	struct smtp_client *c;
	struct smtp_client_mail *mail;
	struct arena *arena;
	struct smtp_outcome *outcome;
	bool pipelined;
	bool chunked; /* BDAT in place of DATA */
	bool mail_taken;
	size_t accepted; /* recipients */
	bool data_taken; /* 354 */
};

/* --- commands ------------------------------------------------------------------------ */

/* A path must not end our line and begin the next. */
static bool is_clean(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			return false;
	}
	return text.len < LINE_MAX_BYTES / 2;
}

static int put_mail(struct transaction *t)
{
	const struct smtp_client_mail *m = t->mail;
	unsigned ext = t->c->extensions;
	char room[LINE_MAX_BYTES + SMTP_OPTIONS_MAX];
	int len = snprintf(room, sizeof(room), "MAIL FROM:<%.*s>", SLICE_ARG(m->reverse_path));
	size_t at = (size_t)len;
	if ((ext & SMTP_EXT_SIZE) && m->size_bytes > 0)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " SIZE=%llu",
		                       (unsigned long long)m->size_bytes);
	if (m->body_binary)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " BODY=BINARYMIME");
	else if ((ext & SMTP_EXT_8BITMIME) && m->body_8bit)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " BODY=8BITMIME");
	if (m->smtputf8)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " SMTPUTF8");
	if ((ext & SMTP_EXT_DSN) && m->ret)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " RET=%s",
		                       m->ret == 'F' ? "FULL" : "HDRS");
	if ((ext & SMTP_EXT_DSN) && m->envid.len > 0 && is_clean(m->envid) && m->envid.len <= 100)
		at += (size_t)snprintf(room + at, sizeof(room) - at, " ENVID=%.*s",
		                       SLICE_ARG(m->envid));
	t->c->mails++;
	if (m->options)
		at += smtp_client_put_options(t->c, m->options, room + at, sizeof(room) - at);
	return smtp_client_put(t->c, slice_of(room, at), SLICE_EMPTY);
}

static size_t put_notify(char *room, size_t size, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = { { 2, "SUCCESS" }, { 4, "FAILURE" }, { 8, "DELAY" } };
	if (notify & 1)
		return (size_t)snprintf(room, size, " NOTIFY=NEVER");
	size_t at = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (notify & words[i].bit)
			at += (size_t)snprintf(room + at, size - at, "%s%s",
			                       at > 0 ? "," : " NOTIFY=", words[i].word);
	}
	return at;
}

static int put_rcpt(struct transaction *t, const struct smtp_client_recipient *r)
{
	char room[LINE_MAX_BYTES];
	size_t at = (size_t)snprintf(room, sizeof(room), "RCPT TO:<%.*s>", SLICE_ARG(r->path));
	if (t->c->extensions & SMTP_EXT_DSN) {
		at += put_notify(room + at, sizeof(room) - at, r->notify);
		struct slice orcpt = t->mail->smtputf8 || slice_is_ascii(r->orcpt)
		                             ? r->orcpt
		                             : envelope_utf8_address_ascii(t->arena, r->orcpt);
		if (orcpt.len > 0 && orcpt.len <= 500 && is_clean(orcpt))
			at += (size_t)snprintf(room + at, sizeof(room) - at, " ORCPT=%.*s",
			                       SLICE_ARG(orcpt));
	}
	return smtp_client_put(t->c, slice_of(room, at), SLICE_EMPTY);
}

/* --- replies ------------------------------------------------------------------------- */

static int broken(struct transaction *t, enum smtp_stage stage, int error)
{
	return smtp_client_broken(t->c, stage, error, t->arena, t->outcome);
}

static int refused(struct transaction *t, enum smtp_stage stage)
{
	return smtp_client_refused(t->c, stage, t->arena, t->outcome);
}

/* Reads the reply to a command of the envelope. 0 or a negative errno of the conversation. */
static int get_reply(struct transaction *t, enum smtp_stage stage)
{
	int rc = smtp_client_get(t->c, t->c->config->timeouts.command_ms);
	if (rc < 0)
		return broken(t, stage, rc);
	return 0;
}

static int get_mail_reply(struct transaction *t)
{
	int rc = get_reply(t, SMTP_STAGE_MAIL);
	if (rc < 0)
		return rc;
	t->mail_taken = smtp_client_replied(t->c, 2);
	return t->mail_taken ? 0 : refused(t, SMTP_STAGE_MAIL);
}

static int get_rcpt_reply(struct transaction *t, struct smtp_client_recipient *r)
{
	int rc = get_reply(t, SMTP_STAGE_RCPT);
	if (rc < 0)
		return rc;
	if (smtp_client_replied(t->c, 2)) {
		r->outcome = (struct smtp_outcome){ .verdict = SMTP_OK,
			                            .stage = SMTP_STAGE_RCPT,
			                            .code = t->c->reply.code };
		t->accepted++;
		return 0;
	}
	smtp_client_refused(t->c, SMTP_STAGE_RCPT, t->arena, &r->outcome);
	/* RFC 5321 section 4.5.3.1.10: 552 for too many recipients means 452. */
	if (r->outcome.code == 552 && r->outcome.enhanced.subject != 2 &&
	    r->outcome.enhanced.subject != 3)
		r->outcome.verdict = SMTP_TEMPORARY;
	if (t->c->reply.code == 421) {
		*t->outcome = r->outcome;
		return -EREMOTEIO;
	}
	smtp_client_note_too_many(t->c, t->accepted, &r->outcome);
	return 0;
}

static int get_data_reply(struct transaction *t)
{
	int rc = get_reply(t, SMTP_STAGE_DATA);
	if (rc < 0)
		return rc;
	t->data_taken = t->c->reply.code == 354;
	/* Without recipients it was bound to be refused, and their replies say more. */
	return t->data_taken || t->accepted == 0 ? 0 : refused(t, SMTP_STAGE_DATA);
}

/* --- the envelope -------------------------------------------------------------------- */

static int put_reset(struct transaction *t)
{
	int rc = smtp_client_put(t->c, SLICE("RSET"), SLICE_EMPTY);
	return rc < 0 ? broken(t, SMTP_STAGE_MAIL, rc) : 0;
}

static int step_by_step(struct transaction *t)
{
	struct smtp_client_mail *m = t->mail;
	int rc = 0;
	if (t->c->needs_rset) {
		rc = put_reset(t);
		if (rc == 0)
			rc = get_reply(t, SMTP_STAGE_MAIL);
		if (rc < 0)
			return rc;
		t->c->needs_rset = false;
	}
	rc = put_mail(t);
	if (rc < 0)
		return broken(t, SMTP_STAGE_MAIL, rc);
	rc = get_mail_reply(t);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->recipient_count; i++) {
		rc = put_rcpt(t, &m->recipients[i]);
		if (rc < 0)
			return broken(t, SMTP_STAGE_RCPT, rc);
		rc = get_rcpt_reply(t, &m->recipients[i]);
		if (rc < 0)
			return rc;
	}
	if (t->accepted == 0 || t->chunked)
		return 0;
	rc = smtp_client_put(t->c, SLICE("DATA"), SLICE_EMPTY);
	if (rc < 0)
		return broken(t, SMTP_STAGE_DATA, rc);
	return get_data_reply(t);
}

static bool ends_with_data(const struct transaction *t, size_t end)
{
	return end == t->mail->recipient_count && !t->chunked;
}

/* Recipients first to end, with what comes before and after them. */
static int put_group(struct transaction *t, size_t first, size_t end)
{
	const struct smtp_client_mail *m = t->mail;
	int rc = first == 0 ? put_mail(t) : 0;
	for (size_t i = first; rc == 0 && i < end; i++)
		rc = put_rcpt(t, &m->recipients[i]);
	if (rc == 0 && ends_with_data(t, end))
		rc = smtp_client_put(t->c, SLICE("DATA"), SLICE_EMPTY);
	return rc;
}

/* After a refused MAIL the replies to the rest of the group tell nothing but a 354. */
static int skip_group(struct transaction *t, size_t first, size_t end)
{
	bool has_data = ends_with_data(t, end);
	size_t count = end - first + has_data;
	for (size_t i = 0; i < count && t->c->usable; i++)
		smtp_client_get(t->c, t->c->config->timeouts.command_ms);
	t->data_taken = has_data && t->c->usable && t->c->reply.code == 354;
	return -EREMOTEIO;
}

static int get_group(struct transaction *t, size_t first, size_t end)
{
	int rc = first == 0 ? get_mail_reply(t) : 0;
	if (rc == -EREMOTEIO)
		return skip_group(t, first, end);
	for (size_t i = first; rc == 0 && i < end; i++)
		rc = get_rcpt_reply(t, &t->mail->recipients[i]);
	if (rc == 0 && ends_with_data(t, end))
		rc = get_data_reply(t);
	return rc;
}

static int pipelined(struct transaction *t)
{
	size_t count = t->mail->recipient_count;
	bool has_reset = t->c->needs_rset;
	int rc = has_reset ? put_reset(t) : 0;
	t->c->needs_rset = false;
	for (size_t at = 0, end; rc == 0 && at < count; at = end) {
		end = count - at < PIPELINE_GROUP_MAX ? count : at + PIPELINE_GROUP_MAX;
		rc = put_group(t, at, end);
		/* A server that closes may have said why before: the replies tell. */
		if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
			return broken(t, SMTP_STAGE_MAIL, rc);
		rc = at == 0 && has_reset ? get_reply(t, SMTP_STAGE_MAIL) : 0;
		if (rc == 0)
			rc = get_group(t, at, end);
	}
	return rc;
}

/* --- the message --------------------------------------------------------------------- */

struct sink {
	struct smtp_client *client;
	int64_t block_ms;
};

static int write_run(void *arg, struct slice run)
{
	struct sink *s = arg;
	return conn_write(s->client->conn, run, smtp_client_deadline(s->client, s->block_ms));
}

static int write_read(struct transaction *t, struct dot_stuffer *stuffer, struct sink *sink)
{
	char *room = arena_alloc(t->arena, READ_BYTES);
	for (;;) {
		int64_t got = t->mail->read(t->mail->read_arg, room, READ_BYTES);
		if (got <= 0)
			return (int)got;
		int rc = dot_stuff(stuffer, slice_of(room, (size_t)got), write_run, sink);
		if (rc < 0)
			return rc;
	}
}

static int check_whole(const struct smtp_client_mail *m)
{
	return !m->is_whole || m->is_whole(m->whole_arg) ? 0 : -EIO;
}

/* The last byte is the end of the message. */
static int write_last_part(struct sink *sink, const struct smtp_client_mail *m, struct slice part)
{
	size_t most = part.len > 0 ? part.len - 1 : 0;
	int rc = write_run(sink, slice_sub(part, 0, most));
	if (rc == 0)
		rc = check_whole(m);
	return rc == 0 ? write_run(sink, slice_from(part, most)) : rc;
}

/* bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF            RFC 3030, section 2 */
static int write_chunk(struct transaction *t)
{
	const struct smtp_client_mail *m = t->mail;
	struct sink sink = { t->c, t->c->config->timeouts.block_ms };
	char line[64];
	size_t size = 0;
	for (size_t i = 0; i < m->part_count; i++)
		size += m->parts[i].len;
	int len = snprintf(line, sizeof(line), "BDAT %zu LAST", size);
	int rc = smtp_client_put(t->c, slice_of(line, (size_t)len), SLICE_EMPTY);
	for (size_t i = 0; rc == 0 && i < m->part_count; i++)
		rc = i + 1 < m->part_count ? write_run(&sink, m->parts[i])
		                           : write_last_part(&sink, m, m->parts[i]);
	return rc;
}

static int write_message(struct transaction *t)
{
	const struct smtp_client_mail *m = t->mail;
	if (t->chunked)
		return write_chunk(t);
	struct sink sink = { t->c, t->c->config->timeouts.block_ms };
	struct dot_stuffer stuffer = dot_stuffer_make();
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < m->part_count; i++) {
		rc = m->is_stuffed ? write_run(&sink, m->parts[i])
		                   : dot_stuff(&stuffer, m->parts[i], write_run, &sink);
	}
	if (rc == 0 && m->read)
		rc = write_read(t, &stuffer, &sink);
	if (rc == 0)
		rc = check_whole(m);
	if (rc == 0 && !m->is_stuffed)
		rc = dot_stuff_end(&stuffer, write_run, &sink);
	return rc;
}

/* The reply to the dot. When the server stops meanwhile we still wait for it, as long as the
 * grace lasts: without it the message would be sent twice. */
static int get_final_reply(struct smtp_client *c)
{
	int64_t timeout_ms = c->config->timeouts.data_end_ms;
	c->message_deadline = DEADLINE_NEVER;
	int rc = smtp_client_get(c, timeout_ms);
	if (rc != -ECANCELED)
		return rc;
	rc = smtp_client_get(c, timeout_ms);
	c->usable = false;
	return rc;
}

/* By its RCPT. */
static bool is_refused(const struct smtp_client_recipient *r)
{
	return r->outcome.verdict == SMTP_TEMPORARY || r->outcome.verdict == SMTP_PERMANENT;
}

/* All recipients that were not refused one by one share the transaction's outcome. */
static void share_outcome(struct transaction *t, bool only_accepted)
{
	for (size_t i = 0; i < t->mail->recipient_count; i++) {
		struct smtp_client_recipient *r = &t->mail->recipients[i];
		if (!is_refused(r) || !only_accepted)
			r->outcome = *t->outcome;
	}
}

static struct smtp_outcome taken(struct transaction *t)
{
	const struct smtp_reply *r = &t->c->reply;
	struct slice text = smtp_reply_text(r, t->arena, SMTP_OUTCOME_TEXT_MAX);
	return (struct smtp_outcome){
		.verdict = SMTP_OK,
		.stage = SMTP_STAGE_MESSAGE,
		.code = r->code,
		.enhanced = r->enhanced,
		.text = slice_from_str(arena_printf(t->arena, "%d %.*s", r->code, SLICE_ARG(text))),
	};
}

/* One reply for all. */
static int end_for_all(struct transaction *t)
{
	int rc = get_final_reply(t->c);
	if (rc < 0)
		rc = broken(t, SMTP_STAGE_MESSAGE, rc);
	else if (!smtp_client_replied(t->c, 2))
		rc = refused(t, SMTP_STAGE_MESSAGE);
	else
		*t->outcome = taken(t);
	share_outcome(t, true);
	return rc;
}

/* One for each recipient that RCPT was fine for, in their order (RFC 2033 section 4.2). If the
 * connection is lost between two, those that were answered know what became of them. */
static int end_for_each(struct transaction *t)
{
	bool any = false;
	int rc = 0;
	struct smtp_outcome last = { .verdict = SMTP_OK };
	for (size_t i = 0; i < t->mail->recipient_count; i++) {
		struct smtp_client_recipient *r = &t->mail->recipients[i];
		struct smtp_outcome *o = &r->outcome;
		if (is_refused(r))
			continue;
		if (rc == 0)
			rc = get_final_reply(t->c);
		if (rc < 0)
			smtp_client_broken(t->c, SMTP_STAGE_MESSAGE, rc, t->arena, o);
		else if (!smtp_client_replied(t->c, 2))
			smtp_client_refused(t->c, SMTP_STAGE_MESSAGE, t->arena, o);
		else
			*o = taken(t);
		any |= o->verdict == SMTP_OK;
		last = *o;
	}
	*t->outcome = last;
	if (any || rc < 0)
		return any ? 0 : rc;
	return -EREMOTEIO;
}

static int send_message(struct transaction *t)
{
	struct smtp_client *c = t->c;
	int rc = smtp_client_is_answered(c) ? -EBADMSG : write_message(t);
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
		/* Ours or the reader's failure in the middle: closing is the only way to take
		 * back what was sent. */
		broken(t, SMTP_STAGE_DATA, rc);
		share_outcome(t, true);
		return rc;
	}
	rc = c->config->lmtp ? end_for_each(t) : end_for_all(t);
	c->needs_rset = false;
	c->sent += rc == 0;
	return rc;
}

/* A server that says 354 though it took no recipient gets an empty message, which it will refuse
 * or lose (RFC 2920 section 3.1). */
static int send_nothing(struct transaction *t)
{
	int rc = smtp_client_command(t->c, SLICE("."), SLICE_EMPTY);
	return rc < 0 ? broken(t, SMTP_STAGE_DATA, rc) : 0;
}

/* --- the whole ----------------------------------------------------------------------- */

static int not_sendable(struct transaction *t, const char *enhanced, const char *text)
{
	*t->outcome = (struct smtp_outcome){ .verdict = SMTP_PERMANENT,
		                             .stage = SMTP_STAGE_MAIL,
		                             .error = -EINVAL,
		                             .text = slice_from_str(text) };
	smtp_enhanced_parse(slice_from_str(enhanced), &t->outcome->enhanced);
	return -EINVAL;
}

/* What can be known without asking. */
static int check(struct transaction *t)
{
	const struct smtp_client_mail *m = t->mail;
	const struct smtp_client *c = t->c;
	if (m->recipient_count == 0)
		return not_sendable(t, "5.5.4", "there is no recipient");
	if (!is_clean(m->reverse_path))
		return not_sendable(t, "5.1.7", "the reverse-path can't be sent");
	for (size_t i = 0; i < m->recipient_count; i++) {
		if (!is_clean(m->recipients[i].path))
			return not_sendable(t, "5.1.3", "a recipient's address can't be sent");
	}
	if (m->smtputf8 && !(c->extensions & SMTP_EXT_SMTPUTF8))
		return not_sendable(t, "5.6.7", "the other side does not offer SMTPUTF8");
	const char *enhanced = NULL;
	const char *why = m->options ? smtp_client_check_options(c, m->options, &enhanced) : NULL;
	if (why)
		return not_sendable(t, enhanced, why);
	if (m->body_binary && !t->chunked)
		return not_sendable(t, "5.6.3", "the other side takes no binary data");
	if (c->max_size > 0 && m->size_bytes > c->max_size)
		return not_sendable(t, "5.3.4", "the message is larger than the other side takes");
	return 0;
}

static int envelope(struct transaction *t)
{
	int rc = t->pipelined ? pipelined(t) : step_by_step(t);
	/* A 354 after a refused MAIL is as odd as one without recipients. */
	if (t->data_taken && (rc == -EREMOTEIO || t->accepted == 0) && t->c->usable) {
		int nothing = send_nothing(t);
		return nothing < 0 ? nothing : rc;
	}
	return rc;
}

static int transact(struct transaction *t)
{
	int rc = envelope(t);
	if (rc < 0) {
		t->c->needs_rset = t->mail_taken;
		share_outcome(t, t->mail_taken);
		return rc;
	}
	if (t->accepted == 0) {
		t->c->needs_rset = true;
		*t->outcome = t->mail->recipients[0].outcome;
		return -EREMOTEIO;
	}
	return send_message(t);
}

static int64_t deadline_of(const struct smtp_client *c, const struct smtp_client_mail *m)
{
	const struct smtp_timeouts *t = &c->config->timeouts;
	uint64_t bytes = m->size_bytes;
	if (t->message_ms == 0)
		return DEADLINE_NEVER;
	if (bytes == 0) {
		for (size_t i = 0; i < m->part_count; i++)
			bytes += m->parts[i].len;
	}
	uint64_t more_ms = t->min_data_rate > 0 ? bytes * 1000 / t->min_data_rate : 0;
	return deadline_in(t->message_ms + (int64_t)more_ms);
}

static bool can_chunk(const struct smtp_client *c, const struct smtp_client_mail *m)
{
	unsigned needed = SMTP_EXT_CHUNKING | (m->body_binary ? SMTP_EXT_BINARYMIME : 0u);
	return (m->by_chunks || m->body_binary) && (c->extensions & needed) == needed && !m->read &&
	       !m->is_stuffed;
}

int smtp_client_send(struct smtp_client *c, struct smtp_client_mail *mail, struct arena *arena,
                     struct smtp_outcome *outcome)
{
	struct transaction t = { .c = c, .mail = mail, .arena = arena, .outcome = outcome };
	t.pipelined = (c->extensions & SMTP_EXT_PIPELINING) && !c->config->no_pipelining;
	t.chunked = can_chunk(c, mail);
	for (size_t i = 0; i < mail->recipient_count; i++)
		mail->recipients[i].outcome = (struct smtp_outcome){ .verdict = SMTP_UNTRIED };
	int rc = check(&t);
	if (rc < 0) {
		share_outcome(&t, false);
		return rc;
	}
	c->message_deadline = deadline_of(c, mail);
	rc = transact(&t);
	c->message_deadline = DEADLINE_NEVER;
	return rc;
}
