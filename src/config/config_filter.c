/* Sections filter. */
#include "config/config_filter.h"

#include "config/config.h"
#include "config/config_check.h"

enum { FILTERS_MAX = 16 };

void config_add_filter(const struct config_place *p, const struct config_filter *filter)
{
	struct config_filters *filters = &p->config->filters;
	struct config_filter *out = &filters->items[filters->count];
	*out = *filter;
	out->name = arena_str(p->config->arena, slice_from_str(p->title));
	out->number = (unsigned)filters->count;
	if (!out->name[0])
		config_wrong(p, "the title must be a name: the log and journeys use it");
	if (!out->address_text) {
		config_wrong(p, "there is no address: add address = \"127.0.0.1:8891\" or "
		                "\"unix:/run/filter.sock\"");
	} else if (net_address_parse(slice_from_str(config_absolute(p, out->address_text)), 0,
	                             &out->address) < 0 ||
	           out->address.any.sa_family == AF_UNSPEC ||
	           (out->address.any.sa_family != AF_UNIX && net_address_port(&out->address) == 0))
		config_wrong(p,
		             "address: '%s' is none: write \"127.0.0.1:8891\", "
		             "\"[::1]:8891\" or \"unix:/run/filter.sock\"",
		             out->address_text);
	if (++filters->count > FILTERS_MAX)
		config_wrong(p, "there may be %d filters", FILTERS_MAX);
}
