#include "imap/imap_input.h"

#include <errno.h>

#include "imap/imap_reply.h"

/* Room for the announcements of literals and their line ends. */
enum { INPUT_SLACK = 4096 };

static int64_t input_deadline(const struct imap_session *s)
{
	return deadline_in(s->session.idle_ms);
}

static uint64_t literal_max(const struct imap_session *s)
{
	uint64_t max = imap_context(s)->config->imap.max_literal_bytes;
	if (s->state == IMAP_STRANGER && max > IMAP_STRANGER_LITERAL_MAX)
		return IMAP_STRANGER_LITERAL_MAX;
	return max;
}

/* What a failed read means for the session. */
static enum imap_input input_failed(struct imap_session *s, int rc)
{
	if (rc == -ETIMEDOUT)
		imap_bye(s, "Too slow.");
	else if (rc == -ECANCELED)
		imap_bye(s, "Server is shutting down.");
	else if (rc == -EMSGSIZE)
		imap_bye(s, "[TOOBIG] Line too long.");
	return INPUT_END;
}

/* What ends a line that announces a literal which comes at once (RFC 7888). */
#define COMES_AT_ONCE SLICE("+}")

/* Bytes of a literal are never to be taken for commands: somebody else may have written them. */
static enum imap_input too_long(struct imap_command *c, bool is_literal_next)
{
	if (is_literal_next)
		return input_failed(c->s, -EMSGSIZE);
	imap_write(c->s, SLICE("* BAD Command line too long\r\n"));
	c->s->bad_count++;
	return INPUT_REFUSED;
}

/* A literal that we don't want. One that waits for us is refused; one that comes at once
 * (RFC 7888 section 4) ends the session, as reading it would be what the sender is after. */
static enum imap_input too_large(struct imap_command *c, struct slice line)
{
	struct cursor cursor = cursor_of(line);
	struct slice tag;
	if (c->literal_at_once) {
		imap_bye(c->s, "[TOOBIG] Literal too large.");
		return INPUT_END;
	}
	if (!imap_take_tag(&cursor, &tag))
		tag = SLICE("*");
	imap_write_tagged(c->s, tag, IMAP_BAD, "TOOBIG", "Literal too large.");
	c->s->bad_count++;
	return INPUT_REFUSED;
}

/* --- pieces -------------------------------------------------------------------------- */

int imap_input_literal(struct imap_session *s, uint64_t bytes,
                       int (*sink)(void *arg, struct slice piece), void *arg)
{
	struct conn *conn = s->session.conn;
	while (bytes > 0) {
		struct slice piece = conn_buffered(conn);
		int rc;
		if (piece.len == 0) {
			rc = conn_fill(conn, input_deadline(s));
			if (rc <= 0)
				return rc == 0 ? -ECONNRESET : rc;
			continue;
		}
		piece = slice_sub(piece, 0, bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX);
		rc = sink(arg, piece);
		if (rc < 0)
			return rc;
		conn_consume(conn, piece.len);
		bytes -= piece.len;
	}
	return 0;
}

static int to_buf(void *arg, struct slice piece) { return buf_append(arg, piece); }

bool imap_input_line(struct imap_session *s, struct arena *arena, struct slice *line_out)
{
	struct slice line;
	size_t max = imap_context(s)->config->imap.max_command_bytes;
	int rc = conn_read_line(s->session.conn, max, &line, NULL, input_deadline(s));
	if (rc <= 0) {
		input_failed(s, rc);
		return false;
	}
	*line_out = arena_copy(arena, line);
	return true;
}

bool imap_input_answer(struct imap_session *s, struct arena *arena, struct slice *line_out)
{
	if (!imap_input_line(s, arena, line_out))
		return false;
	if (slice_ends_with(*line_out, COMES_AT_ONCE)) {
		imap_bye(s, "A literal stands in no answer.");
		return false;
	}
	return true;
}

/* --- what nobody wants --------------------------------------------------------------- */

static int skip_piece(void *arg, struct slice piece)
{
	(void)arg;
	(void)piece;
	return 0;
}

bool imap_input_skip(struct imap_command *c)
{
	uint64_t left = imap_context(c->s)->config->smtp.max_message_bytes;
	struct arena *scratch = arena_new();
	struct slice line, prefix;
	bool ok = true;
	while (ok && c->is_literal_next && !c->literal_taken && c->literal_at_once) {
		ok = c->literal_bytes <= left &&
		     imap_input_literal(c->s, c->literal_bytes, skip_piece, NULL) == 0 &&
		     imap_input_line(c->s, scratch, &line);
		if (!ok)
			break;
		left -= c->literal_bytes;
		c->is_literal_next = imap_line_literal(line, &c->literal_bytes, &c->literal_at_once,
		                                       &prefix);
		arena_reset(scratch);
	}
	arena_free(scratch);
	return ok;
}

/* --- the whole ----------------------------------------------------------------------- */

/* The command so far and the literal that its last line announces. */
static enum imap_input add_literal(struct imap_command *c, struct buf *whole, uint64_t size)
{
	struct imap_session *s = c->s;
	if (!c->literal_at_once) {
		imap_continue(s, SLICE("OK"));
		if (s->write_error)
			return INPUT_END;
	}
	if (buf_append(whole, SLICE("\r\n")) < 0)
		return INPUT_END;
	int rc = imap_input_literal(s, size, to_buf, whole);
	return rc < 0 ? input_failed(s, rc) : INPUT_COMMAND;
}

/* Is the literal at the end of what has come the message of an APPEND? */
static bool is_message(struct imap_command *c, struct buf *whole, struct slice prefix)
{
	if (c->s->state == IMAP_STRANGER || !imap_is_append_message(prefix, c->arena))
		return false;
	c->is_literal_next = true;
	buf_truncate(whole, prefix.len);
	return true;
}

static enum imap_input read_rest(struct imap_command *c, struct buf *whole)
{
	struct imap_session *s = c->s;
	size_t line_left = imap_context(s)->config->imap.max_command_bytes;
	uint64_t literal_left = literal_max(s);
	struct slice line, prefix;

	for (;;) {
		int rc = conn_read_line(s->session.conn, line_left, &line, NULL, input_deadline(s));
		if (rc == -EMSGSIZE)
			return too_long(c, conn_skipped_ends_with(s->session.conn, COMES_AT_ONCE));
		if (rc <= 0)
			return input_failed(s, rc);
		line_left -= line.len;
		if (buf_append(whole, line) < 0)
			return too_long(c, slice_ends_with(line, COMES_AT_ONCE));
		uint64_t size;
		if (!imap_line_literal(line, &size, &c->literal_at_once, &prefix))
			return INPUT_COMMAND;
		c->literal_bytes = size;
		prefix = slice_sub(buf_slice(whole), 0, whole->len - (line.len - prefix.len));
		if (c->literal_at_once && size > IMAP_SMALL_LITERAL_MAX &&
		    !imap_context(s)->config->imap.big_literals)
			return too_large(c, prefix);
		if (is_message(c, whole, prefix))
			return INPUT_COMMAND;
		if (size > literal_left)
			return too_large(c, prefix);
		literal_left -= size;
		enum imap_input result = add_literal(c, whole, size);
		if (result != INPUT_COMMAND)
			return result;
	}
}

enum imap_input imap_input_read(struct imap_command *c, struct slice *command_out)
{
	const struct config *config = imap_context(c->s)->config;
	struct buf whole = buf_make(config->imap.max_command_bytes + literal_max(c->s) +
	                            INPUT_SLACK);
	enum imap_input result = read_rest(c, &whole);
	if (result == INPUT_COMMAND)
		*command_out = arena_copy(c->arena, buf_slice(&whole));
	buf_free(&whole);
	return result;
}
