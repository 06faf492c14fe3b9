#include "trust/trust_dmarc.h"

#include <stdlib.h>

#include "base/clock.h"
#include "message/address_list.h"
#include "message/header.h"
#include "trust/dmarc.h"
#include "trust/trust_internal.h"
#include "trust/trust_job.h"

enum { AUTHORS_MAX = 4, ADDRESSES_MAX = 50 };

struct author {
	struct trust_job *job;
	struct dmarc_walk walk;
};

struct trust_dmarc {
	struct arena *arena;
	int64_t deadline;
	struct author *authors[AUTHORS_MAX];
	struct slice domains[AUTHORS_MAX];
	size_t count;
	bool more; /* domains than are looked at */
};

/* --- who has written it ------------------------------------------------------------------ */

static void add_domain(struct trust_dmarc *d, struct slice text)
{
	struct slice domain;
	if (!domain_canonical(d->arena, text, &domain) || !domain_is_valid(domain))
		return;
	for (size_t i = 0; i < d->count; i++) {
		if (slice_equal(d->domains[i], domain))
			return;
	}
	d->more |= d->count == AUTHORS_MAX;
	if (d->count < AUTHORS_MAX)
		d->domains[d->count++] = arena_copy(d->arena, domain);
}

static void find_domains(struct trust_dmarc *d, struct slice message)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	while (header_next(&walk, &field)) {
		if (!slice_equal_nocase(field.name, SLICE("From")))
			continue;
		struct address_list list = address_list_parse(d->arena, field.value, ADDRESSES_MAX);
		for (size_t i = 0; i < list.count; i++) {
			if (list.entries[i].domain.len > 0)
				add_domain(d, list.entries[i].domain);
		}
	}
}

/* --- policies ---------------------------------------------------------------------------- */

static void walk(void *arg)
{
	struct author *a = arg;
	dmarc_walk_first(&a->walk);
	if (!a->walk.steps[0].found)
		dmarc_walk_rest(&a->walk);
}

static struct author *begin(struct trust *t, struct slice domain, int64_t deadline)
{
	struct arena *arena = arena_new();
	struct author *a = ARENA_NEW(arena, struct author);
	a->walk = (struct dmarc_walk){ .arena = arena,
		                       .dns = t->dns,
		                       .deadline = deadline,
		                       .author = arena_copy(arena, domain) };
	a->job = trust_job_begin("trust.dmarc", arena, walk, a);
	return a;
}

struct trust_dmarc *trust_dmarc_begin(struct trust *t, struct slice message)
{
	if (!t->config->trust.dmarc || !t->dns)
		return NULL;
	struct arena *arena = arena_new();
	struct trust_dmarc *d = ARENA_NEW(arena, struct trust_dmarc);
	d->arena = arena;
	d->deadline = deadline_in(t->config->trust.timeout_ms);
	find_domains(d, message);
	for (size_t i = 0; i < d->count; i++)
		d->authors[i] = begin(t, d->domains[i], d->deadline);
	return d;
}

void trust_dmarc_end(struct trust_dmarc *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++)
		trust_job_end(d->authors[i]->job);
	arena_free(d->arena);
}

/* --- does it apply? ---------------------------------------------------------------------- */

/* What is being found out about one author's domain. */
struct judgement {
	struct arena *arena;
	const struct trust_results *results;
	struct trust_spf *spf;
	struct dmarc_walk *walk;
	const struct dmarc_step *policy;
	struct trust_dmarc_finding *finding;
	const char *aligned; /* by which it passes first; NULL: by none */
	bool unsure;         /* what is aligned could not be checked now */
};

/* True if the result settles it. */
static bool weigh(struct judgement *j, const char *method, struct slice domain,
                  enum trust_result result, bool strict)
{
	if ((result != TRUST_PASS && result != TRUST_TEMPERROR) ||
	    !dmarc_aligned(j->walk, domain, strict))
		return false;
	j->unsure |= result == TRUST_TEMPERROR;
	if (result == TRUST_PASS && !j->aligned)
		j->aligned = arena_printf(j->arena, "%s by %.*s", method, SLICE_ARG(domain));
	return result == TRUST_PASS;
}

static bool weigh_dkim(struct judgement *j)
{
	const struct dkim_check *dkim = j->results->dkim;
	for (size_t i = 0; dkim && i < dkim->count; i++) {
		const struct dkim_verdict *v = &dkim->verdicts[i];
		if (v->report_only)
			continue;
		if (weigh(j, "dkim", v->signature.domain, v->result, j->policy->record.strict_dkim))
			return true;
	}
	return false;
}

/* RFC 7208 section 2.4: without a sender's domain the host stands for it. */
static bool weigh_spf(struct judgement *j)
{
	enum trust_spf_identity identity = SPF_MAIL_FROM;
	const struct spf_answer *a = trust_spf_wait(j->spf, identity);
	if (!a) {
		identity = SPF_HELO;
		a = trust_spf_wait(j->spf, identity);
	}
	return a && weigh(j, "spf", trust_spf_domain(j->spf, identity), a->result,
	                  j->policy->record.strict_spf);
}

/* A trusted host that has seen the message before says that it was in order then. */
static bool was_in_order(const struct judgement *j)
{
	struct authres found;
	if (!j->results->arc_trusted || !arc_results(j->arena, &j->results->arc->sets[0], &found))
		return false;
	for (size_t i = 0; i < found.count; i++) {
		if (slice_equal_nocase(found.results[i].method, SLICE("dmarc")) &&
		    slice_equal_nocase(found.results[i].result, SLICE("pass")))
			return true;
	}
	return false;
}

/* Which of its three policies holds. */
static enum dmarc_policy published(struct judgement *j)
{
	const struct dmarc_record *record = &j->policy->record;
	enum dmarc_policy policy = record->domain;
	if (!slice_equal(j->policy->domain, j->walk->author)) {
		policy = record->subdomain;
		if (record->missing != policy && !dmarc_author_exists(j->walk))
			policy = record->missing;
	}
	return policy;
}

/* How far it is meant. */
static enum dmarc_policy wanted(const struct dmarc_record *record, enum dmarc_policy policy)
{
	if (record->testing || arc4random_uniform(DMARC_PERCENT_MAX) >= record->percent)
		policy = dmarc_policy_below(policy);
	return policy;
}

/* --- verdicts ---------------------------------------------------------------------------- */

static void add_policy(struct trust_verdict *v, const struct judgement *j)
{
	trust_evidence(v, "record", arena_copy(j->arena, j->policy->text));
	trust_evidence(v, "record of", arena_copy(j->arena, j->policy->domain));
	if (j->walk->complete)
		trust_evidence(v, "organization",
		               arena_copy(j->arena, dmarc_walk_organization(j->walk)));
	trust_evidence(v, "aligned", slice_from_str(j->aligned));
}

static void refuse(struct trust_results *r, struct judgement *j, struct trust_verdict *v,
                   struct slice domain)
{
	struct trust_dmarc_finding *f = j->finding;
	f->published = published(j);
	f->forwarded = was_in_order(j);
	enum dmarc_policy policy = wanted(&j->policy->record, f->published);
	trust_property(v, "policy", "dmarc", slice_from_str(dmarc_policy_name(policy)));
	if (f->forwarded) {
		v->reason = "a trusted host found it in order before";
		return;
	}
	v->reason = "neither SPF nor DKIM pass for the author's domain";
	f->wanted = policy;
	if (policy > r->policy) {
		r->policy = policy;
		r->policy_domain = domain;
	}
}

static void judge(struct trust_results *r, struct arena *arena, struct author *a,
                  struct trust_spf *spf, struct slice domain)
{
	struct judgement j = { .arena = arena, .results = r, .spf = spf, .walk = &a->walk };
	j.policy = dmarc_walk_policy(&a->walk);
	struct trust_dmarc_finding finding = { .author = domain };
	j.finding = &finding;
	finding.dkim_aligned = j.policy && weigh_dkim(&j);
	/* Reports tell of both. */
	if (j.policy &&
	    (!finding.dkim_aligned || j.policy->record.rua.len > 0 || j.policy->record.ruf.len > 0))
		finding.spf_aligned = weigh_spf(&j);
	bool pass = finding.dkim_aligned || finding.spf_aligned;
	struct trust_verdict *v = trust_add(r, arena, "dmarc", TRUST_NONE, "");
	trust_property(v, "header", "from", domain);
	if (pass) {
		v->result = TRUST_PASS;
	} else if (a->walk.failed || j.unsure) {
		v->result = TRUST_TEMPERROR;
		v->reason = "the DNS does not answer";
	} else if (j.policy) {
		v->result = TRUST_FAIL;
		refuse(r, &j, v, domain);
	}
	if (!j.policy)
		return;
	add_policy(v, &j);
	if (v->result == TRUST_TEMPERROR)
		return;
	finding.policy_domain = arena_copy(arena, j.policy->domain);
	finding.record = j.policy->record;
	finding.record.rua = arena_copy(arena, j.policy->record.rua);
	finding.record.ruf = arena_copy(arena, j.policy->record.ruf);
	r->findings[r->finding_count++] = finding;
}

void trust_add_dmarc(struct trust_results *r, struct arena *arena, struct trust_dmarc *d,
                     struct trust_spf *spf)
{
	if (!d)
		return;
	r->findings = ARENA_ARRAY(arena, d->count, struct trust_dmarc_finding);
	for (size_t i = 0; i < d->count; i++) {
		struct slice domain = arena_copy(arena, d->domains[i]);
		if (trust_job_wait(d->authors[i]->job, d->deadline)) {
			judge(r, arena, d->authors[i], spf, domain);
			continue;
		}
		struct trust_verdict *v = trust_add(r, arena, "dmarc", TRUST_TEMPERROR,
		                                    "the DNS does not answer in time");
		trust_property(v, "header", "from", domain);
	}
	if (d->count == 0)
		trust_add(r, arena, "dmarc", TRUST_PERMERROR, "there is no author");
	else if (d->more)
		trust_add(r, arena, "dmarc", TRUST_PERMERROR,
		          "there are authors in more domains than are looked at");
}
