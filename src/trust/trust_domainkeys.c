/* The verdict on a signature of DomainKeys, with what speaks for it. RFC 8601 section 6.2 kept the
 * method's name. */
#include "trust/domainkeys.h"
#include "trust/trust.h"

void trust_add_domainkeys(struct trust_results *r, struct arena *arena,
                          const struct domainkeys_check *check)
{
	const struct dkim_verdict *d = &check->verdict;
	if (!check->present)
		return;
	struct trust_verdict *v = trust_add(r, arena, "domainkeys", d->result, d->reason);
	trust_property(v, "header", "d", d->signature.domain);
	if (check->sender_field)
		trust_property(v, "header", check->sender_field, check->sender);
	if (d->signature.bytes.len > 0)
		trust_evidence(v, "canonical form",
		               slice_from_str(dkim_canon_name(d->signature.header_canon)));
	trust_evidence(v, "key", slice_from_str(d->key_name));
	trust_evidence(v, "key record", d->key_record);
	if (d->key_bits > 0)
		trust_evidence(v, "key bits",
		               slice_from_str(arena_printf(arena, "%u", d->key_bits)));
	if (check->policy.len > 0)
		trust_evidence(v, "policy of", slice_from_str(check->policy_name));
	trust_evidence(v, "policy", check->policy);
}
