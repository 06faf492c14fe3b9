/* Lists of the good as a verdict: the method "dnswl" of RFC 8904. */
#include "guard/guard.h"
#include "guard/guard_rule.h"
#include "trust/trust.h"

static bool is_about(const struct guard_listing *listing, const char *ip)
{
	return listing->weight < 0 &&
	       slice_equal(slice_from_str(listing->about), slice_from_str(ip));
}

void guard_add_dnswl(struct trust_results *results, struct arena *arena, struct guard_visit *v,
                     const struct net_address *client)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	size_t count = 0;
	const struct guard_listing *all = guard_visit_listings(v, &count);
	net_address_ip(client, ip);
	for (size_t i = 0; i < count; i++) {
		if (!is_about(&all[i], ip))
			continue;
		struct trust_verdict *verdict = trust_add(results, arena, "dnswl", TRUST_PASS, "");
		trust_property(verdict, "dns", "zone", slice_from_str(all[i].list->zone));
		trust_property(verdict, "policy", "ip",
		               arena_copy(arena, slice_from_str(all[i].answer)));
		trust_property(verdict, "policy", "txt",
		               arena_copy(arena, slice_from_str(all[i].reason)));
	}
}
