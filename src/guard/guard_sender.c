/* What is to be known about the domain of a sender. */
#include <errno.h>

#include "base/clock.h"
#include "directory/directory.h"
#include "dns/dns.h"
#include "guard/guard_internal.h"
#include "store/store.h"

enum { SENDER_DNS_MS = 10 * 1000 };

/* Where mail would go: RFC 5321 section 5.1, with the Null MX of RFC 7505. */
static enum guard_sender_dns resolve(struct dns *dns, struct arena *arena, const char *domain)
{
	int64_t deadline = deadline_in(SENDER_DNS_MS);
	struct dns_answer answer;
	int rc = dns_mx(dns, arena, domain, deadline, &answer);
	if (rc == 0 && answer.count == 1 && !answer.mx[0].host[0])
		return GUARD_SENDER_NULL_MX;
	if (rc == -ENODATA)
		rc = dns_addresses(dns, arena, domain, deadline, &answer);
	switch (rc) {
	case 0:
		return GUARD_SENDER_RESOLVES;
	case -ENOENT:
	case -ENODATA:
	case -EINVAL:
		return GUARD_SENDER_UNRESOLVABLE;
	default:
		return GUARD_SENDER_UNRESOLVED;
	}
}

enum guard_sender_dns guard_sender_ask(struct dns *dns, struct slice domain)
{
	if (!dns)
		return GUARD_SENDER_UNASKED;
	if (domain.len > 0 && domain.data[0] == '[')
		return GUARD_SENDER_RESOLVES;
	struct arena *arena = arena_new();
	enum guard_sender_dns found = resolve(dns, arena, arena_str(arena, domain));
	arena_free(arena);
	return found;
}

struct find_domain {
	struct arena *arena;
	struct slice domain;
};

static int find_domain(struct db *db, void *arg)
{
	struct find_domain *f = arg;
	const char *catch_all;
	return directory_find_domain(db, f->arena, f->domain, &catch_all);
}

bool guard_sender_is_ours(struct guard *g, struct slice domain)
{
	struct find_domain f = { arena_new(), domain };
	int rc = store_read(g->store, find_domain, &f);
	arena_free(f.arena);
	return rc == 0;
}
