/* Sections filter. */
#include "config/config_filter.h"

#include "config/config.h"
#include "config/config_check.h"

enum { FILTERS_MAX = 16 };

static void set_password(const struct config_place *p, struct config_filter *out)
{
	const char *path = out->password;
	if (!path)
		return;
	out->password = config_read_secret(p->config->arena, path);
	if (!out->password)
		config_wrong(p, "password-file: %s can't be read, or is empty", path);
}

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
	if (!config_parse_weight(slice_from_str(out->weight_text), &out->weight))
		config_wrong(p, "weight: '%s' is none: write a number such as 1 or 0.5",
		             out->weight_text);
	set_password(p, out);
	if (++filters->count > FILTERS_MAX)
		config_wrong(p, "there may be %d filters", FILTERS_MAX);
}
