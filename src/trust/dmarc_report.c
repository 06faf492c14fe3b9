/* Writing and reading, by one table of the schema: RFC 9990 appendix A. */
#include "trust/dmarc_report.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>

#include "base/buf.h"

#define NAMESPACE "urn:ietf:params:xml:ns:dmarc-2.0"

/* --- the schema ----------------------------------------------------------------------- */

struct element {
	const char *name;
	const struct element *children; /* NULL: it holds text */
	bool repeated;
};

static const struct element date_range[] = { { "begin" }, { "end" }, { 0 } };
static const struct element metadata[] = {
	{ "org_name" },
	{ "email" },
	{ "extra_contact_info" },
	{ "report_id" },
	{ "date_range", .children = date_range },
	{ "error" },
	{ "generator" },
	{ 0 },
};
/* pct: of RFC 7489, where it is also demanded. */
static const struct element policy[] = {
	{ "domain" }, { "discovery_method" }, { "p" },   { "sp" }, { "np" }, { "fo" }, { "adkim" },
	{ "aspf" },   { "testing" },          { "pct" }, { 0 },
};
static const struct element reason[] = { { "type" }, { "comment" }, { 0 } };
static const struct element evaluated[] = {
	{ "disposition" },
	{ "dkim" },
	{ "spf" },
	{ "reason", .children = reason, .repeated = true },
	{ 0 },
};
static const struct element row[] = {
	{ "source_ip" },
	{ "count" },
	{ "policy_evaluated", .children = evaluated },
	{ 0 },
};
static const struct element identifiers[] = {
	{ "header_from" },
	{ "envelope_from" },
	{ "envelope_to" },
	{ 0 },
};
static const struct element dkim[] = {
	{ "domain" }, { "selector" }, { "result" }, { "human_result" }, { 0 },
};
static const struct element spf[] = {
	{ "domain" }, { "scope" }, { "result" }, { "human_result" }, { 0 },
};
static const struct element results[] = {
	{ "dkim", .children = dkim, .repeated = true },
	{ "spf", .children = spf, .repeated = true },
	{ 0 },
};
static const struct element record[] = {
	{ "row", .children = row },
	{ "identifiers", .children = identifiers },
	{ "auth_results", .children = results },
	{ 0 },
};
static const struct element feedback[] = {
	{ "version" },
	{ "report_metadata", .children = metadata },
	{ "policy_published", .children = policy },
	{ "record", .children = record, .repeated = true },
	{ 0 },
};
static const struct element top[] = { { "feedback", .children = feedback }, { 0 } };

static const struct element *find_element(const struct element *among, const char *name)
{
	for (; among && among->name; among++) {
		if (slice_equal(slice_from_str(among->name), slice_from_str(name)))
			return among;
	}
	return NULL;
}

/* --- writing -------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			buf_append(out, SLICE("&lt;"));
		else if (*text == '>')
			buf_append(out, SLICE("&gt;"));
		else if (*text == '&')
			buf_append(out, SLICE("&amp;"));
		else
			buf_append(out, slice_of(text, 1));
	}
}

static void put_all(struct buf *out, const struct element *elements, const json_t *from);

static void put_element(struct buf *out, const struct element *e, const json_t *value)
{
	buf_printf(out, "<%s>", e->name);
	if (e->children) {
		buf_append(out, SLICE("\n"));
		put_all(out, e->children, value);
	} else {
		put_text(out, json_string_value(value));
	}
	buf_printf(out, "</%s>\n", e->name);
}

static bool fits(const struct element *e, const json_t *value)
{
	return e->children ? json_is_object(value) : json_is_string(value);
}

static void put_all(struct buf *out, const struct element *elements, const json_t *from)
{
	for (const struct element *e = elements; e->name; e++) {
		const json_t *value = json_object_get(from, e->name);
		size_t i;
		const json_t *one;
		if (fits(e, value))
			put_element(out, e, value);
		json_array_foreach(value, i, one)
		{
			if (fits(e, one))
				put_element(out, e, one);
		}
	}
}

struct slice dmarc_report_write(struct arena *arena, const json_t *from)
{
	struct buf out = buf_make(SIZE_MAX);
	buf_append(&out, SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	                       "<feedback xmlns=\"" NAMESPACE "\">\n"));
	put_all(&out, feedback, from);
	buf_append(&out, SLICE("</feedback>\n"));
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

/* --- reading -------------------------------------------------------------------------- */

enum { DEPTH_MAX = 8 };

struct reading {
	XML_Parser parser;
	json_t *top;
	/* The elements that are open, of those that are known. */
	struct {
		const struct element *element;
		json_t *into; /* an object; NULL: it holds text */
	} open[DEPTH_MAX];
	size_t depth;
	size_t unknown; /* open elements that are passed over, inside of the last known one */
	size_t records;
	struct buf text;
};

/* Expat gives names as "namespace|name". */
static const char *bare_name(const char *name)
{
	ptrdiff_t bar = slice_find_last_byte(slice_from_str(name), '|');
	return name + bar + 1;
}

static void add(json_t *into, const struct element *e, json_t *value)
{
	if (!e->repeated) {
		json_object_set_new(into, e->name, value);
		return;
	}
	json_t *list = json_object_get(into, e->name);
	if (!list) {
		list = json_array();
		json_object_set_new(into, e->name, list);
	}
	json_array_append_new(list, value);
}

static void XMLCALL begin(void *arg, const char *name, const char **attributes)
{
	struct reading *r = arg;
	const struct element *among = r->depth > 0 ? r->open[r->depth - 1].element->children : top;
	json_t *into = r->depth > 0 ? r->open[r->depth - 1].into : r->top;
	const struct element *e = r->unknown > 0 ? NULL : find_element(among, bare_name(name));
	(void)attributes;
	if (!e || r->depth == DEPTH_MAX) {
		r->unknown++;
		return;
	}
	if (e->children == record && ++r->records > DMARC_REPORT_RECORDS_MAX)
		XML_StopParser(r->parser, XML_FALSE);
	json_t *value = e->children ? json_object() : NULL;
	if (value)
		add(into, e, value);
	r->open[r->depth].element = e;
	r->open[r->depth++].into = value;
	buf_clear(&r->text);
}

static void XMLCALL end(void *arg, const char *name)
{
	struct reading *r = arg;
	(void)name;
	if (r->unknown > 0) {
		r->unknown--;
		return;
	}
	r->depth--;
	if (r->open[r->depth].into || r->depth == 0)
		return;
	struct slice text = slice_trim(buf_slice(&r->text));
	json_t *value = json_stringn(text.data, text.len);
	add(r->open[r->depth - 1].into, r->open[r->depth].element, value ? value : json_string(""));
}

/* What does not fit is left out. */
static void XMLCALL keep_text(void *arg, const char *text, int len)
{
	struct reading *r = arg;
	if (r->unknown == 0)
		buf_append(&r->text, slice_of(text, (size_t)len));
}

/* No document type: none of a report's makes sense, and entities may be bombs. */
static void XMLCALL refuse_doctype(void *arg, const char *name, const char *system_id,
                                   const char *public_id, int has_subset)
{
	struct reading *r = arg;
	(void)name, (void)system_id, (void)public_id, (void)has_subset;
	XML_StopParser(r->parser, XML_FALSE);
}

static bool is_report(const json_t *report)
{
	const json_t *about = json_object_get(report, "report_metadata");
	const json_t *id = json_object_get(about, "report_id");
	return json_is_string(id) && json_string_length(id) > 0 &&
	       json_is_string(
		       json_object_get(json_object_get(report, "policy_published"), "domain")) &&
	       json_is_array(json_object_get(report, "record"));
}

int dmarc_report_parse(struct slice xml, json_t **out)
{
	struct reading r = { .parser = XML_ParserCreateNS(NULL, '|'),
		             .top = json_object(),
		             .text = buf_make(DMARC_REPORT_VALUE_MAX) };
	if (!r.parser)
		return -ENOMEM;
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, begin, end);
	XML_SetCharacterDataHandler(r.parser, keep_text);
	XML_SetStartDoctypeDeclHandler(r.parser, refuse_doctype);
	bool good = xml.len <= DMARC_REPORT_XML_MAX &&
	            XML_Parse(r.parser, xml.data, (int)xml.len, XML_TRUE) == XML_STATUS_OK;
	json_t *report = json_incref(json_object_get(r.top, "feedback"));
	XML_ParserFree(r.parser);
	json_decref(r.top);
	buf_free(&r.text);
	if (good && is_report(report)) {
		*out = report;
		return 0;
	}
	json_decref(report);
	return -EINVAL;
}

/* --- what a list shows ---------------------------------------------------------------- */

static struct slice text_of(const json_t *object, const char *name)
{
	return slice_from_str(json_string_value(json_object_get(object, name)));
}

static int64_t count_of(const json_t *row_json)
{
	int64_t count;
	struct slice text = text_of(row_json, "count");
	return slice_to_i64(text, &count) && count > 0 && count < INT32_MAX ? count : 0;
}

static bool has_passed(const json_t *row_json)
{
	const json_t *e = json_object_get(row_json, "policy_evaluated");
	return slice_equal_nocase(text_of(e, "dkim"), SLICE("pass")) ||
	       slice_equal_nocase(text_of(e, "spf"), SLICE("pass"));
}

int64_t dmarc_report_sum(const json_t *records, bool passed)
{
	size_t i;
	const json_t *one;
	int64_t sum = 0;
	json_array_foreach(records, i, one)
	{
		const json_t *row_json = json_object_get(one, "row");
		if (has_passed(row_json) == passed)
			sum += count_of(row_json);
	}
	return sum;
}

static int64_t seconds_ms(struct slice text)
{
	int64_t seconds;
	return slice_to_i64(text, &seconds) && seconds > 0 && seconds < INT64_MAX / 1000
	               ? seconds * 1000
	               : 0;
}

int dmarc_report_read(struct arena *arena, struct slice xml, struct report_summary *out)
{
	json_t *report;
	int rc = dmarc_report_parse(xml, &report);
	if (rc < 0)
		return rc;
	const json_t *about = json_object_get(report, "report_metadata");
	const json_t *range = json_object_get(about, "date_range");
	const json_t *records = json_object_get(report, "record");
	*out = (struct report_summary){
		.organization = report_shown(arena, text_of(about, "org_name")),
		.contact = report_shown(arena, text_of(about, "email")),
		.report_id = report_shown(arena, text_of(about, "report_id")),
		.domain = report_shown(
			arena, text_of(json_object_get(report, "policy_published"), "domain")),
		.begins_ms = seconds_ms(text_of(range, "begin")),
		.ends_ms = seconds_ms(text_of(range, "end")),
		.successes = dmarc_report_sum(records, true),
		.failures = dmarc_report_sum(records, false),
	};
	json_decref(report);
	return 0;
}
