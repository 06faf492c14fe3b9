/* What the operator asks of the system, whether it runs or not.
 *
 * A request is a JSON object with the name of a command; a reply is any number of items and an
 * end. The same handlers serve both roads:
 *
 *     server runs:  the command line writes one line to DIR/control.sock and reads lines
 *                       {"command":"user.list"}
 *                       {"item":{"address":"alice@example.test", ...}}
 *                       {"item":{...}}
 *                       {"ok":true}            or   {"ok":false,"error":"..."}
 *     it does not:  the command line opens the store and calls admin_call() itself
 *
 * Messages go as they are, behind a line that tells their "body_bytes", in both directions.
 *
 * Who may open the socket (mode 0600) may do everything. A request is one line of at most
 * ADMIN_LINE_MAX bytes, and there may be several on one connection. `GET /metrics` in HTTP is
 * answered too, with Prometheus text, so that
 *     curl --unix-socket DIR/control.sock http://x/metrics
 * works.
 *
 * A new command is one row in a table of admin_commands.c, and one handler. */
#ifndef VEREDUS_ADMIN_ADMIN_H
#define VEREDUS_ADMIN_ADMIN_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "net/service.h"

struct db;
struct store;
struct mailboxes;
struct auth;
struct dns;
struct guard;
struct imap_index;
struct learner;
struct trust;
struct post;
struct queue;

enum { ADMIN_LINE_MAX = 60 * 1024 };
#define ADMIN_SOCKET "control.sock"

/* What handlers work on. Only config and store are there when the server does not run. */
struct admin {
	const struct config *_Atomic config; /* in force: config_reload.h */
	struct store *store;
	struct mailboxes *mailboxes;
	struct auth *auth;
	struct dns *dns; /* NULL without a server */
	struct guard *guard;
	struct imap_index *index;
	struct learner *learner;
	struct trust *trust;
	struct post *post;
	struct queue *queue;
	struct service **services;
	size_t service_count;
	int64_t started_ms; /* wall clock; 0 when the server does not run */
	/* Takes in the configuration anew; *result_out: { "taken", "restart", "read", "warnings",
	 * "errors" }, an array of texts each. NULL without a server. Parks the fiber. */
	int (*reload)(void *arg, json_t **result_out);
	void *reload_arg;
};

/* What one connection keeps between its requests; admin_visit_end() when it ends. */
struct import_index;
struct admin_visit {
	struct import_index *index; /* of the folder that was imported into last */
};
void admin_visit_end(struct admin_visit *visit);

/* Where a handler's answer goes. */
struct admin_reply {
	/* Takes the reference of item. A negative return ends the command. */
	int (*item)(void *arg, json_t *item);
	/* Bytes that come behind the item before, whose "body_bytes" tells how many. */
	int (*bytes)(void *arg, struct slice bytes);
	/* Hands on the bytes that come behind the request ("body_bytes" there); what a handler
	 * leaves is thrown away. take gets them in pieces, and its failure ends it. */
	int (*body)(void *arg, uint64_t len, int (*take)(void *take_arg, struct slice),
	            void *take_arg);
	void *arg;
	uint64_t body_left; /* of the request, not read yet */
	struct admin_visit *visit;
	char error[512]; /* why it failed, for people; "" to have the errno's text */
};

typedef int (*admin_fn)(struct admin *admin, const json_t *request, struct admin_reply *reply);
struct admin_command {
	const char *name; /* "user.add" */
	admin_fn run;     /* 0 or a negative errno. Parks the fiber, if on one. */
};

/* Runs a request. 0, or a negative errno and reply->error. */
int admin_call(struct admin *admin, const json_t *request, struct admin_reply *reply);

/* The control socket; its context is a struct admin. */
extern const struct protocol admin_protocol;

/* Prometheus text, exposition format 0.0.4. */
int admin_print_metrics(const struct admin *admin, struct buf *out);

/* --- for handlers ---------------------------------------------------------------------- */

/* Sets reply->error and returns rc. */
int admin_fail(struct admin_reply *reply, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A text of the request; NULL if there is none. */
const char *admin_text(const json_t *request, const char *key);
/* An address without the angle brackets in which addresses are often shown; but <> stays. */
struct slice admin_bare(const char *text);
/* A text that must be there: NULL after admin_fail(). */
const char *admin_need(const json_t *request, const char *key, struct admin_reply *reply);
int64_t admin_number(const json_t *request, const char *key, int64_t otherwise);
/* Hands one item on. */
int admin_item(struct admin_reply *reply, json_t *item);
/* Reads up to len bytes of what comes behind the request. -ENODATA: there are not so many. */
int admin_body(struct admin_reply *reply, uint64_t len, int (*take)(void *, struct slice),
               void *take_arg);
/* Items of an array, which is freed. */
int admin_items(struct admin_reply *reply, json_t *array);

/* A list, a page at a time: items are handed on between reads, which must not wait for whoever
 * takes them. */
enum { ADMIN_PAGE_ITEMS = 200 };
struct admin_page {
	const struct admin *admin;
	struct arena *arena;
	struct db *db;      /* for the read that sets it */
	struct slice after; /* the key of the last item, in the arena; empty at first */
	json_t *items;
};
/* read gets the page, adds up to ADMIN_PAGE_ITEMS that come behind `after` to its items, moves
 * `after` on, and returns 1 while there are more. 0 or a negative errno. */
int admin_pages(struct admin *admin, struct admin_reply *reply,
                int (*read)(struct db *db, void *page));
/* A JSON string of any bytes: what is no UTF-8 is taken for Latin-1. */
json_t *admin_json_text(struct slice text);

#endif
