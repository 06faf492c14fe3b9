#include "guard/guard_score.h"

#include <stdlib.h>

#include "guard/guard_pattern.h"
#include "trust/trust.h"

enum { TEXT_MAX = 900 };

void guard_score_add(struct guard_score *s, const char *name, const char *evidence, int weight)
{
	s->total += weight;
	if (s->count < GUARD_SCORE_LINES_MAX)
		s->lines[s->count++] = (struct guard_score_line){ name, evidence, weight };
}

void guard_score_facts(struct guard_score *s, struct arena *arena,
                       const struct config_score *config, const struct slice *found, size_t count)
{
	for (size_t i = 0; i < config->weight_count; i++) {
		const struct config_weight *w = &config->weights[i];
		for (size_t k = 0; k < count; k++) {
			if (!guard_pattern_match(w->pattern.text, found[k]))
				continue;
			/* A message with ten signatures is not ten times as good. */
			struct slice about = found[k], name = slice_split(&about, ' ');
			guard_score_add(s, arena_str(arena, name), arena_str(arena, about),
			                w->weight);
			break;
		}
	}
}

const char *guard_fate_name(enum guard_fate fate)
{
	switch (fate) {
	case GUARD_DELIVER:
		return "deliver";
	case GUARD_TAG:
		return "tag";
	case GUARD_JUNK:
		return "junk";
	case GUARD_QUARANTINE:
		return "quarantine";
	case GUARD_REJECT:
		return "reject";
	}
	return "deliver";
}

enum guard_fate guard_score_fate(const struct guard_score *s, const struct config_score *config)
{
	if (config->reject > 0 && s->total >= config->reject)
		return GUARD_REJECT;
	if (config->quarantine > 0 && s->total >= config->quarantine)
		return GUARD_QUARANTINE;
	if (config->junk > 0 && s->total >= config->junk)
		return GUARD_JUNK;
	return config->tag > 0 && s->total >= config->tag ? GUARD_TAG : GUARD_DELIVER;
}

enum guard_fate guard_dmarc_fate(const struct trust_results *results,
                                 const struct config_trust *config)
{
	switch (trust_policy(results, config->dmarc_policy)) {
	case DMARC_REJECT:
		return GUARD_REJECT;
	case DMARC_QUARANTINE:
		return config->dmarc_hold ? GUARD_QUARANTINE : GUARD_JUNK;
	default:
		return GUARD_DELIVER;
	}
}

const char *guard_weight_text(int weight, char out[static GUARD_WEIGHT_TEXT_MAX])
{
	snprintf(out, GUARD_WEIGHT_TEXT_MAX, "%s%d.%02d", weight < 0 ? "-" : "", abs(weight / 100),
	         abs(weight % 100));
	return out;
}

const char *guard_score_text(const struct guard_score *s, struct arena *arena)
{
	struct buf out = buf_make(TEXT_MAX);
	char number[GUARD_WEIGHT_TEXT_MAX];
	const char *between = ": ";
	buf_printf(&out, "%s", guard_weight_text(s->total, number));
	for (size_t i = 0; i < s->count; i++) {
		const struct guard_score_line *l = &s->lines[i];
		size_t before = out.len;
		if (l->weight == 0)
			continue;
		buf_printf(&out, "%s%s %s%s%s%s", between, l->name,
		           guard_weight_text(l->weight, number), l->evidence[0] ? " (" : "",
		           l->evidence, l->evidence[0] ? ")" : "");
		between = ", ";
		if (!buf_failed(&out))
			continue;
		out.failed = false;
		buf_truncate(&out, before);
		break;
	}
	const char *text = arena_str(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}
