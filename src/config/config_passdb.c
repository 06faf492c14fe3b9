/* What can be wrong with a section passdb. */
#include "config/config_check.h"
#include "message/address.h"

static void check_file(const struct config_place *p, const struct config_passdb *passdb)
{
	if (!passdb->file)
		config_wrong(p, "there is no file: add file = FILE");
}

static void check_internal(const struct config_place *p, const struct config_passdb *passdb)
{
	unsigned before = 0;
	for (const struct config_passdb *q = p->config->passdbs; q < passdb; q++)
		before += q->driver == PASSDB_INTERNAL;
	if (passdb->create)
		config_wrong(p,
		             "create-accounts: the internal directory has no others: leave it out");
	if (passdb->domain)
		config_wrong(
			p, "domain: the internal directory is asked about all names: leave it out");
	if (before > 0)
		config_wrong(p, "the internal directory stands twice: leave one out");
}

void config_check_passdb(const struct config_place *p, struct config_passdb *passdb)
{
	struct arena *arena = p->config->arena;
	struct slice domain;
	passdb->name = arena_str(arena, slice_from_str(p->title));
	if (passdb->domain && domain_canonical(arena, slice_from_str(passdb->domain), &domain))
		passdb->domain = arena_str(arena, domain);
	else if (passdb->domain)
		config_wrong(p, "domain: '%s' is none", passdb->domain);
	switch (passdb->driver) {
	case PASSDB_INTERNAL:
		check_internal(p, passdb);
		break;
	case PASSDB_FILE:
		check_file(p, passdb);
		break;
	}
}
