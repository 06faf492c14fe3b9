/* The score table: what speaks for and against a message, each with its weight and its evidence.
 *
 * Lists in the DNS, checks of the message and filters add a line each; the total is compared with
 * the thresholds of section score. Weights are hundredths, negative where they speak for it. A line
 * of no weight is kept: it explains why nothing happened. */
#ifndef VEREDUS_GUARD_GUARD_SCORE_H
#define VEREDUS_GUARD_GUARD_SCORE_H

#include "base/buf.h"
#include "config/config.h"

enum { GUARD_SCORE_LINES_MAX = 64 };

struct guard_score {
	struct guard_score_line {
		const char *name;     /* "list.zen", "spf=fail" */
		const char *evidence; /* "192.0.2.1: 127.0.0.2", or "" */
		int weight;
	} lines[GUARD_SCORE_LINES_MAX];
	size_t count;
	int total;
};

/* What is done with a message, the mildest first. */
enum guard_fate { GUARD_DELIVER, GUARD_TAG, GUARD_JUNK, GUARD_QUARANTINE, GUARD_REJECT };

/* Both texts stay the caller's. A line beyond the last counts, but is not told. */
void guard_score_add(struct guard_score *s, const char *name, const char *evidence, int weight);
/* What checks came to, by the weights of section score; see struct guard_facts. */
void guard_score_facts(struct guard_score *s, struct arena *arena,
                       const struct config_score *config, const struct slice *found, size_t count);
/* "deliver", "tag" ... */
const char *guard_fate_name(enum guard_fate fate);
enum guard_fate guard_score_fate(const struct guard_score *s, const struct config_score *config);
/* What DMARC asks for, as far as section trust lets it. */
struct trust_results;
enum guard_fate guard_dmarc_fate(const struct trust_results *results,
                                 const struct config_trust *config);

/* "6.50", "-1.00" */
enum { GUARD_WEIGHT_TEXT_MAX = 16 };
const char *guard_weight_text(int weight, char out[static GUARD_WEIGHT_TEXT_MAX]);
/* "6.50: list.zen 4.00 (192.0.2.1: 127.0.0.2), spf=fail 2.50", in the arena; lines of no weight are
 * left out. */
const char *guard_score_text(const struct guard_score *s, struct arena *arena);

#endif
