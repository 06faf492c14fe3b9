/* What the sender asked of the way of a message, as far as the server knows it. */
#include "base/buf.h"
#include "client/smtp_client_internal.h"

size_t smtp_client_put_options(const struct smtp_client *c, const struct envelope_options *o,
                               char *room, size_t size)
{
	struct buf out = buf_make(SMTP_OPTIONS_MAX);
	if (o->requiretls && (c->extensions & SMTP_EXT_REQUIRETLS) &&
	    conn_tls_info(c->conn).verified)
		buf_append(&out, SLICE(" REQUIRETLS"));
	if (o->priority != 0 && (c->extensions & SMTP_EXT_MT_PRIORITY))
		buf_printf(&out, " MT-PRIORITY=%d", o->priority);
	if (o->solicit.len > 0 && (c->extensions & SMTP_EXT_NO_SOLICITING))
		buf_printf(&out, " SOLICIT=%.*s", SLICE_ARG(o->solicit));
	size_t len = buf_failed(&out) || out.len > size ? 0 : out.len;
	if (len > 0)
		memcpy(room, out.data, len);
	buf_free(&out);
	return len;
}
