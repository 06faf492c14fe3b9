#include "guard/guard_pattern.h"

/* Only the last "*" is ever gone back to: what lies before it has matched as early as it can. */
bool guard_pattern_match(struct slice pattern, struct slice text)
{
	size_t p = 0, t = 0, star = 0, star_text = 0;
	bool has_star = false;
	while (t < text.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			has_star = true;
			star = ++p;
			star_text = t;
		} else if (p < pattern.len && (pattern.data[p] == '?' ||
		                               pattern.data[p] == byte_lower(text.data[t]))) {
			p++;
			t++;
		} else if (has_star) {
			p = star;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

const char *guard_patterns_hold(const struct config_patterns *list,
                                bool (*holds)(struct slice item, const void *fact),
                                const void *fact)
{
	const char *by_absence = NULL, *by_item = NULL;
	bool has_positive = false;
	for (size_t i = 0; i < list->count; i++) {
		const struct config_pattern *item = &list->items[i];
		bool is_so = holds(item->text, fact);
		if (item->negated && is_so)
			return NULL;
		has_positive |= !item->negated;
		if (item->negated && !by_absence)
			by_absence = item->shown;
		else if (!item->negated && is_so && !by_item)
			by_item = item->shown;
	}
	return has_positive ? by_item : by_absence;
}

static bool address_holds(struct slice item, const void *fact)
{
	const struct slice *address = fact;
	if (item.len == 0 || address->len == 0)
		return item.len == address->len;
	return guard_pattern_match(item, *address);
}

const char *guard_patterns_hold_address(const struct config_patterns *list, struct slice address)
{
	return guard_patterns_hold(list, address_holds, &address);
}
