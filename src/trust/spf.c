/* check_host(): RFC 7208 sections 4 and 5. Its results are those of the record, and, for terms,
 * pass: it matches; none: it does not; temperror; permerror. */
#include "trust/spf.h"

#include <errno.h>

#include "base/clock.h"
#include "message/address.h"
#include "trust/spf_internal.h"

enum { NAME_MAX_TEXT = 253 };

static enum trust_result check_host(struct spf_run *r, struct slice domain, bool included);

static enum trust_result fails(struct spf_run *r, const char *reason)
{
	r->answer->reason = reason;
	return TRUST_PERMERROR;
}

static void set_term(struct spf_run *r, struct slice term, struct slice owner)
{
	r->answer->term = term;
	r->answer->owner = owner;
}

/* --- the DNS ----------------------------------------------------------------------------- */

bool spf_count_lookup(struct spf_run *r) { return ++r->answer->lookups <= r->q->max_lookups; }

static enum trust_result too_many_lookups(struct spf_run *r)
{
	return fails(r, "more terms ask the DNS than are allowed");
}

static enum trust_result judge_answer(struct spf_run *r, int rc)
{
	switch (rc) {
	case 0:
		return TRUST_PASS;
	case -EINVAL: /* a name that can't be asked for, by what macros made of it */
		return TRUST_NONE;
	case -ENOENT:
	case -ENODATA:
		if (++r->answer->voids > r->q->max_void)
			return fails(r, "too many names have nothing in the DNS");
		return TRUST_NONE;
	default:
		r->answer->reason = rc == -EBADMSG ? "the DNS has forged answers"
		                                   : "the DNS does not answer";
		return TRUST_TEMPERROR;
	}
}

static enum trust_result spf_ask_addresses(struct spf_run *r, const char *name, bool v6,
                                           struct dns_answer *out)
{
	return judge_answer(r, dns_addresses_of(r->q->dns, r->arena, name, v6, r->deadline, out));
}

/* Answers of the DNS: pass: there are records; none; temperror; permerror: there were too many
 * empty ones. */
static enum trust_result spf_ask_mx(struct spf_run *r, const char *name, struct dns_answer *out)
{
	return judge_answer(r, dns_mx(r->q->dns, r->arena, name, r->deadline, out));
}

static bool leads_back(struct spf_run *r, const char *name)
{
	struct dns_answer found;
	if (dns_addresses_of(r->q->dns, r->arena, name, r->v6, r->deadline, &found) < 0)
		return false;
	for (size_t i = 0; i < found.count; i++) {
		if (net_address_same_host(&found.addresses[i], &r->client))
			return true;
	}
	return false;
}

/* What the DNS does not tell is no name: section 5.5. */
void spf_ask_names(struct spf_run *r)
{
	struct dns_answer names;
	if (r->names_asked)
		return;
	r->names_asked = true;
	if (dns_ptr(r->q->dns, r->arena, &r->client, r->deadline, &names) < 0)
		return;
	for (size_t i = 0; i < names.count && i < SPF_ADDRESSES_MAX; i++) {
		if (leads_back(r, names.names[i]))
			r->names[r->name_count++] = names.names[i];
	}
}

/* --- terms ------------------------------------------------------------------------------- */

/* A name that is too long loses labels on its left (section 7.3). */
static struct slice shortened(struct slice name)
{
	if (slice_ends_with(name, SLICE(".")))
		name.len--;
	while (name.len > NAME_MAX_TEXT && slice_find_byte(name, '.') >= 0)
		slice_split(&name, '.');
	return name;
}

/* The domain that a term is about; NULL: there were too many look-ups. */
static const char *target_of(struct spf_run *r, struct slice spec, struct slice domain)
{
	struct slice name = domain;
	if (spec.len > 0 && !spf_expand(r, spec, domain, false, &name))
		return NULL;
	return arena_str(r->arena, shortened(name));
}

static bool is_client_in(const struct spf_run *r, const struct spf_term *t,
                         const struct dns_answer *hosts)
{
	struct net_network n;
	for (size_t i = 0; i < hosts->count; i++) {
		if (net_network_of(&hosts->addresses[i], t->bits_v4, t->bits_v6, &n) &&
		    net_network_contains(&n, &r->client))
			return true;
	}
	return false;
}

static enum trust_result match_host(struct spf_run *r, const struct spf_term *t, const char *name)
{
	struct dns_answer hosts;
	enum trust_result found = spf_ask_addresses(r, name, r->v6, &hosts);
	return found == TRUST_PASS && !is_client_in(r, t, &hosts) ? TRUST_NONE : found;
}

static enum trust_result match_mx(struct spf_run *r, const struct spf_term *t, const char *name)
{
	struct dns_answer mx;
	enum trust_result found = spf_ask_mx(r, name, &mx);
	if (found != TRUST_PASS)
		return found;
	if (mx.count > SPF_ADDRESSES_MAX)
		return fails(r, "\"mx\" leads to more than 10 hosts");
	found = TRUST_NONE;
	for (size_t i = 0; i < mx.count && found == TRUST_NONE; i++)
		found = match_host(r, t, mx.mx[i].host);
	return found;
}

static enum trust_result match_ptr(struct spf_run *r, const char *name)
{
	spf_ask_names(r);
	for (size_t i = 0; i < r->name_count; i++) {
		if (spf_is_below(slice_from_str(r->names[i]), slice_from_str(name)))
			return TRUST_PASS;
	}
	return TRUST_NONE;
}

/* The table of section 5.2. */
static enum trust_result match_include(struct spf_run *r, const char *name)
{
	switch (check_host(r, slice_from_str(name), true)) {
	case TRUST_PASS:
		return TRUST_PASS;
	case TRUST_TEMPERROR:
		return TRUST_TEMPERROR;
	case TRUST_PERMERROR:
		return TRUST_PERMERROR;
	case TRUST_NONE:
		return fails(r, "\"include\" of a domain without a record");
	default:
		set_term(r, SLICE_EMPTY, SLICE_EMPTY); /* it decides nothing */
		return TRUST_NONE;
	}
}

static enum trust_result match_by_dns(struct spf_run *r, const struct spf_term *t,
                                      struct slice domain)
{
	struct dns_answer any;
	const char *name = NULL;
	if (spf_count_lookup(r))
		name = target_of(r, t->domain, domain);
	if (!name)
		return too_many_lookups(r);
	switch (t->kind) {
	case SPF_INCLUDE:
		return match_include(r, name);
	case SPF_A:
		return match_host(r, t, name);
	case SPF_MX:
		return match_mx(r, t, name);
	case SPF_PTR:
		return match_ptr(r, name);
	default: /* exists: A, for a client with IPv6, too */
		return spf_ask_addresses(r, name, false, &any);
	}
}

static enum trust_result match(struct spf_run *r, const struct spf_term *t, struct slice domain)
{
	switch (t->kind) {
	case SPF_ALL:
		return TRUST_PASS;
	case SPF_IP4:
	case SPF_IP6:
		return r->v6 == (t->kind == SPF_IP6) &&
		                       net_network_contains(&t->network, &r->client)
		               ? TRUST_PASS
		               : TRUST_NONE;
	default:
		return match_by_dns(r, t, domain);
	}
}

/* --- records ----------------------------------------------------------------------------- */

/* Of an include, what it was in there. */
static void note_term(struct spf_run *r, const struct spf_term *t, struct slice domain)
{
	struct slice text = t->text;
	if (t->kind == SPF_INCLUDE && r->answer->term.len > 0)
		text = slice_from_str(arena_printf(r->arena, "%.*s, which has %.*s",
		                                   SLICE_ARG(t->text), SLICE_ARG(r->answer->term)));
	set_term(r, text, domain);
}

static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < ' ' || text.data[i] == 0x7F)
			return false;
	}
	return true;
}

/* Section 6.2; whatever goes wrong, there is none. Half of what is left of the time is enough for
 * it: who waits for the result must not go without one because nobody explains it. */
static void explain(struct spf_run *r, struct slice spec, struct slice domain)
{
	struct dns_answer texts;
	struct slice text;
	int64_t now_ms = clock_monotonic_ms();
	if (r->deadline > now_ms)
		r->deadline = now_ms + (r->deadline - now_ms) / 2;
	const char *name = target_of(r, spec, domain);
	if (!name || dns_txt(r->q->dns, r->arena, name, r->deadline, &texts) < 0 ||
	    texts.count != 1 || !spf_expand(r, texts.texts[0], domain, true, &text) ||
	    !is_printable(text))
		return;
	r->answer->explanation = slice_trim(slice_sub(text, 0, SPF_EXPLANATION_MAX));
}

static enum trust_result follow(struct spf_run *r, struct slice spec, struct slice domain,
                                bool included)
{
	const char *name = NULL;
	set_term(r, slice_from_str(arena_printf(r->arena, "redirect=%.*s", SLICE_ARG(spec))),
	         domain);
	if (spf_count_lookup(r))
		name = target_of(r, spec, domain);
	if (!name)
		return too_many_lookups(r);
	enum trust_result result = check_host(r, slice_from_str(name), included);
	return result == TRUST_NONE ? fails(r, "\"redirect\" to a domain without a record")
	                            : result;
}

static enum trust_result evaluate(struct spf_run *r, const struct spf_record *record,
                                  struct slice domain, bool included)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct spf_term *t = &record->terms[i];
		enum trust_result found = match(r, t, domain);
		if (found == TRUST_NONE)
			continue;
		note_term(r, t, domain);
		if (found != TRUST_PASS)
			return found;
		if (t->result == TRUST_FAIL && !included && record->explanation.len > 0)
			explain(r, record->explanation, domain);
		return t->result;
	}
	if (record->redirect.len > 0)
		return follow(r, record->redirect, domain, included);
	return TRUST_NEUTRAL;
}

/* Section 4.5; pass: there is one. */
static enum trust_result find_record(struct spf_run *r, struct slice domain, struct slice *out)
{
	struct dns_answer texts;
	size_t count = 0;
	int rc = dns_txt(r->q->dns, r->arena, arena_str(r->arena, domain), r->deadline, &texts);
	if (rc == -ENOENT || rc == -ENODATA || rc == -EINVAL)
		return TRUST_NONE;
	if (rc < 0)
		return judge_answer(r, rc);
	for (size_t i = 0; i < texts.count; i++) {
		if (!spf_is_record(texts.texts[i]))
			continue;
		*out = texts.texts[i];
		count++;
	}
	return count == 0  ? TRUST_NONE
	       : count > 1 ? fails(r, "there are several records")
	                   : TRUST_PASS;
}

/* Section 4.3: what is no domain of several labels has no record. */
static enum trust_result check_host(struct spf_run *r, struct slice domain, bool included)
{
	struct spf_record record;
	struct slice text, where;
	if (slice_find_byte(domain, '.') < 0)
		return TRUST_NONE;
	enum trust_result found = find_record(r, domain, &text);
	if (found != TRUST_PASS) {
		if (found != TRUST_NONE)
			set_term(r, SLICE_EMPTY, domain);
		return found;
	}
	if (r->answer->record.len == 0)
		r->answer->record = text;
	const char *wrong = spf_record_parse(r->arena, text, &record, &where);
	if (!wrong)
		return evaluate(r, &record, domain, included);
	set_term(r, where, domain);
	return fails(r, wrong);
}

void spf_check(struct arena *arena, const struct spf_question *question, struct spf_answer *out)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	struct spf_run r = {
		.arena = arena, .q = question, .answer = out, .deadline = question->deadline
	};
	*out = (struct spf_answer){ .result = TRUST_NONE,
		                    .reason = "",
		                    .term = SLICE_EMPTY,
		                    .owner = SLICE_EMPTY,
		                    .record = SLICE_EMPTY,
		                    .explanation = SLICE_EMPTY };
	if (net_address_parse(slice_from_str(net_address_ip(question->client, ip)), 0, &r.client) <
	            0 ||
	    r.client.any.sa_family == AF_UNIX || !question->dns)
		return;
	r.v6 = r.client.any.sa_family == AF_INET6;
	out->result = check_host(&r, question->domain, false);
	if (out->result != TRUST_PERMERROR && out->result != TRUST_TEMPERROR)
		out->reason = "";
}
