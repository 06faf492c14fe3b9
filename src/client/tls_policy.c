#include "client/tls_policy.h"

#include <errno.h>

#include "client/tls_policy_dane.h"

const char *tls_policy_name(enum tls_policy_kind kind)
{
	static const char *const names[] = {
		[TLS_POLICY_NONE] = "none",
		[TLS_POLICY_CONFIGURED] = "configured",
		[TLS_POLICY_STS] = "sts",
		[TLS_POLICY_DANE] = "dane",
	};
	return names[kind];
}

static const struct config_tls *minimum_for(const struct config *config, struct slice domain)
{
	const struct config_tls *all = NULL;
	for (size_t i = 0; i < config->tls_minimum_count; i++) {
		const struct config_tls *m = &config->tls_minimums[i];
		if (slice_equal_nocase(slice_from_str(m->domain), domain))
			return m;
		if (slice_equal(slice_from_str(m->domain), SLICE("*")))
			all = m;
	}
	return all;
}

void tls_policy_find_domain(struct dns *dns, const struct config *config,
                            const struct client_route *route, struct slice domain,
                            enum tls_policy_demand demand, struct tls_policy_domain *out)
{
	*out = (struct tls_policy_domain){ .dns = dns,
		                           .config = config,
		                           .domain = domain,
		                           .demand = demand,
		                           .smarthost = route->smarthost,
		                           .kind = route->kind,
		                           .mx_secure = route->mx_secure };
	if (!route->smarthost)
		out->minimum = minimum_for(config, domain);
}

/* Is what the domain publishes of any weight? */
static bool is_asked(const struct tls_policy_domain *d)
{
	if (d->smarthost || d->kind == CLIENT_BY_LITERAL || d->demand == TLS_DEMAND_IGNORE)
		return false;
	if (d->minimum && d->minimum->level < TLS_LEVEL_REQUIRED)
		return false;
	return d->config->queue.tls || d->minimum || d->demand == TLS_DEMAND_VERIFIED;
}

bool tls_policy_wants_sts(const struct tls_policy_domain *d)
{
	return d->config->mta_sts.enabled && is_asked(d);
}

/* --- what the operator and the message ask for ---------------------------------------- */

static const struct {
	enum config_tls_rule rule;
	const char *why;
} levels[] = {
	[TLS_LEVEL_NONE] = { TLS_RULE_NONE, "section tls says never" },
	[TLS_LEVEL_OPPORTUNISTIC] = { TLS_RULE_OPPORTUNISTIC, "section tls asks for nothing" },
	[TLS_LEVEL_REQUIRED] = { TLS_RULE_REQUIRED, "section tls asks for TLS" },
	[TLS_LEVEL_VERIFIED] = { TLS_RULE_VERIFIED, "section tls asks for a good certificate" },
	[TLS_LEVEL_DANE] = { TLS_RULE_VERIFIED, "section tls asks for DANE" },
};

static void begin_by_mx(const struct tls_policy_domain *d, struct tls_policy *out)
{
	out->rule = client_route_tls(d->config, NULL);
	out->why = out->rule == TLS_RULE_NONE ? "section queue says never"
	                                      : "nothing is known of the host";
	if (d->minimum && (d->demand != TLS_DEMAND_IGNORE || d->minimum->level == TLS_LEVEL_NONE)) {
		out->kind = TLS_POLICY_CONFIGURED;
		out->rule = levels[d->minimum->level].rule;
		out->why = levels[d->minimum->level].why;
		out->wish.tls13 = d->minimum->oldest == TLS_VERSION_1_3;
	} else if (d->demand == TLS_DEMAND_IGNORE) {
		out->why = "the message says that TLS is not required";
	}
}

static void begin(const struct tls_policy_domain *d, struct tls_policy *out)
{
	const struct config_smarthost *s = d->smarthost;
	*out = (struct tls_policy){ .kind = TLS_POLICY_NONE };
	if (s) {
		out->rule = s->tls;
		out->kind = s->tls == TLS_RULE_OPPORTUNISTIC ? TLS_POLICY_NONE
		                                             : TLS_POLICY_CONFIGURED;
		out->why = "its section says so";
		bool demanding = s->tls == TLS_RULE_REQUIRED || s->tls == TLS_RULE_VERIFIED;
		/* A password never goes by a weaker rule than the operator's. */
		if (d->demand == TLS_DEMAND_IGNORE && demanding && !s->password) {
			out->rule = TLS_RULE_OPPORTUNISTIC;
			out->why = "the message says that TLS is not required";
		}
	} else {
		begin_by_mx(d, out);
	}
	if (d->demand == TLS_DEMAND_VERIFIED && out->rule != TLS_RULE_IMPLICIT &&
	    out->rule != TLS_RULE_VERIFIED) {
		out->kind = TLS_POLICY_CONFIGURED;
		out->rule = TLS_RULE_VERIFIED;
		out->why = "the message requires TLS";
	}
}

/* --- finding -------------------------------------------------------------------------- */

static int refuse(struct smtp_outcome *outcome, int error, const char *text)
{
	*outcome = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_TLS,
		                          .error = error,
		                          .host = true,
		                          .tls = TLS_NO_MATCH,
		                          .enhanced = { 4, 7, 5 },
		                          .text = slice_from_str(text) };
	return error;
}

static int no_records(const struct tls_policy_domain *d, const struct client_hop *hop,
                      struct arena *arena, struct tls_policy *out, struct smtp_outcome *outcome)
{
	if (!d->minimum || d->minimum->level != TLS_LEVEL_DANE)
		return 0;
	out->refused = "dane-required";
	return refuse(outcome, -EACCES,
	              arena_printf(arena,
	                           "%s: section tls asks for DANE, and the host has no TLSA "
	                           "records that DNSSEC vouches for and that can be used",
	                           hop->host));
}

/* RFC 7672 section 2.2: records of which none can be used still say that there is TLS. */
static int take_unusable(const struct tls_policy_domain *d, const struct client_hop *hop,
                         struct arena *arena, struct tls_policy *out, struct smtp_outcome *outcome)
{
	if (out->rule < TLS_RULE_REQUIRED)
		out->rule = TLS_RULE_REQUIRED;
	out->kind = TLS_POLICY_DANE;
	out->why = arena_printf(arena,
	                        "none of the TLSA records of %s can be used: any certificate",
	                        out->dane.base);
	return no_records(d, hop, arena, out, outcome);
}

static int take_dane(const struct tls_policy_domain *d, const struct client_hop *hop,
                     struct arena *arena, struct tls_policy *out, struct smtp_outcome *outcome)
{
	const char **names = ARENA_ARRAY(arena, 2, const char *);
	if (out->dane.usable == 0)
		return take_unusable(d, hop, arena, out, outcome);
	/* RFC 7672 section 3.2.2: the base, the host, and where the sender wanted to go. */
	names[0] = hop->host;
	names[1] = arena_str(arena, d->domain);
	out->kind = TLS_POLICY_DANE;
	out->rule = TLS_RULE_VERIFIED;
	out->wish.host = out->dane.base;
	out->wish.names = names;
	out->wish.name_count = 2;
	out->wish.associations = out->dane.records;
	out->wish.association_count = out->dane.count;
	out->why = arena_printf(arena, "the TLSA records of %s%s", out->dane.base,
	                        d->mx_secure ? "" : ", which no DNSSEC says is its MX");
	return 0;
}

static const char *sts_text(const struct tls_policy_domain *d, struct arena *arena,
                            const char *suffix)
{
	return arena_printf(arena, "the MTA-STS policy %.*s, %s%s", SLICE_ARG(d->sts->row.id),
	                    sts_mode_name(d->sts->policy.mode), suffix);
}

/* For a host without TLSA records that can be used: these come first (RFC 8461 section 2). */
static int find_sts(const struct tls_policy_domain *d, const struct client_hop *hop,
                    struct arena *arena, struct tls_policy *out, struct smtp_outcome *outcome)
{
	if (!d->sts || !d->sts->has_policy || d->sts->policy.mode == STS_MODE_NONE)
		return 0;
	bool has_host = sts_policy_has_host(&d->sts->policy, hop->host);
	if (d->sts->policy.mode == STS_MODE_TESTING) {
		out->testing = true;
		out->testing_has_host = has_host;
		if (out->kind == TLS_POLICY_NONE)
			out->why = sts_text(d, arena, has_host ? "" : ", does not name the host");
		return 0;
	}
	out->kind = TLS_POLICY_STS;
	out->rule = TLS_RULE_VERIFIED;
	out->why = sts_text(d, arena, "");
	if (has_host)
		return 0;
	out->refused = "validation-failure";
	return refuse(outcome, -EACCES,
	              arena_printf(arena, "%s: %s, does not name the host", hop->host,
	                           sts_text(d, arena, "")));
}

static int find_dane(const struct tls_policy_domain *d, const struct client_hop *hop,
                     struct arena *arena, int64_t deadline, struct tls_policy *out,
                     struct smtp_outcome *outcome)
{
	const char *why = "DANE is switched off";
	int rc = -ENODATA;
	if (d->config->queue.dane)
		rc = tls_policy_dane_find(d->dns, hop, arena, deadline, &out->dane, &why);
	if (rc == 0)
		return take_dane(d, hop, arena, out, outcome);
	if (rc == -ENODATA) {
		if (out->kind == TLS_POLICY_NONE)
			out->why = why;
		return no_records(d, hop, arena, out, outcome);
	}
	if (rc == -ECANCELED) {
		*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_TLS, rc, "4.3.2", hop->host);
		return rc;
	}
	out->refused = "dnssec-invalid";
	out->kind = TLS_POLICY_DANE;
	out->dane.base = hop->host;
	return refuse(outcome, -EACCES, arena_printf(arena, "%s: DANE: %s", hop->host, why));
}

int tls_policy_find_host(const struct tls_policy_domain *d, const struct client_hop *hop,
                         struct arena *arena, int64_t deadline, struct tls_policy *out,
                         struct smtp_outcome *outcome)
{
	int rc = 0;
	begin(d, out);
	out->wish.host = hop->host;
	if (is_asked(d))
		rc = find_dane(d, hop, arena, deadline, out, outcome);
	if (rc == 0 && out->dane.usable == 0 && is_asked(d))
		rc = find_sts(d, hop, arena, out, outcome);
	if (rc < 0)
		return rc;
	/* What was agreed under one policy says nothing under another. */
	out->wish.key = arena_printf(
		arena, "%s:%u %s%s", out->wish.host, (unsigned)net_address_port(&hop->address),
		tls_policy_dane_digest(arena, &out->wish), out->wish.tls13 ? " 1.3" : "");
	return 0;
}
