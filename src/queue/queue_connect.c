/* Connecting: for which destination, when, and what is noted of the connection. */
#include <errno.h>

#include "queue/queue_delivery.h"

/* All look-ups of a route together; each has the time that the configuration gives it. */
#define ROUTE_MS (60 * 1000)
/* Of a job, until its destination is taken for what it is. */
#define MOVES_MAX 3

void queue_disconnect(struct queue_delivery *d) { queue_dial_end(&d->dial); }

static void connected(struct queue_delivery *d)
{
	char address[NET_ADDRESS_TEXT_MAX];
	const struct client_hop *hop = d->dial.hop;
	net_address_text(&hop->address, address);
	d->peer = slice_from_str(hop->host);
	if (hop->address.any.sa_family != AF_UNIX)
		d->peer = slice_from_str(arena_printf(d->arena, "%s (%s)", hop->host, address));
	d->tls = queue_tls_text(&d->dial.policy, d->dial.client, d->arena);
	d->from = SLICE_EMPTY;
	if (d->dial.config.source)
		d->from = slice_from_str(arena_str(
			d->arena, slice_from_str(net_address_ip(d->dial.config.source, address))));
	d->opened_ms = clock_monotonic_ms();
	d->was_idle = false;
	atomic_fetch_add(&d->queue->connects, 1);
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
		group = queue_group_of(d->arena, base, job->domain, route, &d->dial.domain);
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
	d->dial =
		(struct queue_dial){ .queue = d->queue, .arena = d->arena, .need = job->tls_need };
	d->peer = d->tls = d->from = SLICE_EMPTY;
	int rc = client_route_find(c->dns, c->config, d->arena, job->way, job->domain,
	                           deadline_in(ROUTE_MS), &route, outcome);
	if (rc == 0)
		rc = queue_policy_find(d->queue, &route, job->domain, job->tls_need, d->arena,
		                       deadline_in(ROUTE_MS), &d->dial.domain, outcome);
	if (rc != -ECANCELED && check_group(d, job, &route, rc) < 0)
		return -EXDEV;
	if (rc == 0)
		rc = wait_for_turn(d, job, outcome);
	if (rc < 0)
		return rc;
	queue_dial_prepare(&d->dial, &route);
	rc = queue_dial(&d->dial, &route, outcome);
	if (rc == 0)
		connected(d);
	return rc;
}
