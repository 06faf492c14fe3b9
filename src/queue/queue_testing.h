/* What the tests of the queue share: an office with alice@example.test, a queue, and a remote that
 * answers by a script. All other domains go to the remote. */
#ifndef VEREDUS_QUEUE_QUEUE_TESTING_H
#define VEREDUS_QUEUE_QUEUE_TESTING_H

#include "mailbox/mailbox.h"
#include "queue/queue.h"
#include "store/store_testing.h"

/* The first rule that fits a command and has times left makes the reply; without one it is as
 * friendly as can be. verb "CONNECT" is the greeting, "." the end of a message. */
struct remote_rule {
	const char *verb;
	const char *contains; /* of the command's line; NULL: any */
	int times;            /* -1: always */
	const char *reply;    /* NULL: hang up without a word. After a 421 it hangs up too. */
};

struct remote {
	struct remote_rule rules[8];
	void (*connected)(void); /* before the greeting; or NULL */
	int listener;
	uint16_t port;
	unsigned taken; /* recipients of this transaction (of the last one that began) */
	bool in_data;
	unsigned connections, mails, recipients, messages; /* messages: taken with 250 */
	char last[8192];                                   /* the last message, as it came */
	size_t last_len;
};

struct office {
	char *dir;
	struct config *config;
	struct store *store;
	struct mailboxes *mailboxes;
	struct post *post;
	struct queue *queue;
	struct arena *arena;
	struct config_smarthost smarthost;
	struct remote remote;
	/* The scenario runs on a fiber while the queue works. */
	void (*scenario)(struct office *o);
	char failure[512]; /* the first one; "" */
};

/* On a fiber cmocka's own can't be used: they jump to another stack. */
void office_fail(struct office *o, int line, const char *what, int64_t found, int64_t wanted);
#define EXPECT(o, condition)                                                                       \
	do {                                                                                       \
		if (!(condition))                                                                  \
			office_fail((o), __LINE__, #condition, 0, 1);                              \
	} while (0)
#define EXPECT_NUMBER(o, expression, wanted)                                                       \
	do {                                                                                       \
		int64_t found_ = (expression);                                                     \
		if (found_ != (wanted))                                                            \
			office_fail((o), __LINE__, #expression, found_, (wanted));                 \
	} while (0)
#define EXPECT_RANGE(o, expression, least, most)                                                   \
	do {                                                                                       \
		int64_t in_range_ = (expression);                                                  \
		if (in_range_ < (least) || in_range_ > (most))                                     \
			office_fail((o), __LINE__, #expression, in_range_, (most));                \
	} while (0)

int office_setup(void **state);
int office_teardown(void **state);
/* After the configuration was changed. */
void office_reopen(struct office *o);
/* Runs the runtime with the remote and the queue until the scenario returns. */
void office_run(struct office *o, void (*scenario)(struct office *o));
/* Accepts a message: recipients separated by spaces. */
void office_post(struct office *o, const char *from, const char *to, unsigned notify);
/* Puts messages for one recipient each into the table that nobody has a lease of and that are due:
 * from "u0@DOMAIN" on, as they are after a restart. domain: a # in it is
 * the number of one of `domains`, in turn. */
void office_fill(struct office *o, int count, const char *domain, int domains);
/* Waits, on the fiber, until the query gives the number; fails the test after some seconds. */
void office_wait(struct office *o, const char *sql, int64_t wanted);
int64_t office_count(struct office *o, const char *sql);
/* The newest message in alice's INBOX, in o->arena; empty if there is none. */
struct slice office_inbox(struct office *o);

#define QUEUED  "SELECT count(*) FROM queue_recipient"
#define INBOXED "SELECT count(*) FROM message"

#endif
