#include "guard/guard_rule.h"

#include "guard/guard_pattern.h"

enum { WHY_MAX = 2000, LISTED_MAX = 160 };

/* A condition of a rule: given, and if so by which of its items it holds (NULL: by none). */
struct condition {
	const char *name;
	bool (*is_given)(const struct config_rule *r);
	const char *(*holds)(const struct config_rule *r, const struct guard_facts *f);
};

static bool text_holds(struct slice item, const void *fact)
{
	return guard_pattern_match(item, *(const struct slice *)fact);
}

/* --- the conditions --------------------------------------------------------------------- */

static bool client_given(const struct config_rule *r) { return r->client.count > 0; }

static const char *client_holds(const struct config_rule *r, const struct guard_facts *f)
{
	const char *by_absence = NULL, *by_item = NULL;
	bool has_positive = false;
	for (size_t i = 0; i < r->client.count; i++) {
		const struct config_rule_network *n = &r->client.items[i];
		bool is_in = net_network_contains(&n->network, f->client);
		if (n->negated && is_in)
			return NULL;
		has_positive |= !n->negated;
		if (n->negated && !by_absence)
			by_absence = n->shown;
		else if (!n->negated && is_in && !by_item)
			by_item = n->shown;
	}
	return has_positive ? by_item : by_absence;
}

static bool listener_given(const struct config_rule *r) { return r->listener.count > 0; }

static const char *listener_holds(const struct config_rule *r, const struct guard_facts *f)
{
	const struct slice name = slice_from_str(f->listener);
	return guard_patterns_hold(&r->listener, text_holds, &name);
}

static bool tls_given(const struct config_rule *r) { return r->tls >= 0; }

static const char *tls_holds(const struct config_rule *r, const struct guard_facts *f)
{
	if (f->tls != (r->tls == 1))
		return NULL;
	return f->tls ? "yes" : "no";
}

static bool authenticated_given(const struct config_rule *r) { return r->authenticated >= 0; }

static const char *authenticated_holds(const struct config_rule *r, const struct guard_facts *f)
{
	bool is_so = f->account != NULL;
	if (is_so != (r->authenticated == 1))
		return NULL;
	return is_so ? "yes" : "no";
}

static bool account_given(const struct config_rule *r) { return r->account.count > 0; }

static const char *account_holds(const struct config_rule *r, const struct guard_facts *f)
{
	const struct slice account = slice_from_str(f->account);
	return f->account ? guard_patterns_hold_address(&r->account, account) : NULL;
}

static bool helo_given(const struct config_rule *r) { return r->helo.count > 0; }

static const char *helo_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold(&r->helo, text_holds, &f->helo);
}

static bool sender_given(const struct config_rule *r) { return r->sender.count > 0; }

static const char *sender_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold_address(&r->sender, f->sender);
}

static bool recipient_given(const struct config_rule *r) { return r->recipient.count > 0; }

static const char *recipient_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold_address(&r->recipient, f->recipient);
}

struct rdns_fact {
	enum guard_rdns state;
	struct slice name;
};

static bool rdns_item_holds(struct slice item, const void *fact)
{
	const struct rdns_fact *f = fact;
	static const struct {
		const char *word;
		enum guard_rdns state;
	} words[] = { { RULE_RDNS_NONE, GUARD_RDNS_NONE },
		      { RULE_RDNS_UNCONFIRMED, GUARD_RDNS_UNCONFIRMED },
		      { RULE_RDNS_CONFIRMED, GUARD_RDNS_CONFIRMED },
		      { RULE_RDNS_UNKNOWN, GUARD_RDNS_UNKNOWN } };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_equal(item, slice_from_str(words[i].word)))
			return f->state == words[i].state;
	}
	return f->state == GUARD_RDNS_CONFIRMED && guard_pattern_match(item, f->name);
}

static bool rdns_given(const struct config_rule *r) { return r->rdns.count > 0; }

static const char *rdns_holds(const struct config_rule *r, const struct guard_facts *f)
{
	const char *name = NULL;
	struct rdns_fact fact = { .state = f->rdns(f->arg, &name) };
	if (fact.state == GUARD_RDNS_UNASKED)
		return NULL;
	fact.name = slice_from_str(name);
	return guard_patterns_hold(&r->rdns, rdns_item_holds, &fact);
}

static bool sender_is(struct slice word, const void *fact)
{
	const struct guard_facts *f = fact;
	if (slice_equal(word, SLICE(RULE_SENDER_NULL)))
		return f->sender.len == 0;
	if (f->sender_domain.len == 0)
		return false;
	if (slice_equal(word, SLICE(RULE_SENDER_OURS)))
		return f->is_ours(f->arg, f->sender_domain);
	enum guard_sender_dns found = f->sender_dns(f->arg, f->sender_domain);
	if (slice_equal(word, SLICE(RULE_SENDER_UNRESOLVABLE)))
		return found == GUARD_SENDER_UNRESOLVABLE || found == GUARD_SENDER_NULL_MX;
	return found == GUARD_SENDER_UNRESOLVED;
}

static bool sender_is_given(const struct config_rule *r) { return r->sender_is.count > 0; }

static const char *sender_is_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold(&r->sender_is, sender_is, f);
}

static bool helo_is(struct slice word, const void *fact)
{
	static const char *const words[] = {
		[GUARD_HELO_OURS] = RULE_HELO_OURS,
		[GUARD_HELO_BARE] = RULE_HELO_BARE,
		[GUARD_HELO_ELSEWHERE] = RULE_HELO_ELSEWHERE,
		[GUARD_HELO_UNRESOLVABLE] = RULE_HELO_UNRESOLVABLE,
	};
	const struct guard_facts *f = fact;
	const char *is = words[f->helo_is(f->arg)];
	return is && slice_equal(word, slice_from_str(is));
}

static bool helo_is_given(const struct config_rule *r) { return r->helo_is.count > 0; }

static const char *helo_is_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold(&r->helo_is, helo_is, f);
}

static bool found_item_holds(struct slice item, const void *fact)
{
	const struct guard_facts *f = fact;
	for (size_t i = 0; i < f->found_count; i++) {
		if (guard_pattern_match(item, f->found[i]))
			return true;
	}
	return false;
}

static bool found_given(const struct config_rule *r) { return r->found.count > 0; }

static const char *found_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return f->found_count > 0 ? guard_patterns_hold(&r->found, found_item_holds, f) : NULL;
}

/* "zen", or "zen 127.0.0.2". */
static bool listed_item_holds(struct slice item, const void *fact)
{
	const struct guard_facts *f = fact;
	size_t count;
	const struct guard_listing *all = f->listed(f->arg, &count);
	for (size_t i = 0; i < count; i++) {
		char text[LISTED_MAX];
		snprintf(text, sizeof(text), "%s %s", all[i].list->name, all[i].answer);
		if (guard_pattern_match(item, slice_from_str(text)) ||
		    guard_pattern_match(item, slice_from_str(all[i].list->name)))
			return true;
	}
	return false;
}

static bool listed_given(const struct config_rule *r) { return r->listed.count > 0; }

static const char *listed_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return guard_patterns_hold(&r->listed, listed_item_holds, f);
}

static bool score_given(const struct config_rule *r) { return r->score > 0; }

static const char *score_holds(const struct config_rule *r, const struct guard_facts *f)
{
	return f->score(f->arg) >= r->score ? r->score_shown : NULL;
}

/* What costs least stands first, what may wait for the DNS last: when one does not hold the
 * others are not asked. */
static const struct condition conditions[] = {
	{ "listener", listener_given, listener_holds },
	{ "client", client_given, client_holds },
	{ "tls", tls_given, tls_holds },
	{ "authenticated", authenticated_given, authenticated_holds },
	{ "account", account_given, account_holds },
	{ "helo", helo_given, helo_holds },
	{ "sender", sender_given, sender_holds },
	{ "recipient", recipient_given, recipient_holds },
	{ "found", found_given, found_holds },
	{ "rdns", rdns_given, rdns_holds },
	{ "helo-is", helo_is_given, helo_is_holds },
	{ "sender-is", sender_is_given, sender_is_holds },
	{ "listed", listed_given, listed_holds },
	{ "score", score_given, score_holds },
};

/* --- the walk --------------------------------------------------------------------------- */

/* why NULL: not wanted. */
static bool rule_holds(const struct config_rule *r, const struct guard_facts *f, struct buf *why)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		const struct condition *c = &conditions[i];
		if (!c->is_given(r))
			continue;
		const char *item = c->holds(r, f);
		if (!item)
			return false;
		if (why)
			buf_printf(why, "%s%s %s", why->len > 0 ? ", " : "", c->name, item);
	}
	if (r->rate.count == 0)
		return true;
	/* Of messages of nobody, or by nobody, no account or sender has any. */
	if ((r->rate.per == RATE_PER_ACCOUNT && !f->account) ||
	    (r->rate.per == RATE_PER_SENDER && f->sender.len == 0) || f->take_token(f->arg, r, f))
		return false;
	if (why)
		buf_printf(why, "%smore than %u %s in %lld ms per %s", why->len > 0 ? ", " : "",
		           r->rate.count, rate_of_name(r->rate.of), (long long)r->rate.period_ms,
		           rate_per_name(r->rate.per));
	return true;
}

/* Who is refused because of a list should know which, and what it says: RFC 5782 section 2.1. */
static void tell_list(const struct config_rule *r, const struct guard_facts *f,
                      struct guard_decision *out)
{
	size_t count;
	const struct guard_listing *all = f->listed(f->arg, &count);
	for (size_t i = 0; i < count; i++) {
		const struct guard_listing *l = &all[i];
		if (l->weight < 0)
			continue;
		snprintf(out->text, sizeof(out->text), "%s is listed in %s (%s)%s%s", l->about,
		         l->list->zone, l->answer, l->reason[0] ? ": " : "", l->reason);
		out->reply.text = out->text;
		break;
	}
	out->reply.enhanced = r->verdict == RULE_REJECT ? "5.7.1" : "4.7.1";
}

static bool is_unresolvable(struct slice word, const void *fact)
{
	return slice_equal(word, SLICE(RULE_SENDER_UNRESOLVABLE)) && sender_is(word, fact);
}

/* Codes of a refusal for which the rule has no reply of its own. */
static void set_reply(const struct config_rule *r, enum rule_stage stage,
                      const struct guard_facts *f, struct guard_decision *out)
{
	bool nowhere = r->reply.code == 0 && r->verdict == RULE_REJECT && r->sender_is.count > 0 &&
	               guard_patterns_hold(&r->sender_is, is_unresolvable, f);
	out->reply = r->reply;
	if (nowhere && f->sender_dns(f->arg, f->sender_domain) == GUARD_SENDER_NULL_MX)
		out->reply = (struct config_reply){ 550, "5.7.27",
			                            "The sender's domain takes no mail (Null MX)" };
	else if (nowhere)
		out->reply = (struct config_reply){ 550, "5.1.8",
			                            "There is no such domain as the sender's" };
	else if (r->reply.code == 0 && r->verdict == RULE_REJECT)
		out->reply = (struct config_reply){ 550, "5.7.1", "Refused by local policy" };
	else if (r->reply.code == 0 && r->rate.count > 0)
		out->reply = (struct config_reply){ 450, "4.7.1",
			                            "Too much at a time, try again later" };
	else if (r->reply.code == 0)
		out->reply = (struct config_reply){ 450, "4.7.1",
			                            "Deferred by local policy, try again later" };
	if (r->reply.code == 0 && r->listed.count > 0)
		tell_list(r, f, out);
	/* RFC 5321 section 4.3.2: instead of the greeting only these may be said. */
	if (stage == RULE_CONNECT)
		out->reply.code = r->verdict == RULE_REJECT ? 554 : 421;
}

/* RFC 6647 section 5 has 4yz; 4.7.1 as a policy of ours. */
static bool greylist(const struct config_rule *r, enum rule_stage stage,
                     const struct guard_facts *f, struct guard_decision *out)
{
	int64_t wait_ms = r->stage == stage ? f->greylist(f->arg) : 0;
	if (wait_ms <= 0)
		return false;
	long long wait_s = (wait_ms + 999) / 1000;
	snprintf(out->text, sizeof(out->text),
	         "Greylisted, as we do not know you yet: try again in %lld %s",
	         wait_s < 120 ? wait_s : (wait_s + 59) / 60, wait_s < 120 ? "seconds" : "minutes");
	out->reply = (struct config_reply){ 451, "4.7.1", out->text };
	out->rule = r;
	out->verdict = RULE_DEFER;
	return true;
}

/* True if the rule ends the walk. */
static bool take_verdict(const struct config_rule *r, enum rule_stage stage,
                         const struct guard_facts *f, struct guard_decision *out)
{
	switch (r->verdict) {
	case RULE_DELAY:
		if (r->stage != stage)
			return false;
		out->delay_ms += r->delay_ms;
		out->delayed_by = r;
		return false;
	case RULE_TAG:
		out->tags |= UINT64_C(1) << r->tag_bit;
		return false;
	case RULE_QUARANTINE:
		if (!out->held_by)
			out->held_by = r;
		return false;
	case RULE_GREYLIST:
		return greylist(r, stage, f, out);
	case RULE_REJECT:
	case RULE_DEFER:
		set_reply(r, stage, f, out);
		break;
	case RULE_ALLOW:
	case RULE_VERDICTS:
		break;
	}
	out->rule = r;
	out->verdict = r->verdict;
	return true;
}

/* The message was let in so far, recipient by recipient: of the rules that were looked at before
 * only those count that let it pass whatever follows. */
static bool is_over(const struct config_rule *r, enum rule_stage stage)
{
	return stage == RULE_MESSAGE && r->stage != stage &&
	       (r->verdict != RULE_ALLOW || r->recipient.count > 0);
}

void guard_rules_walk(const struct config_rules *rules, enum rule_stage stage,
                      const struct guard_facts *facts, guard_explain explain, void *explain_arg,
                      struct guard_decision *out)
{
	struct buf why = buf_make(WHY_MAX);
	bool decided = false;
	*out = (struct guard_decision){ .verdict = RULE_ALLOW };
	for (size_t i = 0; i < rules->count && !decided; i++) {
		const struct config_rule *r = &rules->items[i];
		bool once = r->rate.count > 0 || r->verdict == RULE_DELAY ||
		            r->verdict == RULE_GREYLIST;
		if (r->stage > stage || (once && r->stage != stage) ||
		    (facts->by_name && r->listener.count == 0) || is_over(r, stage))
			continue;
		buf_clear(&why);
		if (!rule_holds(r, facts, explain ? &why : NULL))
			continue;
		if (explain) {
			buf_append_byte(&why, '\0');
			explain(explain_arg, r, why.data);
		}
		decided = take_verdict(r, stage, facts, out);
	}
	buf_free(&why);
}
