/* Which TLS the hosts of a domain must show: client/tls_policy.h, with what the queue has at hand.
 */
#include <errno.h>

#include "queue/queue_feedback.h"
#include "queue/queue_internal.h"

int queue_policy_find(struct queue *q, const struct client_route *route, struct slice domain,
                      enum queue_tls_need need, struct arena *arena, int64_t deadline,
                      struct tls_policy_domain *out, struct smtp_outcome *outcome)
{
	const struct queue_config *c = &q->config;
	struct sts_found *sts = ARENA_NEW(arena, struct sts_found);
	int rc = 0;
	tls_policy_find_domain(c->dns, c->config, route, domain, queue_tls_demand(need), out);
	if (tls_policy_wants_sts(out)) {
		rc = sts_find(q->sts, arena, domain, deadline, sts);
		out->sts = sts;
	}
	if (rc == 0 && out->sts)
		queue_feedback_note_sts(q, out);
	if (rc < 0)
		*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_ROUTE, rc, "4.3.2", "queue");
	else if (need == QUEUE_TLS_NEEDED)
		rc = queue_tls_check_route(route, out, arena, outcome);
	return rc;
}
