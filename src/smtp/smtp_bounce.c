#include "smtp/smtp_bounce.h"

#include "base/log.h"
#include "route/post_batv.h"

/* Reports of our own come over LMTP or from who may relay. */
static bool is_judged(const struct smtp_session *s)
{
	return address_is_null(&s->transaction->sender) && s->context->kind == LISTENER_SMTP &&
	       !s->client.account && !s->client.may_relay;
}

static bool refuse(struct smtp_session *s, const struct address *recipient, const char *why,
                   const struct config_reply *reply)
{
	char client[NET_ADDRESS_TEXT_MAX];
	log_info("smtp.bounce.refused", kv_int("session", (int64_t)s->base.id), kv_str("why", why),
	         kv_str("client", net_address_ip(&s->client.address, client)),
	         kv_slice("to", recipient->local), kv_slice("domain", recipient->domain));
	smtp_say_refused(s, reply);
	return false;
}

static bool allows_several(struct smtp_session *s, const struct address *recipient)
{
	static const struct config_reply later = { 452, "4.5.3",
		                                   "A report has one recipient: bring this one by "
		                                   "itself" };
	if (s->transaction->recipient_count == 0)
		return true;
	switch ((enum bounces_several)s->config->bounces.several) {
	case BOUNCES_SEVERAL_LATER:
		return refuse(s, recipient, "several recipients", &later);
	case BOUNCES_SEVERAL_SCORE:
		s->transaction->bounce_several = true;
		return true;
	case BOUNCES_SEVERAL_ACCEPT:
		return true;
	}
	return true;
}

static bool allows_tag(struct smtp_session *s, const struct address *recipient)
{
	static const struct config_reply forged = { 550, "5.7.1",
		                                    "This address has not sent what this is a "
		                                    "report about" };
	if (post_is_report_for_us(s->context->post, recipient))
		return true;
	if (s->config->bounces.untagged == BOUNCES_UNTAGGED_REJECT)
		return refuse(s, recipient, "no tag of ours", &forged);
	s->transaction->bounce_untagged = true;
	return true;
}

bool smtp_bounce_allows(struct smtp_session *s, const struct address *recipient)
{
	return !is_judged(s) || (allows_several(s, recipient) && allows_tag(s, recipient));
}

void smtp_bounce_score(const struct smtp_session *s, struct guard_score *score)
{
	const struct smtp_transaction *t = s->transaction;
	int weight = s->config->bounces.weight;
	if (t->bounce_untagged)
		guard_score_add(score, "bounce.untagged", "", weight);
	if (t->bounce_several)
		guard_score_add(score, "bounce.recipients", "", weight);
}
