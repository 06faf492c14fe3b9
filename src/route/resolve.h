/* Where an address leads: an account of ours, an alias (to several targets, nested), the
 * catch-all of its domain, or another host.
 *
 * In this order: the address as it is (an account or an alias, never both), the same without what
 * follows the plus separator, the catch-all of its domain, and for postmaster the first enabled
 * account of the domain or else of all (RFC 5321 section 4.5.1: postmaster always works). */
#ifndef VEREDUS_ROUTE_RESOLVE_H
#define VEREDUS_ROUTE_RESOLVE_H

#include "config/config.h"
#include "message/address.h"
#include "route/batv.h"
#include "route/srs.h"
#include "store/db.h"

struct route_target {
	struct route_target *next;
	int64_t account_id;   /* 0: elsewhere */
	struct slice address; /* of the account; elsewhere local@domain, spelt for the wire */
	struct slice domain;  /* canonical */
	struct slice detail;  /* behind the plus separator; empty: there is none */
	struct slice alias;   /* the address of ours that sent it elsewhere; empty if none did */
	bool limited;         /* the account has a quota that counts here */
	bool full;            /* which has no room for the message */
};

struct route_resolution {
	struct route_target *targets; /* no account and no address twice */
	size_t count;
	bool local;   /* the domain is ours */
	bool fetched; /* it is not, but its mail is taken, for somebody who will fetch it, for a
	                 transport that everybody may send to, or for a relay domain */
	const struct config_relay *relay; /* whose domain it is; or NULL */
	bool listed;                      /* it is among those that the domain has */
	bool loop;                        /* an alias leads to itself, or past a limit */
	bool hidden;                      /* it is an alias whose members are told to nobody */
	bool moved;                       /* it takes no mail; the target says where it went */
	unsigned dead;                    /* names of ours on the way that exist no more */
	unsigned disabled;
};

/* What an address on the way turned out to be. */
enum route_step_kind {
	ROUTE_STEP_ACCOUNT,
	ROUTE_STEP_DISABLED,   /* an account that takes no mail */
	ROUTE_STEP_ALIAS,      /* what it stands for comes next, one deeper */
	ROUTE_STEP_HIDDEN,     /* the same, but told to nobody */
	ROUTE_STEP_MOVED,      /* takes no mail, but says where it went */
	ROUTE_STEP_CATCH_ALL,  /* who takes it comes next, one deeper */
	ROUTE_STEP_POSTMASTER, /* the account that stands in comes next, one deeper */
	ROUTE_STEP_SRS,        /* the rewritten sender of forwarded mail; who that is comes next */
	ROUTE_STEP_ELSEWHERE,
	ROUTE_STEP_UNKNOWN, /* in a domain of ours, or no address */
	ROUTE_STEP_LOOP,    /* it stands above already */
	ROUTE_STEP_LIMIT,   /* too deep, or one too many */
};
struct route_step {
	enum route_step_kind kind;
	unsigned depth;
	struct slice address; /* as it is written where it was found */
	struct slice found;   /* the account or the alias that it led to, or where it moved */
	bool again;           /* gets no second copy: it was among the targets */
};
/* Called for each, depth first. Slices are valid until it returns. */
typedef void (*route_watch)(const struct route_step *step, void *arg);

struct route_limits {
	const struct config *config; /* for its transports */
	const char *hostname;        /* postmaster at this host is ours too */
	struct srs *srs;             /* rewritten senders are recipients; or NULL */
	struct batv *batv;           /* tags are taken off; or NULL */
	char plus_separator;         /* 0: none */
	unsigned max_depth;          /* of aliases in aliases */
	unsigned max_targets;        /* of one address, all levels together */
	bool for_show;               /* a hidden alias among the members stands for its own */
	route_watch watch;           /* or NULL */
	void *watch_arg;
};
/* As the configuration has them. */
struct route_limits route_limits_of(const struct config *config);

/* In a read. address as received; an empty domain is one of ours. size_bytes: of the message, if
 * known. Everything lies in the arena. 0, or an error of the store. */
int route_resolve(struct db *db, struct arena *arena, const struct route_limits *limits,
                  const struct address *address, uint64_t size_bytes, struct route_resolution *out);

/* The domain of <postmaster>: the first of ours, or the host's name. 0 or an error of the store. */
int route_first_domain(struct db *db, struct arena *arena, const struct route_limits *limits,
                       struct slice *out);

#endif
