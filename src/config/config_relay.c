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

/* --- suppression -------------------------------------------------------------------------- */

static const struct config_suppression *find_scope(const struct config *config, struct slice scope)
{
	for (size_t i = 0; i < config->suppression_count; i++) {
		const struct config_suppression *s = &config->suppressions[i];
		if (slice_equal(slice_from_str(s->scope), scope))
			return s;
	}
	return NULL;
}

static bool canonical_scope(struct arena *arena, struct slice title, struct slice *out)
{
	struct address a;
	if (slice_find_byte(title, '@') < 0)
		return domain_canonical(arena, title, out);
	if (!address_parse(arena, title, ADDRESS_ALLOW_UTF8, &a) ||
	    !address_canonical(arena, &a, &a))
		return false;
	*out = address_text(arena, &a);
	return true;
}

const struct config_suppression *config_suppression_title(const struct config *config,
                                                          struct arena *arena, struct slice title)
{
	struct slice scope;
	return canonical_scope(arena, title, &scope) ? find_scope(config, scope) : NULL;
}

const struct config_suppression *config_suppression_find(const struct config *config,
                                                         struct arena *arena, struct slice account,
                                                         struct slice sender)
{
	struct address a;
	const struct config_suppression *found = NULL;
	if (config->suppression_count == 0)
		return NULL;
	if (account.len > 0)
		found = find_scope(config, account);
	if (!found && address_parse(arena, sender, ADDRESS_ALLOW_UTF8, &a) &&
	    address_canonical(arena, &a, &a))
		found = find_scope(config, a.domain);
	return found;
}

void config_check_suppression(const struct config_place *p, struct config_suppression *s)
{
	struct config *c = p->config;
	struct slice scope;
	s->scope = "";
	if (!canonical_scope(c->arena, slice_from_str(p->title), &scope)) {
		config_wrong(p, "the title is neither a sender's domain nor an account");
		return;
	}
	if (find_scope(c, scope))
		config_wrong(p, "another section suppression has this title already");
	s->scope = arena_str(c->arena, scope);
	c->suppression_count++;
}

/* --- forwarding, relaying ----------------------------------------------------------------- */

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
