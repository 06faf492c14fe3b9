/* MTA-STS (RFC 8461): the policies of other domains, fetched by HTTPS and kept in the store until
 * they expire.
 *
 *     sts_find()    what holds for a domain now: from the store, or fetched anew if the domain's
 * TXT record has another id sts_ask()     the same without a store, for tools
 *
 * A policy that was had once holds until its max_age is over, whatever the DNS or the web server
 * say meanwhile: who is in the way can't make it go away. Those in use are fetched again in the
 * background, well ahead of that. Without one a domain whose policy can't be had has none (section
 * 3.3). */
#ifndef VEREDUS_CLIENT_STS_H
#define VEREDUS_CLIENT_STS_H

#include "client/sts_policy.h"
#include "config/config.h"
#include "dns/dns.h"

struct sts;
struct store;
struct db;

struct sts_config {
	struct store *store;
	struct dns *dns;
	const struct config *config;
};

/* [any thread] */
struct sts *sts_new(const struct sts_config *config);
void sts_free(struct sts *s);
/* On the runtime: begins to fetch anew what is in use. */
void sts_start(struct sts *s);

/* A policy as it is kept. */
struct sts_row {
	struct slice id, text;          /* text: as it was fetched */
	int64_t fetched_ms, expires_ms; /* wall clock */
	int64_t used_ms, tried_ms;      /* last used, to a day; last tried to fetch */
};

enum sts_trouble {
	STS_FINE,
	STS_UNREACHABLE, /* it can't be fetched */
	STS_UNTRUSTED,   /* the web server's certificate is not good */
	STS_INVALID,     /* what was fetched is no policy */
};

struct sts_found {
	bool has_policy; /* else none of the following but the trouble */
	struct sts_policy policy;
	struct sts_row row;
	bool is_new; /* the row was fetched just now */
	/* Why there is none, or why an old one is still used; also then. */
	enum sts_trouble trouble;
	const char *why;
};

/* All in the arena. 0, or -ECANCELED. [fiber] */
int sts_find(struct sts *s, struct arena *arena, struct slice domain, int64_t deadline,
             struct sts_found *out);
/* known: the row that is kept, or NULL. [fiber] */
int sts_ask(struct dns *dns, const struct config *config, struct arena *arena, struct slice domain,
            const struct sts_row *known, int64_t deadline, struct sts_found *out);
/* Inside a read: the row of a domain, in the arena; -ENODATA if there is none. */
int sts_row_get(struct db *db, struct arena *arena, struct slice domain, struct sts_row *out);

#endif
