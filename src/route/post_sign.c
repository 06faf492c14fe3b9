#include "route/post_sign.h"

#include "base/clock.h"
#include "fiber/fiber.h"
#include "message/address.h"
#include "message/address_list.h"
#include "message/header.h"
#include "trust/arc.h"
#include "trust/trust_keys.h"

enum { AUTHORS_MAX = 8 };

/* Who made it: a user of ours, or we ourselves. */
static bool is_ours(const struct post *p, const struct post_client *client,
                    const struct post_envelope *envelope)
{
	if (envelope->continues || envelope->body_binary)
		return false;
	switch (p->config.config->trust.sign) {
	case CONFIG_SIGN_TRUSTED:
		return client->may_relay;
	case CONFIG_SIGN_USERS:
		return client->account || client->local_user || !client->protocol;
	default:
		return false;
	}
}

/* The first author. */
static bool find_author(struct arena *arena, struct slice message, struct address_entry *out)
{
	struct slice value;
	if (!header_find(message, SLICE("From"), &value))
		return false;
	struct address_list list = address_list_parse(arena, value, AUTHORS_MAX);
	for (size_t i = 0; i < list.count; i++) {
		if (list.entries[i].kind == ADDRESS_ENTRY_MAILBOX &&
		    list.entries[i].domain.len > 0) {
			*out = list.entries[i];
			return true;
		}
	}
	return false;
}

/* In whose name it may be signed; empty: nobody's. */
static struct slice signing_domain(struct post *p, struct arena *arena,
                                   const struct post_client *client, struct slice message)
{
	struct address_entry author;
	struct slice domain = SLICE_EMPTY;
	bool has_author = find_author(arena, message, &author) &&
	                  domain_canonical(arena, author.domain, &domain);
	if (!client->account)
		return domain;
	if (has_author && post_owns_sender(p, client, author.local, domain))
		return domain;
	struct slice rest = slice_from_str(client->account);
	slice_split(&rest, '@');
	return rest;
}

struct signing {
	struct arena *arena;
	const struct dkim_signer *signer;
	struct slice message;
	size_t max_header_bytes;
	struct slice fields;
};

static void sign(void *arg)
{
	struct signing *s = arg;
	s->fields = dkim_sign(s->arena, s->signer, s->message, s->max_header_bytes,
	                      clock_wall_ms() / 1000);
}

static struct slice sign_it(struct post *p, struct arena *arena, const struct post_client *client,
                            struct slice message, const char **by_out)
{
	struct signing s = { .arena = arena,
		             .message = message,
		             .max_header_bytes = p->config.config->message.header_bytes,
		             .fields = SLICE_EMPTY };
	struct trust_signers *hold;
	struct slice domain = signing_domain(p, arena, client, message);
	if (!trust_signer_find(p->config.trust, domain, &hold, &s.signer))
		return SLICE_EMPTY;
	/* The arena is nobody else's while this fiber waits. */
	fiber_offload(sign, &s);
	if (s.fields.len > 0)
		*by_out = arena_printf(arena, ", signed by %.*s", SLICE_ARG(s.signer->domain));
	trust_signer_release(hold);
	return s.fields;
}

/* --- seals ------------------------------------------------------------------------------- */

/* Not everybody who reads seals knows Ed25519. */
static const struct dkim_signer_key *sealing_key(const struct dkim_signer *signer)
{
	for (size_t i = 0; i < signer->count; i++) {
		if (signer->keys[i].algorithm == DKIM_RSA_SHA256)
			return &signer->keys[i];
	}
	return &signer->keys[0];
}

struct seal_job {
	struct arena *arena;
	struct arc_sealing sealing;
	struct slice fields;
};

static void seal(void *arg)
{
	struct seal_job *job = arg;
	job->fields = arc_seal(job->arena, &job->sealing);
}

static struct slice seal_it(struct post *p, struct arena *arena,
                            const struct post_envelope *envelope, struct slice alias,
                            struct slice message, const char **by_out)
{
	const struct trust_results *checked = envelope->checked;
	const struct dkim_signer *signer;
	struct trust_signers *hold;
	struct slice domain = alias;
	if (!p->config.config->trust.seal || !checked || !checked->arc)
		return SLICE_EMPTY;
	slice_split(&domain, '@');
	if (!trust_signer_find(p->config.trust, domain, &hold, &signer))
		return SLICE_EMPTY;
	struct seal_job job = {
		.arena = arena,
		.sealing = { .domain = signer->domain,
		             .key = sealing_key(signer),
		             .chain = checked->arc,
		             .results = trust_value(checked, arena),
		             .message = message,
		             .max_header_bytes = p->config.config->message.header_bytes,
		             .now_s = clock_wall_ms() / 1000 },
		.fields = SLICE_EMPTY,
	};
	fiber_offload(seal, &job);
	if (job.fields.len > 0)
		*by_out = arena_printf(arena, ", sealed by %.*s", SLICE_ARG(signer->domain));
	trust_signer_release(hold);
	return job.fields;
}

struct slice post_sign(struct post *p, struct arena *arena, const struct post_client *client,
                       const struct post_envelope *envelope, struct slice alias,
                       struct slice message, const char **by_out)
{
	struct slice fields = SLICE_EMPTY;
	if (!p->config.trust)
		return fields;
	if (is_ours(p, client, envelope))
		fields = sign_it(p, arena, client, message, by_out);
	if (fields.len == 0 && alias.len > 0)
		fields = seal_it(p, arena, envelope, alias, message, by_out);
	return fields;
}
