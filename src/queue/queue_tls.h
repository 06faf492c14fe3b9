/* What a message says about TLS on its way: RFC 8689. */
#ifndef VEREDUS_QUEUE_QUEUE_TLS_H
#define VEREDUS_QUEUE_QUEUE_TLS_H

#include "client/tls_policy.h"
#include "message/envelope.h"

enum queue_tls_need {
	QUEUE_TLS_USUAL,
	QUEUE_TLS_NEEDED,   /* REQUIRETLS: verified, to who promises the same, or not at all */
	QUEUE_TLS_OPTIONAL, /* TLS-Required: No: in clear rather than not at all */
};

/* A report, which has the null reverse-path, must not get lost for it (section 5): it is sent as
 * usual. */
enum queue_tls_need queue_tls_need(const struct envelope_options *o, struct slice reverse_path);
/* The name of the destination for mail of this kind, which shares no connection with other mail,
 * nor a pause: one may fail where the other gets through. key, or in the arena. */
struct slice queue_tls_key(struct arena *arena, struct slice key, enum queue_tls_need need);
/* What that asks of the policy for a host. */
enum tls_policy_demand queue_tls_demand(enum queue_tls_need need);

/* Section 4.2.1, step 2: can the names of these hosts be believed, by DNSSEC or by an MTA-STS
 * policy that must hold? 0, or -EACCES and *outcome. */
int queue_tls_check_route(const struct client_route *route, const struct tls_policy_domain *domain,
                          struct arena *arena, struct smtp_outcome *outcome);
/* Step 5: does the host that was connected to promise REQUIRETLS? As above. */
int queue_tls_check_host(const struct smtp_client *c, struct arena *arena,
                         struct smtp_outcome *outcome);
/* A host where no TLS could be had, or none that can be trusted, will have none later either: makes
 * *outcome of connecting one that is final. What may pass stays as it is. */
void queue_tls_judge(struct smtp_outcome *outcome);

/* Adds to the text of an outcome of TLS which policy it fell short of. */
void queue_tls_explain(const struct tls_policy *policy, struct arena *arena,
                       struct smtp_outcome *outcome);
/* For the journey: "TLSv1.3 TLS_AES_256_GCM_SHA384, verified, policy dane: the TLSA ..." */
struct slice queue_tls_text(const struct tls_policy *policy, const struct smtp_client *client,
                            struct arena *arena);

#endif
