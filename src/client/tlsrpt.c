/* Records and what is counted. */
#include "client/tlsrpt.h"

#include "base/cursor.h"

/* --- the record ----------------------------------------------------------------------- */

static bool take_version(struct cursor *c)
{
	if (!take_text(c, SLICE("v=TLSRPTv1")))
		return false;
	struct slice rest = slice_trim(cursor_rest(c));
	return rest.len == 0 || rest.data[0] == ';';
}

bool tlsrpt_record_is(struct slice text)
{
	struct cursor c = cursor_of(text);
	return take_version(&c);
}

static bool is_usable(struct slice uri)
{
	if (uri.len > TLSRPT_URI_BYTES_MAX)
		return false;
	for (size_t i = 0; i < uri.len; i++) {
		if (uri.data[i] <= ' ' || uri.data[i] == 0x7f)
			return false;
	}
	return (uri.len > 7 && slice_starts_with_nocase(uri, SLICE("mailto:"))) ||
	       (uri.len > 8 && slice_starts_with_nocase(uri, SLICE("https://")));
}

size_t tlsrpt_record_parse(struct slice text, struct slice uris[static TLSRPT_URIS_MAX])
{
	size_t count = 0;
	if (!tlsrpt_record_is(text))
		return 0;
	slice_split(&text, ';');
	while (text.len > 0) {
		struct slice field = slice_trim(slice_split(&text, ';'));
		if (!slice_starts_with(field, SLICE("rua=")))
			continue;
		struct slice rest = slice_from(field, 4);
		while (rest.len > 0 && count < TLSRPT_URIS_MAX) {
			struct slice uri = slice_trim(slice_split(&rest, ','));
			if (is_usable(uri))
				uris[count++] = uri;
		}
		return count;
	}
	return 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = byte_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* mailto:addr-spec [ "?" ... ]        RFC 6068, of which the first address counts */
bool tlsrpt_mail_address(struct arena *arena, struct slice uri, struct slice *out)
{
	if (!slice_starts_with_nocase(uri, SLICE("mailto:")))
		return false;
	struct slice rest = slice_from(uri, 7);
	rest = slice_split(&rest, '?');
	char *text = arena_alloc(arena, rest.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < rest.len; i++) {
		int high = i + 2 < rest.len ? digit_of(rest.data[i + 1]) : -1;
		int low = high >= 0 ? digit_of(rest.data[i + 2]) : -1;
		if (rest.data[i] != '%') {
			text[len++] = rest.data[i];
			continue;
		}
		if (low < 0 || high * 16 + low <= ' ' || high * 16 + low >= 0x7f)
			return false;
		text[len++] = (char)(high * 16 + low);
		i += 2;
	}
	*out = slice_of(text, len);
	return len > 0;
}

/* --- what is counted ------------------------------------------------------------------ */

static struct slice dump(struct arena *arena, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	struct slice out = slice_from_str(arena_str(arena, slice_from_str(text)));
	free(text);
	json_decref(json);
	return out;
}

static json_t *text_json(struct slice text) { return json_stringn(text.data, text.len); }

/* section 4.4: the TLSA records, as in a zone file */
static json_t *dane_json(struct arena *arena, const struct tls_policy *policy)
{
	json_t *records = json_array();
	for (size_t i = 0; i < policy->dane.count; i++)
		json_array_append_new(records, json_string(tls_association_text(
						       arena, &policy->dane.records[i])));
	return json_pack("{s:s, s:o, s:s}", "policy-type", "tlsa", "policy-string", records,
	                 "policy-domain", policy->dane.base);
}

static json_t *sts_json(const struct tls_policy_domain *domain)
{
	json_t *lines = json_array(), *hosts = json_array();
	const struct sts_found *sts = domain->sts;
	struct slice rest = sts->has_policy ? sts->row.text : SLICE_EMPTY;
	while (rest.len > 0) {
		struct slice line = slice_trim(slice_split(&rest, '\n'));
		if (line.len > 0)
			json_array_append_new(lines, text_json(line));
	}
	for (size_t i = 0; sts->has_policy && i < sts->policy.mx_count; i++)
		json_array_append_new(hosts, text_json(sts->policy.mx[i]));
	return json_pack("{s:s, s:o, s:o, s:o}", "policy-type", "sts", "policy-string", lines,
	                 "policy-domain", text_json(domain->domain), "mx-host", hosts);
}

struct slice tlsrpt_policy_text(struct arena *arena, const struct tls_policy_domain *domain,
                                const struct tls_policy *policy)
{
	bool is_sts = !policy || policy->kind == TLS_POLICY_STS || policy->testing;
	if (policy && policy->kind == TLS_POLICY_DANE && policy->dane.base)
		return dump(arena, dane_json(arena, policy));
	if (is_sts && domain->sts)
		return dump(arena, sts_json(domain));
	return dump(arena, json_pack("{s:s, s:o}", "policy-type", "no-policy-found",
	                             "policy-domain", text_json(domain->domain)));
}

static void put(json_t *json, const char *name, const char *value)
{
	if (value && *value)
		json_object_set_new(json, name, json_string(value));
}

struct slice tlsrpt_failure_text(struct arena *arena, const struct tlsrpt_failure *failure)
{
	json_t *json = json_pack("{s:s}", "result-type", failure->type);
	put(json, "sending-mta-ip", failure->sending_ip);
	put(json, "receiving-mx-hostname", failure->mx_host);
	put(json, "receiving-ip", failure->receiving_ip);
	/* What other servers reply may hold anything. */
	if (failure->reason.len > 0)
		json_object_set_new(json, "failure-reason-code",
		                    text_json(report_shown(arena, failure->reason)));
	return dump(arena, json);
}

const char *tlsrpt_type_of_tls(enum tls_trouble trouble)
{
	static const char *const types[] = {
		[TLS_FINE] = NULL,
		[TLS_FAILED] = "validation-failure",
		[TLS_NOT_OFFERED] = "starttls-not-supported",
		[TLS_EXPIRED] = "certificate-expired",
		[TLS_WRONG_NAME] = "certificate-host-mismatch",
		[TLS_NO_MATCH] = "tlsa-invalid",
		[TLS_UNTRUSTED] = "certificate-not-trusted",
	};
	return types[trouble];
}

const char *tlsrpt_type_of_sts(enum sts_trouble trouble)
{
	static const char *const types[] = {
		[STS_FINE] = NULL,
		[STS_UNREACHABLE] = "sts-policy-fetch-error",
		[STS_UNTRUSTED] = "sts-webpki-invalid",
		[STS_INVALID] = "sts-policy-invalid",
	};
	return types[trouble];
}

/* --- counts --------------------------------------------------------------------------- */

static void add_to(json_t *summary, const char *name, int64_t count)
{
	json_int_t sum = json_integer_value(json_object_get(summary, name)) + count;
	json_object_set_new(summary, name, json_integer(sum));
}

static json_t *policy_of(json_t *policies, struct slice text)
{
	json_t *policy = json_loadb(text.data, text.len, 0, NULL);
	json_t *last = json_array_get(policies, json_array_size(policies) - 1);
	if (last && json_equal(json_object_get(last, "policy"), policy)) {
		json_decref(policy);
		return last;
	}
	last = json_pack("{s:o, s:{s:i, s:i}}", "policy", policy, "summary",
	                 "total-successful-session-count", 0, "total-failure-session-count", 0);
	json_array_append_new(policies, last);
	return last;
}

void tlsrpt_add_count(json_t *policies, struct slice policy_text, struct slice failure,
                      int64_t count)
{
	json_t *policy = policy_of(policies, policy_text);
	json_t *summary = json_object_get(policy, "summary");
	if (failure.len == 0) {
		add_to(summary, "total-successful-session-count", count);
		return;
	}
	add_to(summary, "total-failure-session-count", count);
	json_t *details = json_object_get(policy, "failure-details");
	if (!details) {
		details = json_array();
		json_object_set_new(policy, "failure-details", details);
	}
	json_t *detail = json_loadb(failure.data, failure.len, 0, NULL);
	json_object_set_new(detail, "failed-session-count", json_integer((json_int_t)count));
	json_array_append_new(details, detail);
}
