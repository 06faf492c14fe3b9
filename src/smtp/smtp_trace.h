/* The trace field that receiving adds: RFC 5321 section 4.4, with the protocol names of RFC 3848
 * and RFC 6531.
 *
 *     Received: from client.test (mail.client.test [192.0.2.1])
 *         by mx.example.test (Veredus) with ESMTPS (TLSv1.3 cipher TLS_AES_256_GCM_SHA384)
 *         id 01KC9Z6X3R0G2M5A for <bob@example.test>; Wed, 31 Dec 2025 09:00:00 +0000 */
#ifndef VEREDUS_SMTP_SMTP_TRACE_H
#define VEREDUS_SMTP_SMTP_TRACE_H

#include "base/arena.h"
#include "net/address.h"

struct smtp_trace {
	struct slice helo; /* as given; what is no domain only appears in a comment */
	const struct net_address *peer;
	const char *peer_name; /* NULL: not known */
	const char *hostname;
	const char *protocol;     /* "ESMTPSA" */
	const char *tls_protocol; /* NULL: plain */
	const char *tls_cipher;
	const char *queue_id;
	struct slice for_path; /* with its brackets; empty: leave it out */
	int priority;          /* RFC 6710 section 8; 0: leave it out */
	int64_t at_s;          /* wall-clock seconds */
};

/* The field with its CRLF, in the arena. */
struct slice smtp_trace_field(struct arena *arena, const struct smtp_trace *trace);

/* "SMTP", "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA". AUTH is part of ESMTP whatever the greeting
 * was. */
const char *smtp_trace_protocol(bool esmtp, bool tls, bool auth);
/* For a message sent with SMTPUTF8: "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"; RFC 6531
 * section 4.3. */
const char *smtp_trace_protocol_utf8(bool tls, bool auth);

/* With LMTP: "LMTP", "LMTPS", "LMTPA", "LMTPSA", and "UTF8LMTP" with the same ends. */
const char *smtp_trace_protocol_lmtp(bool utf8, bool tls, bool auth);

#endif
