/* Sections filter: programs that messages are shown to before they are taken (docs/guard.md). */
#ifndef VEREDUS_CONFIG_CONFIG_FILTER_H
#define VEREDUS_CONFIG_CONFIG_FILTER_H

#include "net/address.h"

enum filter_kind { FILTER_KIND_MILTER, FILTER_KIND_CLAMD, FILTER_KIND_RSPAMD, FILTER_KIND_SPAMD };
/* Whose mail it is shown. */
enum filter_mail {
	FILTER_INCOMING, /* of strangers */
	FILTER_OUTGOING, /* of who has logged in, of our relays and of programs of this host */
	FILTER_ALL,
};
enum filter_failure { FILTER_OPEN, FILTER_CLOSED };
/* What is done with malware. */
enum filter_found {
	FILTER_FOUND_REJECT,
	FILTER_FOUND_JUNK,
	FILTER_FOUND_DISCARD,
	FILTER_FOUND_QUARANTINE,
};
/* And with what a scanner calls spam. */
enum filter_spam { FILTER_SPAM_JUNK, FILTER_SPAM_TAG, FILTER_SPAM_REJECT };
/* Where it is put that is to be kept from its reader. */
enum filter_hold { FILTER_HOLD_JUNK, FILTER_HOLD_QUARANTINE };

struct config_filter {
	const char *name; /* the title */
	unsigned number;
	int kind, mail, on_failure, on_found, on_spam,
		on_quarantine;    /* of the enumerations above */
	const char *address_text; /* as written */
	const char *weight_text;
	int weight;           /* hundredths: what one point of theirs is in the score table */
	const char *password; /* of Rspamd; NULL: none */
	const char *user;     /* of spamd; likewise */
	uint64_t max_bytes;   /* of a message that it is shown */
	struct net_address address;
	int64_t connect_timeout_ms, command_timeout_ms, message_timeout_ms, total_timeout_ms;
	unsigned max_connections;
};

struct config_filters {
	struct config_filter *items; /* in the order of the file */
	size_t count;
};

struct config_place;
/* Adds a filter behind those that there are, or says what is wrong with it. There must be room. */
void config_add_filter(const struct config_place *place, const struct config_filter *filter);

#endif
