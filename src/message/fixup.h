/* A message that one of our users hands in is completed and made fit to be sent: RFC 6409 section
 * 8, RFC 5322 section 3.6.
 *
 *     Date, Message-ID    added where they are missing or no date, no id
 *     From                added where it is missing; and addresses without a domain get one
 *     Sender              added or replaced, as the caller says
 *     Resent-...          the same for a message that is sent again: then From stays another's
 *     Bcc, Resent-Bcc     taken out; also Return-Path, and Authentication-Results in our name
 *     8-bit headers       encoded, without SMTPUTF8 (header_mend.h), also those of parts
 *     lines over 998      folded in headers, parts encoded (recode.h)
 *
 * What a signature covers stays as it is: fields that a DKIM-Signature names, bodies if there is
 * one, all within multipart/signed and multipart/encrypted. Of a message inside the message only
 * long lines are changed. Received fields are never touched (RFC 5321 section 4.4). */
#ifndef VEREDUS_MESSAGE_FIXUP_H
#define VEREDUS_MESSAGE_FIXUP_H

#include "message/address_list.h"
#include "message/date.h"
#include "message/recode.h"

/* Addresses of one field that are looked at. */
enum { FIXUP_AUTHORS_MAX = 50 };

/* Whom the message claims to be from: by the Resent fields at its top, if there are any. */
struct fixup_claim {
	bool resent;
	bool has_from, has_sender;
	struct address_list from;
	struct address_list sender;
};
void fixup_claim(struct arena *arena, struct slice message, struct fixup_claim *out);

struct fixup {
	struct slice hostname; /* ours */
	struct slice domain;   /* for addresses that have none; empty: they stay */
	struct slice author;   /* addr-spec for a missing From; empty: it stays missing */
	struct slice sender; /* addr-spec for Sender, in place of the one there; empty: as it is */
	struct date now;
	bool smtputf8; /* 8-bit headers may stay */
	bool any_line; /* with BODY=BINARYMIME there are no lines */
	const struct message_limits *limits;
};

/* Writes the message. bcc_out (NULL allowed) gets the Bcc fields that were taken out, as they
 * were. 0 or what sink returned; -EILSEQ: an address in the header can't be written without
 * SMTPUTF8; -EMSGSIZE: a line of a header, -EOPNOTSUPP: a line of a part is too long and can't be
 * changed. */
int fixup_write(struct arena *arena, struct slice message, const struct fixup *fixup,
                struct buf *bcc_out, dot_sink *sink, void *arg);

#endif
