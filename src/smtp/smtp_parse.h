/* From command lines to structs: RFC 5321 section 4.1. Pure: no I/O, memory only from the arena;
 * results are slices into the line or the arena. Fuzzed by fuzz/fuzz_smtp_command.c. */
#ifndef VEREDUS_SMTP_SMTP_PARSE_H
#define VEREDUS_SMTP_SMTP_PARSE_H

#include "message/address.h"
#include "message/envelope.h"
#include "route/post.h"

/* A command line without its end. */
struct smtp_line {
	struct slice verb;
	struct slice argument; /* without outer spaces; may be empty */
};
/* False if the line has a control character (HT is none here). */
bool smtp_parse_line(struct slice line, struct smtp_line *out);

enum smtp_parsed {
	SMTP_PARSED,
	SMTP_PARSED_SYNTAX,    /* not even FROM: or TO: */
	SMTP_PARSED_ADDRESS,   /* no path there */
	SMTP_PARSED_PARAMETER, /* a parameter that is known has a bad value, or stands twice */
	SMTP_PARSED_UNKNOWN,   /* a parameter that is not known */
};

struct smtp_mail_command {
	struct address sender; /* the null address for <> */
	bool has_size;
	uint64_t size_bytes; /* as declared, RFC 1870 */
	bool body_8bit;      /* RFC 6152 */
	bool body_binary;    /* RFC 3030 */
	bool smtputf8;       /* RFC 6531; without it the address must be ASCII, see is_utf8 */
	char ret;            /* RFC 3461: 'F', 'H' or 0 */
	struct slice envid;  /* xtext, or empty */
	struct slice auth;   /* RFC 4954 section 5: xtext, "<>", or empty when it was not given */
	bool requiretls;     /* RFC 8689 */
	char by_mode;        /* RFC 2852: 'R' return, 'N' notify; 0: no deadline */
	bool by_trace;
	int64_t by_s;  /* from now on; above 0 with 'R' */
	bool has_hold; /* RFC 4865: one of the two, the other is 0 */
	uint64_t hold_for_s;
	int64_t hold_until_s; /* since 1970 */
	bool has_priority;
	int priority;         /* RFC 6710: -9 to 9 */
	struct slice solicit; /* RFC 3865: keywords with commas between them, or empty */
};
/* allow: of enum address_allow, besides what the command always lets pass. */
enum smtp_parsed smtp_parse_mail(struct arena *arena, struct slice argument, unsigned allow,
                                 struct smtp_mail_command *out);

struct smtp_rcpt_command {
	struct address recipient; /* its domain is empty for <postmaster> */
	unsigned notify;          /* RFC 3461: bits of enum post_notify, or 0 */
	struct slice orcpt;       /* addr-type ";" xtext, or empty */
};
enum smtp_parsed smtp_parse_rcpt(struct arena *arena, struct slice argument, unsigned allow,
                                 struct smtp_rcpt_command *out);

/* The argument of VRFY: a path, a mailbox, or just a local part; and SMTPUTF8 or nothing (RFC 6531
 * section 3.7.4.2). */
struct smtp_vrfy_command {
	struct address address;
	bool smtputf8;
};
enum smtp_parsed smtp_parse_vrfy(struct arena *arena, struct slice argument,
                                 struct smtp_vrfy_command *out);

/* The argument of ETRN. */
enum smtp_etrn_kind {
	SMTP_ETRN_NODE,       /* what waits for this domain */
	SMTP_ETRN_SUBDOMAINS, /* "@": and for those below it */
	SMTP_ETRN_QUEUE,      /* "#": a queue by its name */
};
struct smtp_etrn_command {
	enum smtp_etrn_kind kind;
	struct slice name; /* a canonical domain; the queue's name as it is */
};
bool smtp_parse_etrn(struct arena *arena, struct slice argument, struct smtp_etrn_command *out);

/* The argument of ATRN: domains (canonical), or none for all. */
enum { SMTP_ATRN_DOMAINS_MAX = 100 };
struct smtp_atrn_command {
	struct slice *domains; /* in the arena */
	size_t count;
};
bool smtp_parse_atrn(struct arena *arena, struct slice argument, struct smtp_atrn_command *out);

/* The argument of BDAT. */
struct smtp_bdat_command {
	uint64_t size_bytes;
	bool last;
};
bool smtp_parse_bdat(struct slice argument, struct smtp_bdat_command *out);

/* The argument of BURL. What is in the URL is for message/imap_url.h. */
struct smtp_burl_command {
	struct slice url;
	bool last;
};
bool smtp_parse_burl(struct slice argument, struct smtp_burl_command *out);

/* The argument of HELO and EHLO. Should be a domain or an address literal, but what is sent is
 * all sorts of things; one word of visible ASCII passes. */
bool smtp_parse_hello(struct slice argument, struct slice *host_out);
bool smtp_hello_is_valid(struct slice host);

struct smtp_auth_command {
	struct slice mechanism;
	bool has_initial;
	struct slice initial; /* base64, "=" for an empty one */
};
bool smtp_parse_auth(struct slice argument, struct smtp_auth_command *out);

#endif
