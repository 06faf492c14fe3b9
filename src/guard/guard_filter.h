/* Filters: programs of others that a message is shown to before it is taken (sections filter).
 *
 *     struct filter_answer answer = { .arena = arena };
 *     guard_filter_ask(g, filter, &question, &answer);    parks the fiber
 *     filter_apply(&answer, message, &spool)              the message as the filter wants it
 *     filter_answer_end(&answer)
 *
 * Whatever a filter does, or does not do, there is an answer within its total-timeout: one that
 * fails is passed over or answered with 451, as the configuration says, and none of its changes is
 * made then. */
#ifndef VEREDUS_GUARD_GUARD_FILTER_H
#define VEREDUS_GUARD_GUARD_FILTER_H

#include "guard/guard.h"
#include "store/spool.h"

/* What a filter is told; the caller's. Texts may be NULL where nothing is known. */
struct filter_question {
	const char *hostname, *listener;
	const struct net_address *client;
	const char *client_name; /* confirmed */
	const char *helo;
	const char *account;
	const char *tls_protocol, *tls_cipher;
	const char *queue_id;
	struct slice sender; /* with <> */
	const struct slice *recipients;
	size_t recipient_count;
	struct slice message;
	const char *dir; /* for spools */
	size_t memory_bytes;
	uint64_t max_bytes;
};

enum filter_fate { FILTER_PASS, FILTER_REFUSE, FILTER_DISCARD };

/* Of the header. */
struct filter_change {
	enum { FILTER_ADD_FIELD, FILTER_INSERT_FIELD, FILTER_CHANGE_FIELD } kind;
	/* To insert: behind so many fields. To change: the how many-th of its name, from 1. */
	uint32_t index;
	struct slice name;
	struct slice field; /* all of it, with its CRLF; empty: it is deleted */
};
struct filter_recipient {
	bool removed; /* else added */
	struct slice address;
};

enum { FILTER_CHANGES_MAX = 1000, FILTER_CHANGE_BYTES_MAX = 4 * 1024 * 1024 };
struct filter_answer {
	struct arena *arena;
	enum filter_fate fate;
	struct config_reply reply; /* of FILTER_REFUSE */
	const char *quarantine;    /* why; NULL: it is not wanted */
	struct filter_change *changes;
	size_t change_count;
	size_t change_bytes;
	struct filter_recipient *recipients;
	size_t recipient_count;
	bool has_sender;
	struct slice sender; /* with or without <> */
	bool has_body;
	struct spool body;
	const char *text; /* for the journey: "opendkim: accepted, 1 field changed" */
};

/* Is this filter for mail of strangers, or for that of our users? */
bool filter_is_for(const struct config_filter *filter, bool outgoing);
void guard_filter_ask(struct guard *g, const struct config_filter *filter,
                      const struct filter_question *question, struct filter_answer *out);
/* Does it want the message to be another one? */
bool filter_has_changes(const struct filter_answer *answer);
/* Writes that one. Deleted fields count among those of their name, as they do with Sendmail. 0, or
 * an error of a spool. */
int filter_apply(const struct filter_answer *answer, struct slice message, struct spool *out);
void filter_answer_end(struct filter_answer *answer);

#endif
