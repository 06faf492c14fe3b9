/* IMAP URLs (RFC 5092) that name a message or a part of one, with the authorization of RFC 4467.
 *
 *     imap://alice@mx.example.test/Drafts;UIDVALIDITY=1790000000/;UID=20/;SECTION=1.2/;PARTIAL=0.512
 *     /Drafts/;UID=20                                 of this server and user
 *     ;UID=20/;SECTION=HEADER                         of the mailbox that is selected
 *     imap://...;UID=20;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=submit+alice:INTERNAL:91354a47...
 *
 * Searches and lists of messages are no messages: they are not understood. What a URL names need
 * not be there, nor its mailbox be a name that one may have. Pure; results lie in the arena or in
 * the text. */
#ifndef VEREDUS_MESSAGE_IMAP_URL_H
#define VEREDUS_MESSAGE_IMAP_URL_H

#include "message/summary.h"

enum {
	IMAP_URL_MAX = 4000, /* bytes */
	IMAP_URL_TOKEN_MIN = 32,
	IMAP_URL_TOKEN_MAX = 256,
};

enum imap_url_access {
	URL_ACCESS_NONE,      /* there is no ";URLAUTH=" */
	URL_ACCESS_SUBMIT,    /* "submit+" and a user: for the submission server, on their behalf */
	URL_ACCESS_USER,      /* "user+" and a user */
	URL_ACCESS_AUTHUSER,  /* everybody who has logged in */
	URL_ACCESS_ANONYMOUS, /* everybody */
};

struct imap_url {
	bool absolute;         /* it names the server, and perhaps a user */
	bool of_selected;      /* it names no mailbox */
	struct slice user;     /* decoded; empty: none */
	struct slice host;     /* as it stands: a name, or an address in brackets */
	unsigned port;         /* 0: none is told */
	struct slice mailbox;  /* decoded, UTF-8 */
	uint32_t uid_validity; /* 0: whatever it is */
	uint32_t uid;
	struct message_section section;
	bool has_partial;        /* of the section */
	uint32_t offset, length; /* bytes; length 0: all the rest */

	enum imap_url_access access;
	struct slice access_user; /* decoded */
	bool has_expiry;
	int64_t expiry_s;       /* unix time */
	struct slice rump;      /* of the text: what is authorized, up to the access */
	struct slice mechanism; /* empty for a rump, which has no token yet */
	struct slice token;     /* hexadecimal, as it stands */
};

/* The whole text, as a URL of a message or of a part. */
bool imap_url_parse(struct slice text, struct arena *arena, struct imap_url *out);

#endif
