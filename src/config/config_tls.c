#include "config/config_tls.h"

#include "config/config_check.h"
#include "message/address.h"

void config_check_tls(const struct config_place *p, struct config_tls *minimum)
{
	struct slice domain = slice_from_str(p->title);
	minimum->domain = "";
	if (slice_equal(domain, SLICE("*")))
		minimum->domain = "*";
	else if (domain_canonical(p->config->arena, slice_from_str(p->title), &domain))
		minimum->domain = arena_str(p->config->arena, domain);
	else
		config_wrong(p, "the title is no domain: write a domain, or \"*\" for all");
	if (minimum->level < TLS_LEVEL_REQUIRED && minimum->oldest > TLS_VERSION_1_2)
		config_wrong(p, "mail may go in clear, but not with an older TLS: use level = "
		                "required, or leave oldest-version out");
}
