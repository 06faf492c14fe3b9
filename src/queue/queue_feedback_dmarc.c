/* What is told about DMARC: RFC 9990. */
#include <errno.h>

#include "dns/dns.h"
#include "message/address.h"
#include "message/mime.h"
#include "queue/queue_feedback_internal.h"
#include "trust/dmarc.h"
#include "trust/dmarc_report.h"
#include "trust/trust_spf.h"

/* All look-ups for one domain. */
#define LOOK_UP_MS (20 * 1000)

/* --- counting ------------------------------------------------------------------------- */

/* RFC 7208 section 2.4: without a sender's domain the host stands for it. */
const struct spf_answer *feedback_spf(struct trust_spf *spf, struct slice *domain_out)
{
	enum trust_spf_identity identity = SPF_MAIL_FROM;
	const struct spf_answer *answer = trust_spf_wait(spf, identity);
	if (!answer) {
		identity = SPF_HELO;
		answer = trust_spf_wait(spf, identity);
	}
	*domain_out = answer ? trust_spf_domain(spf, identity) : SLICE_EMPTY;
	return answer;
}

void queue_feedback_note_dmarc(struct queue *q, const struct trust_results *results,
                               const struct trust_question *question, enum dmarc_policy done)
{
	if (!q->config.config->dmarc_report.enabled || !question->client)
		return;
	for (size_t i = 0; i < results->finding_count; i++) {
		struct dmarc_seen seen = { .finding = &results->findings[i],
			                   .dkim = results->dkim,
			                   .client = question->client,
			                   .done = done };
		if (seen.finding->record.rua.len == 0)
			continue;
		seen.spf = feedback_spf(question->spf, &seen.spf_domain);
		struct arena *arena = arena_new();
		feedback_count(q, &feedback_kind_dmarc, seen.finding->policy_domain,
		               dmarc_report_policy(arena, seen.finding),
		               dmarc_report_record(arena, &seen));
		arena_free(arena);
	}
}

/* --- whom to tell --------------------------------------------------------------------- */

/* "mailto:a@example.org!10m": what follows the "!" is a limit of size that RFC 9989 has dropped. */
static struct slice without_limit(struct slice uri) { return slice_split(&uri, '!'); }

/* The domain that the reports would go to. */
static bool host_of(struct arena *arena, struct slice uri, struct slice *out)
{
	struct slice address;
	if (!tlsrpt_mail_address(arena, uri, &address))
		return false;
	ptrdiff_t at = slice_find_last_byte(address, '@');
	return at > 0 && domain_canonical(arena, slice_from(address, (size_t)at + 1), out) &&
	       domain_is_valid(*out);
}

/* RFC 9990 section 4: does a host outside of the organization agree? 1, 0, or -EAGAIN. */
static int agrees(struct feedback_making *m, struct slice host)
{
	struct dns_answer answer;
	const char *name = arena_printf(m->arena, "%.*s._report._dmarc.%.*s", SLICE_ARG(m->domain),
	                                SLICE_ARG(host));
	int rc = dns_txt(m->queue->config.dns, m->arena, name, deadline_in(LOOK_UP_MS), &answer);
	if (rc < 0)
		return rc == -ENOENT || rc == -ENODATA || rc == -EINVAL ? 0 : -EAGAIN;
	for (size_t i = 0; i < answer.count; i++) {
		if (dmarc_is_record(answer.texts[i]))
			return 1;
	}
	return 0;
}

static int may_tell(struct feedback_making *m, struct dmarc_walk *walk, struct slice uri)
{
	struct slice host;
	if (!host_of(m->arena, uri, &host))
		return 0;
	if (dmarc_aligned(walk, host, false))
		return 1;
	return agrees(m, host);
}

int feedback_dmarc_uris(struct feedback_making *m, bool failures)
{
	struct dmarc_walk walk = { .arena = m->arena,
		                   .dns = m->queue->config.dns,
		                   .deadline = deadline_in(LOOK_UP_MS),
		                   .author = m->domain };
	dmarc_walk_first(&walk);
	if (walk.failed)
		return -EAGAIN;
	if (!walk.steps[0].found)
		return 0;
	struct slice rest = failures ? walk.steps[0].record.ruf : walk.steps[0].record.rua;
	while (rest.len > 0 && m->uri_count < FEEDBACK_URIS_MAX) {
		struct slice uri = without_limit(slice_trim(slice_split(&rest, ',')));
		int rc = may_tell(m, &walk, uri);
		if (rc < 0)
			return rc;
		if (rc > 0)
			m->uris[m->uri_count++] = uri;
	}
	return 0;
}

static int find_uris(struct feedback_making *m) { return feedback_dmarc_uris(m, false); }

/* --- reports -------------------------------------------------------------------------- */

static json_t *load(struct slice text) { return json_loadb(text.data, text.len, 0, NULL); }

static json_t *record_of(const struct report_count *count)
{
	char number[24];
	json_t *record = load(count->detail);
	snprintf(number, sizeof(number), "%lld", (long long)count->count);
	json_object_set_new(json_object_get(record, "row"), "count", json_string(number));
	return record;
}

static json_t *date_range(struct arena *arena, const struct report_summary *s)
{
	return json_pack("{s:s, s:s}", "begin",
	                 arena_printf(arena, "%lld", (long long)(s->begins_ms / 1000)), "end",
	                 arena_printf(arena, "%lld", (long long)(s->ends_ms / 1000)));
}

/* A report has one policy (section 3.1); returns where the counts of the next one begin. */
static size_t compose_one(struct feedback_making *m, struct report_row *row, size_t first)
{
	struct report_summary *s = &row->summary;
	struct slice policy = m->counts[first].policy;
	json_t *records = json_array();
	size_t i = first;
	for (; i < m->count_count && slice_equal(m->counts[i].policy, policy); i++)
		json_array_append_new(records, record_of(&m->counts[i]));
	s->successes = dmarc_report_sum(records, true);
	s->failures = dmarc_report_sum(records, false);
	json_t *report = json_pack("{s:s, s:{s:s%, s:s%, s:s%, s:o, s:s}, s:o, s:o}", "version",
	                           "1.0", "report_metadata", "org_name", s->organization.data,
	                           s->organization.len, "email", s->contact.data, s->contact.len,
	                           "report_id", s->report_id.data, s->report_id.len, "date_range",
	                           date_range(m->arena, s), "generator", "Veredus " VEREDUS_VERSION,
	                           "policy_published", load(policy), "record", records);
	row->body = dmarc_report_write(m->arena, report);
	json_decref(report);
	return i;
}

static void compose(struct feedback_making *m)
{
	struct report_row *row;
	size_t i = 0;
	while (i < m->count_count && (row = feedback_begin_report(m)))
		i = compose_one(m, row, i);
}

/* --- of others ------------------------------------------------------------------------ */

/* What senders really call them. */
static bool is_report(const struct mime_part *part)
{
	static const char *const types[][2] = {
		{ "application", "gzip" },         { "application", "x-gzip" },
		{ "application", "zip" },          { "application", "x-zip-compressed" },
		{ "application", "xml" },          { "text", "xml" },
		{ "application", "octet-stream" },
	};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (mime_is(part, types[i][0], types[i][1]))
			return true;
	}
	return false;
}

static const struct config_feedback *config(const struct config *c) { return &c->dmarc_report; }

const struct feedback_kind feedback_kind_dmarc = {
	.name = "dmarc",
	.config = config,
	.find_uris = find_uris,
	.compose = compose,
	.media_type = "application/gzip",
	.extension = "xml.gz",
	.multipart = "multipart/mixed",
	.about = "DMARC (RFC 9990), of mail in the name of",
	.is_report = is_report,
	.packed_bytes_max = DMARC_REPORT_PACKED_MAX,
	.text_bytes_max = DMARC_REPORT_XML_MAX,
	.read = dmarc_report_read,
};
