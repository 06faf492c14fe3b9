/* Rates of rules: which bucket is it, and is there a token in it? */
#include "base/clock.h"
#include "guard/guard_internal.h"

enum { KEY_MAX = 1024, QUESTION_MS = 60 * 1000 };

/* "RULE/network/192.0.2.0/24". A bucket belongs to the rule by its name, so that it is found again
 * after rules were moved. */
static bool key_of(const struct guard *g, const struct config_rule *r, const struct guard_facts *f,
                   struct buf *key)
{
	struct net_network network;
	char text[NET_ADDRESS_TEXT_MAX] = "local";
	buf_printf(key, "%s/%s/", r->name, rate_per_name(r->rate.per));
	switch (r->rate.per) {
	case RATE_PER_ACCOUNT:
		buf_append(key, slice_from_str(f->account));
		break;
	case RATE_PER_SENDER:
		buf_append(key, f->sender);
		break;
	case RATE_PER_NETWORK:
		if (net_network_of(f->client, g->config->guard.network_bits_v4,
		                   g->config->guard.network_bits_v6, &network))
			net_network_text(&network, text);
		buf_append(key, slice_from_str(text));
		break;
	}
	return !buf_failed(key);
}

bool guard_rate_take(struct guard *g, const struct config_rule *r, const struct guard_facts *f,
                     bool take)
{
	const struct config_rate *rate = &r->rate;
	struct buf key = buf_make(KEY_MAX);
	bool has = true;
	if (key_of(g, r, f, &key))
		has = (take ? guard_buckets_take : guard_buckets_would)(
			g->buckets, buf_slice(&key), rate->count, rate->burst,
			rate->period_ms * 1000, clock_monotonic_ms() * 1000);
	buf_free(&key);
	if (!has && take)
		atomic_fetch_add(&g->over_rate, 1);
	return has;
}

bool guard_may_ask(struct guard *g, const struct net_address *client)
{
	unsigned max = g ? g->config->guard.max_questions : 0;
	if (max == 0 || guard_is_exempt(g, client))
		return true;
	const struct config_rule questions = {
		.name = " questions", /* no title of a rule begins with a space: see config_rules.c
		                       */
		.rate = { .count = max, .burst = max, .period_ms = QUESTION_MS },
	};
	const struct guard_facts facts = { .client = client };
	if (guard_rate_take(g, &questions, &facts, true))
		return true;
	(void)guard_note(g, client, GUARD_HARVEST);
	return false;
}
