/* What the classifier sees of a message: a set of words, and of facts about its header. Pure.
 *
 * Words of text and HTML, decoded and in small letters, stand alone; facts have a name in front:
 *
 *     subject:offer  from:example.org  reply:example.org  mailer:bat  id:example.org
 *     link:example.org  link:address  file:zip  type:text/html  charset:gb2312  tag:form
 *     field:in-reply-to  long:x30
 *
 * Scripts without spaces are taken in pairs of characters. Fields that a message gets on its way
 * (Received, results of checks) don't count, so that a message is the same one before and after it
 * was delivered. Time and memory are bounded by the limits below, whatever the message is. */
#ifndef VEREDUS_GUARD_BAYES_TOKEN_H
#define VEREDUS_GUARD_BAYES_TOKEN_H

#include "base/arena.h"
#include "message/limits.h"

enum {
	BAYES_TOKENS_MAX = 3000,       /* different ones of a message; later ones don't count */
	BAYES_TEXT_BYTES = 256 * 1024, /* of decoded text that is looked at */
	BAYES_WORD_MAX = 40,           /* bytes */
	BAYES_DIGEST_BYTES = 16,
};

struct bayes_token {
	uint64_t hash;
	struct slice text;
};

struct bayes_tokens {
	struct bayes_token *items; /* by hash, each once */
	size_t count;
	/* By which the message is known again: of the tokens, Message-ID and Date. */
	char digest[BAYES_DIGEST_BYTES];
};

/* All lies in the arena. */
void bayes_tokens_of(struct arena *arena, struct slice message, const struct message_limits *limits,
                     struct bayes_tokens *out);

#endif
