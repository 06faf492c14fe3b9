#include "trust/dmarc.h"

#include <errno.h>

#include "dns/dns.h"

enum { LABELS_AFTER_JUMP = 7 };

/* --- one step ---------------------------------------------------------------------------- */

static bool is_below(struct slice name, struct slice domain)
{
	return name.len > domain.len + 1 && name.data[name.len - domain.len - 1] == '.' &&
	       slice_ends_with(name, domain);
}

/* Several records at one name are none. */
static void read_answer(struct dmarc_step *step, const struct dns_answer *answer)
{
	size_t count = 0;
	for (size_t i = 0; i < answer->count; i++) {
		if (!dmarc_is_record(answer->texts[i]))
			continue;
		step->text = answer->texts[i];
		count++;
	}
	step->found = count == 1 && dmarc_record_parse(step->text, &step->record);
}

/* False if the DNS does not say. */
static bool ask(struct dmarc_walk *w, struct slice domain, struct dmarc_step *step)
{
	struct dns_answer answer;
	const char *name = arena_printf(w->arena, "_dmarc.%.*s", SLICE_ARG(domain));
	int rc = w->dns ? dns_txt(w->dns, w->arena, name, w->deadline, &answer) : -EAGAIN;
	*step = (struct dmarc_step){ .domain = domain, .text = SLICE_EMPTY };
	if (rc == 0)
		read_answer(step, &answer);
	return rc == 0 || rc == -ENOENT || rc == -ENODATA || rc == -EINVAL;
}

static size_t count_labels(struct slice name)
{
	size_t count = 1;
	for (size_t i = 0; i < name.len; i++)
		count += name.data[i] == '.';
	return count;
}

/* The next name of a walk; empty at its end. A long name loses all but seven labels at once. */
static struct slice next_name(struct slice name, bool is_first)
{
	size_t labels = count_labels(name);
	size_t left = is_first && labels > LABELS_AFTER_JUMP ? LABELS_AFTER_JUMP : labels - 1;
	for (; labels > left; labels--)
		slice_split(&name, '.');
	return name;
}

/* --- the walk ---------------------------------------------------------------------------- */

static bool step_ends(const struct dmarc_step *step)
{
	return step->found && step->record.psd != 'u';
}

void dmarc_walk_first(struct dmarc_walk *w)
{
	w->failed = !ask(w, w->author, &w->steps[0]);
	w->count = 1;
	w->complete = w->failed || step_ends(&w->steps[0]);
}

/* A top-level domain that does not answer is taken for one without a record, as nearly all are:
 * it could only say that it is one. */
void dmarc_walk_rest(struct dmarc_walk *w)
{
	while (!w->complete) {
		struct dmarc_step *step = &w->steps[w->count];
		struct slice name = next_name(w->steps[w->count - 1].domain, w->count == 1);
		if (name.len == 0 || w->count == DMARC_QUERIES_MAX)
			break;
		if (!ask(w, name, step) && slice_find_byte(name, '.') >= 0)
			w->failed = true;
		w->count++;
		w->complete = w->failed || step_ends(step);
	}
	w->complete = true;
}

/* Section 4.10.2. */
struct slice dmarc_walk_organization(const struct dmarc_walk *w)
{
	struct slice found = w->author;
	for (size_t i = 0; i < w->count; i++) {
		const struct dmarc_step *step = &w->steps[i];
		if (!step->found)
			continue;
		if (step->record.psd == 'y' && i > 0) {
			/* One label more than the suffix. */
			found = w->author;
			while (is_below(found, step->domain) &&
			       count_labels(found) > count_labels(step->domain) + 1)
				slice_split(&found, '.');
			return found;
		}
		found = step->domain;
	}
	return found;
}

static const struct dmarc_step *step_of(const struct dmarc_walk *w, struct slice domain)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->steps[i].found && slice_equal(w->steps[i].domain, domain))
			return &w->steps[i];
	}
	return NULL;
}

/* The author's own, that of the organization, that of the public suffix: section 4.10.1. */
static const struct dmarc_step *policy_step(const struct dmarc_walk *w)
{
	const struct dmarc_step *last = &w->steps[w->count - 1];
	if (w->steps[0].found)
		return &w->steps[0];
	const struct dmarc_step *step = step_of(w, dmarc_walk_organization(w));
	if (!step && last->found && last->record.psd == 'y')
		step = last;
	return step;
}

const struct dmarc_step *dmarc_walk_policy(const struct dmarc_walk *w)
{
	const struct dmarc_step *step = policy_step(w);
	return step && !step->record.silent ? step : NULL;
}

/* --- alignment --------------------------------------------------------------------------- */

/* Between the domain and the organization another one may begin. */
static bool belongs(struct dmarc_walk *w, struct slice domain, struct slice organization)
{
	struct slice name = domain;
	bool first = true;
	for (size_t i = 0; i < DMARC_QUERIES_MAX && is_below(name, organization); i++) {
		struct dmarc_step step;
		if (!ask(w, name, &step))
			return false;
		if (step.found && (step.record.psd == 'n' || (step.record.psd == 'y' && !first)))
			return false;
		name = next_name(name, first);
		first = false;
	}
	return true;
}

bool dmarc_aligned(struct dmarc_walk *w, struct slice domain, bool strict)
{
	if (slice_equal(domain, w->author))
		return true;
	if (strict)
		return false;
	/* Of two domains of one organization both end in its last two labels, or its last. */
	ptrdiff_t dot = slice_find_last_byte(domain, '.');
	if (dot < 0 || !slice_ends_with(w->author, slice_from(domain, (size_t)dot)))
		return false;
	dmarc_walk_rest(w);
	struct slice organization = dmarc_walk_organization(w);
	if (w->failed || slice_equal(domain, organization))
		return !w->failed;
	/* Below a public suffix each domain is an organization of its own. */
	const struct dmarc_step *step = step_of(w, organization);
	if (!is_below(domain, organization) || w->others == DMARC_ALIGNMENTS_MAX ||
	    (step && step->record.psd == 'y'))
		return false;
	w->others++;
	return belongs(w, domain, organization);
}

/* RFC 8020: NXDOMAIN, for whatever is asked. */
bool dmarc_author_exists(struct dmarc_walk *w)
{
	struct dns_answer answer;
	const char *name = arena_str(w->arena, w->author);
	return dns_addresses_of(w->dns, w->arena, name, false, w->deadline, &answer) != -ENOENT;
}
