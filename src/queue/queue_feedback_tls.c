/* What is told about TLS: RFC 8460. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "message/mime.h"
#include "queue/queue_feedback_internal.h"

/* All look-ups for one domain. */
#define LOOK_UP_MS (10 * 1000)

/* --- counting ------------------------------------------------------------------------- */

static bool is_counted(const struct queue *q, const struct tls_policy_domain *d)
{
	return q->config.config->tls_report.enabled && !d->smarthost &&
	       d->demand != TLS_DEMAND_IGNORE && d->kind != CLIENT_BY_LITERAL;
}

/* Of a session that there is. NULL: all is well. */
static const char *failure_of_session(const struct tls_policy *p, const struct smtp_client *client,
                                      struct slice *reason)
{
	bool has_tls = smtp_client_tls(client).protocol != NULL;
	enum tls_trouble trouble = smtp_client_tls_trouble(client);
	if (!has_tls && (smtp_client_extensions(client) & SMTP_EXT_STARTTLS)) {
		*reason = SLICE("the handshake failed");
		return tlsrpt_type_of_tls(TLS_FAILED);
	}
	if (!has_tls)
		return tlsrpt_type_of_tls(TLS_NOT_OFFERED);
	if (p->testing && !p->testing_has_host) {
		*reason = SLICE("the policy does not name the host");
		return "validation-failure";
	}
	if (p->testing)
		return tlsrpt_type_of_tls(trouble);
	if (p->kind == TLS_POLICY_DANE && p->dane.usable == 0)
		return "tlsa-invalid";
	return NULL;
}

static const char *failure_of(const struct tls_policy *p, const struct smtp_client *client,
                              const struct smtp_outcome *outcome, struct slice *reason)
{
	if (client)
		return failure_of_session(p, client, reason);
	*reason = outcome->text;
	return p->refused ? p->refused : tlsrpt_type_of_tls(outcome->tls);
}

void queue_feedback_note_tls(struct queue *q, const struct tls_policy_domain *domain,
                             const struct tls_policy *policy, const struct client_hop *hop,
                             const struct smtp_client *client, const struct smtp_outcome *outcome)
{
	char receiving[NET_ADDRESS_TEXT_MAX], sending[NET_ADDRESS_TEXT_MAX] = "";
	/* What broke before TLS or after it is no matter of TLS. */
	if (!is_counted(q, domain) || (!client && outcome->stage != SMTP_STAGE_TLS))
		return;
	struct tlsrpt_failure failure = { .sending_ip = sending,
		                          .mx_host = hop->host,
		                          .receiving_ip = receiving };
	failure.type = failure_of(policy, client, outcome, &failure.reason);
	if (!client && !failure.type)
		return;
	net_address_ip(&hop->address, receiving);
	if (client)
		net_address_ip(smtp_client_local(client), sending);
	struct arena *arena = arena_new();
	struct slice text = failure.type ? tlsrpt_failure_text(arena, &failure) : SLICE_EMPTY;
	feedback_count(q, &feedback_kind_tls, domain->domain,
	               tlsrpt_policy_text(arena, domain, policy), text);
	arena_free(arena);
}

void queue_feedback_note_sts(struct queue *q, const struct tls_policy_domain *domain)
{
	if (!is_counted(q, domain) || domain->sts->trouble == STS_FINE)
		return;
	const struct tlsrpt_failure failure = { .type = tlsrpt_type_of_sts(domain->sts->trouble),
		                                .reason = slice_from_str(domain->sts->why) };
	struct arena *arena = arena_new();
	feedback_count(q, &feedback_kind_tls, domain->domain,
	               tlsrpt_policy_text(arena, domain, NULL),
	               tlsrpt_failure_text(arena, &failure));
	arena_free(arena);
}

/* --- reports -------------------------------------------------------------------------- */

/* Several records that claim to be one are none (RFC 8460 section 3). -EAGAIN: not now. */
static int find_uris(struct feedback_making *m)
{
	struct dns_answer answer;
	size_t records = 0;
	const char *name = arena_printf(m->arena, "_smtp._tls.%.*s", SLICE_ARG(m->domain));
	m->uri_count = 0;
	int rc = dns_txt(m->queue->config.dns, m->arena, name, deadline_in(LOOK_UP_MS), &answer);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0)
		return rc == -ENOENT || rc == -ENODATA || rc == -EINVAL ? 0 : -EAGAIN;
	for (size_t i = 0; i < answer.count; i++) {
		if (!tlsrpt_record_is(answer.texts[i]))
			continue;
		records++;
		m->uri_count = tlsrpt_record_parse(answer.texts[i], m->uris);
	}
	if (records != 1)
		m->uri_count = 0;
	return 0;
}

static struct slice date_text(struct arena *arena, int64_t ms)
{
	time_t seconds = ms / 1000;
	struct tm tm;
	char text[32];
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return slice_from_str(arena_str(arena, slice_from_str(text)));
}

static int64_t sum_of(const json_t *policies, const char *name)
{
	size_t i;
	json_t *one;
	int64_t sum = 0;
	json_array_foreach(policies, i, one)
		sum += json_integer_value(json_object_get(json_object_get(one, "summary"), name));
	return sum;
}

static json_t *policies_of(const struct feedback_making *m)
{
	json_t *policies = json_array();
	for (size_t i = 0; i < m->count_count; i++)
		tlsrpt_add_count(policies, m->counts[i].policy, m->counts[i].detail,
		                 m->counts[i].count);
	return policies;
}

/* section 4.4 */
static void compose(struct feedback_making *m)
{
	struct report_row *row = feedback_begin_report(m);
	struct report_summary *s = &row->summary;
	struct slice begins = date_text(m->arena, s->begins_ms);
	struct slice ends = date_text(m->arena, s->ends_ms);
	json_t *policies = policies_of(m);
	s->successes = sum_of(policies, "total-successful-session-count");
	s->failures = sum_of(policies, "total-failure-session-count");
	json_t *report = json_pack("{s:s%, s:{s:s%, s:s%}, s:s%, s:s%, s:o}", "organization-name",
	                           s->organization.data, s->organization.len, "date-range",
	                           "start-datetime", begins.data, begins.len, "end-datetime",
	                           ends.data, ends.len, "contact-info", s->contact.data,
	                           s->contact.len, "report-id", s->report_id.data, s->report_id.len,
	                           "policies", policies);
	char *text = json_dumps(report, JSON_COMPACT);
	row->body = slice_from_str(arena_str(m->arena, slice_from_str(text)));
	free(text);
	json_decref(report);
}

/* section 5.3 */
static void put_fields(struct buf *out, const struct report_row *row, const char *submitter)
{
	buf_printf(out, "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %s\r\n",
	           SLICE_ARG(row->summary.domain), submitter);
	/* A report about TLS that is broken must get there all the same. */
	buf_append(out, SLICE("TLS-Required: No\r\n"));
}

/* --- of others ------------------------------------------------------------------------ */

static bool is_report(const struct mime_part *part)
{
	return mime_is(part, "application", "tlsrpt+gzip") ||
	       mime_is(part, "application", "tlsrpt+json");
}

static const struct config_feedback *config(const struct config *c) { return &c->tls_report; }

const struct feedback_kind feedback_kind_tls = {
	.name = "tls",
	.config = config,
	.find_uris = find_uris,
	.compose = compose,
	.media_type = "application/tlsrpt+gzip",
	.extension = "json.gz",
	.put_fields = put_fields,
	.multipart = "multipart/report; report-type=\"tlsrpt\"",
	.about = "TLS (RFC 8460) with the mail exchangers of",
	.is_report = is_report,
	.packed_bytes_max = TLSRPT_PACKED_BYTES_MAX,
	.text_bytes_max = TLSRPT_JSON_BYTES_MAX,
	.read = tlsrpt_read,
};
