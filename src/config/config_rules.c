#include "config/config_rules.h"

#include <errno.h>

enum { DELAY_DEFAULT_MS = 5000, TAG_MAX = 40 };

/* --- lists of conditions ---------------------------------------------------------------- */

static void rule_networks(const struct config_place *p, const struct config_list *list,
                          struct config_rule_networks *out)
{
	struct arena *arena = p->config->arena;
	out->items = ARENA_ARRAY(arena, list->count + 1, struct config_rule_network);
	for (size_t i = 0; i < list->count; i++) {
		struct config_rule_network *n = &out->items[out->count];
		struct slice text = slice_from_str(list->items[i]);
		n->shown = list->items[i];
		n->negated = text.len > 0 && text.data[0] == '!';
		if (net_network_parse(slice_from(text, n->negated), &n->network) == 0)
			out->count++;
		else
			config_wrong(p,
			             "client: '%s' is no network: write \"10.0.0.0/8\", "
			             "\"2001:db8::/32\" or \"!10.1.2.3\"",
			             list->items[i]);
	}
}

typedef bool (*parse_pattern)(struct arena *arena, const char *text, struct config_pattern *out);

static void rule_patterns(const struct config_place *p, const char *option,
                          const struct config_list *list, parse_pattern parse,
                          struct config_patterns *out)
{
	struct arena *arena = p->config->arena;
	out->items = ARENA_ARRAY(arena, list->count + 1, struct config_pattern);
	for (size_t i = 0; i < list->count; i++) {
		if (parse(arena, list->items[i], &out->items[out->count]))
			out->count++;
		else
			config_wrong(p, "%s: '%s' is no pattern: write a text, with * and ? in it",
			             option, list->items[i]);
	}
}

static bool is_one_of(struct slice text, const char *const *words)
{
	while (*words && !slice_equal(text, slice_from_str(*words)))
		words++;
	return *words;
}

/* A misspelt word would be a pattern that nothing ever matches. */
static void check_words(const struct config_place *p, const char *option,
                        const struct config_patterns *patterns, const char *const *words,
                        bool only_words)
{
	for (size_t i = 0; i < patterns->count; i++) {
		struct slice text = patterns->items[i].text;
		bool is_name = slice_find_byte(text, '.') >= 0 || slice_find_byte(text, '*') >= 0;
		if (is_one_of(text, words) || (is_name && !only_words))
			continue;
		config_wrong(p, "%s: '%s' is not known: it may be %s, %s, %s or %s%s", option,
		             patterns->items[i].shown, words[0], words[1], words[2], words[3],
		             only_words ? "" : ", or a name with a dot or * in it");
	}
}

/* --- what rules are made of ------------------------------------------------------------- */

static enum rule_stage stage_of_rate(enum rate_of of)
{
	static const enum rule_stage stages[] = { [RATE_CONNECTIONS] = RULE_CONNECT,
		                                  [RATE_MESSAGES] = RULE_MAIL,
		                                  [RATE_RECIPIENTS] = RULE_RCPT };
	return stages[of];
}

/* When a list that a pattern means can first have an answer; RULE_STAGES: there is none. */
static enum rule_stage stage_of_list(const struct config_dns_lists *lists,
                                     const struct config_pattern *pattern)
{
	static const enum rule_stage stages[LIST_ASK_KINDS] = { RULE_CONNECT, RULE_CONNECT,
		                                                RULE_HELO,    RULE_MAIL,
		                                                RULE_MESSAGE, RULE_MESSAGE };
	enum rule_stage first = RULE_STAGES;
	struct slice rest = pattern->text, name = slice_split(&rest, ' ');
	bool is_open = slice_find_byte(name, '*') >= 0 || slice_find_byte(name, '?') >= 0;
	for (size_t i = 0; i < lists->count; i++) {
		if (!is_open && !slice_equal(name, slice_from_str(lists->items[i].name)))
			continue;
		for (unsigned k = 0; k < LIST_ASK_KINDS; k++) {
			if (lists->items[i].ask >> k & 1 && stages[k] < first)
				first = stages[k];
		}
	}
	return first;
}

static enum rule_stage stage_of_lists(const struct config_place *p, const struct config_rule *r)
{
	enum rule_stage last = RULE_CONNECT;
	for (size_t i = 0; i < r->listed.count; i++) {
		enum rule_stage stage = stage_of_list(&p->config->dns_lists, &r->listed.items[i]);
		if (stage == RULE_STAGES)
			config_wrong(p, "listed: there is no section dns-list that '%s' means",
			             r->listed.items[i].shown);
		else if (stage > last)
			last = stage;
	}
	return last;
}

/* The first stage at which all is known. Whether there will be TLS and a login is only certain
 * when the client begins to send mail. */
static enum rule_stage earliest(const struct config_rule *r)
{
	if (r->found.count > 0)
		return RULE_MESSAGE;
	if (r->recipient.count > 0)
		return RULE_RCPT;
	if (r->sender.count > 0 || r->sender_is.count > 0 || r->account.count > 0 || r->tls >= 0 ||
	    r->authenticated >= 0)
		return RULE_MAIL;
	if (r->rate.count > 0 && r->rate.per != RATE_PER_NETWORK)
		return RULE_MAIL;
	return r->helo.count > 0 || r->helo_is.count > 0 ? RULE_HELO : RULE_CONNECT;
}

static void check_stage(const struct config_place *p, enum rule_stage given, enum rule_stage known,
                        struct config_rule *r)
{
	if (given < known)
		config_wrong(p, "stage: what it asks for is only known at stage %s",
		             rule_stage_name(known));
	r->stage = given;
}

static void set_stage(const struct config_place *p, const struct config_rule_text *text,
                      struct config_rule *r)
{
	enum rule_stage known = earliest(r), listed = stage_of_lists(p, r);
	if (listed > known)
		known = listed;
	if (r->verdict == RULE_GREYLIST && known < RULE_RCPT)
		known = RULE_RCPT;
	r->stage = known;
	/* A score is complete with the message, but may be asked for before. */
	if (r->score > 0)
		r->stage = RULE_MESSAGE;
	if (r->rate.count > 0) {
		r->stage = stage_of_rate(r->rate.of);
		if (r->stage < known)
			config_wrong(p,
			             "rate: what it asks for is only known at stage %s, and %s "
			             "are counted at stage %s: count others, or ask for less",
			             rule_stage_name(known), rate_of_name(r->rate.of),
			             rule_stage_name(r->stage));
		if (text->stage >= 0 && (enum rule_stage)text->stage != r->stage)
			config_wrong(p, "stage: %s are counted at stage %s: leave it out",
			             rate_of_name(r->rate.of), rule_stage_name(r->stage));
		return;
	}
	if (text->stage >= 0)
		check_stage(p, (enum rule_stage)text->stage, known, r);
	/* A message has many. */
	if (r->stage == RULE_MESSAGE && r->recipient.count > 0)
		config_wrong(p, "recipient: at stage message there is no single one: leave it out");
}

static void set_reply(const struct config_place *p, const char *text, struct config_rule *r)
{
	if (!text)
		return;
	int class = r->verdict == RULE_REJECT ? 5 : 4;
	if (r->verdict != RULE_REJECT && r->verdict != RULE_DEFER)
		config_wrong(p, "reply: only reject and defer have one: leave it out");
	else if (!config_parse_reply(p->config->arena, slice_from_str(text), &r->reply))
		config_wrong(p, "reply: '%s' is none: write one such as \"%d50 %d.7.1 Not here\"",
		             text, class, class);
	else if (r->reply.code / 100 != class)
		config_wrong(p, "reply: %s needs a code of %d00 to %d59",
		             rule_verdict_name(r->verdict), class, class);
}

static bool is_tag(const char *text)
{
	size_t len = 0;
	while (text[len] && (byte_is_alnum(text[len]) || text[len] == '-' || text[len] == '_' ||
	                     text[len] == '.'))
		len++;
	return !text[len] && len > 0 && len <= TAG_MAX;
}

static void set_tag(const struct config_place *p, const char *text, struct config_rule *r)
{
	struct config_rules *rules = &p->config->rules;
	if (!text != (r->verdict != RULE_TAG)) {
		config_wrong(p, text ? "tag: the verdict is another: write verdict = tag"
		                     : "the verdict tag needs a tag: add tag = WORD");
		return;
	}
	if (!text)
		return;
	if (!is_tag(text))
		config_wrong(p, "tag: '%s' is none: up to %d letters, digits, '-', '_' and '.'",
		             text, TAG_MAX);
	while (r->tag_bit < rules->tag_count &&
	       !slice_equal(slice_from_str(rules->tags[r->tag_bit]), slice_from_str(text)))
		r->tag_bit++;
	if (r->tag_bit == RULE_TAGS_MAX)
		config_wrong(p, "tag: there may be %d different ones", RULE_TAGS_MAX);
	else if (r->tag_bit == rules->tag_count)
		rules->tags[rules->tag_count++] = text;
	r->tag = text;
}

static void set_verdict(const struct config_place *p, const struct config_rule_text *text,
                        struct config_rule *r)
{
	r->verdict = RULE_DEFER;
	if (text->verdict >= 0)
		r->verdict = (enum rule_verdict)text->verdict;
	else if (r->rate.count == 0)
		config_wrong(p, "there is no verdict: add verdict = reject (or another)");
	if (r->rate.count > 0 && r->verdict == RULE_ALLOW)
		config_wrong(p, "verdict: what is more than the rate can't be allowed by it");
	if (text->delay_ms >= 0 && r->verdict != RULE_DELAY)
		config_wrong(p, "delay: the verdict is another: write verdict = delay");
	r->delay_ms = text->delay_ms >= 0 ? text->delay_ms : DELAY_DEFAULT_MS;
	set_reply(p, text->reply, r);
	set_tag(p, text->tag, r);
}

static void set_conditions(const struct config_place *p, const struct config_rule_text *text,
                           struct config_rule *r)
{
	static const char *const senders[] = { RULE_SENDER_NULL, RULE_SENDER_OURS,
		                               RULE_SENDER_UNRESOLVABLE, RULE_SENDER_UNRESOLVED,
		                               NULL };
	static const char *const helos[] = { RULE_HELO_OURS, RULE_HELO_BARE, RULE_HELO_ELSEWHERE,
		                             RULE_HELO_UNRESOLVABLE, NULL };
	static const char *const names[] = { RULE_RDNS_NONE, RULE_RDNS_UNCONFIRMED,
		                             RULE_RDNS_CONFIRMED, RULE_RDNS_UNKNOWN, NULL };
	rule_networks(p, &text->client, &r->client);
	rule_patterns(p, "listener", &text->listener, config_parse_pattern, &r->listener);
	rule_patterns(p, "account", &text->account, config_parse_address_pattern, &r->account);
	rule_patterns(p, "helo", &text->helo, config_parse_pattern, &r->helo);
	rule_patterns(p, "helo-is", &text->helo_is, config_parse_pattern, &r->helo_is);
	check_words(p, "helo-is", &r->helo_is, helos, true);
	rule_patterns(p, "rdns", &text->rdns, config_parse_pattern, &r->rdns);
	rule_patterns(p, "sender", &text->sender, config_parse_address_pattern, &r->sender);
	rule_patterns(p, "sender-is", &text->sender_is, config_parse_pattern, &r->sender_is);
	rule_patterns(p, "recipient", &text->recipient, config_parse_address_pattern,
	              &r->recipient);
	rule_patterns(p, "listed", &text->listed, config_parse_pattern, &r->listed);
	if (text->score &&
	    (!config_parse_weight(slice_from_str(text->score), &r->score) || r->score <= 0))
		config_wrong(p, "score: '%s' is none: write a number such as 6 or 7.5",
		             text->score);
	r->score_shown = text->score ? arena_str(p->config->arena, slice_from_str(text->score))
	                             : "";
	rule_patterns(p, "found", &text->found, config_parse_pattern, &r->found);
	check_words(p, "rdns", &r->rdns, names, false);
	check_words(p, "sender-is", &r->sender_is, senders, true);
	r->tls = text->tls;
	r->authenticated = text->authenticated;
	if (text->rate && !config_parse_rate(slice_from_str(text->rate), &r->rate))
		config_wrong(p,
		             "rate: '%s' is none: write one such as \"60 messages/1m per network\"",
		             text->rate);
}

void config_add_rule(const struct config_place *p, const struct config_rule_text *text)
{
	struct config_rules *rules = &p->config->rules;
	struct config_rule *r = &rules->items[rules->count];
	*r = (struct config_rule){ .name = arena_str(p->config->arena, slice_from_str(p->title)),
		                   .number = (unsigned)rules->count };
	/* A name with a space in front is the guard's own. */
	if (r->name[0] == '\0' || r->name[0] == ' ')
		config_wrong(p, "the title must begin with a letter: the log names the rule by it");
	set_conditions(p, text, r);
	set_verdict(p, text, r);
	set_stage(p, text, r);
	rules->use_rdns |= r->rdns.count > 0;
	rules->count++;
}

void config_check_rules(const struct config_place *p)
{
	const struct config *c = p->config;
	if (c->rules.use_rdns && !c->guard.rdns)
		config_wrong(
			p, "guard: a rule asks for rdns, and rdns = no: nobody is looked up; leave "
			   "one of them out");
}

void config_set_exempt_networks(const struct config_place *p, const struct config_list *list)
{
	struct config *c = p->config;
	c->guard.exempt_networks = ARENA_ARRAY(c->arena, list->count + 1, struct net_network);
	for (size_t i = 0; i < list->count; i++) {
		struct net_network *n = &c->guard.exempt_networks[c->guard.exempt_network_count];
		if (net_network_parse(slice_from_str(list->items[i]), n) == 0)
			c->guard.exempt_network_count++;
		else
			config_wrong(p, "exempt-networks: '%s' is no network: write \"10.0.0.0/8\"",
			             list->items[i]);
	}
}
