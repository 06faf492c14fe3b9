/* The name of a client that leads back to it: RFC 8601 section 2.7.3 ("iprev"). */
#include <errno.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "guard/guard_internal.h"
#include "trust/trust.h"

enum {
	/* An address may have any number of names: some are enough. */
	NAMES_MAX = 5,
	/* At a time. A flood of connections must not become one of fibers that wait for the DNS. */
	LOOKUPS_MAX = 1000,
};

struct guard_lookup {
	struct guard *guard;
	struct net_address client;
	int64_t deadline;
	int holders; /* the session, and the fiber until it has ended */
	bool done;
	fiber_id waiter;
	enum guard_rdns found;
	char *name; /* owned */
};

static bool leads_to(const struct dns_answer *answer, const struct net_address *client)
{
	for (size_t i = 0; i < answer->count; i++) {
		if (net_address_same_host(&answer->addresses[i], client))
			return true;
	}
	return false;
}

enum guard_rdns guard_lookup_now(struct dns *dns, struct arena *arena,
                                 const struct net_address *client, int64_t deadline,
                                 const char **name_out)
{
	struct dns_answer names, addresses;
	bool unsure = false;
	int rc = dns_ptr(dns, arena, client, deadline, &names);
	if (rc == -ENOENT || rc == -ENODATA)
		return GUARD_RDNS_NONE;
	if (rc < 0)
		return GUARD_RDNS_UNKNOWN;
	for (size_t i = 0; i < names.count && i < NAMES_MAX; i++) {
		if (!domain_is_valid(slice_from_str(names.names[i])))
			continue;
		rc = dns_addresses(dns, arena, names.names[i], deadline, &addresses);
		if (rc == 0 && leads_to(&addresses, client)) {
			*name_out = names.names[i];
			return GUARD_RDNS_CONFIRMED;
		}
		unsure |= rc < 0 && rc != -ENOENT && rc != -ENODATA;
	}
	return unsure ? GUARD_RDNS_UNKNOWN : GUARD_RDNS_UNCONFIRMED;
}

void guard_lookup_end(struct guard_lookup *l)
{
	if (!l || --l->holders > 0)
		return;
	free(l->name);
	free(l);
}

static void look_up(void *arg)
{
	struct guard_lookup *l = arg;
	struct arena *arena = arena_new();
	const char *name = NULL;
	l->found = guard_lookup_now(l->guard->dns, arena, &l->client, l->deadline, &name);
	if (l->found == GUARD_RDNS_CONFIRMED)
		l->name = mem_str(slice_from_str(name));
	arena_free(arena);
	atomic_fetch_sub(&l->guard->lookups_now, 1);
	l->done = true;
	if (l->waiter)
		fiber_wake(l->waiter);
	guard_lookup_end(l);
}

struct guard_lookup *guard_lookup_begin(struct guard *g, const struct net_address *client)
{
	struct guard_lookup *l = mem_zero(1, sizeof(*l));
	l->guard = g;
	l->client = *client;
	l->deadline = deadline_in(g->config->guard.rdns_timeout_ms);
	l->found = GUARD_RDNS_UNKNOWN;
	l->holders = 2;
	bool fits = atomic_fetch_add(&g->lookups_now, 1) < LOOKUPS_MAX;
	if (!fits || fiber_start(-1, "guard.rdns", look_up, l) == 0) {
		atomic_fetch_sub(&g->lookups_now, 1);
		l->done = true;
		l->holders--;
	}
	return l;
}

enum guard_rdns guard_lookup_wait(struct guard_lookup *l, const char **name_out)
{
	int rc = 0;
	l->waiter = fiber_self();
	while (!l->done && rc == 0)
		rc = fiber_park("rdns", l->deadline);
	l->waiter = 0;
	if (!l->done)
		return GUARD_RDNS_UNKNOWN;
	*name_out = l->name;
	return l->found;
}

void guard_add_iprev(struct trust_results *results, struct arena *arena,
                     const struct net_address *client, enum guard_rdns found, const char *name)
{
	static const struct {
		enum trust_result result;
		const char *reason;
	} verdicts[] = {
		[GUARD_RDNS_NONE] = { TRUST_PERMERROR, "the address has no name" },
		[GUARD_RDNS_UNCONFIRMED] = { TRUST_FAIL, "its name does not lead back" },
		[GUARD_RDNS_CONFIRMED] = { TRUST_PASS, "" },
		[GUARD_RDNS_UNKNOWN] = { TRUST_TEMPERROR, "the DNS does not answer" },
	};
	char ip[NET_ADDRESS_TEXT_MAX];
	if (found == GUARD_RDNS_UNASKED)
		return;
	struct trust_verdict *v = trust_add(results, arena, "iprev", verdicts[found].result,
	                                    verdicts[found].reason);
	trust_property(v, "policy", "iprev",
	               arena_copy(arena, slice_from_str(net_address_ip(client, ip))));
	if (name)
		trust_evidence(v, "name", arena_copy(arena, slice_from_str(name)));
}
