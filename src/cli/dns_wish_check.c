/* Whether the DNS has what dns_wish.c wants it to have. */
#include <errno.h>
#include <openssl/evp.h>

#include "base/codec.h"
#include "cli/dns_wish.h"
#include "client/sts.h"
#include "dns/dns_record.h"
#include "fiber/fiber.h"
#include "trust/dkim_key.h"
#include "trust/dmarc_record.h"
#include "trust/spf.h"

enum { ASK_MS = 20 * 1000 };

struct check {
	struct dns_wishes *wishes;
	struct arena *arena;
	const struct config *config;
	struct dns *dns;
	struct slice host;
	struct dns_answer addresses; /* of the host */
	bool has_addresses;
};

static bool same_name(const char *a, struct slice b)
{
	return slice_equal_nocase(slice_from_str(a), b);
}

static void set(struct dns_wish *wish, enum dns_wish_state state, const char *text)
{
	wish->state = state;
	wish->text = text;
}

/* There is nothing, or no answer. True: there are records. */
static bool judge(struct dns_wish *wish, int rc)
{
	if (rc == -ENOENT || rc == -ENODATA)
		set(wish, wish->is_needed ? DNS_WISH_MISSING : DNS_WISH_ABSENT, NULL);
	else if (rc < 0)
		set(wish, DNS_WISH_UNKNOWN,
		    rc == -EBADMSG ? "DNSSEC says that the answer is forged"
		                   : "the DNS does not answer");
	return rc == 0;
}

static void note_found(struct check *c, struct dns_wish *wish, const char *more)
{
	wish->found = wish->found ? arena_printf(c->arena, "%s, %s", wish->found, more)
	                          : arena_str(c->arena, slice_from_str(more));
}

/* --- the host ------------------------------------------------------------------------------ */

static void check_address(struct check *c, struct dns_wish *wish)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	bool is_there = !wish->value;
	if (!judge(wish,
	           dns_addresses(c->dns, c->arena, wish->name, deadline_in(ASK_MS), &c->addresses)))
		return;
	c->has_addresses = true;
	for (size_t i = 0; i < c->addresses.count; i++) {
		note_found(c, wish, net_address_ip(&c->addresses.addresses[i], ip));
		is_there |= wish->value && same_name(ip, slice_from_str(wish->value));
	}
	if (!same_name(c->addresses.canonical_name, c->host))
		set(wish, DNS_WISH_WRONG,
		    arena_printf(
			    c->arena,
			    "it is another name for %s (CNAME): an MX must lead to a name that "
			    "has addresses itself",
			    c->addresses.canonical_name));
	else if (is_there)
		set(wish, DNS_WISH_GOOD, NULL);
	else
		set(wish, DNS_WISH_GOOD, "not this address of the host, but others");
}

/* Those that are in the DNS: they may lead to a router in front of this host. */
static void check_reverse(struct check *c, const struct net_address *address)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	struct dns_answer answer;
	struct dns_wish *wish = dns_wish_add(
		c->wishes, &(struct dns_wish){
				   .kind = DNS_WISH_PTR,
				   .is_needed = true,
				   .name = dns_reverse_name(c->arena, address),
				   .type = "PTR",
				   .value = c->config->hostname,
				   .why = arena_printf(c->arena, "where %s leads back to",
	                                               net_address_ip(address, ip)),
				   .domain = c->config->hostname,
			   });
	if (!judge(wish, dns_ptr(c->dns, c->arena, address, deadline_in(ASK_MS), &answer)))
		return;
	set(wish, DNS_WISH_WRONG,
	    "it leads to another name: whoever rents you the address sets it");
	for (size_t i = 0; i < answer.count; i++) {
		note_found(c, wish, answer.names[i]);
		if (same_name(answer.names[i], c->host))
			set(wish, DNS_WISH_GOOD, NULL);
	}
}

/* Only keys of the host itself can be compared: RFC 7672 section 3.1.1. */
static void check_tlsa(struct check *c, struct dns_wish *wish)
{
	struct dns_answer answer;
	bool has_other = false, has_ours = false;
	if (!judge(wish, dns_tlsa(c->dns, c->arena, wish->name, deadline_in(ASK_MS), &answer)))
		return;
	for (size_t i = 0; i < answer.count; i++) {
		const struct dns_tlsa *t = &answer.tlsa[i];
		const char *text = arena_printf(c->arena, "%u %u %u %.*s", t->usage, t->selector,
		                                t->matching,
		                                SLICE_ARG(hex_encode(c->arena, t->data)));
		note_found(c, wish, text);
		has_ours |= same_name(text, slice_from_str(wish->value));
		has_other |= t->usage != 3 || t->selector != 1 || t->matching != 1;
	}
	if (has_ours)
		set(wish, DNS_WISH_GOOD,
		    answer.security == DNS_SECURE ? NULL
		                                  : "but nobody looks: the zone is not signed");
	else if (has_other)
		set(wish, DNS_WISH_GOOD, "of another kind: not compared with the certificate");
	else
		set(wish, DNS_WISH_WRONG,
		    "the certificate has another key: who looks (DANE) sends no mail");
}

/* --- the domain ---------------------------------------------------------------------------- */

static void check_mx(struct check *c, struct dns_wish *wish)
{
	struct dns_answer answer;
	if (!judge(wish, dns_mx(c->dns, c->arena, wish->name, deadline_in(ASK_MS), &answer)))
		return;
	set(wish, DNS_WISH_WRONG, "mail for the domain goes elsewhere");
	for (size_t i = 0; i < answer.count; i++) {
		note_found(c, wish,
		           arena_printf(c->arena, "%u %s", answer.mx[i].preference,
		                        answer.mx[i].host));
		if (same_name(answer.mx[i].host, c->host))
			set(wish, DNS_WISH_GOOD, NULL);
	}
}

/* The texts at a name that are of a kind; the last of them is in *out. */
static size_t find_texts(struct check *c, struct dns_wish *wish, bool (*is)(struct slice),
                         struct slice *out)
{
	struct dns_answer answer;
	size_t count = 0;
	if (!judge(wish, dns_txt(c->dns, c->arena, wish->name, deadline_in(ASK_MS), &answer)))
		return 0;
	for (size_t i = 0; i < answer.count; i++) {
		if (!is(answer.texts[i]))
			continue;
		*out = answer.texts[i];
		note_found(c, wish, arena_str(c->arena, *out));
		count++;
	}
	if (count == 0)
		judge(wish, -ENODATA);
	else if (count > 1)
		set(wish, DNS_WISH_WRONG, "there are several, of which none counts: leave one");
	else
		set(wish, DNS_WISH_GOOD, NULL);
	return count;
}

static bool is_spf(struct slice text)
{
	return slice_equal_nocase(text, SLICE("v=spf1")) ||
	       slice_starts_with_nocase(text, SLICE("v=spf1 "));
}

static bool is_tlsrpt(struct slice text) { return slice_starts_with(text, SLICE("v=TLSRPTv1")); }

/* What others will come to, for each address that this host has in the DNS. */
static void check_spf(struct check *c, struct dns_wish *wish)
{
	struct slice text;
	if (find_texts(c, wish, is_spf, &text) != 1 || !c->has_addresses || wish->by_smarthost)
		return;
	for (size_t i = 0; i < c->addresses.count; i++) {
		char ip[NET_ADDRESS_TEXT_MAX];
		const struct spf_question question = {
			.dns = c->dns,
			.client = &c->addresses.addresses[i],
			.helo = c->host,
			.local = SLICE("postmaster"),
			.domain = slice_from_str(wish->domain),
			.receiver = c->host,
			.max_lookups = c->config->trust.spf_lookups,
			.max_void = c->config->trust.spf_void_lookups,
			.deadline = deadline_in(ASK_MS),
		};
		struct spf_answer answer;
		spf_check(c->arena, &question, &answer);
		if (answer.result != TRUST_PASS)
			set(wish, DNS_WISH_WRONG,
			    arena_printf(c->arena, "mail of this host from %s comes to %s%s%s",
			                 net_address_ip(question.client, ip),
			                 trust_result_name(answer.result),
			                 answer.reason[0] ? ": " : "", answer.reason));
	}
}

static bool is_same_key(struct check *c, struct slice one, struct slice other)
{
	struct dkim_key a = { 0 }, b = { 0 };
	bool is = !dkim_key_parse(c->arena, one, &a);
	is = !dkim_key_parse(c->arena, other, &b) && is && EVP_PKEY_eq(a.pkey, b.pkey) == 1;
	dkim_key_end(&a);
	dkim_key_end(&b);
	return is;
}

static void check_dkim(struct check *c, struct dns_wish *wish)
{
	struct slice text;
	if (!wish->value) {
		set(wish, DNS_WISH_MISSING, NULL);
		return;
	}
	if (find_texts(c, wish, dkim_key_is_record, &text) == 1 &&
	    !is_same_key(c, text, slice_from_str(wish->value)))
		set(wish, DNS_WISH_WRONG, "it is another key: signatures will be refused");
}

static void check_dmarc(struct check *c, struct dns_wish *wish)
{
	struct slice text;
	struct dmarc_record record;
	if (find_texts(c, wish, dmarc_is_record, &text) != 1)
		return;
	if (!dmarc_record_parse(text, &record) || record.silent)
		set(wish, DNS_WISH_WRONG,
		    "it says neither what is wanted (p=) nor who wants reports");
	else if (record.rua.len == 0)
		wish->text = "nobody gets reports: add rua=";
}

/* The policy that is published is what others hold this host to. */
static void check_sts(struct check *c, struct dns_wish *wish)
{
	struct slice text;
	struct sts_found found = { 0 };
	if (find_texts(c, wish, sts_record_is, &text) != 1)
		return;
	int rc = sts_ask(c->dns, c->config, c->arena, slice_from_str(wish->domain), NULL,
	                 deadline_in(ASK_MS), &found);
	if (rc < 0 || !found.has_policy)
		set(wish, DNS_WISH_WRONG,
		    arena_printf(c->arena, "https://mta-sts.%s/.well-known/mta-sts.txt: %s",
		                 wish->domain, found.why ? found.why : "it can't be had"));
	else if (found.policy.mode != STS_MODE_NONE &&
	         !sts_policy_has_host(&found.policy, c->config->hostname))
		set(wish, DNS_WISH_WRONG,
		    arena_printf(c->arena, "the policy does not name %s: others send no mail",
		                 c->config->hostname));
	else
		wish->text = arena_printf(c->arena, "mode %s", sts_mode_name(found.policy.mode));
}

static void check_srv(struct check *c, struct dns_wish *wish)
{
	struct dns_answer answer;
	if (!judge(wish, dns_srv(c->dns, c->arena, wish->name, deadline_in(ASK_MS), &answer)))
		return;
	set(wish, DNS_WISH_WRONG, "it leads elsewhere");
	for (size_t i = 0; i < answer.count; i++) {
		const struct dns_srv *s = &answer.srv[i];
		note_found(c, wish,
		           arena_printf(c->arena, "%u %u %u %s", s->priority, s->weight, s->port,
		                        s->host));
		if (s->port == wish->port && same_name(s->host, c->host))
			set(wish, DNS_WISH_GOOD, NULL);
	}
}

static void check_tlsrpt(struct check *c, struct dns_wish *wish)
{
	struct slice text;
	find_texts(c, wish, is_tlsrpt, &text);
}

/* By enum dns_wish_kind; PTR records are looked for by the addresses that are found. */
static void (*const checks[])(struct check *c, struct dns_wish *wish) = {
	[DNS_WISH_ADDRESS] = check_address, [DNS_WISH_PTR] = NULL,
	[DNS_WISH_TLSA] = check_tlsa,       [DNS_WISH_MX] = check_mx,
	[DNS_WISH_SPF] = check_spf,         [DNS_WISH_DKIM] = check_dkim,
	[DNS_WISH_DMARC] = check_dmarc,     [DNS_WISH_TLSRPT] = check_tlsrpt,
	[DNS_WISH_STS] = check_sts,         [DNS_WISH_SRV] = check_srv,
};

/* One wish in a fiber of its own: a DNS that does not answer costs the time of one question. */
struct errand {
	struct check *check;
	struct dns_wish *wish;
	fiber_id fiber;
};

static void run_errand(void *arg)
{
	struct errand *e = arg;
	checks[e->wish->kind](e->check, e->wish);
}

static void check_others(struct check *c)
{
	size_t count = 0;
	for (struct dns_wish *wish = c->wishes->first; wish; wish = wish->next)
		count++;
	struct errand *errands = ARENA_ARRAY(c->arena, count, struct errand);
	count = 0;
	for (struct dns_wish *wish = c->wishes->first; wish; wish = wish->next) {
		if (wish->kind == DNS_WISH_ADDRESS || !checks[wish->kind])
			continue;
		struct errand *e = &errands[count++];
		*e = (struct errand){ .check = c, .wish = wish };
		e->fiber = fiber_start(0, "dns", run_errand, e);
	}
	for (size_t i = 0; i < count; i++)
		fiber_join(errands[i].fiber, DEADLINE_NEVER);
}

void dns_wishes_check(struct dns_wishes *w, struct dns *dns)
{
	struct check c = { .wishes = w,
		           .arena = w->arena,
		           .config = w->config,
		           .dns = dns,
		           .host = slice_from_str(w->config->hostname) };
	for (struct dns_wish *wish = w->first; wish; wish = wish->next) {
		if (wish->kind == DNS_WISH_ADDRESS)
			check_address(&c, wish);
	}
	check_others(&c);
	for (size_t i = 0; c.has_addresses && i < c.addresses.count; i++)
		check_reverse(&c, &c.addresses.addresses[i]);
}
