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
	struct slice results;  /* Authentication-Results of ours, which will stand on top of it */
	struct slice received; /* the field that will stand below that */
	const char *dir;       /* for spools */
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
/* For the score table. */
struct filter_line {
	const char *name; /* "rspamd.BAYES_SPAM" */
	const char *evidence;
	int weight; /* hundredths */
};

enum {
	FILTER_CHANGES_MAX = 1000,
	FILTER_CHANGE_BYTES_MAX = 4 * 1024 * 1024,
	FILTER_LINES_MAX = 40,
	FILTER_WEIGHT_MAX = 1000000,
};
struct filter_answer {
	struct arena *arena;
	enum filter_fate fate;
	struct config_reply reply; /* of FILTER_REFUSE */
	const char *quarantine;    /* why; NULL: it is not wanted */
	bool greylist;             /* who is new should come again */
	const char *opinion;       /* "add header, 7.00 of 15.00"; NULL: only a fate */
	struct filter_line *lines;
	size_t line_count;
	/* Fields that it was shown above the message: its changes count them, but can't reach them.
	 */
	struct slice shown;
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

/* --- for who asks (filter_answer.c) ------------------------------------------------------- */

/* Each copies what it is given. 0; -E2BIG: there may be no more. -EPROTO: no name of a field. An
 * empty value of FILTER_CHANGE_FIELD deletes; leading_space: a value begins with its own, if any.
 */
int filter_want_field(struct filter_answer *answer, int kind, uint32_t index, struct slice name,
                      struct slice value, bool leading_space);
int filter_want_recipient(struct filter_answer *answer, bool removed, struct slice address);
int filter_want_sender(struct filter_answer *answer, struct slice address);
int filter_want_quarantine(struct filter_answer *answer, struct slice why);
/* Adds a line; those beyond the last are one. Texts are made printable. */
void filter_want_line(struct filter_answer *answer, const struct config_filter *filter,
                      struct slice name, struct slice evidence, int weight);
/* A weight of theirs, as the option weight of the filter wants it counted. */
int filter_weight(const struct config_filter *filter, double score);
/* What is done with what it calls spam, as on-spam says. */
void filter_found_spam(const struct config_filter *filter, struct filter_answer *answer,
                       const char *why);
/* Whichever is sooner: ms from now, or the deadline. */
int64_t filter_sooner(int64_t ms, int64_t deadline);

#endif
