/* The TLSA records that hold for a host: RFC 7672 section 2.2. */
#ifndef VEREDUS_CLIENT_TLS_POLICY_DANE_H
#define VEREDUS_CLIENT_TLS_POLICY_DANE_H

#include "client/tls_policy.h"

/* 0 when there are records that DNSSEC vouches for. -ENODATA: there are none for sure, *why_out
 * says how that is known. Anything else: it can't be known now, and *why_out says why; the host
 * must be left alone, since somebody may be hiding them. */
int tls_policy_dane_find(struct dns *dns, const struct client_hop *hop, struct arena *arena,
                         int64_t deadline, struct tls_policy_dane *out, const char **why_out);

/* What distinguishes the associations of one wish from those of another; "" if there are none. */
const char *tls_policy_dane_digest(struct arena *arena, const struct tls_wish *wish);

#endif
