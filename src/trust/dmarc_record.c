#include "trust/dmarc_record.h"

#include "base/cursor.h"

/* A tag of a record; the first of its name counts. */
struct tags {
	struct slice p, sp, np, adkim, aspf, t, psd, pct, rua, ruf, fo;
};

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = { "none", "quarantine", "reject" };
	return names[policy];
}

enum dmarc_policy dmarc_policy_below(enum dmarc_policy policy)
{
	return policy == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NONE;
}

static void set_tag(struct tags *tags, struct slice name, struct slice value)
{
	const struct {
		const char *name;
		struct slice *value;
	} known[] = {
		{ "p", &tags->p },         { "sp", &tags->sp },     { "np", &tags->np },
		{ "adkim", &tags->adkim }, { "aspf", &tags->aspf }, { "t", &tags->t },
		{ "psd", &tags->psd },     { "pct", &tags->pct },   { "rua", &tags->rua },
		{ "ruf", &tags->ruf },     { "fo", &tags->fo },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(known[i].name)) &&
		    known[i].value->len == 0)
			*known[i].value = value;
	}
}

/* dmarc-version = "v" *WSP "=" *WSP %s"DMARC1" */
bool dmarc_is_record(struct slice text)
{
	struct slice value = slice_split(&text, ';');
	struct slice name = slice_trim(slice_split(&value, '='));
	return slice_equal_nocase(name, SLICE("v")) &&
	       slice_equal(slice_trim(value), SLICE("DMARC1"));
}

/* False: there is something, and it is no policy. */
static bool read_policy(struct slice value, enum dmarc_policy otherwise, enum dmarc_policy *out)
{
	*out = otherwise;
	if (value.len == 0)
		return true;
	for (enum dmarc_policy p = DMARC_NONE; p <= DMARC_REJECT; p++) {
		if (slice_equal_nocase(value, slice_from_str(dmarc_policy_name(p)))) {
			*out = p;
			return true;
		}
	}
	return false;
}

/* Section 4.10.1: without a good p= it holds only if reports are asked for. */
static void set_policies(const struct tags *t, struct dmarc_record *out)
{
	bool good = read_policy(t->p, DMARC_NONE, &out->domain) && t->p.len > 0;
	good &= read_policy(t->sp, out->domain, &out->subdomain);
	good &= read_policy(t->np, out->subdomain, &out->missing);
	if (good)
		return;
	out->domain = out->subdomain = out->missing = DMARC_NONE;
	out->silent = slice_find_byte(t->rua, ':') <= 0;
}

static bool is_word(struct slice value, const char *word)
{
	return slice_equal_nocase(value, slice_from_str(word));
}

bool dmarc_record_parse(struct slice text, struct dmarc_record *out)
{
	struct tags tags = { .p = SLICE_EMPTY };
	uint64_t percent = DMARC_PERCENT_MAX;
	if (!dmarc_is_record(text))
		return false;
	slice_split(&text, ';');
	while (text.len > 0) {
		struct slice value = slice_split(&text, ';');
		struct slice name = slice_trim(slice_split(&value, '='));
		set_tag(&tags, name, slice_trim(value));
	}
	*out = (struct dmarc_record){ .psd = 'u', .rua = SLICE_EMPTY, .ruf = SLICE_EMPTY };
	out->strict_dkim = is_word(tags.adkim, "s");
	out->strict_spf = is_word(tags.aspf, "s");
	out->testing = is_word(tags.t, "y");
	if (is_word(tags.psd, "y"))
		out->psd = 'y';
	else if (is_word(tags.psd, "n"))
		out->psd = 'n';
	if (tags.t.len > 0 || !slice_to_u64(tags.pct, &percent) || percent > DMARC_PERCENT_MAX)
		percent = DMARC_PERCENT_MAX;
	out->percent = (unsigned)percent;
	out->rua = tags.rua;
	out->ruf = tags.ruf;
	while (tags.fo.len > 0)
		out->report_any |= slice_equal(slice_trim(slice_split(&tags.fo, ':')), SLICE("1"));
	set_policies(&tags, out);
	return true;
}
