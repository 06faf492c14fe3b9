/* Sieve: scripts that say what becomes of a message (RFC 5228 and extensions).
 *
 * A script is compiled to a small bytecode, and run over a message and its envelope by a machine
 * that does nothing itself: what is to be done comes out as a list of actions, and what has to be
 * looked up outside (is there such a mailbox? was this seen before?) is asked through callbacks.
 *
 *     struct sieve_errors errors;
 *     struct sieve_program *program;
 *     if (sieve_compile(script, &limits, arena, &program, &errors) < 0)
 *         ... errors.items[0]: line, column, and words for the writer
 *     struct sieve_job job = { .scripts = ..., .message = ..., .envelope = ... };
 *     if (sieve_run(&job, arena, &result) < 0)
 *         ... result.error: what went wrong while it ran; the one action is then a keep
 *     for (size_t i = 0; i < result.action_count; i++) ...
 *
 * Nothing here reads a store or the network. Compile and run take time and memory in proportion to
 * their limits, whatever script and message hold. */
#ifndef VEREDUS_SIEVE_SIEVE_H
#define VEREDUS_SIEVE_SIEVE_H

#include "base/arena.h"
#include "base/slice.h"

struct sieve_limits {
	size_t script_bytes;   /* of one script */
	unsigned nesting;      /* of blocks, and of tests in tests */
	unsigned instructions; /* of a run; work on long texts counts as some, too */
	size_t memory_bytes;   /* that a run may take beside message and script */
	unsigned actions;      /* that a run may come to */
	unsigned redirects;    /* among them; 0 forbids redirect. Notices count, too. */
	unsigned includes;     /* scripts that one may include, all levels together */
	size_t value_bytes;    /* of a variable; what is longer is cut */
	unsigned variables;    /* of a script, and global ones */
	int64_t vacation_min_s, vacation_max_s, vacation_default_s; /* between two answers */
};
#define SIEVE_LIMITS_DEFAULT                                                                       \
	((struct sieve_limits){                                                                    \
		.script_bytes = 1024 * 1024,                                                       \
		.nesting = 32,                                                                     \
		.instructions = 1000000,                                                           \
		.memory_bytes = 16 * 1024 * 1024,                                                  \
		.actions = 32,                                                                     \
		.redirects = 4,                                                                    \
		.includes = 32,                                                                    \
		.value_bytes = 64 * 1024,                                                          \
		.variables = 256,                                                                  \
		.vacation_min_s = 60 * 60,                                                         \
		.vacation_max_s = 60 * 24 * 60 * 60,                                               \
		.vacation_default_s = 7 * 24 * 60 * 60,                                            \
	})

/* --- compiling ----------------------------------------------------------------------- */

enum { SIEVE_ERRORS_MAX = 20 };
struct sieve_error {
	unsigned line, column; /* from 1; columns are bytes, a tab is one */
	const char *text;      /* one sentence without its full stop; in the arena */
	bool warning;          /* it compiles, but is hardly what was meant */
};
struct sieve_errors {
	struct sieve_error items[SIEVE_ERRORS_MAX]; /* in the order of the script */
	size_t count;                               /* warnings among them */
};

struct sieve_program;
/* 0 and a program in the arena (errors_out may hold warnings), or -EINVAL and at least one error.
 * The script's bytes must stay as long as the program. */
int sieve_compile(struct slice script, const struct sieve_limits *limits, struct arena *arena,
                  struct sieve_program **out, struct sieve_errors *errors_out);

/* The extensions, sorted by name, as RFC 5804 wants them in the capability SIEVE; NULL behind the
 * last. Also comparators ("comparator-i;ascii-numeric"). */
const char *sieve_extension_name(size_t i);
/* Methods of enotify, for the capability NOTIFY. */
#define SIEVE_NOTIFY_METHODS "mailto"

/* --- running ------------------------------------------------------------------------- */

enum sieve_action_kind {
	SIEVE_KEEP,
	SIEVE_FILEINTO,
	SIEVE_REDIRECT,
	SIEVE_DISCARD,
	SIEVE_REJECT,
	SIEVE_VACATION,
	SIEVE_NOTIFY,
	SIEVE_REMEMBER, /* that this message was seen (duplicate) */
};

struct sieve_text_list {
	struct slice *items;
	size_t count;
};

/* A copy of what goes out (RFC 8580). */
struct sieve_fcc {
	struct slice mailbox; /* empty: none */
	struct sieve_text_list flags;
	struct slice special_use, mailbox_id;
	bool create;
};

struct sieve_action {
	enum sieve_action_kind kind;
	unsigned line;      /* of the script; 0: nobody said it, it is implied */
	const char *script; /* its name */

	/* KEEP, FILEINTO, REDIRECT: the message as it is then. Both parts point into the job's
	 * message unless .edited; the header ends with its empty line. */
	struct slice header, body;
	bool edited;

	/* KEEP and FILEINTO */
	struct slice mailbox; /* UTF-8, '/' between levels; FILEINTO */
	struct sieve_text_list flags;
	bool create;
	struct slice special_use, mailbox_id; /* where it goes rather, if there is such; or empty */

	struct slice address; /* REDIRECT, NOTIFY: to; local@domain */
	struct {
		char ret;        /* 'F', 'H' or 0 */
		unsigned notify; /* enum post_notify; 0: not said */
	} dsn;                   /* REDIRECT (RFC 6009) */

	struct slice reason; /* REJECT; VACATION: the text, or with .mime a MIME entity */
	bool ereject;        /* REJECT: no report may be made if SMTP can still say it */

	struct slice from, subject; /* VACATION, NOTIFY; may be empty */
	struct slice handle;        /* VACATION: what of this was answered before? */
	int64_t seconds;      /* VACATION: between answers (0: each time); REMEMBER: how long */
	bool mime;            /* VACATION */
	struct sieve_fcc fcc; /* VACATION, NOTIFY */

	/* NOTIFY */
	struct slice message;         /* UTF-8 */
	int importance;               /* 1 (high) to 3 */
	struct sieve_text_list extra; /* "Name: value" fields out of the URI */
	struct sieve_text_list cc;    /* more addresses */

	struct slice id; /* REMEMBER: of the message, with its handle */
};

struct sieve_result {
	struct sieve_action *actions; /* in the order of the script */
	size_t action_count;
	bool failed; /* a runtime error: the actions are those that cannot be undone, and a keep */
	struct sieve_error error;
	const char *script;    /* that failed */
	unsigned instructions; /* that it took */
};

/* A step of a run, for people: slices are valid until the callback returns. */
struct sieve_step {
	const char *script;
	unsigned line;
	unsigned depth;    /* of includes */
	struct slice text; /* `header :contains "subject" "sale": no`; one line, UTF-8 */
};

struct sieve_script {
	const char *name; /* for errors and traces */
	const struct sieve_program *program;
};

enum sieve_location { SIEVE_PERSONAL, SIEVE_GLOBAL };
enum sieve_mailbox_test { SIEVE_BY_NAME, SIEVE_BY_ID, SIEVE_BY_USE };

/* What has to be looked up outside. Any may be NULL: nothing is found then. Each may park the
 * fiber; negative results are errors, which end the run. */
struct sieve_outside {
	void *arg;
	/* 1: the account has it, 0: not. `name` restricts BY_USE if it is not empty. */
	int (*mailbox)(void *arg, enum sieve_mailbox_test by, struct slice key, struct slice name);
	/* 1: it was seen within its time. Nothing is remembered here; that is an action. */
	int (*seen)(void *arg, struct slice id);
	/* The script to include, in the arena; 1, or 0 if there is none. */
	int (*script)(void *arg, enum sieve_location where, struct slice name, struct arena *arena,
	              struct slice *out);
	/* What is in the list (a URI, or a name; RFC 6134), in the arena: a value a line, and
	 * comments that begin with #. 1, or 0 if there is none. */
	int (*list)(void *arg, struct slice list, struct arena *arena, struct slice *out);
	/* Called now and then in a long run: others wait. */
	void (*rest)(void *arg);
	/* A step, in the order of the run. */
	void (*trace)(void *arg, const struct sieve_step *step);
};

struct sieve_job {
	const struct sieve_script *scripts; /* one after another, while the message is kept */
	size_t script_count;
	const struct sieve_limits *limits;
	struct sieve_outside outside;

	/* The message is in a mailbox already, and something was done with it (RFC 6785): scripts
	 * with what is for delivery fail. */
	bool is_event;
	struct slice message; /* header, empty line, body */
	struct slice trace;   /* fields that stand before it; or empty */
	struct {
		struct slice from, to; /* local@domain; from is empty for the null path */
		struct slice auth;     /* RFC 4954, who logged in; or empty */
		struct slice orig_to;  /* as it was given, before aliases; or empty */
	} envelope;

	int64_t now_ms;     /* wall clock */
	char detail_mark;   /* RFC 5233: what splits a local part, '+'; 0: nothing */
	struct slice owner; /* the account's address, for "From" where nobody says another */
	struct {
		struct slice host, domain, name, version, remote_host, remote_ip;
		struct slice location; /* "MDA", "MTA", "MS" */
		struct slice phase;    /* "during", "post" */
		/* Of the event, RFC 6785 section 4; NULL: there is no such item. */
		struct slice imap_user, imap_email, imap_cause, imap_mailbox, imap_changed_flags;
	} environment;
	struct sieve_text_list flags; /* that the message has; imap4flags begins with them */
	struct sieve_spam {
		bool known;
		int score, full; /* full or more is surely spam, 0 or less surely none */
	} spam;
	struct {
		bool known;
		unsigned value; /* RFC 5235 section 3.3: 1 clean to 5 */
	} virus;
};

/* Runs all scripts. 0, or -EINVAL with .failed: the result is complete nonetheless. Everything lies
 * in the arena, the message or the scripts. */
int sieve_run(const struct sieve_job *job, struct arena *arena, struct sieve_result *out);

/* The spelling of an action, for traces and logs: `fileinto "Work" :flags "\\Seen"`. */
struct slice sieve_action_text(struct arena *arena, const struct sieve_action *action);

#endif
