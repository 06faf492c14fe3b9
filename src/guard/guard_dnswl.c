/* Lists of the good as a verdict: the method "dnswl" of RFC 8904. */
#include "guard/guard_internal.h"
#include "guard/guard_listed.h"
#include "guard/guard_rule.h"
#include "trust/trust.h"

static bool is_about(const struct guard_listing *listing, const char *ip)
{
	return listing->weight < 0 &&
	       slice_equal(slice_from_str(listing->about), slice_from_str(ip));
}

static void add(struct trust_results *results, struct arena *arena, const struct guard_listing *all,
                size_t count, const struct net_address *client)
{
	char ip[NET_ADDRESS_TEXT_MAX];
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

void guard_add_dnswl(struct trust_results *results, struct arena *arena, struct guard_visit *v,
                     const struct net_address *client)
{
	size_t count = 0;
	const struct guard_listing *all = guard_visit_listings(v, &count);
	add(results, arena, all, count, client);
}

void guard_ask_dnswl(struct guard *g, struct trust_results *results, struct arena *arena,
                     const struct net_address *client)
{
	size_t count = 0;
	if (!g->dns || g->config->dns_lists.count == 0 || guard_is_exempt(g, client))
		return;
	struct guard_listed *listed = guard_listed_new(g, g->config);
	guard_listed_address(listed, LIST_ASK_CLIENT, client);
	const struct guard_listing *all = guard_listed_all(listed, &count);
	add(results, arena, all, count, client);
	guard_listed_end(listed);
}
