/* Questions under way: asked of libunbound, unless the cache knows, and each only once however many
 * fibers wait for it.
 *
 *     struct dns_asked asked;
 *     dns_ask_begin(queries, arena, name, type, &asked, &answer);
 *     rc = dns_ask_wait(&asked, arena, deadline, &answer);    0: asked.result says what came of it
 *     dns_ask_end(&asked);
 *
 * The last fiber that gives up a question cancels it. */
#ifndef VEREDUS_DNS_DNS_QUERY_H
#define VEREDUS_DNS_DNS_QUERY_H

#include "base/list.h"
#include "dns/dns_cache.h"
#include "fiber/fiber.h"

struct ub_ctx;
struct dns_queries;
struct dns_query;

/* The cache becomes the queries'; NULL: none. */
struct dns_queries *dns_queries_new(struct ub_ctx *ub, struct dns_cache *cache);
/* When no question is under way, and nothing processes answers any more. */
void dns_queries_free(struct dns_queries *q);
struct dns_counts dns_queries_count(struct dns_queries *q);

/* One who asks. It stays where it is until its end. */
struct dns_asked {
	struct dns_queries *queries;
	struct dns_query *query; /* NULL: there is nothing to wait for */
	enum dns_type type;
	struct list link;
	fiber_id waiter;
	int result; /* of dns.h, when it is known */
};

/* On a fiber. An answer that is known at once is written. */
void dns_ask_begin(struct dns_queries *q, struct arena *a, const char *name, enum dns_type type,
                   struct dns_asked *asked, struct dns_answer *out);
/* 0: asked->result is set, and with it *out as dns.h says. Else the result of the wait. */
int dns_ask_wait(struct dns_asked *asked, struct arena *a, int64_t deadline,
                 struct dns_answer *out);
void dns_ask_end(struct dns_asked *asked);

#endif
