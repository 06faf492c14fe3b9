/* Reports that others send. */
#include <errno.h>

#include "client/tlsrpt.h"
#include "message/date.h"

static struct slice shown(struct arena *arena, const json_t *json)
{
	if (!json_is_string(json))
		return SLICE_EMPTY;
	return report_shown(arena, slice_of(json_string_value(json), json_string_length(json)));
}

static bool read_date(const json_t *json, int64_t *ms_out)
{
	struct date date;
	if (!json_is_string(json) ||
	    !date_parse_internet(slice_of(json_string_value(json), json_string_length(json)),
	                         &date))
		return false;
	*ms_out = date.unix_s * 1000;
	return true;
}

static int64_t count_of(const json_t *summary, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(summary, name));
	return value > 0 && value < INT32_MAX ? value : 0;
}

static int read_policies(struct arena *arena, const json_t *policies, struct report_summary *out)
{
	size_t i;
	json_t *one;
	if (!json_is_array(policies) || json_array_size(policies) > TLSRPT_POLICIES_MAX)
		return -EINVAL;
	json_array_foreach(policies, i, one)
	{
		const json_t *policy = json_object_get(one, "policy");
		const json_t *summary = json_object_get(one, "summary");
		if (!json_is_object(policy) || !json_is_object(summary))
			return -EINVAL;
		if (out->domain.len == 0)
			out->domain = shown(arena, json_object_get(policy, "policy-domain"));
		out->successes += count_of(summary, "total-successful-session-count");
		out->failures += count_of(summary, "total-failure-session-count");
	}
	return 0;
}

int tlsrpt_read(struct arena *arena, struct slice json, struct report_summary *out)
{
	struct report_summary s = { .domain = SLICE_EMPTY };
	json_t *report = json.len > TLSRPT_JSON_BYTES_MAX
	                         ? NULL
	                         : json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *range = json_object_get(report, "date-range");
	s.organization = shown(arena, json_object_get(report, "organization-name"));
	s.contact = shown(arena, json_object_get(report, "contact-info"));
	s.report_id = shown(arena, json_object_get(report, "report-id"));
	int rc = -EINVAL;
	if (s.report_id.len > 0 &&
	    read_date(json_object_get(range, "start-datetime"), &s.begins_ms) &&
	    read_date(json_object_get(range, "end-datetime"), &s.ends_ms))
		rc = read_policies(arena, json_object_get(report, "policies"), &s);
	json_decref(report);
	if (rc == 0)
		*out = s;
	return rc;
}
