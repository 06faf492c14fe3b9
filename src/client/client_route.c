#include "client/client_route.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>

#include "base/codec.h"
#include "fiber/fiber.h"

enum config_tls_rule client_route_tls(const struct config *config,
                                      const struct config_smarthost *smarthost)
{
	if (smarthost)
		return smarthost->tls;
	return config->queue.tls ? TLS_RULE_OPPORTUNISTIC : TLS_RULE_NONE;
}

/* --- MX records ---------------------------------------------------------------------- */

void client_route_order(struct dns_mx *mx, size_t count, uint64_t (*random)(uint64_t bound))
{
	/* Shuffled first, then sorted by a sort that keeps the order of equals. */
	for (size_t i = count; i > 1; i--) {
		size_t other = (size_t)random(i);
		struct dns_mx kept = mx[i - 1];
		mx[i - 1] = mx[other];
		mx[other] = kept;
	}
	for (size_t i = 1; i < count; i++) {
		struct dns_mx moved = mx[i];
		size_t at = i;
		for (; at > 0 && mx[at - 1].preference > moved.preference; at--)
			mx[at] = mx[at - 1];
		mx[at] = moved;
	}
}

size_t client_route_cut_own(const struct dns_mx *mx, size_t count, const char *own_name)
{
	struct slice own = slice_from_str(own_name);
	for (size_t i = 0; i < count; i++) {
		if (!slice_equal_nocase(slice_from_str(mx[i].host), own))
			continue;
		size_t left = i;
		while (left > 0 && mx[left - 1].preference == mx[i].preference)
			left--;
		return left;
	}
	return count;
}

/* --- ourselves ----------------------------------------------------------------------- */

static bool is_any(const struct net_address *a)
{
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static bool is_of_this_machine(const struct net_address *a)
{
	if (net_address_is_loopback(a))
		return true;
	struct ifaddrs *all;
	if (getifaddrs(&all) < 0)
		return false;
	bool found = false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		struct net_address own = { 0 };
		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			own.len = sizeof(own.v4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			own.len = sizeof(own.v6);
		else
			continue;
		memcpy(&own.any, i->ifa_addr, own.len);
		found = net_address_same_host(&own, a);
	}
	freeifaddrs(all);
	return found;
}

/* Would we speak to our own listener? Mail for a domain whose MX that is, and that is none of
 * ours, would come back for ever. */
static bool is_own_address(const struct config *config, const struct net_address *a)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *l = &config->listeners[i];
		if (l->kind != LISTENER_SMTP ||
		    net_address_port(&l->address) != net_address_port(a))
			continue;
		if (is_any(&l->address) ? is_of_this_machine(a)
		                        : net_address_same_host(&l->address, a))
			return true;
	}
	return false;
}

/* --- finding ------------------------------------------------------------------------- */

struct search {
	struct dns *dns;
	const struct config *config;
	struct arena *arena;
	struct slice domain;
	int64_t deadline;
	struct client_route *out;
	struct smtp_outcome *outcome;
	bool later; /* some look-up had no answer now */
	bool own;   /* some way led back to us */
};

static int no_route(struct search *s, const char *enhanced, int error, const char *text)
{
	*s->outcome = (struct smtp_outcome){
		.verdict = enhanced[0] == '5' ? SMTP_PERMANENT : SMTP_TEMPORARY,
		.stage = SMTP_STAGE_ROUTE,
		.error = error,
		.host = true,
	};
	smtp_enhanced_parse(slice_from_str(enhanced), &s->outcome->enhanced);
	s->outcome->text = slice_from_str(
		arena_printf(s->arena, "%.*s: %s", SLICE_ARG(s->domain), text));
	return error;
}

static void add_hop(struct search *s, const char *host, struct net_address address, uint16_t port,
                    uint16_t preference)
{
	struct client_route *r = s->out;
	net_address_set_port(&address, port);
	/* Whoever publishes that may want us to send to ourselves, who may trust this host. */
	if (!r->smarthost && !net_address_is_host(&address))
		return;
	if (!r->smarthost && is_own_address(s->config, &address)) {
		s->own = true;
		return;
	}
	if (r->count < CLIENT_ROUTE_HOPS_MAX)
		r->hops[r->count++] = (struct client_hop){ .host = host,
			                                   .address = address,
			                                   .preference = preference };
}

void client_route_interleave(struct net_address *addresses, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		size_t other = i;
		while (other < count &&
		       addresses[other].any.sa_family == addresses[i - 1].any.sa_family)
			other++;
		if (other == count)
			return;
		struct net_address moved = addresses[other];
		for (; other > i; other--)
			addresses[other] = addresses[other - 1];
		addresses[i] = moved;
	}
}

static int add_host(struct search *s, const char *host, uint16_t port, uint16_t preference)
{
	struct net_address literal;
	if (net_address_parse(slice_from_str(host), port, &literal) == 0) {
		add_hop(s, host, literal, port, preference);
		return 0;
	}
	struct dns_answer answer;
	int rc = dns_addresses(s->dns, s->arena, host, s->deadline, &answer);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		s->later |= rc != -ENOENT && rc != -ENODATA && rc != -EINVAL;
		return 0;
	}
	s->out->secure &= answer.security == DNS_SECURE;
	size_t from = s->out->count;
	client_route_interleave(answer.addresses, answer.count);
	for (size_t i = 0; i < answer.count; i++)
		add_hop(s, host, answer.addresses[i], port, preference);
	for (size_t i = from; i < s->out->count; i++) {
		s->out->hops[i].secure = answer.security == DNS_SECURE;
		s->out->hops[i].canonical = answer.canonical_name;
	}
	return 0;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]"                     RFC 5321, section 4.1.3 */
static int add_literal(struct search *s)
{
	struct slice inside = slice_sub(s->domain, 1, s->domain.len - 2);
	if (slice_starts_with_nocase(inside, SLICE("IPv6:")))
		inside = slice_from(inside, 5);
	struct net_address address;
	s->out->kind = CLIENT_BY_LITERAL;
	uint16_t port = s->config->queue.smtp_port;
	char *text = arena_str(s->arena, inside);
	/* Brackets keep an IPv6 address's last group from being taken for a port. */
	bool is_v6 = slice_find_byte(inside, ':') >= 0;
	const char *parsed = is_v6 ? arena_printf(s->arena, "[%s]:%u", text, port) : text;
	if (net_address_parse(slice_from_str(parsed), port, &address) < 0)
		return no_route(s, "5.1.2", -EINVAL, "the address literal can't be used");
	add_hop(s, text, address, port, 0);
	return 0;
}

static int add_named(struct search *s, struct slice host, uint16_t port)
{
	s->out->kind = CLIENT_BY_HOST;
	return add_host(s, arena_str(s->arena, host), port, 0);
}

static bool is_null_mx(const struct dns_answer *a)
{
	return a->count == 1 && a->mx[0].host[0] == '\0';
}

static int add_mx(struct search *s, const struct dns_answer *answer)
{
	if (is_null_mx(answer))
		return no_route(s, "5.1.10", -ENODATA, "takes no mail (Null MX)");
	client_route_order(answer->mx, answer->count, random_below);
	size_t count = client_route_cut_own(answer->mx, answer->count, s->config->hostname);
	s->own = count < answer->count;
	for (size_t i = 0; i < count && i < CLIENT_ROUTE_HOSTS_MAX; i++) {
		const struct dns_mx *mx = &answer->mx[i];
		if (mx->host[0] == '\0')
			continue;
		size_t before = s->out->count;
		bool own_before = s->own;
		int rc = add_host(s, mx->host, s->config->queue.smtp_port, mx->preference);
		if (rc < 0)
			return rc;
		/* One of ours under another name: what is not better leads here as well. */
		if (s->own && !own_before && s->out->count == before) {
			while (s->out->count > 0 &&
			       s->out->hops[s->out->count - 1].preference == mx->preference)
				s->out->count--;
			break;
		}
	}
	return 0;
}

static int add_by_mx(struct search *s)
{
	struct dns_answer answer;
	const char *name = arena_str(s->arena, s->domain);
	int rc = dns_mx(s->dns, s->arena, name, s->deadline, &answer);
	switch (rc) {
	case 0:
		s->out->kind = CLIENT_BY_MX;
		s->out->secure = s->out->mx_secure = answer.security == DNS_SECURE;
		return add_mx(s, &answer);
	case -ENODATA: /* the implicit MX of RFC 5321 section 5.1 */
		s->out->kind = CLIENT_BY_ADDRESS;
		s->out->secure = s->out->mx_secure = answer.security == DNS_SECURE;
		return add_host(s, name, s->config->queue.smtp_port, 0);
	case -ENOENT:
		return no_route(s, "5.1.2", rc, "there is no such domain");
	case -EINVAL:
		return no_route(s, "5.1.2", rc, "this is no domain name");
	case -ECANCELED:
		return rc;
	default:
		return no_route(s, "4.4.3", -EAGAIN, "the DNS does not answer for it now");
	}
}

int client_route_find(struct dns *dns, const struct config *config, struct arena *arena,
                      const struct config_smarthost *way, struct slice domain, int64_t deadline,
                      struct client_route *out, struct smtp_outcome *outcome)
{
	struct search s = { .dns = dns,
		            .config = config,
		            .arena = arena,
		            .domain = domain,
		            .deadline = deadline,
		            .out = out,
		            .outcome = outcome };
	struct slice host;
	uint16_t port;
	int rc;
	*out = (struct client_route){ .way = way, .smarthost = way && !way->direct ? way : NULL };
	out->hops = ARENA_ARRAY(arena, CLIENT_ROUTE_HOPS_MAX, struct client_hop);
	if (client_choose_host_port(domain, &host, &port))
		rc = add_named(&s, host, port);
	else if (way && way->final != FINAL_NONE)
		return 0;
	else if (out->smarthost)
		rc = add_host(&s, out->smarthost->host, out->smarthost->port, 0);
	else if (domain.len > 2 && domain.data[0] == '[')
		rc = add_literal(&s);
	else
		rc = add_by_mx(&s);
	out->own = s.own;
	if (rc == -ECANCELED)
		*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_ROUTE, rc, "4.3.2", "queue");
	if (rc < 0 || out->count > 0)
		return rc;
	if (s.later)
		return no_route(&s, "4.4.3", -EAGAIN, "the DNS does not answer for its hosts now");
	if (s.own)
		return no_route(&s, "5.4.6", -ELOOP,
		                "mail for it loops back here: its best mail "
		                "exchanger is this host, which has no mailboxes of it");
	return no_route(&s, "5.4.4", -ENOENT, "none of its hosts has an address");
}

/* --- for command-line tools ---------------------------------------------------------- */

struct resolve {
	const char *host;
	struct addrinfo *found;
	int rc;
};

static void resolve_blocking(void *arg)
{
	struct resolve *r = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	r->rc = getaddrinfo(r->host, NULL, &hints, &r->found);
}

/* "host:port" or "host"; brackets around an IPv6 address have been dealt with. */
static struct slice split_port(struct slice server, uint16_t *port)
{
	ptrdiff_t colon = slice_find_last_byte(server, ':');
	uint64_t value;
	if (colon < 0 || !slice_to_u64(slice_from(server, (size_t)colon + 1), &value) ||
	    value == 0 || value > UINT16_MAX)
		return server;
	*port = (uint16_t)value;
	return slice_sub(server, 0, (size_t)colon);
}

int client_resolve(struct arena *arena, struct slice server, uint16_t default_port,
                   struct client_hop **hops_out, size_t *count_out)
{
	struct client_hop *hops = ARENA_ARRAY(arena, CLIENT_ROUTE_HOPS_MAX, struct client_hop);
	size_t count = 0;
	if (net_address_parse(server, default_port, &hops[0].address) == 0) {
		char text[NET_ADDRESS_TEXT_MAX];
		net_address_ip(&hops[0].address, text);
		hops[0].host = arena_str(arena, slice_from_str(text));
		*hops_out = hops;
		*count_out = 1;
		return 0;
	}
	uint16_t port = default_port;
	struct slice name = split_port(server, &port);
	if (name.len == 0)
		return -EINVAL;
	struct resolve r = { .host = arena_str(arena, name) };
	fiber_offload(resolve_blocking, &r);
	if (r.rc != 0)
		return r.rc == EAI_AGAIN ? -EAGAIN : -ENOENT;
	for (struct addrinfo *i = r.found; i && count < CLIENT_ROUTE_HOPS_MAX; i = i->ai_next) {
		struct client_hop *hop = &hops[count];
		if (i->ai_addrlen > sizeof(hop->address.v6))
			continue;
		hop->address.len = i->ai_addrlen;
		memcpy(&hop->address.any, i->ai_addr, i->ai_addrlen);
		net_address_set_port(&hop->address, port);
		hop->host = r.host;
		count++;
	}
	freeaddrinfo(r.found);
	*hops_out = hops;
	*count_out = count;
	return count > 0 ? 0 : -ENOENT;
}
