/* veredus bench imap and bench pop3: what they share. Sessions, each a fiber, that ask a server for
 * some seconds, check what it says, and measure each kind of request for itself. */
#ifndef VEREDUS_CLI_BENCH_MAIL_H
#define VEREDUS_CLI_BENCH_MAIL_H

#include <stdatomic.h>

#include "cli/bench.h"
#include "cli/remote.h"
#include "fiber/fiber.h"

enum bench_op {
	BENCH_LOGIN, /* connection, TLS and login */
	BENCH_SELECT,
	BENCH_FLAGS,
	BENCH_ENVELOPE,
	BENCH_BODY,
	BENCH_STORE,
	BENCH_APPEND,
	BENCH_NOTICE, /* from APPEND being sent to EXISTS in a session that idles */
	BENCH_LIST,
	BENCH_OPS,
};

enum { BENCH_TIMEOUT_MS = 60000, BENCH_FAILURES = 8, BENCH_FAILURE_TEXT = 160 };

struct bench_failure {
	char text[BENCH_FAILURE_TEXT];
	uint64_t count;
};

struct bench_stats {
	struct bench_histogram ops[BENCH_OPS];
	uint64_t bytes, errors;
	struct bench_failure failures[BENCH_FAILURES];
};

struct bench_load {
	struct cli *cli;
	struct remote remote;
	const char *user, *password; /* user: "%d" in it is a number */
	const char *mode;
	int64_t sessions, seconds, users, workers, size, count;
	void (*session)(struct bench_load *load, int64_t number, struct bench_stats *stats);
	/* While it runs. */
	int64_t end_ns;
	atomic_llong idling, sent_ns; /* of the mode idle */
};

static inline bool bench_is_over(const struct bench_load *l)
{
	return clock_monotonic_ns() >= l->end_ns;
}
/* The name of the user of a session. */
const char *bench_user(struct bench_load *l, struct arena *arena, int64_t number);
void bench_note(struct bench_stats *s, enum bench_op op, int64_t began_ns);
void bench_fail(struct bench_stats *s, const char *what, const char *why);
/* Reads the options, runs the sessions and prints what came of it. An enum cli_exit. */
int bench_mail(struct cli *cli, uint16_t port, uint16_t tls_port, const char *const *modes,
               void (*session)(struct bench_load *load, int64_t number, struct bench_stats *stats));

int bench_imap(struct cli *cli);
int bench_pop3(struct cli *cli);

#endif
