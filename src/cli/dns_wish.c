#include "cli/dns_wish.h"

#include <ifaddrs.h>
#include <time.h>

#include "base/clock.h"
#include "cli/certificate.h"
#include "cli/cli_admin.h"
#include "client/client_choose.h"
#include "dns/dns_record.h"

/* RFC 1035 section 3.3: so long is one string of a TXT record. */
enum { STRING_MAX = 255, INDENT = 8 };

void dns_wishes_begin(struct arena *arena, const struct config *config, struct dns_wishes *out)
{
	*out = (struct dns_wishes){ .arena = arena, .config = config };
	out->end = &out->first;
}

struct dns_wish *dns_wish_add(struct dns_wishes *w, const struct dns_wish *wish)
{
	struct dns_wish *added = ARENA_NEW(w->arena, struct dns_wish);
	*added = *wish;
	*w->end = added;
	w->end = &added->next;
	return added;
}

/* --- of the host --------------------------------------------------------------------------- */

/* Networks from which nobody elsewhere can be reached: RFC 6890. */
static bool is_public(const struct net_address *address)
{
	static const char *const closed[] = { "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10",
		                              "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
		                              "192.168.0.0/16", "::/127",         "fc00::/7",
		                              "fe80::/10" };
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		struct net_network network;
		if (net_network_parse(slice_from_str(closed[i]), &network) == 0 &&
		    net_network_contains(&network, address))
			return false;
	}
	return true;
}

static bool take_interface(const struct ifaddrs *i, struct net_address *out)
{
	*out = (struct net_address){ .len = 0 };
	if (!i->ifa_addr)
		return false;
	if (i->ifa_addr->sa_family == AF_INET) {
		out->len = sizeof(out->v4);
		memcpy(&out->v4, i->ifa_addr, sizeof(out->v4));
	} else if (i->ifa_addr->sa_family == AF_INET6) {
		out->len = sizeof(out->v6);
		memcpy(&out->v6, i->ifa_addr, sizeof(out->v6));
	}
	return out->len > 0 && is_public(out);
}

static void add_address(struct dns_wishes *w, const struct net_address *address)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	const char *host = w->config->hostname;
	struct dns_wish wish = {
		.kind = DNS_WISH_ADDRESS,
		.is_needed = true,
		.name = host,
		.type = address->any.sa_family == AF_INET ? "A" : "AAAA",
		.value = arena_str(w->arena, slice_from_str(net_address_ip(address, ip))),
		.why = "where this host is",
		.domain = host,
	};
	dns_wish_add(w, &wish);
	wish.kind = DNS_WISH_PTR;
	wish.name = dns_reverse_name(w->arena, address);
	wish.type = "PTR";
	wish.value = host;
	wish.why = "many hosts take no mail from an address that does not lead back to its name; "
		   "whoever rents you the address sets it";
	dns_wish_add(w, &wish);
}

static void add_addresses(struct dns_wishes *w)
{
	struct ifaddrs *all = NULL;
	size_t count = 0;
	if (getifaddrs(&all) < 0)
		all = NULL;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct net_address address;
		if (!take_interface(i, &address))
			continue;
		add_address(w, &address);
		count++;
	}
	freeifaddrs(all);
	if (count > 0)
		return;
	dns_wish_add(w,
	             &(struct dns_wish){
			     .kind = DNS_WISH_ADDRESS,
			     .is_needed = true,
			     .name = w->config->hostname,
			     .type = "A",
			     .why = "where this host is: the address under which others reach it, "
				    "which it does not know itself. The address must lead back to "
				    "the name (PTR)",
			     .domain = w->config->hostname,
		     });
}

void dns_wishes_add_host(struct dns_wishes *w)
{
	const struct config *c = w->config;
	struct certificate_facts facts;
	add_addresses(w);
	if (c->certificate_count == 0 ||
	    certificate_look(c->certificates[0].chain_path, c->hostname, &facts) < 0)
		return;
	dns_wish_add(
		w,
		&(struct dns_wish){
			.kind = DNS_WISH_TLSA,
			.name = arena_printf(w->arena, "_25._tcp.%s", c->hostname),
			.type = "TLSA",
			.value = arena_printf(w->arena, "3 1 1 %s", facts.spki),
			.why = "DANE, if the zone is signed (DNSSEC): the key of certificate.pem. "
			       "It must change before the key does (certbot: --reuse-key)",
			.domain = c->hostname,
		});
}

/* --- of a domain --------------------------------------------------------------------------- */

/* The one that has all mail for elsewhere, or NULL. */
static const char *smarthost_of(const struct dns_wishes *w, const char *domain)
{
	const struct client_errand errand = {
		.domain = SLICE("elsewhere.invalid"),
		.sender = slice_from_str(arena_printf(w->arena, "postmaster@%s", domain)),
	};
	const struct config_smarthost *way = client_choose(w->config, &errand);
	return way ? way->host : NULL;
}

static void add_texts(struct dns_wishes *w, const char *domain)
{
	const char *smarthost = smarthost_of(w, domain);
	const char *why = "SPF: who may send for the domain. Begin with ~all if other services do";
	if (smarthost)
		why = arena_printf(w->arena,
		                   "SPF: who may send for the domain. Put what the operator of %s "
		                   "tells you before -all",
		                   smarthost);
	dns_wish_add(w, &(struct dns_wish){ .kind = DNS_WISH_SPF,
	                                    .is_needed = true,
	                                    .name = domain,
	                                    .type = "TXT",
	                                    .value = "v=spf1 mx -all",
	                                    .why = why,
	                                    .domain = domain,
	                                    .by_smarthost = smarthost != NULL });
	dns_wish_add(
		w, &(struct dns_wish){
			   .kind = DNS_WISH_DMARC,
			   .is_needed = true,
			   .name = arena_printf(w->arena, "_dmarc.%s", domain),
			   .type = "TXT",
			   .value = arena_printf(
				   w->arena, "v=DMARC1; p=none; rua=mailto:postmaster@%s", domain),
			   .why = "DMARC: what others do with mail that only claims to be yours. "
				  "Then p=quarantine, p=reject, once the reports look right",
			   .domain = domain });
	dns_wish_add(w, &(struct dns_wish){
				.kind = DNS_WISH_TLSRPT,
				.name = arena_printf(w->arena, "_smtp._tls.%s", domain),
				.type = "TXT",
				.value = arena_printf(
					w->arena, "v=TLSRPTv1; rua=mailto:postmaster@%s", domain),
				.why = "TLS-RPT: others tell you when TLS with this host fails",
				.domain = domain });
}

static void add_sts(struct dns_wishes *w, const char *domain)
{
	char id[32];
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm parts;
	gmtime_r(&now, &parts);
	strftime(id, sizeof(id), "%Y%m%dT%H%M%S", &parts);
	dns_wish_add(
		w,
		&(struct dns_wish){
			.kind = DNS_WISH_STS,
			.name = arena_printf(w->arena, "_mta-sts.%s", domain),
			.type = "TXT",
			.value = arena_printf(w->arena, "v=STSv1; id=%s", id),
			.why = "MTA-STS: others use TLS, or send nothing. Only with a policy on a "
			       "web server: see docs/transport-security.md",
			.domain = domain });
}

static void add_keys(struct dns_wishes *w, const char *domain, const json_t *keys)
{
	size_t i, count = 0;
	const json_t *key;
	json_array_foreach(keys, i, key)
	{
		if (slice_equal(slice_from_str(cli_item_text(key, "state")), SLICE("old")))
			continue;
		count++;
		dns_wish_add(w, &(struct dns_wish){
					.kind = DNS_WISH_DKIM,
					.is_needed = true,
					.name = cli_item_text(key, "name"),
					.type = "TXT",
					.value = cli_item_text(key, "record"),
					.why = "DKIM: the key with which your mail is signed",
					.domain = domain });
	}
	if (count == 0)
		dns_wish_add(w, &(struct dns_wish){
					.kind = DNS_WISH_DKIM,
					.is_needed = true,
					.name = domain,
					.type = "TXT",
					.why = arena_printf(w->arena,
		                                            "DKIM: the mail of this domain is not "
		                                            "signed: veredus dkim create %s",
		                                            domain),
					.domain = domain });
}

/* RFC 6186, RFC 8314 section 5.1, RFC 5804 section 1.8: what mail programs look for. */
static void add_services(struct dns_wishes *w, const char *domain)
{
	static const struct {
		enum listener_kind kind;
		const char *name;
	} services[] = {
		{ LISTENER_SUBMISSIONS, "_submissions" },
		{ LISTENER_IMAPS, "_imaps" },
		{ LISTENER_POP3S, "_pop3s" },
		{ LISTENER_MANAGESIEVE, "_sieve" },
	};
	for (size_t s = 0; s < sizeof(services) / sizeof(services[0]); s++) {
		const struct config_listener *l = NULL;
		for (size_t i = 0; i < w->config->listener_count && !l; i++) {
			if (w->config->listeners[i].kind == services[s].kind)
				l = &w->config->listeners[i];
		}
		if (!l)
			continue;
		uint16_t port = net_address_port(&l->address);
		dns_wish_add(w,
		             &(struct dns_wish){ .kind = DNS_WISH_SRV,
		                                 .name = arena_printf(w->arena, "%s._tcp.%s",
		                                                      services[s].name, domain),
		                                 .type = "SRV",
		                                 .value = arena_printf(w->arena, "0 1 %u %s", port,
		                                                       w->config->hostname),
		                                 .why = "mail programs that set themselves up",
		                                 .domain = domain,
		                                 .port = port });
	}
}

void dns_wishes_add_domain(struct dns_wishes *w, const char *domain, const json_t *keys)
{
	dns_wish_add(w, &(struct dns_wish){
				.kind = DNS_WISH_MX,
				.is_needed = true,
				.name = domain,
				.type = "MX",
				.value = arena_printf(w->arena, "10 %s", w->config->hostname),
				.why = "mail for the domain comes here",
				.domain = domain });
	add_texts(w, domain);
	add_keys(w, domain, keys);
	add_services(w, domain);
	add_sts(w, domain);
}

/* --- printing ------------------------------------------------------------------------------ */

void dns_wish_print_record(const char *name, const char *type, const char *value)
{
	struct slice text = slice_from_str(value), of = slice_from_str(type);
	bool ends_in_name = slice_equal(of, SLICE("MX")) || slice_equal(of, SLICE("SRV")) ||
	                    slice_equal(of, SLICE("PTR"));
	printf("%s. IN %s ", name, type);
	if (!slice_equal(of, SLICE("TXT"))) {
		printf("%s%s\n", value, ends_in_name ? "." : "");
		return;
	}
	if (text.len <= STRING_MAX) {
		printf("\"%s\"\n", value);
		return;
	}
	putchar('(');
	for (size_t at = 0; at < text.len; at += STRING_MAX)
		printf("\n%*s\"%.*s\"", INDENT, "", SLICE_ARG(slice_sub(text, at, STRING_MAX)));
	printf(" )\n");
}
