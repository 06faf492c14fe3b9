/* Connecting: which host of a destination, over what. */
#include <errno.h>

#include "base/log.h"
#include "net/conn_race.h"
#include "queue/queue_delivery.h"
#include "queue/queue_feedback.h"
#include "queue/queue_source.h"

/* All look-ups of a route together; each has the time that the configuration gives it. */
#define ROUTE_MS (60 * 1000)
/* Of a job, until its destination is taken for what it is. */
#define MOVES_MAX 3

/* The addresses of one host that are left to try. */
struct host {
	struct queue_delivery *delivery;
	const struct config_smarthost *way;
	const struct client_hop *hops[CLIENT_ROUTE_HOPS_MAX];
	struct queue_source sources[CLIENT_ROUTE_HOPS_MAX];
	size_t count;
	size_t tried; /* of hops: that which was connected to, or could not be */
};

void queue_client_configure(const struct queue *q, const struct client_route *route,
                            struct smtp_client_config *out)
{
	const struct config *c = q->config.config;
	const struct config_smarthost *s = route->smarthost;
	*out = (struct smtp_client_config){
		.tls_any = q->tls_any,
		.tls_verified = q->tls_verified,
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

static int race_connect(void *arg, size_t which, struct conn **out)
{
	struct host *h = arg;
	return queue_source_connect(h->delivery->queue, h->way, h->hops[which],
	                            deadline_in(h->delivery->config.timeouts.connect_ms),
	                            &h->sources[which], out);
}

/* At several addresses, the first that answers. */
static int open_first(struct queue_delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	struct conn *conn;
	if (h->count == 1)
		return queue_source_open(d->queue, h->way, &d->config, h->hops[0], d->arena,
		                         &d->client, outcome);
	int rc = conn_race(h->count, race_connect, h,
	                   d->queue->config.config->queue.connect_fallback_ms, &conn, &h->tried);
	if (rc < 0) {
		*outcome = queue_source_trouble(d->arena, rc, h->hops[0]->host);
		h->tried = 0;
		h->count = 1; /* all of them have been */
		return rc;
	}
	d->config.source = h->sources[h->tried].address;
	d->config.helo = h->sources[h->tried].helo;
	return smtp_client_start(&d->config, conn, h->hops[h->tried]->host, d->arena, &d->client,
	                         outcome);
}

/* A host that offers TLS and then can't is spoken to without, if nobody asked for TLS: mail that
 * went in clear anyway must not stop for it. */
static int open_host(struct queue_delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	int rc = open_first(d, h, outcome);
	const struct client_hop *hop = h->hops[h->tried];
	if (rc == 0 || outcome->stage != SMTP_STAGE_TLS || rc == -ECANCELED ||
	    d->config.tls != TLS_RULE_OPPORTUNISTIC)
		return rc;
	log_info("queue.tls.failed", kv_str("host", hop->host), kv_slice("why", outcome->text));
	d->config.tls = TLS_RULE_NONE;
	rc = queue_source_open(d->queue, h->way, &d->config, hop, d->arena, &d->client, outcome);
	if (rc < 0)
		d->config.tls = TLS_RULE_OPPORTUNISTIC;
	return rc;
}

static void connected(struct queue_delivery *d, const struct client_hop *hop)
{
	char address[NET_ADDRESS_TEXT_MAX];
	net_address_text(&hop->address, address);
	d->host = hop->host;
	d->peer = slice_from_str(hop->host);
	if (hop->address.any.sa_family != AF_UNIX)
		d->peer = slice_from_str(arena_printf(d->arena, "%s (%s)", hop->host, address));
	d->tls = queue_tls_text(&d->policy, d->client, d->arena);
	d->from = SLICE_EMPTY;
	if (d->config.source)
		d->from = slice_from_str(arena_str(
			d->arena, slice_from_str(net_address_ip(d->config.source, address))));
	d->opened_ms = clock_monotonic_ms();
	d->was_idle = false;
	atomic_fetch_add(&d->queue->connects, 1);
}

void queue_disconnect(struct queue_delivery *d)
{
	smtp_client_quit(d->client);
	d->client = NULL;
}

/* As above, by the policy that holds for the host. */
static int open_by_policy(struct queue_delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	h->tried = 0;
	int rc = tls_policy_find_host(&d->domain, h->hops[0], d->arena, deadline_in(ROUTE_MS),
	                              &d->policy, outcome);
	if (rc == 0) {
		d->config.tls = d->policy.rule;
		rc = open_host(d, h, outcome);
	}
	queue_feedback_note_tls(d->queue, &d->domain, &d->policy, h->hops[h->tried],
	                        rc == 0 ? d->client : NULL, outcome);
	if (rc < 0)
		queue_tls_explain(&d->policy, d->arena, outcome);
	return rc;
}

/* As above, and besides the host must be one that the message may go to. */
static int open_trusted(struct queue_delivery *d, struct host *h, struct smtp_outcome *outcome)
{
	int rc = open_by_policy(d, h, outcome);
	if (rc == 0)
		rc = queue_tls_check_host(d->client, d->arena, outcome);
	if (rc < 0)
		queue_tls_judge(outcome);
	if (rc < 0 && d->client)
		queue_disconnect(d);
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

/* One address after the other that can be connected to. later: of several that fail, what may work
 * later counts. */
static int try_host(struct queue_delivery *d, struct host *h, enum queue_tls_need need,
                    struct smtp_outcome *later, struct smtp_outcome *outcome)
{
	int rc = -EHOSTUNREACH;
	while (h->count > 0) {
		rc = need == QUEUE_TLS_NEEDED ? open_trusted(d, h, outcome)
		                              : open_by_policy(d, h, outcome);
		if (rc == 0)
			connected(d, h->hops[h->tried]);
		if (rc == 0 || rc == -ECANCELED)
			break;
		d->host = h->hops[h->tried]->host;
		if (outcome->verdict == SMTP_TEMPORARY)
			*later = *outcome;
		h->count--;
		for (size_t i = h->tried; i < h->count; i++)
			h->hops[i] = h->hops[i + 1];
	}
	return rc;
}

static int open_any(struct queue_delivery *d, const struct client_route *route,
                    enum queue_tls_need need, struct smtp_outcome *outcome)
{
	struct smtp_outcome later = { .verdict = SMTP_PERMANENT };
	struct host host = { .delivery = d, .way = route->way };
	int rc = 0;
	for (size_t i = 0; i < route->count;) {
		i += gather_host(&host, route, i);
		rc = try_host(d, &host, need, &later, outcome);
		if (rc == 0 || rc == -ECANCELED)
			return rc;
	}
	if (rc < 0 && later.verdict == SMTP_TEMPORARY)
		*outcome = later;
	return rc;
}

/* No more connections in a time than are to be. */
static int wait_for_turn(struct queue_delivery *d, const struct queue_job *job,
                         struct smtp_outcome *outcome)
{
	int64_t wait_ms;
	while ((wait_ms = queue_ready_connect_ms(d->queue->ready, d->destination, job)) > 0) {
		int rc = fiber_sleep(deadline_in(wait_ms));
		if (rc < 0 && rc != -ETIMEDOUT) {
			*outcome = smtp_outcome_trouble(d->arena, SMTP_STAGE_ROUTE, rc, "4.3.2",
			                                "queue");
			return rc;
		}
	}
	return 0;
}

/* Its hosts may be those of other domains: then the job is for the destination that these share, or
 * no longer for the one that it waited for. -EXDEV: it is to be moved there. found: what the DNS
 * said, or an error; its trouble is the domain's own. */
static int check_group(struct queue_delivery *d, struct queue_job *job,
                       const struct client_route *route, int found)
{
	struct queue *q = d->queue;
	if (job->tls_need != QUEUE_TLS_USUAL || (job->way && !job->way->direct))
		return 0;
	struct slice base = client_choose_key(q->config.config, d->arena, job->way, job->domain);
	struct slice group = base;
	if (found == 0)
		group = queue_group_of(d->arena, base, job->domain, route, &d->domain);
	queue_groups_note(q->groups, base, group);
	d->is_alone = false;
	if (slice_equal(group, job->key))
		return 0;
	/* A DNS that says something else each time. */
	d->is_alone = ++job->moves > MOVES_MAX;
	if (d->is_alone)
		return 0;
	job->key = arena_copy(job->arena, group);
	return -EXDEV;
}

int queue_connect(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome)
{
	const struct queue_config *c = &d->queue->config;
	struct client_route route;
	arena_reset(d->arena);
	d->era = queue_ready_era(d->queue->ready, d->destination);
	d->host = NULL;
	d->peer = d->tls = d->from = SLICE_EMPTY;
	int rc = client_route_find(c->dns, c->config, d->arena, job->way, job->domain,
	                           deadline_in(ROUTE_MS), &route, outcome);
	if (rc == 0)
		rc = queue_policy_find(d->queue, &route, job->domain, job->tls_need, d->arena,
		                       deadline_in(ROUTE_MS), &d->domain, outcome);
	if (rc != -ECANCELED && check_group(d, job, &route, rc) < 0)
		return -EXDEV;
	if (rc == 0)
		rc = wait_for_turn(d, job, outcome);
	if (rc < 0)
		return rc;
	queue_client_configure(d->queue, &route, &d->config);
	d->config.wish = &d->policy.wish;
	return open_any(d, &route, job->tls_need, outcome);
}
