/* Mail to the addresses for reports. */
#include "route/post_internal.h"

static bool is_to(const struct post_envelope *envelope, const char *address)
{
	struct slice domain = slice_from_str(address);
	struct slice local = slice_split(&domain, '@');
	for (size_t i = 0; i < envelope->recipient_count && domain.len > 0; i++) {
		const struct post_recipient *r = &envelope->recipients[i];
		if (slice_equal_nocase(r->local, local) && slice_equal_nocase(r->domain, domain))
			return true;
	}
	return false;
}

void post_tell_report(const struct post *p, const struct post_envelope *envelope,
                      struct slice trace, struct slice message)
{
	const struct config *c = p->config.config;
	if (p->config.report &&
	    (is_to(envelope, c->tls_report.address) || is_to(envelope, c->dmarc_report.address)))
		p->config.report(p->config.queued_arg, envelope->reverse_path, trace, message);
}
