/* The configuration of domains that are not ours and whose mail is taken from everybody, to be
 * passed on: section relay (docs/relay.md). */
#ifndef VEREDUS_CONFIG_CONFIG_RELAY_H
#define VEREDUS_CONFIG_CONFIG_RELAY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* How it is known which recipients there are. */
enum relay_verify {
	RELAY_VERIFY_LIST,       /* rows: directory/relay.h */
	RELAY_VERIFY_CALL_AHEAD, /* the next host is asked */
	RELAY_VERIFY_NONE,       /* not at all */
};

/* What a stranger is told while the next host can't be asked. */
enum relay_trouble { RELAY_TROUBLE_DEFER, RELAY_TROUBLE_ACCEPT };

struct config_relay {
	const char *domain; /* lower-case A-labels */
	enum relay_verify verify;
	enum relay_trouble on_trouble;
	int64_t known_for_ms, unknown_for_ms; /* how long an answer is believed */
	int64_t probe_timeout_ms;             /* of all that asking takes */
	unsigned max_probes;                  /* at a time */
};

/* Who is not written to any more after a hard bounce: by the sender's domain, or by account. */
struct config_suppression {
	const char *scope; /* canonical: a domain or an address */
	int64_t for_ms;    /* 0: until it is removed */
	bool complaints;   /* after those, too */
};

/* Mail that aliases send to other hosts. */
struct config_forward {
	bool srs;               /* rewrite senders that are not ours: route/srs.h */
	const char *srs_domain; /* canonical; NULL: the host's name */
	int64_t srs_max_age_ms; /* how long a rewritten sender is good */
	int64_t srs_rotate_ms;  /* how long a key signs */
};

struct config;
/* The section of a domain (canonical), or NULL. */
const struct config_relay *config_relay_find(const struct config *config, struct slice domain);

/* The section for mail of that account (canonical, or empty), or else of that sender; or NULL. */
const struct config_suppression *config_suppression_find(const struct config *config,
                                                         struct arena *arena, struct slice account,
                                                         struct slice sender);
/* The one with that title, as it may be written; or NULL. */
const struct config_suppression *config_suppression_title(const struct config *config,
                                                          struct arena *arena, struct slice title);

#endif
