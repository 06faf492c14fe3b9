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
