/* A policy from its web server: RFC 8461 section 3.3. */
#include <errno.h>

#include "base/clock.h"
#include "client/sts_internal.h"
#include "net/http.h"

static int failed(struct sts_found *out, enum sts_trouble trouble, const char *why)
{
	out->trouble = trouble;
	out->why = why;
	return -ENODATA;
}

/* media type "text/plain", with whatever parameters */
static bool is_plain_text(const char *type)
{
	struct slice rest = slice_from_str(type);
	return slice_equal_nocase(slice_trim(slice_split(&rest, ';')), SLICE("text/plain"));
}

static int take_reply(struct arena *arena, const struct http_reply *reply, struct sts_found *out)
{
	const char *why;
	/* Redirects are not followed (section 3.3), so any other status is a failure. */
	if (reply->status != 200)
		return failed(out, STS_UNREACHABLE,
		              arena_printf(arena, "the web server answers %ld", reply->status));
	if (!is_plain_text(reply->content_type))
		return failed(out, STS_INVALID,
		              arena_printf(arena, "the policy is no text/plain, but %s",
		                           reply->content_type));
	if (sts_policy_parse(arena, reply->body, &out->policy, &why) < 0)
		return failed(out, STS_INVALID, arena_printf(arena, "the policy: %s", why));
	int64_t now_ms = clock_wall_ms();
	out->has_policy = out->is_new = true;
	out->row.text = reply->body;
	out->row.fetched_ms = out->row.used_ms = out->row.tried_ms = now_ms;
	out->row.expires_ms = now_ms + out->policy.max_age_s * 1000;
	return 0;
}

int sts_fetch(struct dns *dns, const struct config *config, struct arena *arena,
              struct slice domain, int64_t deadline, struct sts_found *out)
{
	const char *host = arena_printf(arena, "mta-sts.%.*s", SLICE_ARG(domain));
	uint16_t port = config->mta_sts.port;
	struct dns_answer answer;
	int rc = dns_addresses(dns, arena, host, deadline, &answer);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0)
		return failed(out, STS_UNREACHABLE, arena_printf(arena, "%s has no address", host));
	const struct http_request request = {
		.url = arena_printf(arena, "https://%s%s/.well-known/mta-sts.txt", host,
		                    port == 443 ? "" : arena_printf(arena, ":%u", (unsigned)port)),
		.host = host,
		.port = port,
		.addresses = answer.addresses,
		.address_count = answer.count,
		.ca_path = config->mta_sts.ca,
		.timeout_ms = config->mta_sts.timeout_ms,
		.max_bytes = STS_POLICY_BYTES_MAX,
	};
	struct http_reply reply;
	rc = http_ask(&request, arena, &reply);
	if (rc < 0)
		return failed(out, reply.is_untrusted ? STS_UNTRUSTED : STS_UNREACHABLE,
		              arena_printf(arena, "%s: %s", host, reply.why));
	return take_reply(arena, &reply, out);
}
