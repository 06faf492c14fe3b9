/* Mail to the address for reports about TLS. */
#include "route/post_internal.h"

void post_tell_report(const struct post *p, const struct post_envelope *envelope,
                      struct slice trace, struct slice message)
{
	struct slice domain = slice_from_str(p->config.config->tls_report.address);
	if (domain.len == 0 || !p->config.tls_report)
		return;
	struct slice local = slice_split(&domain, '@');
	for (size_t i = 0; i < envelope->recipient_count; i++) {
		const struct post_recipient *r = &envelope->recipients[i];
		if (!slice_equal_nocase(r->local, local) || !slice_equal_nocase(r->domain, domain))
			continue;
		p->config.tls_report(p->config.queued_arg, envelope->reverse_path, trace, message);
		return;
	}
}
