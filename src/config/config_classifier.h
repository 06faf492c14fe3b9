/* The configuration of the classifier (guard/bayes.h). */
#ifndef VEREDUS_CONFIG_CONFIG_CLASSIFIER_H
#define VEREDUS_CONFIG_CONFIG_CLASSIFIER_H

struct config_classifier {
	unsigned max_tokens, max_messages; /* of an account's corpus, and of the shared one */
};

#endif
