#include "smtp/smtp_trace.h"

#include "base/buf.h"
#include "message/address.h"
#include "message/date.h"

/* More than the longest parts make. */
#define TRACE_MAX 4096

const char *smtp_trace_protocol(bool esmtp, bool tls, bool auth)
{
	if (auth)
		return tls ? "ESMTPSA" : "ESMTPA";
	if (!esmtp)
		return "SMTP";
	return tls ? "ESMTPS" : "ESMTP";
}

const char *smtp_trace_protocol_utf8(bool tls, bool auth)
{
	if (auth)
		return tls ? "UTF8SMTPSA" : "UTF8SMTPA";
	return tls ? "UTF8SMTPS" : "UTF8SMTP";
}

const char *smtp_trace_protocol_lmtp(bool utf8, bool tls, bool auth)
{
	static const char *const names[2][2][2] = {
		{ { "LMTP", "LMTPA" }, { "LMTPS", "LMTPSA" } },
		{ { "UTF8LMTP", "UTF8LMTPA" }, { "UTF8LMTPS", "UTF8LMTPSA" } },
	};
	return names[utf8][tls][auth];
}

static void trace_text(struct buf *out, const char *text) { buf_append(out, slice_from_str(text)); }

/* ctext and quoted-pairs: RFC 5322 section 3.2.2. */
static void trace_comment(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '(' || c == ')' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, c);
	}
}

/* From-domain = "FROM" FWS Extended-Domain
 * Extended-Domain = Domain / ( Domain FWS "(" TCP-info ")" ) /
 *                   ( address-literal FWS "(" TCP-info ")" )
 * TCP-info = address-literal / ( Domain FWS address-literal ) */
static void trace_from(struct buf *out, const struct smtp_trace *t)
{
	char literal[NET_ADDRESS_TEXT_MAX];
	net_address_literal(t->peer, literal);
	bool is_name = domain_is_valid(t->helo) || domain_is_literal(t->helo);
	trace_text(out, "Received: from ");
	buf_append(out, is_name ? t->helo : slice_from_str(literal));
	trace_text(out, " (");
	if (t->peer_name) {
		trace_text(out, t->peer_name);
		trace_text(out, " ");
	}
	trace_text(out, literal);
	trace_text(out, ")");
	if (!is_name) {
		trace_text(out, " (said ");
		trace_comment(out, t->helo);
		trace_text(out, ")");
	}
}

static void trace_by(struct buf *out, const struct smtp_trace *t)
{
	trace_text(out, "\r\n\tby ");
	trace_text(out, t->hostname);
	trace_text(out, " (Veredus) with ");
	trace_text(out, t->protocol);
	if (!t->tls_protocol)
		return;
	trace_text(out, " (");
	trace_text(out, t->tls_protocol);
	trace_text(out, " cipher ");
	trace_text(out, t->tls_cipher ? t->tls_cipher : "unknown");
	trace_text(out, ")");
}

struct slice smtp_trace_field(struct arena *arena, const struct smtp_trace *t)
{
	char date[DATE_TEXT_MAX];
	struct buf out = buf_make(TRACE_MAX);
	buf_reserve(&out, 512);
	trace_from(&out, t);
	trace_by(&out, t);
	trace_text(&out, "\r\n\tid ");
	trace_text(&out, t->queue_id);
	if (t->for_path.len > 0) {
		trace_text(&out, " for ");
		buf_append(&out, t->for_path);
	}
	if (t->priority != 0)
		buf_printf(&out, " PRIORITY %d", t->priority);
	trace_text(&out, "; ");
	buf_append(&out, date_format(date_local(t->at_s), date));
	trace_text(&out, "\r\n");
	struct slice field = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return field;
}
