/* BDAT: RFC 3030. The message comes in chunks of announced sizes, without dots or an end mark.
 *
 * Whatever is wrong with it, a chunk is read to its end before the answer: its bytes would else be
 * taken for commands, which the author of a message could choose. For the same reason a size that
 * can't be read ends the session. With BODY=BINARYMIME the bytes are taken as they are; else line
 * ends are what they are with DATA. */
#include <errno.h>

#include "smtp/smtp_bdat.h"
#include "smtp/smtp_parse.h"
#include "store/spool.h"

struct smtp_chunks {
	struct spool spool;
	int64_t started_ms; /* monotonic */
	bool binary;
	bool normalise;
	bool after_cr;
	bool bare_seen;
};

void smtp_chunks_free(struct smtp_chunks *chunks)
{
	if (chunks)
		spool_destroy(&chunks->spool);
}

struct smtp_chunks *smtp_chunks_of(struct smtp_session *s, uint64_t expected_bytes)
{
	struct smtp_transaction *t = s->transaction;
	const struct config *config = s->config;
	if (t->chunks)
		return t->chunks;
	t->chunks = ARENA_NEW(t->arena, struct smtp_chunks);
	t->chunks->started_ms = clock_monotonic_ms();
	t->chunks->binary = t->body_binary;
	t->chunks->normalise = config->smtp.bare_newline != BARE_NEWLINE_REFUSE;
	spool_create(&t->chunks->spool, config->dir, (size_t)config->smtp.memory_bytes,
	             config->smtp.max_message_bytes, expected_bytes);
	return t->chunks;
}

/* --- line ends ----------------------------------------------------------------------- */

/* The other half of a line end is missing in front of byte i. */
static void chunks_mend(struct smtp_chunks *c, struct slice *run, size_t *i, struct slice half)
{
	c->bare_seen = true;
	if (!c->normalise)
		return;
	spool_add(&c->spool, slice_sub(*run, 0, *i));
	spool_add(&c->spool, half);
	*run = slice_from(*run, *i);
	*i = 0;
}

void smtp_chunks_add(struct smtp_chunks *c, struct slice run)
{
	for (size_t i = 0; i < run.len && !c->binary; i++) {
		char byte = run.data[i];
		if (c->after_cr && byte != '\n')
			chunks_mend(c, &run, &i, SLICE("\n"));
		else if (!c->after_cr && byte == '\n')
			chunks_mend(c, &run, &i, SLICE("\r"));
		c->after_cr = byte == '\r';
	}
	spool_add(&c->spool, run);
}

static void chunks_end(struct smtp_chunks *c)
{
	struct slice none = SLICE_EMPTY;
	size_t at = 0;
	if (c->after_cr)
		chunks_mend(c, &none, &at, SLICE("\n"));
}

/* --- reading ------------------------------------------------------------------------- */

/* Reads the chunk, into nowhere if c is NULL. 0 or a negative errno. */
static int chunk_read(struct smtp_session *s, struct smtp_chunks *c, uint64_t size_bytes)
{
	struct conn *conn = s->base.conn;
	uint64_t left = size_bytes, turn_bytes = 0;
	int64_t started_ms = c ? c->started_ms : clock_monotonic_ms();
	while (left > 0) {
		struct slice run = conn_buffered(conn);
		if (run.len == 0) {
			uint64_t read = size_bytes - left + (c ? c->spool.size_bytes : 0);
			int rc = smtp_data_wait(s, smtp_data_deadline(s, started_ms, read));
			if (rc < 0)
				return rc;
			continue;
		}
		if (run.len > left)
			run.len = (size_t)left;
		if (c)
			smtp_chunks_add(c, run);
		conn_consume(conn, run.len);
		left -= run.len;
		smtp_data_take_turn(&turn_bytes, run.len);
	}
	return 0;
}

/* --- the command --------------------------------------------------------------------- */

static bool bdat_may_run(const struct smtp_session *s, enum smtp_answer *why)
{
	if (!s->helo)
		*why = SMTP_ANSWER_HELLO_FIRST;
	else if (smtp_needs_login(s))
		*why = SMTP_ANSWER_LOGIN_FIRST;
	else if (!s->transaction)
		*why = SMTP_ANSWER_MAIL_FIRST;
	else if (s->transaction->recipient_count == 0)
		*why = smtp_nobody_answer(s);
	else
		return true;
	return false;
}

void smtp_chunk_taken(struct smtp_session *s, struct smtp_chunks *c, bool last)
{
	if (!last) {
		bool is_over = spool_is_over(&c->spool);
		smtp_say(s, is_over ? SMTP_ANSWER_TOO_BIG : SMTP_ANSWER_CHUNK_OK);
		if (is_over)
			smtp_drop_transaction(s);
		return;
	}
	chunks_end(c);
	smtp_data_finish(s, &c->spool, c->bare_seen && !c->normalise);
	smtp_drop_transaction(s);
}

void smtp_bdat(struct smtp_session *s, struct slice argument)
{
	struct smtp_bdat_command bdat;
	struct smtp_chunks *c = NULL;
	enum smtp_answer why = SMTP_ANSWER_CHUNK_OK;
	if (!smtp_parse_bdat(argument, &bdat)) {
		smtp_say(s, SMTP_ANSWER_BAD_CHUNK);
		return;
	}
	if (bdat_may_run(s, &why))
		c = smtp_chunks_of(s, bdat.size_bytes);
	/* Within reason a client gets to see its 552. */
	if (bdat.size_bytes / 2 > s->config->smtp.max_message_bytes) {
		smtp_say(s, SMTP_ANSWER_FAR_TOO_BIG);
		return;
	}
	int rc = chunk_read(s, c, bdat.size_bytes);
	if (rc < 0)
		smtp_data_fail(s, rc);
	else if (c)
		smtp_chunk_taken(s, c, bdat.last);
	else
		smtp_say(s, why);
}
