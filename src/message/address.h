/* Mail addresses and domain names: RFC 5321 (envelope), RFC 6531 (UTF-8), RFC 5890 (IDNA).
 *
 * The address lists of message headers have a grammar of their own: address_list.h.
 *
 *     struct address a;
 *     if (!address_parse(arena, SLICE("\"Al Ice\"@Example.TEST"), 0, &a))
 *         ...
 *     a.local   is  Al Ice            (meaning, not spelling)
 *     a.domain  is  Example.TEST      (as written)
 *     address_text(arena, &a)    is  "Al Ice"@Example.TEST
 *     address_canonical(arena, &a, &b)   b.domain is example.test
 *
 * Slices in the results point into the input or into the arena. */
#ifndef VEREDUS_MESSAGE_ADDRESS_H
#define VEREDUS_MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/cursor.h"

/* Octets. RFC 5321 section 4.5.3.1.1 asks that 64 pass; the senders that mailing lists and
 * forwarders make up (VERP, SRS) are longer. */
#define ADDRESS_LOCAL_MAX  256
#define ADDRESS_DOMAIN_MAX 255
/* Of a path with its source route; longer ones are refused unread. */
#define ADDRESS_PATH_MAX 1024
/* RFC 1035 section 2.3.4, of an A-label. */
#define DOMAIN_LABEL_MAX 63

struct address {
	struct slice local;  /* quotes and backslashes taken away; empty in <> */
	struct slice domain; /* as written; "[192.0.2.1]" with brackets; empty in <> and
	                      * <postmaster> */
	bool is_literal;     /* the domain is an address literal */
	bool is_utf8;        /* has bytes above 0x7F, so it needs SMTPUTF8 */
};

/* What a parser lets pass besides an ASCII local@domain. */
enum address_allow {
	ADDRESS_ALLOW_NULL = 1,       /* "<>" */
	ADDRESS_ALLOW_POSTMASTER = 2, /* "<postmaster>", in any case */
	ADDRESS_ALLOW_UTF8 = 4,       /* RFC 6531: UTF-8 in the local part and U-labels */
	ADDRESS_ALLOW_LOCAL = 8,      /* any local part without a domain */
};

/* Path of RFC 5321 section 4.1.2, with its angle brackets; a source route ("@a,@b:") is read and
 * thrown away (section 3.3 lets us). The cursor stands behind ">" afterwards. */
bool take_path(struct cursor *c, struct arena *arena, unsigned allow, struct address *out);
/* Mailbox of the same section, without brackets. */
bool take_mailbox(struct cursor *c, struct arena *arena, unsigned allow, struct address *out);
/* The whole text is one Mailbox, or with brackets one Path. */
bool address_parse(struct arena *arena, struct slice text, unsigned allow, struct address *out);

static inline bool address_is_null(const struct address *a)
{
	return a->local.len == 0 && a->domain.len == 0;
}

/* local@domain, the local part quoted if it must be; "" for the null address. */
struct slice address_text(struct arena *arena, const struct address *a);
/* The same in angle brackets: "<>", "<postmaster>", "<alice@example.test>". */
struct slice address_path(struct arena *arena, const struct address *a);
/* The form that keys are made of: domain_canonical() of the domain, the local part in lower case
 * (ASCII letters only; other bytes as they are). False if the domain is no domain. */
bool address_canonical(struct arena *arena, const struct address *a, struct address *out);

/* Checks an ASCII host or domain name: labels of letters, digits, inner hyphens and (as the world
 * has them) underscores, 63 octets each, 255 in all. No trailing dot. */
bool domain_is_valid(struct slice domain);
/* Checks "[192.0.2.1]", "[IPv6:2001:db8::1]", or "[Tag:text]" of RFC 5321 section 4.1.3. */
bool domain_is_literal(struct slice domain);
/* Lower case, U-labels as A-labels (IDNA 2008 with UTS #46 mapping), one trailing dot taken
 * away: the form in which domains are compared, stored and asked of the DNS. Address literals
 * only get lower case. False if it is no domain. */
bool domain_canonical(struct arena *arena, struct slice domain, struct slice *out);
/* For people: A-labels as U-labels where they are valid, else as it was. */
struct slice domain_to_unicode(struct arena *arena, struct slice domain);

#endif
