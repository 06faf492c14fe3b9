#include "config/config_relay.h"

#include "config/config_check.h"
#include "message/address.h"

const struct config_relay *config_relay_find(const struct config *config, struct slice domain)
{
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *r = &config->relays[i];
		if (slice_equal(slice_from_str(r->domain), domain))
			return r;
	}
	return NULL;
}

void config_check_forward(const struct config_place *p)
{
	struct config *c = p->config;
	struct slice domain;
	if (!c->forward.srs_domain)
		return;
	if (!domain_canonical(c->arena, slice_from_str(c->forward.srs_domain), &domain)) {
		config_wrong(p, "srs-domain: '%s' is no domain", c->forward.srs_domain);
		return;
	}
	c->forward.srs_domain = arena_str(c->arena, domain);
}

void config_check_relay(const struct config_place *p, struct config_relay *relay)
{
	struct config *c = p->config;
	struct slice domain;
	relay->domain = "";
	if (!domain_canonical(c->arena, slice_from_str(p->title), &domain)) {
		config_wrong(p, "the title is no domain: write the domain whose mail is relayed");
		return;
	}
	if (config_relay_find(c, domain))
		config_wrong(p, "another section relay has this domain already");
	relay->domain = arena_str(c->arena, domain);
	c->relay_count++;
}
