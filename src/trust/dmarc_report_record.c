/* What is counted of a message: RFC 9990 section 3.1.1. */
#include "trust/dmarc_report.h"
#include "trust/spf.h"

static json_t *text_json(struct slice text)
{
	json_t *json = json_stringn(text.data, text.len);
	return json ? json : json_string("");
}

static struct slice dump(struct arena *arena, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	struct slice out = slice_from_str(arena_str(arena, slice_from_str(text)));
	free(text);
	json_decref(json);
	return out;
}

struct slice dmarc_report_policy(struct arena *arena, const struct trust_dmarc_finding *f)
{
	const struct dmarc_record *r = &f->record;
	return dump(arena,
	            json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "domain",
	                      text_json(f->policy_domain), "discovery_method", "treewalk", "p",
	                      dmarc_policy_name(r->domain), "sp", dmarc_policy_name(r->subdomain),
	                      "np", dmarc_policy_name(r->missing), "adkim",
	                      r->strict_dkim ? "s" : "r", "aspf", r->strict_spf ? "s" : "r",
	                      "testing", r->testing ? "y" : "n"));
}

static const char *passed(bool yes) { return yes ? "pass" : "fail"; }

/* "pass": it passed, and there is a policy that it might have met. */
static const char *disposition(const struct dmarc_seen *seen)
{
	const struct trust_dmarc_finding *f = seen->finding;
	bool enforced = f->record.domain != DMARC_NONE || f->record.subdomain != DMARC_NONE;
	if (f->dkim_aligned || f->spf_aligned)
		return enforced ? "pass" : "none";
	return dmarc_policy_name(seen->done);
}

static json_t *reason_json(const char *type, const char *comment)
{
	return json_pack("{s:s, s:s}", "type", type, "comment", comment);
}

/* Why less was done than the policy asks for. */
static json_t *reasons(const struct dmarc_seen *seen)
{
	const struct trust_dmarc_finding *f = seen->finding;
	json_t *list = json_array();
	if (f->dkim_aligned || f->spf_aligned || seen->done >= f->published)
		return list;
	if (f->forwarded)
		json_array_append_new(list, reason_json("trusted_forwarder", "arc=pass"));
	else if (f->record.testing)
		json_array_append_new(list, reason_json("policy_test_mode", "t=y"));
	else if (f->wanted < f->published)
		json_array_append_new(list, reason_json("other", "left out by pct="));
	if (seen->done < f->wanted && !f->forwarded)
		json_array_append_new(list, reason_json("local_policy", ""));
	return list;
}

static json_t *dkim_json(const struct dkim_check *dkim)
{
	json_t *list = json_array();
	for (size_t i = 0; dkim && i < dkim->count; i++) {
		const struct dkim_verdict *v = &dkim->verdicts[i];
		json_t *one = json_pack("{s:o, s:o, s:s}", "domain", text_json(v->signature.domain),
		                        "selector", text_json(v->signature.selector), "result",
		                        trust_result_name(v->result));
		if (*v->reason)
			json_object_set_new(one, "human_result", json_string(v->reason));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *spf_json(const struct dmarc_seen *seen)
{
	json_t *list = json_array();
	if (seen->spf)
		json_array_append_new(list,
		                      json_pack("{s:o, s:s, s:s}", "domain",
		                                text_json(seen->spf_domain), "scope", "mfrom",
		                                "result", trust_result_name(seen->spf->result)));
	return list;
}

struct slice dmarc_report_record(struct arena *arena, const struct dmarc_seen *seen)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	const struct trust_dmarc_finding *f = seen->finding;
	json_t *row = json_pack("{s:s, s:{s:s, s:s, s:s, s:o}}", "source_ip",
	                        net_address_ip(seen->client, ip), "policy_evaluated", "disposition",
	                        disposition(seen), "dkim", passed(f->dkim_aligned), "spf",
	                        passed(f->spf_aligned), "reason", reasons(seen));
	json_t *names = json_pack("{s:o, s:o}", "header_from", text_json(f->author),
	                          "envelope_from", text_json(seen->spf_domain));
	return dump(arena, json_pack("{s:o, s:o, s:{s:o, s:o}}", "row", row, "identifiers", names,
	                             "auth_results", "dkim", dkim_json(seen->dkim), "spf",
	                             spf_json(seen)));
}
