/* What `veredus route` tells of TLS: which policy holds for each host, and why. */
#ifndef VEREDUS_CLI_ROUTE_TLS_H
#define VEREDUS_CLI_ROUTE_TLS_H

#include <jansson.h>

#include "client/tls_policy.h"

/* Finds the policy of each hop, and adds it to its object in hosts, which are in the same order.
 * kept:
 * {"id", "policy", "fetched_ms", "expires_ms"}, the MTA-STS policy in the store, or NULL; *sts_out:
 * what holds of it now, or JSON null. 0 if there is a host that mail may go to now; otherwise what
 * the last one came to, and *outcome. [fiber] */
int route_tls_find(struct dns *dns, const struct config *config, struct arena *arena,
                   const struct client_route *route, struct slice domain, const json_t *kept,
                   json_t *hosts, json_t **sts_out, struct smtp_outcome *outcome);
void route_tls_print_sts(const json_t *sts);
/* Below the line of the host. */
void route_tls_print_host(const json_t *host);

#endif
