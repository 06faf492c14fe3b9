#include "guard/guard_list_check.h"

#include <errno.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "guard/guard_list.h"
#include "guard/guard_score.h"
#include "message/address.h"

enum { ASK_ADDRESSES = LIST_ASK_CLIENT | LIST_ASK_LINK_ADDRESSES, TEXT_SHOWN = 200 };

/* ::FFFF:7F00:2 and ::FFFF:7F00:1; as addresses they would be taken for their IPv4 parts. */
#define NIBBLES(last) last ".0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

static const struct entry {
	const char *shown, *name;
	bool should_listed, of_addresses, is_optional;
} entries[] = {
	{ "127.0.0.2", "2.0.0.127", true, true, false },
	{ "127.0.0.1", "1.0.0.127", false, true, false },
	{ "::FFFF:7F00:2", NIBBLES("2"), true, true, true },
	{ "::FFFF:7F00:1", NIBBLES("1"), false, true, false },
	{ "TEST", "test", true, false, false },
	{ "INVALID", "invalid", false, false, false },
};

/* 0 and the heaviest answer; -ENOENT: not listed; -EPERM: an error of the list; else as lookups. */
static int ask(struct dns *dns, struct arena *arena, const struct config_dns_list *list,
               const char *name, char answer_out[static NET_ADDRESS_TEXT_MAX], int *weight_out)
{
	struct dns_answer answer;
	bool listed = false;
	int rc = dns_addresses_of(dns, arena, name, false, deadline_in(list->timeout_ms), &answer);
	if (rc < 0)
		return rc == -ENODATA ? -ENOENT : rc;
	for (size_t i = 0; i < answer.count; i++) {
		int weight;
		enum guard_list_meaning meaning = guard_list_read(list, &answer.addresses[i],
		                                                  &weight);
		if (meaning == LIST_CLEAR && listed)
			continue;
		net_address_ip(&answer.addresses[i], answer_out);
		if (meaning == LIST_FAILED)
			return -EPERM;
		if (meaning == LIST_LISTED && !listed)
			*weight_out = weight;
		listed |= meaning == LIST_LISTED;
	}
	return listed ? 0 : -ESRCH;
}

static const char *words_of(struct arena *arena, int rc, const char *answer)
{
	switch (rc) {
	case 0:
		return arena_printf(arena, "listed (%s)", answer);
	case -ENOENT:
		return "not listed";
	case -ESRCH:
		return arena_printf(arena, "not listed: %s does not count here", answer);
	case -EPERM:
		return arena_printf(arena, "refused by the list: %s", answer);
	case -EBADMSG:
		return "forged, says DNSSEC";
	default:
		return "no answer";
	}
}

size_t guard_list_check(struct dns *dns, struct arena *arena, const struct config_dns_list *list,
                        struct guard_list_test out[static LIST_CHECKS_MAX])
{
	bool of_addresses = list->ask & LIST_ASK_CLIENT, of_names = list->ask & ~ASK_ADDRESSES;
	size_t count = 0;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *e = &entries[i];
		char answer[NET_ADDRESS_TEXT_MAX] = "";
		int weight;
		if (!(e->of_addresses ? of_addresses : of_names) || count == LIST_CHECKS_MAX)
			continue;
		int rc = ask(dns, arena, list, arena_printf(arena, "%s.%s", e->name, list->zone),
		             answer, &weight);
		/* That an answer does not count here is up to who configures it. */
		bool is_listed = rc == 0 || rc == -ESRCH;
		out[count++] = (struct guard_list_test){
			.entry = e->shown,
			.should_listed = e->should_listed,
			.is_optional = e->is_optional,
			.answer = words_of(arena, rc, answer),
			.ok = e->should_listed ? is_listed : rc == -ENOENT,
		};
	}
	return count;
}

static const char *name_of(struct arena *arena, const struct config_dns_list *list,
                           struct slice what)
{
	struct net_address address;
	struct slice domain;
	if (net_address_parse(what, 0, &address) == 0)
		return list->ask & ASK_ADDRESSES ? guard_list_address_name(arena, list, &address)
		                                 : NULL;
	return list->ask & ~ASK_ADDRESSES && domain_canonical(arena, what, &domain)
	               ? guard_list_domain_name(arena, list, domain)
	               : NULL;
}

const char *guard_list_say(struct dns *dns, struct arena *arena, const struct config_dns_list *list,
                           struct slice what)
{
	char answer[NET_ADDRESS_TEXT_MAX] = "", number[GUARD_WEIGHT_TEXT_MAX];
	struct dns_answer texts;
	int weight;
	const char *name = name_of(arena, list, what);
	if (!name)
		return NULL;
	int rc = ask(dns, arena, list, name, answer, &weight);
	const char *said = words_of(arena, rc, answer);
	if (rc < 0)
		return said;
	said = arena_printf(arena, "%s, weight %s", said, guard_weight_text(weight, number));
	if (dns_txt(dns, arena, name, deadline_in(list->timeout_ms), &texts) < 0)
		return said;
	return arena_printf(arena, "%s: %.*s", said,
	                    SLICE_ARG(slice_sub(texts.texts[0], 0, TEXT_SHOWN)));
}
