/* What is asked of DNS blocklists and allowlists (RFC 5782), and what scores add up to.
 *
 *     answer = ( address [ "-" address ] / address "/" bits / "&" address ) [ "=" weight ]
 *     weight = [ "-" ] digits [ "." 1*2digit ]         kept in hundredths
 *     fact   = pattern ":" SP weight                   of what checks came to ("spf=fail*: 2.5")
 *
 * "&0.0.0.8" is an answer that has that bit: lists that say several things at once use one each. */
#ifndef VEREDUS_CONFIG_CONFIG_SCORE_H
#define VEREDUS_CONFIG_CONFIG_SCORE_H

#include "config/config_guard.h"

/* What a list may be asked about; bits. */
enum dns_list_ask {
	LIST_ASK_CLIENT = 1,         /* the address of the client */
	LIST_ASK_NAME = 2,           /* its confirmed name */
	LIST_ASK_HELO = 4,           /* the name in HELO */
	LIST_ASK_SENDER = 8,         /* the domain of the sender */
	LIST_ASK_LINKS = 16,         /* domains of links in the text */
	LIST_ASK_LINK_ADDRESSES = 32 /* links to an address instead of a name */
};
enum { LIST_ASK_KINDS = 6 };

struct dns_list_answer {
	const char *shown;
	uint32_t low, high; /* in host order */
	uint32_t mask;      /* 0: by low and high */
	int weight;         /* hundredths */
};

struct config_dns_list {
	const char *name; /* the title */
	unsigned number;
	const char *zone; /* canonical */
	unsigned ask;
	struct dns_list_answer *answers; /* none: all of 127/8 */
	size_t answer_count;
	int weight; /* hundredths; of answers without their own */
	int names;  /* enum dns_list_names */
	bool reason;
	int64_t timeout_ms;
};
enum dns_list_names { LIST_NAMES_REGISTRABLE, LIST_NAMES_FULL };

struct config_dns_lists {
	struct config_dns_list *items;
	size_t count;
	unsigned ask; /* of all of them */
};

/* Totals in hundredths from which something is done; 0: it is not. */
struct config_score {
	const char *tag_text, *junk_text, *quarantine_text, *reject_text; /* as written */
	int tag, junk, quarantine, reject;
	struct config_weight {
		struct config_pattern pattern;
		int weight;
	} * weights;
	size_t weight_count;
	unsigned max_links; /* domains of one message that lists are asked about */
};

/* Pure; false if the text is none. */
bool config_parse_weight(struct slice text, int *out);
bool config_parse_list_answer(struct arena *arena, const char *text, int weight,
                              struct dns_list_answer *out);

#endif
