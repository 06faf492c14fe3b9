/* The learner: the classifier learns lessons (lesson.h) in the background.
 *
 * One fiber for all accounts. It takes a message apart on a thread of the pool and learns it in a
 * commit of its own, then rests as long as that took, so that no session waits for more than one
 * message. What a message was learned as is remembered with the corpus (guard/bayes_rows.h): the
 * same once more changes nothing, the other kind takes it back first. So a lesson that a crash cut
 * off is simply begun anew. */
#ifndef VEREDUS_MAILBOX_LEARNER_H
#define VEREDUS_MAILBOX_LEARNER_H

#include "config/config.h"

struct db;
struct store;
struct learner;

/* What is told of each message, inside the commit that learns it: whose lesson it is, and the
 * message's header. Returns 0 or an error of the store. */
typedef int (*learner_note)(struct db *db, void *arg, struct slice account, struct slice header,
                            bool is_spam);
struct learner *learner_new(struct store *store, const struct config *config, learner_note note,
                            void *arg);
void learner_free(struct learner *l);
/* Goes by another configuration, but for what is at_start (config_reload.h). NULL: nothing. [any
 * thread] */
void learner_use(struct learner *l, const struct config *config);
/* Starts the fiber, which first learns what a run before has left. */
void learner_start(struct learner *l);
/* [any thread] There is a lesson, or there was no room for so many messages. NULL: nothing. */
struct lesson_noted;
void learner_tell(struct learner *l, const struct lesson_noted *noted);
/* How many messages may wait; 0 without a learner. */
uint64_t learner_room(const struct learner *l);

struct learner_counts {
	uint64_t spam, ham; /* messages that were learned */
	uint64_t known;     /* that were so already */
	uint64_t lost;      /* for which there was no room */
};
/* [any thread] */
struct learner_counts learner_counts(const struct learner *l);

#endif
