/* BURL: RFC 4468. The message, or a piece of it, is taken from the sender's mailbox: what an IMAP
 * URL names stands where a chunk of BDAT would. */
#include "route/post_url.h"
#include "smtp/smtp_bdat.h"
#include "smtp/smtp_parse.h"

bool smtp_has_burl(const struct smtp_session *s)
{
	return s->config->smtp.burl && (s->context->kind == LISTENER_SUBMISSION ||
	                                s->context->kind == LISTENER_SUBMISSIONS);
}

/* RFC 4468 section 3.3: authorized URLs, and those of one's own mail. Before the login BURL stands
 * alone. */
void smtp_burl_arguments(const struct smtp_session *s, struct buf *out)
{
	if (s->client.account)
		buf_printf(out, "imap imap://%s", s->config->hostname);
}

static enum smtp_answer answer_of(enum post_url result)
{
	switch (result) {
	case POST_URL_SYNTAX:
		return SMTP_ANSWER_BAD_URL;
	case POST_URL_ELSEWHERE:
		return SMTP_ANSWER_URL_ELSEWHERE;
	case POST_URL_REFUSED:
		return SMTP_ANSWER_URL_REFUSED;
	case POST_URL_NOTHING:
		return SMTP_ANSWER_URL_NOTHING;
	default:
		return SMTP_ANSWER_TEMPORARY;
	}
}

/* burl = "BURL" SP absolute-URI [SP "LAST"] CRLF                     RFC 4468, section 3.5 */
void smtp_burl(struct smtp_session *s, struct slice argument)
{
	struct smtp_burl_command burl;
	struct url_part part;
	if (s->transaction->recipient_count == 0) {
		smtp_say(s, smtp_nobody_answer(s));
		return;
	}
	struct smtp_chunks *chunks = smtp_chunks_of(s, 0);
	enum post_url result = POST_URL_SYNTAX;
	if (smtp_parse_burl(argument, &burl))
		result = post_url_open(s->context->post, &s->client, s->transaction->arena,
		                       burl.url, &part);
	if (result != POST_URL_OPEN) {
		/* The whole transaction fails (RFC 4468 section 3.2), or what is pipelined behind
		 * it would be a message without this piece. */
		smtp_say(s, answer_of(result));
		smtp_drop_transaction(s);
		return;
	}
	smtp_chunks_add(chunks, part.bytes);
	bool whole = blob_is_whole(&part.blob);
	url_close(&part);
	if (!whole) { /* the disk lost it under us */
		smtp_say(s, answer_of(POST_URL_TROUBLE));
		smtp_drop_transaction(s);
		return;
	}
	smtp_chunk_taken(s, chunks, burl.last);
}
