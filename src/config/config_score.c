/* Sections dns-list and score. */
#include "config/config_score.h"

#include <arpa/inet.h>

#include "base/cursor.h"
#include "config/config_lists.h"
#include "message/address.h"

enum { WEIGHT_MAX = 100000, LISTS_MAX = 32 };

static const char *const ask_names[LIST_ASK_KINDS + 1] = { "client", "name",  "helo",
	                                                   "sender", "links", "link-addresses",
	                                                   NULL };

/* --- small languages --------------------------------------------------------------------- */

bool config_parse_weight(struct slice text, int *out)
{
	struct cursor c = cursor_of(text);
	struct slice digits;
	uint64_t whole = 0, part = 0;
	bool negative = take_byte(&c, '-');
	if (!take_number(&c, WEIGHT_MAX, &whole))
		return false;
	if (take_byte(&c, '.')) {
		if (!take_while(&c, byte_is_digit, 2, &digits) || !slice_to_u64(digits, &part))
			return false;
		part *= digits.len == 1 ? 10 : 1;
	}
	if (!cursor_at_end(&c))
		return false;
	*out = (int)(whole * 100 + part) * (negative ? -1 : 1);
	return true;
}

static bool parse_ip(struct slice text, uint32_t *out)
{
	struct net_address a;
	if (net_address_parse(text, 0, &a) < 0 || a.any.sa_family != AF_INET)
		return false;
	*out = ntohl(a.v4.sin_addr.s_addr);
	return true;
}

static bool parse_range(struct slice text, struct dns_list_answer *out)
{
	ptrdiff_t dash = slice_find_byte(text, '-');
	if (text.len > 0 && text.data[0] == '&')
		return parse_ip(slice_from(text, 1), &out->mask) && out->mask != 0;
	if (dash >= 0)
		return parse_ip(slice_sub(text, 0, (size_t)dash), &out->low) &&
		       parse_ip(slice_from(text, (size_t)dash + 1), &out->high) &&
		       out->low <= out->high;
	if (slice_find_byte(text, '/') < 0) {
		bool is_ip = parse_ip(text, &out->low);
		out->high = out->low;
		return is_ip;
	}
	struct slice address = slice_split(&text, '/');
	uint64_t bits;
	if (!parse_ip(address, &out->low) || !slice_to_u64(text, &bits) || bits > 32)
		return false;
	uint32_t hosts = bits == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - bits)) - 1);
	out->low &= ~hosts;
	out->high = out->low | hosts;
	return true;
}

bool config_parse_list_answer(struct arena *arena, const char *text, int weight,
                              struct dns_list_answer *out)
{
	struct slice rest = slice_from_str(text), range = slice_trim(slice_split(&rest, '='));
	*out = (struct dns_list_answer){ .shown = arena_str(arena, range), .weight = weight };
	bool has_weight = slice_find_byte(slice_from_str(text), '=') >= 0;
	return parse_range(range, out) &&
	       (!has_weight || config_parse_weight(slice_trim(rest), &out->weight));
}

/* --- dns-list ----------------------------------------------------------------------------- */

static unsigned ask_of(const struct config_place *p, const struct config_list *list)
{
	unsigned ask = list->count == 0 ? LIST_ASK_CLIENT : 0;
	for (size_t i = 0; i < list->count; i++) {
		unsigned k = 0;
		while (ask_names[k] &&
		       !slice_equal(slice_from_str(list->items[i]), slice_from_str(ask_names[k])))
			k++;
		if (!ask_names[k])
			config_wrong(p,
			             "ask: '%s' is not known: it may be client, name, helo, "
			             "sender, links and link-addresses",
			             list->items[i]);
		ask |= 1u << k;
	}
	return ask;
}

static void set_answers(const struct config_place *p, const struct config_list *list,
                        struct config_dns_list *out)
{
	struct arena *arena = p->config->arena;
	out->answers = ARENA_ARRAY(arena, list->count + 1, struct dns_list_answer);
	for (size_t i = 0; i < list->count; i++) {
		if (config_parse_list_answer(arena, list->items[i], out->weight,
		                             &out->answers[out->answer_count]))
			out->answer_count++;
		else
			config_wrong(p,
			             "answers: '%s' is none: write \"127.0.0.2\", "
			             "\"127.0.0.4-127.0.0.7=3.5\", \"127.0.0.0/24\" or "
			             "\"&0.0.0.8=2\"",
			             list->items[i]);
	}
}

void config_add_dns_list(const struct config_place *p, const struct config_dns_list_text *text)
{
	struct config_dns_lists *lists = &p->config->dns_lists;
	struct config_dns_list *out = &lists->items[lists->count];
	struct slice zone;
	*out = (struct config_dns_list){
		.name = arena_str(p->config->arena,
		                  arena_lower(p->config->arena, slice_from_str(p->title))),
		.number = (unsigned)lists->count,
		.names = text->names,
		.reason = text->reason,
		.timeout_ms = text->timeout_ms,
	};
	if (!out->name[0] || slice_find_byte(slice_from_str(out->name), ' ') >= 0)
		config_wrong(p, "the title must be one word: rules and scores name the list by it");
	if (!text->zone)
		config_wrong(p, "there is no zone: add zone = \"bl.example.org\"");
	else if (!domain_canonical(p->config->arena, slice_from_str(text->zone), &zone) ||
	         !domain_is_valid(zone))
		config_wrong(p, "zone: '%s' is no domain", text->zone);
	else
		out->zone = arena_str(p->config->arena, zone);
	if (!config_parse_weight(slice_from_str(text->weight), &out->weight))
		config_wrong(p, "weight: '%s' is none: write a number such as 2.5 or -1",
		             text->weight);
	out->ask = ask_of(p, &text->ask);
	set_answers(p, &text->answers, out);
	lists->ask |= out->ask;
	if (++lists->count > LISTS_MAX)
		config_wrong(p, "there may be %d lists", LISTS_MAX);
}

/* --- score -------------------------------------------------------------------------------- */

static void set_threshold(const struct config_place *p, const char *option, const char *text,
                          int *out)
{
	if (text && (!config_parse_weight(slice_from_str(text), out) || *out <= 0))
		config_wrong(p, "%s: '%s' is no score: write a number such as 6 or 7.5", option,
		             text);
}

static bool parse_fact(struct arena *arena, const char *text, struct config_weight *out)
{
	ptrdiff_t colon = slice_find_last_byte(slice_from_str(text), ':');
	if (colon <= 0)
		return false;
	struct slice pattern = slice_sub(slice_from_str(text), 0, (size_t)colon);
	return config_parse_pattern(arena, arena_str(arena, slice_trim(pattern)), &out->pattern) &&
	       !out->pattern.negated &&
	       config_parse_weight(slice_trim(slice_from(slice_from_str(text), (size_t)colon + 1)),
	                           &out->weight);
}

void config_set_score(const struct config_place *p, const struct config_list *weights)
{
	struct config_score *s = &p->config->score;
	set_threshold(p, "tag", s->tag_text, &s->tag);
	set_threshold(p, "junk", s->junk_text, &s->junk);
	set_threshold(p, "quarantine", s->quarantine_text, &s->quarantine);
	set_threshold(p, "reject", s->reject_text, &s->reject);
	s->weights = ARENA_ARRAY(p->config->arena, weights->count + 1, struct config_weight);
	for (size_t i = 0; i < weights->count; i++) {
		if (parse_fact(p->config->arena, weights->items[i], &s->weights[s->weight_count]))
			s->weight_count++;
		else
			config_wrong(p, "weights: '%s' is none: write \"spf=fail*: 2.5\"",
			             weights->items[i]);
	}
}

/* --- bounces ------------------------------------------------------------------------------ */

void config_set_bounces(const struct config_place *p)
{
	struct config_bounces *b = &p->config->bounces;
	if (!config_parse_weight(slice_from_str(b->weight_text), &b->weight))
		config_wrong(p, "weight: '%s' is no weight: write a number such as 4",
		             b->weight_text);
}

/* --- classifier --------------------------------------------------------------------------- */

void config_set_classifier(const struct config_place *p)
{
	struct config_classifier *c = &p->config->classifier;
	if (!config_parse_weight(slice_from_str(c->spam_text), &c->spam) || c->spam < 0)
		config_wrong(p, "spam: '%s' is no weight: write a number such as 4", c->spam_text);
	if (!config_parse_weight(slice_from_str(c->ham_text), &c->ham) || c->ham > 0)
		config_wrong(p, "ham: '%s' is no weight: write one that is not above 0, as -1.5",
		             c->ham_text);
}
