#include "trust/dmarc_failure.h"

#include <errno.h>

#include "base/hash.h"
#include "message/date.h"
#include "message/header.h"
#include "trust/spf.h"

enum { FIELDS_BYTES_MAX = 48 * 1024 };

/* --- what is wanted ------------------------------------------------------------------- */

static bool is_report(struct slice message)
{
	struct slice type;
	return header_find(message, SLICE("Content-Type"), &type) &&
	       slice_starts_with_nocase(slice_trim(type), SLICE("multipart/report"));
}

/* RFC 9989 section 4.7, fo=: "0" if nothing is aligned, "1" if anything is not. */
bool dmarc_failure_is_wanted(const struct dmarc_failure *f)
{
	const struct trust_dmarc_finding *g = f->finding;
	bool failed = g->record.report_any ? !g->dkim_aligned || !g->spf_aligned
	                                   : !g->dkim_aligned && !g->spf_aligned;
	return failed && g->record.ruf.len > 0 && g->record.psd != 'y' && f->question->client &&
	       !is_report(f->question->message);
}

static bool is_in(struct slice name, struct slice domain)
{
	return slice_equal(name, domain) ||
	       (name.len > domain.len + 1 && slice_ends_with(name, domain) &&
	        name.data[name.len - domain.len - 1] == '.');
}

/* The first signature that would have counted, had it passed; NULL: there is none. */
static const struct dkim_verdict *failed_signature(const struct dmarc_failure *f)
{
	const struct dkim_check *dkim = f->results->dkim;
	for (size_t i = 0; dkim && !f->finding->dkim_aligned && i < dkim->count; i++) {
		const struct dkim_verdict *v = &dkim->verdicts[i];
		if (v->result != TRUST_PASS && v->signature.domain.len > 0 &&
		    is_in(v->signature.domain, f->finding->policy_domain))
			return v;
	}
	return NULL;
}

static bool spf_failed(const struct dmarc_failure *f)
{
	return f->spf && !f->finding->spf_aligned && f->spf->record.len > 0 &&
	       is_in(f->spf_domain, f->finding->policy_domain);
}

struct slice dmarc_failure_path(struct arena *arena, const struct dmarc_failure *f)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	const struct trust_dmarc_finding *g = f->finding;
	const struct dkim_verdict *v = failed_signature(f);
	return slice_from_str(arena_printf(
		arena, "%.*s %.*s %s %d%d %.*s %.*s %s", SLICE_ARG(g->policy_domain),
		SLICE_ARG(g->author), net_address_ip(f->question->client, ip), g->dkim_aligned,
		g->spf_aligned, SLICE_ARG(f->spf_domain), v ? (int)v->signature.selector.len : 0,
		v ? v->signature.selector.data : "", v ? v->reason : ""));
}

/* --- fields --------------------------------------------------------------------------- */

/* RFC 6591 section 3.2.2. */
static const char *delivery(enum dmarc_policy done)
{
	static const char *const words[] = { "delivered", "spam", "reject" };
	return words[done];
}

/* Without control characters, and quotes that would end the text. */
static void put_clean(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		buf_append_byte(out, (unsigned char)c < ' ' || c == 0x7F || c == '"' ? ' ' : c);
	}
}

static void put_field(struct buf *out, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	buf_printf(out, "%s: ", name);
	put_clean(out, value);
	buf_append(out, SLICE("\r\n"));
}

static void put_sender(struct buf *out, struct arena *arena, const struct dmarc_failure *f)
{
	const struct address *a = f->question->sender;
	if (!a)
		return;
	struct slice text = a->local.len > 0 ? address_text(arena, a) : SLICE_EMPTY;
	if (a->local.len > 0 && f->redact)
		text = arena_concat(arena, (struct slice[]){ SLICE("redacted@"), a->domain }, 2);
	buf_append(out, SLICE("Original-Mail-From: <"));
	put_clean(out, text);
	buf_append(out, SLICE(">\r\n"));
}

static void put_failed(struct buf *out, const struct dmarc_failure *f)
{
	const struct trust_dmarc_finding *g = f->finding;
	const struct dkim_verdict *v = failed_signature(f);
	buf_printf(out, "Identity-Alignment: %s%s%s\r\n", g->dkim_aligned ? "" : "dkim",
	           !g->dkim_aligned && !g->spf_aligned ? ", " : "", g->spf_aligned ? "" : "spf");
	if (v) {
		struct slice identity = v->signature.identity;
		ptrdiff_t at = slice_find_last_byte(identity, '@');
		if (f->redact && at > 0)
			identity = slice_from(identity, (size_t)at);
		put_field(out, "DKIM-Domain", v->signature.domain);
		put_field(out, "DKIM-Identity", identity);
		put_field(out, "DKIM-Selector", v->signature.selector);
	}
	if (spf_failed(f)) {
		buf_printf(out, "SPF-DNS: txt : %.*s : \"", SLICE_ARG(f->spf_domain));
		put_clean(out, f->spf->record);
		buf_append(out, SLICE("\"\r\n"));
	}
}

struct slice dmarc_failure_fields(struct arena *arena, const struct dmarc_failure *f)
{
	char ip[NET_ADDRESS_TEXT_MAX], date[DATE_TEXT_MAX];
	struct buf out = buf_make(FIELDS_BYTES_MAX);
	buf_append(&out, SLICE("Feedback-Type: auth-failure\r\nUser-Agent: Veredus/" VEREDUS_VERSION
	                       "\r\nVersion: 1\r\nAuth-Failure: dmarc\r\n"));
	put_field(&out, "Reported-Domain", f->finding->author);
	put_field(&out, "Source-IP", slice_from_str(net_address_ip(f->question->client, ip)));
	put_field(&out, "Arrival-Date", date_format(date_local(f->at_s), date));
	put_sender(&out, arena, f);
	buf_printf(&out, "Delivery-Result: %s\r\n", delivery(f->done));
	put_failed(&out, f);
	size_t before = out.len;
	buf_printf(&out, "Authentication-Results: %.*s\r\n",
	           SLICE_ARG(trust_value(f->results, arena)));
	if (buf_failed(&out))
		buf_truncate(&out, before);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

/* --- the header ----------------------------------------------------------------------- */

/* Which way it took, and who says to have written it. */
static bool says_the_way(struct slice name)
{
	static const char *const names[] = { "Return-Path",
		                             "Received",
		                             "Received-SPF",
		                             "Authentication-Results",
		                             "DKIM-Signature",
		                             "ARC-Seal",
		                             "ARC-Message-Signature",
		                             "ARC-Authentication-Results",
		                             "From",
		                             "Sender",
		                             "Date",
		                             "Message-ID",
		                             "List-Id",
		                             "MIME-Version",
		                             "X-Mailer",
		                             "User-Agent" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(names[i])))
			return true;
	}
	return false;
}

static bool is_local_byte(char c)
{
	return byte_is_alnum(c) || (unsigned char)c >= 0x80 || strchr(".!#$%&'*+-/=?^_`{|}~", c);
}

/* Where the local part begins that ends here. */
static size_t local_begin(const struct buf *out, size_t begin)
{
	size_t at = out->len;
	if (at > begin && out->data[at - 1] == '"') {
		for (at--; at > begin && out->data[at - 1] != '"'; at--)
			;
		return at > begin ? at - 1 : at;
	}
	while (at > begin && out->data[at - 1] && is_local_byte(out->data[at - 1]))
		at--;
	return at;
}

static void put_redacted(struct buf *out, struct slice field)
{
	size_t begin = out->len;
	for (size_t i = 0; i < field.len && !buf_failed(out); i++) {
		if (field.data[i] == '@') {
			buf_truncate(out, local_begin(out, begin));
			buf_append(out, SLICE("redacted"));
		}
		buf_append_byte(out, field.data[i]);
	}
}

/* An id names a message, not a person, and is what the domain looks for. */
static void put_header_field(struct buf *out, const struct header_field *field, bool redact)
{
	size_t before = out->len;
	if (redact && !slice_equal_nocase(field->name, SLICE("Message-ID")))
		put_redacted(out, field->whole);
	else
		buf_append(out, field->whole);
	if (out->len > before && out->data && out->data[out->len - 1] != '\n')
		buf_append(out, SLICE("\r\n"));
}

struct slice dmarc_failure_header(struct arena *arena, const struct dmarc_failure *f)
{
	struct header_walk walk = { .rest = f->question->message };
	struct header_field field;
	struct buf out = buf_make(DMARC_FAILURE_HEADER_MAX);
	size_t whole = 0;
	while (!buf_failed(&out) && header_next(&walk, &field)) {
		whole = out.len;
		if (field.name.len > 0 && (!f->redact || says_the_way(field.name)))
			put_header_field(&out, &field, f->redact);
	}
	if (buf_failed(&out))
		buf_truncate(&out, whole);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

/* --- of others ------------------------------------------------------------------------ */

static struct slice value_of(struct arena *arena, struct slice fields, const char *name)
{
	struct slice value;
	return header_find(fields, slice_from_str(name), &value)
	               ? slice_trim(header_unfold(arena, value))
	               : SLICE_EMPTY;
}

static int64_t incidents(struct slice text)
{
	uint64_t count;
	return slice_to_u64(text, &count) && count > 0 && count < INT32_MAX ? (int64_t)count : 1;
}

int dmarc_failure_read(struct arena *arena, struct slice fields, struct report_summary *out)
{
	struct date date = { 0, 0 };
	struct slice type = value_of(arena, fields, "Feedback-Type");
	struct slice reporter = value_of(arena, fields, "Reporting-MTA");
	if (fields.len > DMARC_FAILURE_BYTES_MAX ||
	    !slice_equal_nocase(type, SLICE("auth-failure")))
		return -EINVAL;
	if (reporter.len == 0)
		reporter = value_of(arena, fields, "User-Agent");
	if (!date_parse(value_of(arena, fields, "Arrival-Date"), &date) &&
	    !date_parse(value_of(arena, fields, "Received-Date"), &date))
		date.unix_s = 0;
	/* There is no id in it: equal ones are one. */
	const uint64_t key[2] = { 0, 0 };
	*out = (struct report_summary){
		.organization = report_shown(arena, reporter),
		.contact = SLICE_EMPTY,
		.report_id = slice_from_str(arena_printf(
			arena, "%016llx", (unsigned long long)hash_bytes_keyed(key, fields))),
		.domain = report_shown(arena, value_of(arena, fields, "Reported-Domain")),
		.begins_ms = date.unix_s > 0 ? date.unix_s * 1000 : 0,
		.failures = incidents(value_of(arena, fields, "Incidents")),
	};
	out->ends_ms = out->begins_ms;
	return 0;
}

static json_t *text_json(struct arena *arena, struct slice text)
{
	struct slice shown = charset_to_utf8(arena, SLICE("utf-8"), text);
	json_t *json = json_stringn(shown.data, shown.len);
	return json ? json : json_string("");
}

json_t *dmarc_failure_json(struct slice fields)
{
	struct header_walk walk = { .rest = fields };
	struct header_field field;
	struct arena *arena = arena_new();
	json_t *list = json_array();
	while (json_array_size(list) < DMARC_FAILURE_FIELDS_MAX && header_next(&walk, &field)) {
		struct slice value = slice_trim(header_unfold(arena, field.value));
		if (field.name.len > 0)
			json_array_append_new(list, json_pack("{s:o, s:o}", "name",
			                                      text_json(arena, field.name), "value",
			                                      text_json(arena, value)));
	}
	arena_free(arena);
	return json_pack("{s:o}", "fields", list);
}
