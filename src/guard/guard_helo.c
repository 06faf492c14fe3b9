/* Is the name in HELO one that the client may have? RFC 5321 section 4.1.4 has a server not refuse
 * mail for that alone, so it is for rules, and for scores. */
#include <errno.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "guard/guard_internal.h"

enum { HELO_DNS_MS = 10 * 1000 };

static bool is_the_client(struct slice literal, const struct net_address *client)
{
	struct net_address a;
	if (literal.len < 2 || !slice_ends_with(literal, SLICE("]")))
		return false;
	struct slice text = slice_sub(literal, 1, literal.len - 2);
	if (slice_starts_with_nocase(text, SLICE("IPv6:")))
		text = slice_from(text, 5);
	return net_address_parse(text, 0, &a) == 0 && net_address_same_host(&a, client);
}

/* Ours is what we call ourselves, and what we have mail for. */
static bool is_ours(struct guard *g, struct slice name)
{
	return slice_equal_nocase(name, slice_from_str(g->config->hostname)) ||
	       (g->store && guard_sender_is_ours(g, name));
}

static enum guard_helo look_up(struct dns *dns, struct arena *arena, struct slice name,
                               const struct net_address *client)
{
	struct dns_answer found;
	int rc = dns_addresses(dns, arena, arena_str(arena, name), deadline_in(HELO_DNS_MS),
	                       &found);
	if (rc == -ENOENT || rc == -ENODATA || rc == -EINVAL)
		return GUARD_HELO_UNRESOLVABLE;
	if (rc < 0)
		return GUARD_HELO_UNKNOWN;
	for (size_t i = 0; i < found.count; i++) {
		if (net_address_same_host(&found.addresses[i], client))
			return GUARD_HELO_CONFIRMED;
	}
	return GUARD_HELO_ELSEWHERE;
}

enum guard_helo guard_helo_ask(struct guard *g, struct slice helo, const struct net_address *client)
{
	enum guard_helo found;
	if (helo.len > 0 && helo.data[0] == '[')
		return is_the_client(helo, client) ? GUARD_HELO_CONFIRMED : GUARD_HELO_ELSEWHERE;
	struct arena *arena = arena_new();
	struct slice name;
	if (!domain_canonical(arena, helo, &name) || !domain_is_valid(name) ||
	    slice_find_byte(name, '.') < 0)
		found = GUARD_HELO_BARE;
	else if (is_ours(g, name) && !guard_is_exempt(g, client))
		found = GUARD_HELO_OURS;
	else
		found = g->dns ? look_up(g->dns, arena, name, client) : GUARD_HELO_UNKNOWN;
	arena_free(arena);
	return found;
}
