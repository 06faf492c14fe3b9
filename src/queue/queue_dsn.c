#include "queue/queue_dsn.h"

#include "base/codec.h"
#include "base/cursor.h"
#include "message/build.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/summary.h"
#include "net/address.h"

/* Around the message; what is said of one recipient is at most a few paths and a reply. */
#define FRAME_BYTES     (16 * 1024)
#define RECIPIENT_BYTES (8 * 1024)
#define EIGHT_BIT       "Content-Transfer-Encoding: 8bit\r\n"

static const char *const action_names[] = {
	[DSN_FAILED] = "failed",       [DSN_DELAYED] = "delayed",   [DSN_RELAYED] = "relayed",
	[DSN_DELIVERED] = "delivered", [DSN_EXPANDED] = "expanded",
};
static const char *const subjects[] = { [DSN_FAILED] = "Undelivered mail returned to sender",
	                                [DSN_DELAYED] = "Delivery of your mail is delayed",
	                                [DSN_RELAYED] = "Your mail was passed on",
	                                [DSN_DELIVERED] = "Your mail was delivered",
	                                [DSN_EXPANDED] = "Your mail was passed on to a list" };
static const char *const openings[] = {
	[DSN_FAILED] = "Your message could not be delivered to the recipients below. Nobody will "
		       "try again.\r\n",
	[DSN_DELAYED] = "Your message could not be delivered yet to the recipients below. You need "
			"do nothing:\r\nit will be tried again.\r\n",
	[DSN_RELAYED] = "Your message was passed on for the recipients below to a host that does "
			"not send\r\nreports of delivery.\r\n",
	[DSN_DELIVERED] = "Your message is in the mailboxes of the recipients below.\r\n",
	[DSN_EXPANDED] = "Your message was passed on to all whom the addresses below stand for. "
			 "No more will\r\nbe told of its delivery to them.\r\n",
};

static const char double_subject[] = "Mail that can neither be delivered nor returned";
static const char double_opening[] =
	"You get this as the postmaster. A message could not be delivered to the recipients "
	"below,\r\n"
	"and there is no sender who could be told: it is a report itself, or its sender's "
	"address\r\n"
	"leads nowhere. Mostly that is spam whose sender was forged. If there are many, look "
	"for\r\n"
	"where it comes from: `veredus trace` tells of the message below.\r\n";

/* xtext = *( xchar / hexchar ), hexchar = "+" 2(HEX)        RFC 3461, section 4
 * What decodes to a control character is left as it stands: it would end our line. */
static struct slice xtext_show(struct arena *arena, struct slice text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '+' && text.len - i > 2) {
			int high = byte_hex_value(text.data[i + 1]);
			int low = byte_hex_value(text.data[i + 2]);
			int value = high * 16 + low;
			if (high >= 0 && low >= 0 && value >= 0x20 && value != 0x7f) {
				c = (char)value;
				i += 2;
			}
		}
		out[len++] = c;
	}
	return slice_of(out, len);
}

static void put_date(struct buf *out, const char *name, int64_t at_ms)
{
	char text[DATE_TEXT_MAX];
	struct slice date = date_format(date_local(at_ms / 1000), text);
	buf_printf(out, "%s: %.*s\r\n", name, SLICE_ARG(date));
}

/* Replies come from strangers; in a message without SMTPUTF8 nothing but ASCII goes. */
static struct slice clean(struct arena *arena, const struct queue_dsn *dsn, struct slice text)
{
	bool utf8 = dsn->smtputf8 && slice_is_utf8(text);
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == 0x7f)
			out[i] = ' ';
		else
			out[i] = c >= 0x80 && !utf8 ? '?' : text.data[i];
	}
	return slice_of(out, text.len);
}

/* An address as the report can have it: RFC 6533 section 3. */
static struct slice shown(struct arena *arena, const struct queue_dsn *dsn, struct slice address)
{
	if (!dsn->smtputf8 && !slice_is_ascii(address) && slice_is_utf8(address))
		address = envelope_utf8_address_ascii(arena, address);
	return clean(arena, dsn, address);
}

/* A multipart with 8-bit parts is 8-bit itself (RFC 2045 section 6.4). */
static void put_header(struct buf *out, const struct queue_dsn *dsn, struct arena *arena,
                       const char *boundary, bool is_8bit)
{
	struct slice id = draft_message_id(arena, slice_from_str(dsn->hostname));
	struct slice to = clean(arena, dsn, dsn->reverse_path);
	put_date(out, "Date", dsn->now_ms);
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n", dsn->hostname);
	buf_printf(out, "To: <%.*s>\r\n", SLICE_ARG(to));
	buf_printf(out, "Subject: %s\r\n", dsn->is_double ? double_subject : subjects[dsn->action]);
	buf_printf(out, "Message-ID: %.*s\r\n", SLICE_ARG(id));
	if (dsn->original_id.len > 0 && dsn->original_id.len <= MESSAGE_ID_MAX &&
	    slice_is_ascii(dsn->original_id)) {
		struct slice original = clean(arena, dsn, dsn->original_id);
		buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", SLICE_ARG(original),
		           SLICE_ARG(original));
	}
	/* RFC 3834: nobody is to answer this by itself. */
	buf_printf(out,
	           "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	           "Content-Type: multipart/report; report-type=%s;\r\n\tboundary=\"%s\"\r\n%s",
	           dsn->smtputf8 ? "global-delivery-status" : "delivery-status", boundary,
	           is_8bit ? EIGHT_BIT : "");
}

static void put_explanation(struct buf *out, const struct queue_dsn *dsn, struct arena *arena,
                            const char *boundary)
{
	buf_printf(out, "\r\n--%s\r\nContent-Type: text/plain; charset=%s\r\n%s\r\n", boundary,
	           dsn->smtputf8 ? "utf-8" : "us-ascii", dsn->smtputf8 ? EIGHT_BIT : "");
	buf_printf(out, "This is the mail system at %s.\r\n\r\n", dsn->hostname);
	buf_append(out, slice_from_str(dsn->is_double ? double_opening : openings[dsn->action]));
	for (size_t i = 0; i < dsn->recipient_count; i++) {
		const struct queue_dsn_recipient *r = &dsn->recipients[i];
		struct slice address = shown(arena, dsn, r->address);
		struct slice text = clean(arena, dsn, r->text);
		buf_printf(out, "\r\n<%.*s>:\r\n", SLICE_ARG(address));
		if (r->reply.len > 0 && r->remote.len > 0)
			buf_printf(out, "    %.*s said:\r\n", SLICE_ARG(r->remote));
		buf_printf(out, "    %.*s\r\n", SLICE_ARG(text));
		if (dsn->action == DSN_FAILED && !dsn->is_double)
			buf_printf(out, "\r\n    %s\r\n", queue_dsn_advice(r->status));
	}
	if (dsn->action == DSN_DELAYED) {
		char until[DATE_TEXT_MAX];
		struct slice date = date_format(date_local(dsn->expires_ms / 1000), until);
		buf_printf(out, "\r\nIt is given up after %.*s.\r\n", SLICE_ARG(date));
	}
	buf_printf(out, "\r\nThe message is known here as %.*s.\r\n", SLICE_ARG(dsn->queue_id));
}

/* remote-mta-field = "Remote-MTA" ":" mta-name-type ";" mta-name      RFC 3464, section 2.3.5
 * A host that has no name in the configuration is an address literal; who is behind a Unix socket
 * is none that others know. */
static void put_remote(struct buf *out, struct slice remote)
{
	char literal[NET_ADDRESS_TEXT_MAX];
	struct net_address a;
	if (remote.len == 0)
		return;
	bool is_address = net_address_parse(remote, 0, &a) == 0;
	if (is_address && a.any.sa_family == AF_UNIX)
		return;
	if (is_address)
		remote = slice_from_str(net_address_literal(&a, literal));
	buf_printf(out, "Remote-MTA: dns; %.*s\r\n", SLICE_ARG(remote));
}

/* original-recipient-field, final-recipient-field...        RFC 3464, section 2.3 */
static void put_recipient_fields(struct buf *out, const struct queue_dsn *dsn, struct arena *arena,
                                 const struct queue_dsn_recipient *r)
{
	char status[SMTP_ENHANCED_TEXT_MAX];
	struct slice address = shown(arena, dsn, r->address);
	ptrdiff_t semicolon = slice_find_byte(r->orcpt, ';');
	buf_append(out, SLICE("\r\n"));
	if (semicolon > 0) {
		struct slice type = clean(arena, dsn, slice_sub(r->orcpt, 0, (size_t)semicolon));
		struct slice text = slice_from(r->orcpt, (size_t)semicolon + 1);
		bool is_utf8 = slice_equal_nocase(type, SLICE("utf-8"));
		text = shown(arena, dsn, is_utf8 ? text : xtext_show(arena, text));
		buf_printf(out, "Original-Recipient: %.*s; %.*s\r\n", SLICE_ARG(type),
		           SLICE_ARG(text));
	}
	buf_printf(out, "Final-Recipient: %s; %.*s\r\n",
	           slice_is_ascii(r->address) ? "rfc822" : "utf-8", SLICE_ARG(address));
	buf_printf(out, "Action: %s\r\nStatus: %s\r\n", action_names[dsn->action],
	           smtp_enhanced_text(r->status, status));
	put_remote(out, r->remote);
	if (r->reply.len > 0) {
		struct slice reply = clean(arena, dsn, r->reply);
		buf_printf(out, "Diagnostic-Code: smtp; %.*s\r\n", SLICE_ARG(reply));
	}
	put_date(out, "Last-Attempt-Date", dsn->now_ms);
	if (dsn->action == DSN_DELAYED)
		put_date(out, "Will-Retry-Until", dsn->expires_ms);
}

static void put_status(struct buf *out, const struct queue_dsn *dsn, struct arena *arena,
                       const char *boundary)
{
	buf_printf(out, "\r\n--%s\r\nContent-Type: message/%s\r\n%s\r\n", boundary,
	           dsn->smtputf8 ? "global-delivery-status" : "delivery-status",
	           dsn->smtputf8 ? EIGHT_BIT : "");
	buf_printf(out, "Reporting-MTA: dns; %s\r\n", dsn->hostname);
	if (dsn->envid.len > 0) {
		struct slice envid = clean(arena, dsn, xtext_show(arena, dsn->envid));
		buf_printf(out, "Original-Envelope-Id: %.*s\r\n", SLICE_ARG(envid));
	}
	buf_printf(out, "X-Veredus-Queue-ID: %.*s\r\n", SLICE_ARG(dsn->queue_id));
	put_date(out, "Arrival-Date", dsn->arrived_ms);
	if (dsn->by_ms != 0)
		put_date(out, "Deliver-By-Date", dsn->by_ms);
	for (size_t i = 0; i < dsn->recipient_count; i++)
		put_recipient_fields(out, dsn, arena, &dsn->recipients[i]);
}

static bool returns_whole(const struct queue_dsn *dsn)
{
	return dsn->action == DSN_FAILED &&
	       (dsn->ret == 'F' || (dsn->ret != 'H' && dsn->message.len <= QUEUE_DSN_RETURN_MAX));
}

static struct slice returned_part(const struct queue_dsn *dsn)
{
	size_t len = returns_whole(dsn) ? dsn->message.len : header_length(dsn->message);
	return slice_sub(dsn->message, 0, len);
}

static void put_original(struct buf *out, const struct queue_dsn *dsn, const char *boundary)
{
	bool whole = returns_whole(dsn);
	struct slice part = returned_part(dsn);
	const char *type = whole ? "message/rfc822" : "text/rfc822-headers";
	if (dsn->smtputf8)
		type = whole ? "message/global" : "message/global-headers";
	buf_printf(out, "\r\n--%s\r\nContent-Type: %s\r\n%s\r\n", boundary, type,
	           slice_is_ascii(part) ? "" : EIGHT_BIT);
	buf_append(out, part);
	buf_printf(out, "\r\n--%s--\r\n", boundary);
}

/* Random enough that the message can't hold it. */
static const char *make_boundary(struct arena *arena, const struct queue_dsn *dsn)
{
	const char *boundary;
	do {
		boundary = arena_printf(arena, "=_%016llx%016llx", (unsigned long long)random_u64(),
		                        (unsigned long long)random_u64());
	} while (slice_find(dsn->message, slice_from_str(boundary)) >= 0);
	return boundary;
}

struct slice queue_dsn_compose(struct arena *arena, const struct queue_dsn *dsn, bool *is_8bit_out)
{
	size_t most = FRAME_BYTES + dsn->message.len + dsn->recipient_count * RECIPIENT_BYTES;
	struct buf out = buf_make(most);
	const char *boundary = make_boundary(arena, dsn);
	*is_8bit_out = dsn->smtputf8 || !slice_is_ascii(returned_part(dsn));
	put_header(&out, dsn, arena, boundary, *is_8bit_out);
	put_explanation(&out, dsn, arena, boundary);
	put_status(&out, dsn, arena, boundary);
	put_original(&out, dsn, boundary);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}
