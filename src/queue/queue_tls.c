#include "queue/queue_tls.h"

#include <errno.h>

enum queue_tls_need queue_tls_need(const struct envelope_options *o, struct slice reverse_path)
{
	if (o->requiretls)
		return reverse_path.len > 0 ? QUEUE_TLS_NEEDED : QUEUE_TLS_USUAL;
	return o->tls_optional ? QUEUE_TLS_OPTIONAL : QUEUE_TLS_USUAL;
}

struct slice queue_tls_key(struct arena *arena, struct slice key, enum queue_tls_need need)
{
	if (need == QUEUE_TLS_USUAL)
		return key;
	const struct slice parts[] = { key, need == QUEUE_TLS_NEEDED ? SLICE(" requiretls")
		                                                     : SLICE(" tls-optional") };
	return arena_concat(arena, parts, 2);
}

enum tls_policy_demand queue_tls_demand(enum queue_tls_need need)
{
	static const enum tls_policy_demand demands[] = {
		[QUEUE_TLS_USUAL] = TLS_DEMAND_USUAL,
		[QUEUE_TLS_NEEDED] = TLS_DEMAND_VERIFIED,
		[QUEUE_TLS_OPTIONAL] = TLS_DEMAND_IGNORE,
	};
	return demands[need];
}

static int refuse(struct smtp_outcome *outcome, enum smtp_stage stage, const char *enhanced,
                  const char *text)
{
	*outcome = (struct smtp_outcome){ .verdict = SMTP_PERMANENT,
		                          .stage = stage,
		                          .error = -EACCES,
		                          .text = slice_from_str(text) };
	smtp_enhanced_parse(slice_from_str(enhanced), &outcome->enhanced);
	return -EACCES;
}

int queue_tls_check_route(const struct client_route *route, const struct tls_policy_domain *domain,
                          struct arena *arena, struct smtp_outcome *outcome)
{
	const struct sts_found *sts = domain->sts;
	if (route->smarthost || route->secure)
		return 0;
	if (sts && sts->has_policy && sts->policy.mode == STS_MODE_ENFORCE)
		return 0;
	return refuse(outcome, SMTP_STAGE_ROUTE, "5.7.10",
	              arena_printf(arena,
	                           "%.*s: the sender requires TLS, and neither DNSSEC nor MTA-STS "
	                           "tells which hosts are to be trusted with its mail",
	                           SLICE_ARG(domain->domain)));
}

int queue_tls_check_host(const struct smtp_client *c, struct arena *arena,
                         struct smtp_outcome *outcome)
{
	if (smtp_client_extensions(c) & SMTP_EXT_REQUIRETLS)
		return 0;
	return refuse(outcome, SMTP_STAGE_EHLO, "5.7.30",
	              arena_printf(arena,
	                           "%s: the sender requires TLS on the whole way, and this "
	                           "host does not promise it (REQUIRETLS)",
	                           smtp_client_host(c)));
}

void queue_tls_judge(struct smtp_outcome *outcome)
{
	if (outcome->stage != SMTP_STAGE_TLS || outcome->error != -EPROTO)
		return;
	outcome->verdict = SMTP_PERMANENT;
	outcome->host = false;
	outcome->enhanced = (struct smtp_enhanced){ 5, 7, 10 };
}

void queue_tls_explain(const struct tls_policy *policy, struct arena *arena,
                       struct smtp_outcome *outcome)
{
	if (outcome->stage != SMTP_STAGE_TLS || policy->kind == TLS_POLICY_NONE)
		return;
	outcome->text = slice_from_str(arena_printf(arena, "%.*s (%s: %s)",
	                                            SLICE_ARG(outcome->text),
	                                            tls_policy_name(policy->kind), policy->why));
}

struct slice queue_tls_text(const struct tls_policy *policy, const struct smtp_client *client,
                            struct arena *arena)
{
	const struct conn_tls_info tls = smtp_client_tls(client);
	const char *verdict = tls.verified ? "verified" : "not verified";
	if (!tls.protocol)
		return slice_from_str(arena_printf(arena, "no TLS, policy %s: %s",
		                                   tls_policy_name(policy->kind), policy->why));
	return slice_from_str(arena_printf(arena, "%s %s, %s%s, policy %s: %s", tls.protocol,
	                                   tls.cipher, verdict, tls.resumed ? ", resumed" : "",
	                                   tls_policy_name(policy->kind), policy->why));
}
