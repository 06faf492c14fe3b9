/* COMPRESS (RFC 4978). Only after login, so that no secret is among what is compressed. */
#include "base/log.h"
#include "imap/imap_reply.h"

bool imap_may_compress(const struct imap_session *s)
{
	return imap_context(s)->config->imap.compress && !conn_is_compressed(s->session.conn);
}

/* compress = "COMPRESS" SP "DEFLATE" */
void imap_compress(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct slice name;
	if (!imap_take_space(&c->args) || !imap_take_atom(&c->args, &name)) {
		imap_bad(c, "COMPRESS needs an algorithm.");
		return;
	}
	if (!imap_at_end(c))
		return;
	if (!slice_equal_nocase(name, SLICE("DEFLATE")) ||
	    !imap_context(s)->config->imap.compress) {
		imap_no(c, "CANNOT", "That is not offered.");
		return;
	}
	if (conn_is_compressed(s->session.conn)) {
		imap_no(c, "COMPRESSIONACTIVE", "It is on already.");
		return;
	}
	imap_write_tagged(s, c->tag, IMAP_OK, NULL, "Compressed from here on.");
	c->status = IMAP_ANSWERED;
	int rc = s->write_error ? s->write_error
	                        : conn_compress(s->session.conn, deadline_in(IMAP_WRITE_MS));
	if (rc < 0) {
		log_debug("imap.compress.failed", kv_int("session", (int64_t)s->session.id),
		          kv_error(rc));
		s->ending = true;
	}
}
