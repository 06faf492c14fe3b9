/* The configuration of the classifier (guard/bayes.h). */
#ifndef VEREDUS_CONFIG_CONFIG_CLASSIFIER_H
#define VEREDUS_CONFIG_CONFIG_CLASSIFIER_H

#include <stdbool.h>

struct config_classifier {
	bool enabled;
	unsigned min_messages;             /* of each kind, before it has anything to say */
	const char *spam_text, *ham_text;  /* as written */
	int spam, ham;                     /* what its verdict weighs, in hundredths */
	unsigned max_tokens, max_messages; /* of an account's corpus, and of the shared one */
	bool learn_from_moves;
	bool learn_shared;    /* what users move teaches the shared corpus, too */
	unsigned max_waiting; /* messages of an account that are still to be learned */
};

#endif
