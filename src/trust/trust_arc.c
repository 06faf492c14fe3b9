/* The verdict on a chain, with who has sealed it. */
#include "trust/trust.h"

static bool is_trusted(const struct config_trust *config, struct slice domain)
{
	for (size_t i = 0; i < config->trusted_sealer_count; i++) {
		if (slice_equal(slice_from_str(config->trusted_sealers[i]), domain))
			return true;
	}
	return false;
}

static bool all_are_trusted(const struct config_trust *config, const struct arc_check *check)
{
	bool all = check->count > 0;
	for (size_t i = 0; i < check->count && all; i++)
		all = is_trusted(config, arc_sealer(check, i));
	return all;
}

static void add_seal(struct trust_verdict *v, struct arena *arena, const struct arc_check *check,
                     size_t i, const struct config_trust *config)
{
	const struct dkim_verdict *seal = &check->sets[i].seal_verdict;
	const char *reason = seal->reason ? seal->reason : "";
	const char *text = arena_printf(
		arena, "%zu by %.*s: %s%s%s%s", i + 1, SLICE_ARG(arc_sealer(check, i)),
		seal->key_name && !seal->is_open ? trust_result_name(seal->result)
						 : "not looked at",
		reason[0] ? ", " : "", reason,
		is_trusted(config, arc_sealer(check, i)) ? ", trusted" : "");
	trust_evidence(v, "seal", slice_from_str(text));
}

void trust_add_arc(struct trust_results *r, struct arena *arena, const struct arc_check *check,
                   const struct config_trust *config, const struct net_address *client)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	r->arc = check;
	if (check->count == 0)
		return;
	struct trust_verdict *v = trust_add(r, arena, "arc", check->result, check->reason);
	trust_property(v, "header", "d", arc_sealer(check, check->count - 1));
	if (client)
		trust_property(
			v, "smtp", "remote-ip",
			slice_from_str(arena_printf(arena, "%s", net_address_ip(client, ip))));
	if (check->result == TRUST_PASS)
		trust_property(v, "header", "oldest-pass",
		               slice_from_str(arena_printf(arena, "%zu", check->oldest_pass)));
	r->arc_trusted = check->result == TRUST_PASS && all_are_trusted(config, check);
	const struct dkim_verdict *m = &check->message;
	if (m->key_name)
		trust_evidence(v, "message",
		               slice_from_str(arena_printf(arena, "signed by %.*s: %s%s%s",
		                                           SLICE_ARG(m->signature.domain),
		                                           trust_result_name(m->result),
		                                           m->reason[0] ? ", " : "", m->reason)));
	for (size_t i = check->count; i > 0; i--)
		add_seal(v, arena, check, i - 1, config);
}
