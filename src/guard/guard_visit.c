/* A session as the rules see it. */
#include "base/clock.h"
#include "base/log.h"
#include "guard/guard_internal.h"
#include "guard/guard_listed.h"
#include "guard/guard_score.h"

enum {
	FOUND_TEXT_MAX = 1000,
	TAGS_TEXT_MAX = RULE_TAGS_MAX * 48,
	/* Refusals of one session that are logged: the others are the same once more. */
	LOGGED_MAX = 20,
};

struct guard_visit {
	struct guard *guard;
	const struct config *config; /* of the session */
	const struct net_address *client;
	const char *listener;
	char *told_name;             /* owned; NULL: nobody told one */
	struct guard_lookup *lookup; /* NULL: not looked up */
	struct guard_listed *listed; /* NULL: no list is asked */
	bool name_asked;             /* lists, about the confirmed name */
	unsigned logged;
};

/* One judgement: the facts, and what answers for those that have to be asked for. */
struct judgement {
	struct guard *guard;
	const struct config *config;
	struct guard_lookup *lookup;
	struct guard_listed *listed; /* NULL: no list has anything to say */
	struct arena *arena;
	const struct guard_speaker *speaker;
	enum guard_rdns rdns; /* without a look-up */
	const char *rdns_name;
	bool take; /* tokens are taken, rules counted */
	struct guard_facts facts;
	enum guard_sender_dns sender_dns; /* UNASKED: not yet */
	enum guard_helo helo;
	bool helo_asked;
};

/* --- facts that are asked for ----------------------------------------------------------- */

static enum guard_rdns ask_rdns(void *arg, const char **name_out)
{
	struct judgement *j = arg;
	if (j->lookup)
		return guard_lookup_wait(j->lookup, name_out);
	*name_out = j->rdns_name;
	return j->rdns;
}

/* Mail to a domain of ours needs no DNS. */
static enum guard_sender_dns ask_sender_dns(void *arg, struct slice domain)
{
	struct judgement *j = arg;
	if (j->sender_dns == GUARD_SENDER_UNASKED)
		j->sender_dns = guard_sender_is_ours(j->guard, domain)
		                        ? GUARD_SENDER_RESOLVES
		                        : guard_sender_ask(j->guard->dns, domain);
	return j->sender_dns;
}

static bool ask_is_ours(void *arg, struct slice domain)
{
	struct judgement *j = arg;
	return guard_sender_is_ours(j->guard, domain);
}

static enum guard_helo ask_helo(void *arg)
{
	struct judgement *j = arg;
	if (!j->helo_asked)
		j->helo = guard_helo_ask(j->guard, j->facts.helo, j->facts.client);
	j->helo_asked = true;
	return j->helo;
}

static const struct guard_listing *ask_listed(void *arg, size_t *count_out)
{
	struct judgement *j = arg;
	*count_out = 0;
	return j->listed ? guard_listed_all(j->listed, count_out) : NULL;
}

const struct guard_listing *guard_visit_listings(struct guard_visit *v, size_t *count_out)
{
	*count_out = 0;
	return v && v->listed ? guard_listed_all(v->listed, count_out) : NULL;
}

static void add_lists(struct guard_score *s, struct arena *arena, struct guard_listed *listed)
{
	size_t count = 0;
	const struct guard_listing *all = listed ? guard_listed_all(listed, &count) : NULL;
	for (size_t i = 0; i < count; i++)
		guard_score_add(s, arena_printf(arena, "list.%s", all[i].list->name),
		                arena_printf(arena, "%s: %s", all[i].about, all[i].answer),
		                all[i].weight);
}

static int ask_score(void *arg)
{
	struct judgement *j = arg;
	struct guard_score *s = ARENA_NEW(j->arena, struct guard_score);
	if (j->speaker->add_score)
		j->speaker->add_score(j->speaker->add_score_arg, s);
	add_lists(s, j->arena, j->listed);
	guard_score_facts(s, j->arena, &j->config->score, j->facts.found, j->facts.found_count);
	return s->total;
}

/* Who has logged in, and who is ours, is known. */
static int64_t ask_greylist(void *arg)
{
	const struct judgement *j = arg;
	const struct guard_speaker *s = j->speaker;
	if (s->account || guard_is_exempt(j->guard, j->facts.client) ||
	    (j->config->greylist.skip_spf && s->is_proven && s->is_proven(s->is_proven_arg)))
		return 0;
	return guard_grey_ask(j->guard->grey, j->facts.client, j->facts.sender, j->facts.recipient,
	                      clock_wall_ms(), j->take);
}

static bool take_token(void *arg, const struct config_rule *rule, const struct guard_facts *facts)
{
	struct judgement *j = arg;
	return guard_rate_take(j->guard, rule, facts, j->take);
}

/* local@domain in canonical form; "" for <>. */
static struct slice address_fact(struct guard *g, struct arena *arena, const struct address *a,
                                 struct slice *domain_out)
{
	struct address canonical;
	*domain_out = SLICE_EMPTY;
	if (!a || address_is_null(a))
		return SLICE_EMPTY;
	if (a->domain.len == 0)
		canonical = (struct address){ .local = arena_lower(arena, a->local),
			                      .domain = slice_from_str(g->config->hostname) };
	else if (!address_canonical(arena, a, &canonical))
		canonical = *a;
	*domain_out = canonical.domain;
	const struct slice parts[] = { canonical.local, SLICE("@"), canonical.domain };
	return arena_concat(arena, parts, 3);
}

int64_t guard_greylist_wait(struct guard *g, const struct net_address *client,
                            const struct address *sender)
{
	if (guard_is_exempt(g, client))
		return 0;
	struct arena *arena = arena_new();
	struct slice domain;
	int64_t wait_ms = guard_grey_ask(g->grey, client, address_fact(g, arena, sender, &domain),
	                                 SLICE_EMPTY, clock_wall_ms(), true);
	arena_free(arena);
	return wait_ms;
}

static void set_facts(struct judgement *j, struct arena *arena, const struct guard_speaker *s)
{
	struct slice domain;
	j->facts.tls = s->tls;
	j->facts.account = s->account;
	j->facts.helo = slice_from_str(s->helo);
	j->facts.recipient = address_fact(j->guard, arena, s->recipient, &domain);
	j->facts.sender = address_fact(j->guard, arena, s->sender, &domain);
	j->facts.sender_domain = domain;
	j->facts.found = s->found;
	j->facts.found_count = s->found_count;
	j->arena = arena;
	j->speaker = s;
	j->facts.greylist = ask_greylist;
	if (s->account)
		j->listed = NULL;
	j->facts.helo_is = ask_helo;
	j->facts.listed = ask_listed;
	j->facts.score = ask_score;
	j->facts.rdns = ask_rdns;
	j->facts.sender_dns = ask_sender_dns;
	j->facts.is_ours = ask_is_ours;
	j->facts.take_token = take_token;
	j->facts.arg = j;
}

/* --- sessions --------------------------------------------------------------------------- */

static void begin_lookup(struct guard_visit *v)
{
	const struct guard *g = v->guard;
	if (g->dns && g->config->guard.rdns && !v->told_name && !guard_is_exempt(g, v->client))
		v->lookup = guard_lookup_begin(v->guard, v->client);
}

/* Only mail of strangers: users come from networks of all kinds. */
static bool takes_from_strangers(const struct config *c, const char *listener)
{
	for (size_t i = 0; i < c->listener_count; i++) {
		if (slice_equal(slice_from_str(c->listeners[i].name), slice_from_str(listener)))
			return c->listeners[i].kind == LISTENER_SMTP;
	}
	return false;
}

static void begin_lists(struct guard_visit *v)
{
	struct guard *g = v->guard;
	if (!g->dns || v->config->dns_lists.count == 0 || guard_is_exempt(g, v->client) ||
	    !takes_from_strangers(v->config, v->listener))
		return;
	v->listed = guard_listed_new(g, v->config);
	guard_listed_address(v->listed, LIST_ASK_CLIENT, v->client);
}

/* What has become known at this stage. */
static void ask_lists(struct guard_visit *v, enum rule_stage stage, const struct guard_speaker *s)
{
	struct arena *arena = arena_new();
	struct slice domain = SLICE_EMPTY;
	if (stage == RULE_HELO && domain_canonical(arena, slice_from_str(s->helo), &domain))
		guard_listed_domain(v->listed, LIST_ASK_HELO, domain);
	if (stage == RULE_MAIL && domain_canonical(arena, s->sender->domain, &domain))
		guard_listed_domain(v->listed, LIST_ASK_SENDER, domain);
	else if (stage == RULE_MAIL)
		guard_listed_forget(v->listed, LIST_ASK_SENDER);
	if (stage == RULE_MAIL && !v->name_asked && v->config->dns_lists.ask & LIST_ASK_NAME) {
		const char *name = v->told_name ? v->told_name : guard_visit_name(v);
		v->name_asked = true;
		if (name)
			guard_listed_domain(v->listed, LIST_ASK_NAME, slice_from_str(name));
	}
	arena_free(arena);
}

struct guard_visit *guard_visit_begin(struct guard *g, const struct config *config,
                                      const struct net_address *client, const char *listener,
                                      const char *name)
{
	if (!g || (config->rules.count == 0 && guard_is_exempt(g, client)))
		return NULL;
	struct guard_visit *v = mem_zero(1, sizeof(*v));
	v->guard = g;
	v->config = config;
	v->client = client;
	v->listener = listener;
	v->told_name = name ? mem_str(slice_from_str(name)) : NULL;
	begin_lookup(v);
	begin_lists(v);
	return v;
}

void guard_visit_end(struct guard_visit *v)
{
	if (!v)
		return;
	guard_lookup_end(v->lookup);
	guard_listed_end(v->listed);
	free(v->told_name);
	free(v);
}

const char *guard_visit_name(struct guard_visit *v)
{
	const char *name = NULL;
	if (!v || !v->lookup || guard_lookup_wait(v->lookup, &name) != GUARD_RDNS_CONFIRMED)
		return NULL;
	return name;
}

static void count_rule(void *arg, const struct config_rule *rule, const char *why)
{
	struct guard *g = arg;
	(void)why;
	atomic_fetch_add_explicit(guard_count_of(g, rule), 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&g->verdicts[rule->verdict], 1, memory_order_relaxed);
}

/* What the rules were shown of a message, for people. */
static const char *found_text(const struct judgement *j)
{
	const struct guard_speaker *s = j->speaker;
	struct buf text = buf_make(FOUND_TEXT_MAX);
	for (size_t i = 0; i < s->found_count; i++)
		buf_printf(&text, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(s->found[i]));
	const char *out = text.len > 0 ? arena_str(j->arena, buf_slice(&text)) : NULL;
	buf_free(&text);
	return out;
}

/* Whoever is asked about it finds it by the code. */
static void give_code(const struct guard_visit *v, enum rule_stage stage, struct judgement *j,
                      struct guard_decision *d, char code[static GUARD_CODE_LEN + 1])
{
	char client[NET_ADDRESS_TEXT_MAX];
	const char *text = arena_str(j->arena, slice_from_str(d->reply.text));
	const struct guard_refusal refusal = {
		.at_ms = clock_wall_ms(),
		.stage = rule_stage_name(stage),
		.by = arena_printf(j->arena, "rule \"%s\"", d->rule->name),
		.client = net_address_ip(v->client, client),
		.helo = j->speaker->helo,
		.account = j->speaker->account,
		.sender = j->speaker->sender ? arena_str(j->arena, j->facts.sender) : NULL,
		.recipient = j->speaker->recipient ? arena_str(j->arena, j->facts.recipient) : NULL,
		.reply = arena_printf(j->arena, "%d %s %s", d->reply.code, d->reply.enhanced, text),
		.checked = stage == RULE_MESSAGE ? found_text(j) : NULL,
	};
	guard_refuse(v->guard, &refusal, code);
	snprintf(d->text, sizeof(d->text), "%.*s (ref %s)",
	         (int)(sizeof(d->text) - GUARD_CODE_LEN - 8), text, code);
	d->reply.text = d->text;
}

static void log_refusal(const struct guard_visit *v, enum rule_stage stage,
                        const struct judgement *j, const struct guard_decision *d, const char *code)
{
	char client[NET_ADDRESS_TEXT_MAX];
	log_info("guard.refused", kv_str("rule", d->rule->name),
	         kv_str("stage", rule_stage_name(stage)),
	         kv_str("verdict", rule_verdict_name(d->verdict)), kv_str("listener", v->listener),
	         kv_str("client", net_address_ip(v->client, client)),
	         kv_str("account", j->facts.account), kv_slice("helo", j->facts.helo),
	         kv_slice("from", j->facts.sender), kv_slice("to", j->facts.recipient),
	         kv_str("code", code));
}

/* The longer wait, or the end of the session. */
static int64_t slower(int64_t delay_ms, int64_t noted)
{
	return noted < 0 || noted > delay_ms ? noted : delay_ms;
}

static void conclude(struct guard_visit *v, enum rule_stage stage, struct judgement *j,
                     struct guard_decision *d)
{
	if (d->delayed_by)
		log_debug("guard.delayed", kv_str("rule", d->delayed_by->name),
		          kv_int("ms", d->delay_ms));
	if (d->verdict == RULE_ALLOW)
		return;
	char code[GUARD_CODE_LEN + 1];
	give_code(v, stage, j, d, code);
	if (v->logged < LOGGED_MAX)
		log_refusal(v, stage, j, d, code);
	v->logged++;
	/* To be over a rate, or to be asked to wait, is no misstep. */
	if (d->verdict == RULE_REJECT && !j->facts.account)
		d->delay_ms = slower(d->delay_ms, guard_note(v->guard, v->client, GUARD_REFUSED));
}

static void judge(struct guard_visit *v, enum rule_stage stage, const struct guard_speaker *speaker,
                  bool by_name, struct guard_decision *out)
{
	struct arena *arena = arena_new();
	struct judgement j = {
		.guard = v->guard,
		.config = v->config,
		.lookup = v->lookup,
		.listed = v->listed,
		.rdns = v->told_name ? GUARD_RDNS_CONFIRMED : GUARD_RDNS_UNASKED,
		.rdns_name = v->told_name,
		.take = true,
		.facts = { .client = v->client, .listener = v->listener, .by_name = by_name }
	};
	set_facts(&j, arena, speaker);
	guard_rules_walk(&v->config->rules, stage, &j.facts, count_rule, v->guard, out);
	conclude(v, stage, &j, out);
	arena_free(arena);
}

void guard_judge(struct guard_visit *v, enum rule_stage stage, const struct guard_speaker *speaker,
                 struct guard_decision *out)
{
	*out = (struct guard_decision){ .verdict = RULE_ALLOW };
	if (v && v->listed && !speaker->account)
		ask_lists(v, stage, speaker);
	if (v && v->config->rules.count > 0)
		judge(v, stage, speaker, false, out);
}

void guard_look_into(struct guard_visit *v, struct slice message)
{
	if (v && v->listed && v->config->dns_lists.ask & (LIST_ASK_LINKS | LIST_ASK_LINK_ADDRESSES))
		guard_listed_links(v->listed, message);
}

enum guard_fate guard_weigh_message(struct guard *g, struct guard_visit *v, struct arena *arena,
                                    const struct slice *found, size_t count,
                                    struct guard_score *score)
{
	const struct config *c = v ? v->config : g->config;
	if (v)
		add_lists(score, arena, v->listed);
	guard_score_facts(score, arena, &c->score, found, count);
	return guard_score_fate(score, &c->score);
}

enum guard_rdns guard_visit_rdns(struct guard_visit *v, const char **name_out)
{
	*name_out = NULL;
	if (!v)
		return GUARD_RDNS_UNASKED;
	if (v->lookup)
		return guard_lookup_wait(v->lookup, name_out);
	*name_out = v->told_name;
	return v->told_name ? GUARD_RDNS_CONFIRMED : GUARD_RDNS_UNASKED;
}

bool guard_admits(struct guard *g, const struct net_address *client, const char *listener,
                  struct guard_decision *out)
{
	static const struct guard_speaker nobody;
	struct guard_visit v = { .guard = g, .client = client, .listener = listener };
	if (!g)
		return true;
	v.config = g->config;
	if (v.config->rules.count == 0)
		return true;
	judge(&v, RULE_CONNECT, &nobody, true, out);
	/* That the server stops is told by the next wait. */
	(void)guard_pause(g, out->delay_ms);
	return out->verdict == RULE_ALLOW;
}

const char *guard_tags_text(const struct config_rules *rules, struct arena *arena, uint64_t tags)
{
	struct buf text = buf_make(TAGS_TEXT_MAX);
	for (unsigned i = 0; i < RULE_TAGS_MAX && tags >> i; i++) {
		if (tags >> i & 1)
			buf_printf(&text, "%s%s", text.len > 0 ? ", " : "", rules->tags[i]);
	}
	const char *out = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return out;
}

/* --- questions -------------------------------------------------------------------------- */

/* A listener that takes no mail. */
static bool is_for_readers(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];
		if (slice_equal(slice_from_str(l->name), slice_from_str(name)))
			return l->kind == LISTENER_POP3 || l->kind == LISTENER_POP3S ||
			       l->kind == LISTENER_IMAP || l->kind == LISTENER_IMAPS ||
			       l->kind == LISTENER_MANAGESIEVE || l->kind == LISTENER_HTTP ||
			       l->kind == LISTENER_HTTPS;
	}
	return false;
}

/* Of what is known by now. */
static struct guard_listed *ask_lists_now(struct guard *g, const struct guard_question *q,
                                          enum rule_stage stage)
{
	struct guard_visit v = { .guard = g, .config = g->config, .name_asked = true };
	v.listed = guard_listed_new(g, v.config);
	if (q->client)
		guard_listed_address(v.listed, LIST_ASK_CLIENT, q->client);
	for (enum rule_stage s = RULE_HELO; s <= stage && s <= RULE_MAIL; s++) {
		if (s == RULE_HELO ? q->speaker.helo != NULL : q->speaker.sender != NULL)
			ask_lists(&v, s, &q->speaker);
	}
	if (stage == RULE_MESSAGE && q->message.len > 0)
		guard_listed_links(v.listed, q->message);
	return v.listed;
}

void guard_ask(struct guard *g, const struct guard_question *q, enum rule_stage stage,
               guard_explain explain, void *explain_arg, struct guard_decision *out)
{
	struct arena *arena = arena_new();
	const struct config *c = g->config;
	struct judgement j = { .guard = g,
		               .config = c,
		               .rdns = q->rdns,
		               .rdns_name = q->rdns_name,
		               .facts = { .client = q->client,
		                          .listener = q->listener,
		                          .by_name = is_for_readers(c, q->listener) } };
	set_facts(&j, arena, &q->speaker);
	if (q->rdns == GUARD_RDNS_UNASKED && !j.facts.by_name && g->dns && c->guard.rdns &&
	    c->rules.use_rdns && !guard_is_exempt(g, q->client))
		j.rdns = guard_lookup_now(g->dns, arena, q->client,
		                          deadline_in(c->guard.rdns_timeout_ms), &j.rdns_name);
	if (g->dns && c->dns_lists.count > 0 && !q->speaker.account &&
	    !guard_is_exempt(g, q->client))
		j.listed = ask_lists_now(g, q, stage);
	guard_rules_walk(&c->rules, stage, &j.facts, explain, explain_arg, out);
	guard_listed_end(j.listed);
	arena_free(arena);
}

enum guard_fate guard_ask_score(struct guard *g, const struct guard_question *q,
                                struct arena *arena, struct slice message,
                                const struct slice *found, size_t count, struct guard_score *score)
{
	struct guard_listed *listed = NULL;
	if (g->dns && g->config->dns_lists.count > 0) {
		listed = ask_lists_now(g, q, RULE_MAIL);
		guard_listed_links(listed, message);
	}
	add_lists(score, arena, listed);
	guard_listed_end(listed);
	guard_score_facts(score, arena, &g->config->score, found, count);
	return guard_score_fate(score, &g->config->score);
}
