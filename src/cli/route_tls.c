#include "cli/route_tls.h"

#include <errno.h>

#include "cli/cli_admin.h"
#include "fiber/fiber.h"

enum { LOOK_UP_MS = 60 * 1000 };

/* By enum config_tls_rule: what is done. */
static const char *const doing[] = {
	[TLS_RULE_NONE] = "never TLS",
	[TLS_RULE_OPPORTUNISTIC] = "TLS if offered, any certificate",
	[TLS_RULE_REQUIRED] = "TLS or nothing, any certificate",
	[TLS_RULE_VERIFIED] = "TLS or nothing, verified",
	[TLS_RULE_IMPLICIT] = "TLS from the start, verified",
};

/* --- finding -------------------------------------------------------------------------- */

static bool read_kept(const json_t *kept, struct sts_row *out)
{
	const char *text = json_string_value(json_object_get(kept, "policy"));
	if (!text)
		return false;
	*out = (struct sts_row){
		.id = slice_from_str(json_string_value(json_object_get(kept, "id"))),
		.text = slice_from_str(text),
		.fetched_ms = json_integer_value(json_object_get(kept, "fetched_ms")),
		.expires_ms = json_integer_value(json_object_get(kept, "expires_ms")),
	};
	return true;
}

static json_t *sts_json(const struct sts_found *found)
{
	if (!found->has_policy && !found->why)
		return json_null();
	json_t *sts = json_pack("{s:s?}", "trouble", found->why);
	if (!found->has_policy)
		return sts;
	json_t *mx = json_array();
	for (size_t i = 0; i < found->policy.mx_count; i++)
		json_array_append_new(
			mx, json_stringn(found->policy.mx[i].data, found->policy.mx[i].len));
	json_t *rest = json_pack("{s:s%, s:s, s:I, s:o, s:I, s:I, s:b}", "id", found->row.id.data,
	                         found->row.id.len, "mode", sts_mode_name(found->policy.mode),
	                         "max_age", (json_int_t)found->policy.max_age_s, "mx", mx,
	                         "fetched_ms", (json_int_t)found->row.fetched_ms, "expires_ms",
	                         (json_int_t)found->row.expires_ms, "kept", (int)!found->is_new);
	json_object_update(sts, rest);
	json_decref(rest);
	return sts;
}

static json_t *policy_json(struct arena *arena, const struct tls_policy *p)
{
	json_t *records = json_array();
	for (size_t i = 0; i < p->dane.count; i++) {
		const struct tls_association *a = &p->dane.records[i];
		json_array_append_new(records, json_pack("{s:s, s:b}", "record",
		                                         tls_association_text(arena, a), "usable",
		                                         (int)tls_association_is_usable(a)));
	}
	const char *base = p->dane.base ? arena_printf(arena, "_%u._tcp.%s", (unsigned)p->dane.port,
	                                               p->dane.base)
	                                : NULL;
	return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:o}", "kind", tls_policy_name(p->kind),
	                 "does", doing[p->rule], "why", p->why, "tls13", (int)p->wish.tls13,
	                 "tlsa_of", base, "tlsa", records);
}

static int find_host(const struct tls_policy_domain *domain, const struct client_hop *hop,
                     struct arena *arena, json_t *host, struct smtp_outcome *outcome)
{
	struct tls_policy policy;
	int rc = tls_policy_find_host(domain, hop, arena, deadline_in(LOOK_UP_MS), &policy,
	                              outcome);
	if (rc < 0)
		json_object_set_new(host, "left_out",
		                    json_stringn(outcome->text.data, outcome->text.len));
	else
		json_object_set_new(host, "policy", policy_json(arena, &policy));
	return rc;
}

int route_tls_find(struct dns *dns, const struct config *config, struct arena *arena,
                   const struct client_route *route, struct slice domain, const json_t *kept,
                   json_t *hosts, json_t **sts_out, struct smtp_outcome *outcome)
{
	struct tls_policy_domain d;
	struct sts_found found = { .has_policy = false };
	struct sts_row row;
	int rc = 0, failed = 0;
	bool any = false;
	tls_policy_find_domain(dns, config, route, domain, TLS_DEMAND_USUAL, &d);
	if (route->count > 0 && tls_policy_wants_sts(&d)) {
		rc = sts_ask(dns, config, arena, domain, read_kept(kept, &row) ? &row : NULL,
		             deadline_in(LOOK_UP_MS), &found);
		d.sts = &found;
	}
	for (size_t i = 0; i < route->count && rc == 0; i++) {
		int found_rc = find_host(&d, &route->hops[i], arena, json_array_get(hosts, i),
		                         outcome);
		any |= found_rc == 0;
		failed = found_rc < 0 ? found_rc : failed;
	}
	*sts_out = sts_json(&found);
	return rc < 0 || any ? rc : failed;
}

/* --- telling -------------------------------------------------------------------------- */

void route_tls_print_sts(const json_t *sts)
{
	size_t i;
	json_t *mx;
	char fetched[32], until[32];
	const char *trouble = cli_item_text(sts, "trouble");
	if (json_object_get(sts, "mode")) {
		printf("  MTA-STS policy %s, %s, of %s, good until %s, mx",
		       cli_item_text(sts, "id"), cli_item_text(sts, "mode"),
		       cli_date(cli_item_number(sts, "fetched_ms"), fetched),
		       cli_date(cli_item_number(sts, "expires_ms"), until));
		json_array_foreach(json_object_get(sts, "mx"), i, mx)
			printf(" %s", json_string_value(mx));
		putchar('\n');
	}
	if (trouble[0])
		printf("  MTA-STS: %s\n", trouble);
}

void route_tls_print_host(const json_t *host)
{
	size_t i;
	json_t *record;
	const json_t *policy = json_object_get(host, "policy");
	if (!policy) {
		printf("         left out: %s\n", cli_item_text(host, "left_out"));
		return;
	}
	printf("         policy %s: %s%s: %s\n", cli_item_text(policy, "kind"),
	       cli_item_text(policy, "does"),
	       json_is_true(json_object_get(policy, "tls13")) ? ", TLS 1.3" : "",
	       cli_item_text(policy, "why"));
	json_array_foreach(json_object_get(policy, "tlsa"), i, record)
		printf("         %s TLSA %s%s\n", cli_item_text(policy, "tlsa_of"),
	               cli_item_text(record, "record"),
	               json_is_true(json_object_get(record, "usable")) ? "" : ", of no use");
}
