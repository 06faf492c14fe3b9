#include "queue/queue_dial.h"

#include <errno.h>

#include "base/log.h"
#include "net/conn_race.h"
#include "queue/queue_feedback.h"
#include "queue/queue_source.h"

/* To find the policy of a host. */
#define POLICY_MS (60 * 1000)

/* The addresses of one host that are left to try. */
struct host {
	struct queue_dial *dial;
	const struct config_smarthost *way;
	const struct client_hop *hops[CLIENT_ROUTE_HOPS_MAX];
	struct queue_source sources[CLIENT_ROUTE_HOPS_MAX];
	size_t count;
	size_t tried; /* of hops: that which was connected to, or could not be */
};

void queue_dial_prepare(struct queue_dial *d, const struct client_route *route)
{
	const struct queue *q = d->queue;
	const struct config *c = q->config.config;
	const struct config_smarthost *s = route->smarthost;
	d->config = (struct smtp_client_config){
		.tls_any = q->tls_any,
		.tls_verified = q->tls_verified,
		.wish = &d->policy.wish,
		.lmtp = s && s->lmtp,
		.user = s ? s->user : NULL,
		.password = s ? s->password : NULL,
		.auth = s ? s->auth : AUTH_MECHANISM_ANY,
		/* The operator said so by `tls = none`. */
		.auth_in_clear = s && s->tls == TLS_RULE_NONE,
		.timeouts = { .connect_ms = c->queue.connect_timeout_ms,
		              .command_ms = c->queue.command_timeout_ms,
		              .block_ms = c->queue.command_timeout_ms,
		              .data_end_ms = c->queue.data_timeout_ms,
		              .message_ms = c->queue.message_timeout_ms,
		              .min_data_rate = c->queue.min_data_rate },
	};
}

/* So long, but not beyond the end of it all. */
static int64_t until(const struct queue_dial *d, int64_t ms)
{
	int64_t deadline = deadline_in(ms);
	return d->config.deadline && d->config.deadline < deadline ? d->config.deadline : deadline;
}

static int connect_one(void *arg, size_t which, struct conn **out)
{
	struct host *h = arg;
	const struct queue_dial *d = h->dial;
	return queue_source_connect(d->queue, h->way, h->hops[which],
	                            until(d, d->config.timeouts.connect_ms), &h->sources[which],
	                            out);
}

/* At several addresses, the first that answers. */
static int connect_first(struct host *h, struct conn **out)
{
	const struct config *c = h->dial->queue->config.config;
	h->tried = 0;
	if (h->count == 1)
		return connect_one(h, 0, out);
	int rc = conn_race(h->count, connect_one, h, c->queue.connect_fallback_ms, out, &h->tried);
	if (rc < 0)
		h->count = 1; /* all of them have been */
	return rc;
}

/* Over a new connection. */
static int start(struct host *h, struct conn *conn, struct smtp_outcome *outcome)
{
	struct queue_dial *d = h->dial;
	d->config.source = h->sources[h->tried].address;
	d->config.helo = h->sources[h->tried].helo;
	return smtp_client_start(&d->config, conn, h->hops[h->tried]->host, d->arena, &d->client,
	                         outcome);
}

static int not_connected(const struct host *h, int error, struct smtp_outcome *outcome)
{
	const char *enhanced = error == -EAFNOSUPPORT ? "4.4.3" : "4.4.1";
	*outcome = smtp_outcome_trouble(h->dial->arena, SMTP_STAGE_CONNECT, error, enhanced,
	                                h->hops[h->tried]->host);
	return error;
}

/* A host that offers TLS and then can't is spoken to without, if nobody asked for TLS: mail that
 * went in clear anyway must not stop for it. */
static int open_host(struct host *h, struct smtp_outcome *outcome)
{
	struct queue_dial *d = h->dial;
	struct conn *conn;
	int rc = connect_first(h, &conn);
	if (rc < 0)
		return not_connected(h, rc, outcome);
	rc = start(h, conn, outcome);
	if (rc == 0 || outcome->stage != SMTP_STAGE_TLS || rc == -ECANCELED ||
	    d->config.tls != TLS_RULE_OPPORTUNISTIC)
		return rc;
	log_info("queue.tls.failed", kv_str("host", h->hops[h->tried]->host),
	         kv_slice("why", outcome->text));
	d->config.tls = TLS_RULE_NONE;
	rc = connect_one(h, h->tried, &conn);
	rc = rc < 0 ? not_connected(h, rc, outcome) : start(h, conn, outcome);
	if (rc < 0)
		d->config.tls = TLS_RULE_OPPORTUNISTIC;
	return rc;
}

/* As above, by the policy that holds for the host. */
static int open_by_policy(struct host *h, struct smtp_outcome *outcome)
{
	struct queue_dial *d = h->dial;
	h->tried = 0;
	int rc = tls_policy_find_host(&d->domain, h->hops[0], d->arena, until(d, POLICY_MS),
	                              &d->policy, outcome);
	if (rc == 0) {
		d->config.tls = d->policy.rule;
		rc = open_host(h, outcome);
	}
	queue_feedback_note_tls(d->queue, &d->domain, &d->policy, h->hops[h->tried],
	                        rc == 0 ? d->client : NULL, outcome);
	if (rc < 0)
		queue_tls_explain(&d->policy, d->arena, outcome);
	return rc;
}

/* As above, and besides the host must be one that the message may go to. */
static int open_trusted(struct host *h, struct smtp_outcome *outcome)
{
	struct queue_dial *d = h->dial;
	int rc = open_by_policy(h, outcome);
	if (d->need != QUEUE_TLS_NEEDED)
		return rc;
	if (rc == 0)
		rc = queue_tls_check_host(d->client, d->arena, outcome);
	if (rc < 0) {
		queue_tls_judge(outcome);
		queue_dial_end(d);
	}
	return rc;
}

/* The addresses that stand together at i. Returns how many these are. */
static size_t gather_host(struct host *h, const struct client_route *route, size_t i)
{
	const struct client_hop *first = &route->hops[i];
	h->count = 0;
	while (i < route->count && route->hops[i].preference == first->preference &&
	       strcmp(route->hops[i].host, first->host) == 0)
		h->hops[h->count++] = &route->hops[i++];
	return h->count;
}

static bool is_over(const struct queue_dial *d)
{
	return d->config.deadline && clock_monotonic_ms() >= d->config.deadline;
}

/* One address after the other that can be connected to. later: of several that fail, what may work
 * later counts. */
static int try_host(struct host *h, struct smtp_outcome *later, struct smtp_outcome *outcome)
{
	struct queue_dial *d = h->dial;
	int rc = -EHOSTUNREACH;
	while (h->count > 0) {
		rc = open_trusted(h, outcome);
		d->hop = h->hops[h->tried];
		d->host = d->hop->host;
		if (rc == 0 || rc == -ECANCELED)
			break;
		if (outcome->verdict == SMTP_TEMPORARY)
			*later = *outcome;
		if (is_over(d))
			break;
		h->count--;
		for (size_t i = h->tried; i < h->count; i++)
			h->hops[i] = h->hops[i + 1];
	}
	return rc;
}

int queue_dial(struct queue_dial *d, const struct client_route *route, struct smtp_outcome *outcome)
{
	struct smtp_outcome later = { .verdict = SMTP_PERMANENT };
	struct host host = { .dial = d, .way = route->way };
	int rc = 0;
	d->host = NULL;
	for (size_t i = 0; i < route->count;) {
		i += gather_host(&host, route, i);
		rc = try_host(&host, &later, outcome);
		if (rc == 0 || rc == -ECANCELED || is_over(d))
			break;
	}
	if (rc < 0 && rc != -ECANCELED && later.verdict == SMTP_TEMPORARY)
		*outcome = later;
	return rc;
}

void queue_dial_end(struct queue_dial *d)
{
	smtp_client_quit(d->client);
	d->client = NULL;
}
