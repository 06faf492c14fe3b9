/* Header fields made fit to be sent: in ASCII, with whole addresses, in lines of legal length.
 *
 *     Subject: gr\xC3\xBC\xC3\x9Fe        becomes  =?utf-8?Q?gr=C3=BC=C3=9Fe?=      RFC 2047
 *     Content-Type: ...; name="\xE4"      becomes  ...; name*=utf-8''%C3%A4         RFC 2231
 *     To: joe, Ann <ann>                  becomes  joe@example.test, Ann <ann@example.test>
 *     a line of 1,200 octets              is folded
 *
 * What needs nothing of it passes byte for byte. One pass; memory does not grow with the field. */
#ifndef VEREDUS_MESSAGE_HEADER_MEND_H
#define VEREDUS_MESSAGE_HEADER_MEND_H

#include "message/header.h"
#include "message/outlet.h"

struct header_mending {
	bool utf8;           /* the transaction has SMTPUTF8: 8-bit text stays (RFC 6532) */
	struct slice domain; /* behind addresses that have none; empty: they stay as they are */
	/* Addresses that can't be written in ASCII become one that nobody has, with the address as
	 * its name: for reading only (RFC 6858 section 3.1.2). */
	bool stand_in;
};

/* Writes the field. 0; -EILSEQ: an address that can't be written in ASCII, without stand_in;
 * -EMSGSIZE: a line that can't be folded. scratch is reset now and then. */
int header_mend(struct arena *scratch, const struct header_field *field,
                const struct header_mending *how, struct outlet *out);

#endif
