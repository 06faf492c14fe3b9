/* What an IMAP URL names, for who submits mail (BURL, RFC 4468): a part of the seam of post.h. It
 * is the one thing there that reads mailboxes, and only for an account that has logged in. */
#ifndef VEREDUS_ROUTE_POST_URL_H
#define VEREDUS_ROUTE_POST_URL_H

#include "mailbox/url_part.h"
#include "route/post.h"

enum post_url {
	POST_URL_OPEN,
	POST_URL_SYNTAX,    /* it is no URL of a message */
	POST_URL_ELSEWHERE, /* of another server, which we have no ways to ask */
	POST_URL_REFUSED,   /* it is not for the client */
	POST_URL_NOTHING,   /* there is no such message, or part */
	POST_URL_TROUBLE,   /* not now; logged */
};

/* The client's own, or authorized for it (RFC 4467). What is open is closed by url_close(). */
enum post_url post_url_open(struct post *p, const struct post_client *client, struct arena *arena,
                            struct slice text, struct url_part *out);

#endif
