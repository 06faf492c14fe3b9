#include "guard/guard_list.h"

#include <arpa/inet.h>
#include <libpsl.h>

#include "dns/dns_record.h"
#include "message/address.h"

enum { NAME_MAX_TEXT = 253 };

#define LOOPBACK_NET  0x7f000000u
#define LOOPBACK_MASK 0xff000000u
#define ERROR_NET     0x7fffff00u /* 127.255.255.0/24: "you may not ask", on the larger lists */
#define ERROR_MASK    0xffffff00u

const char *guard_list_address_name(struct arena *arena, const struct config_dns_list *list,
                                    const struct net_address *address)
{
	struct slice name = slice_from_str(dns_reverse_name(arena, address));
	if (slice_ends_with(name, SLICE(".in-addr.arpa")))
		name.len -= SLICE(".in-addr.arpa").len;
	else if (slice_ends_with(name, SLICE(".ip6.arpa")))
		name.len -= SLICE(".ip6.arpa").len;
	else
		return NULL;
	return arena_printf(arena, "%.*s.%s", SLICE_ARG(name), list->zone);
}

/* The part of a name under which its owner has it: "example.co.uk" of "www.example.co.uk", by the
 * list of public suffixes. The name itself if that does not say. */
static struct slice guard_list_registrable(struct slice domain)
{
	char text[NAME_MAX_TEXT + 1];
	if (domain.len > NAME_MAX_TEXT)
		return domain;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(domain));
	const char *found = psl_registrable_domain(psl_builtin(), text);
	return found ? slice_from(domain, (size_t)(found - text)) : domain;
}

const char *guard_list_domain_name(struct arena *arena, const struct config_dns_list *list,
                                   struct slice domain)
{
	if (list->names == LIST_NAMES_REGISTRABLE)
		domain = guard_list_registrable(domain);
	size_t zone_len = slice_from_str(list->zone).len;
	if (!domain_is_valid(domain) || slice_find_byte(domain, '.') < 0 ||
	    domain.len + 1 + zone_len > NAME_MAX_TEXT)
		return NULL;
	return arena_printf(arena, "%.*s.%s", SLICE_ARG(domain), list->zone);
}

static bool counts(const struct dns_list_answer *a, uint32_t ip)
{
	return a->mask ? (ip & a->mask) != 0 : ip >= a->low && ip <= a->high;
}

static int magnitude(int weight) { return weight < 0 ? -weight : weight; }

enum guard_list_meaning guard_list_read(const struct config_dns_list *list,
                                        const struct net_address *answer, int *weight_out)
{
	bool listed = list->answer_count == 0;
	int weight = list->weight;
	if (answer->any.sa_family != AF_INET)
		return LIST_FAILED;
	uint32_t ip = ntohl(answer->v4.sin_addr.s_addr);
	if ((ip & LOOPBACK_MASK) != LOOPBACK_NET || (ip & ERROR_MASK) == ERROR_NET)
		return LIST_FAILED;
	for (size_t i = 0; i < list->answer_count; i++) {
		const struct dns_list_answer *a = &list->answers[i];
		if (!counts(a, ip))
			continue;
		if (!listed || magnitude(a->weight) > magnitude(weight))
			weight = a->weight;
		listed = true;
	}
	if (listed)
		*weight_out = weight;
	return listed ? LIST_LISTED : LIST_CLEAR;
}
