#include "guard/bayes.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"

enum { EVIDENCE_MAX = 300 };

/* How many messages what is not known weighs: Robinson's s, with x = 0.5. */
#define STRENGTH      0.45
#define DEVIATION_MIN 0.1 /* a token nearer to a half says nothing */

double bayes_token_probability(const struct bayes_count *count, const struct bayes_count *totals)
{
	double in_spam = totals->spam > 0 ? (double)count->spam / (double)totals->spam : 0;
	double in_ham = totals->ham > 0 ? (double)count->ham / (double)totals->ham : 0;
	double seen = (double)count->spam + (double)count->ham;
	if (in_spam + in_ham <= 0)
		return 0.5;
	double share = in_spam / (in_spam + in_ham);
	return (STRENGTH * 0.5 + seen * share) / (STRENGTH + seen);
}

struct strong {
	size_t token;
	double probability;
};

static int compare(const void *a, const void *b)
{
	const struct strong *x = a, *y = b;
	double far_x = fabs(x->probability - 0.5), far_y = fabs(y->probability - 0.5);
	if (far_x != far_y)
		return far_x > far_y ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

/* The chance that chi-square with 2 * pairs degrees of freedom is so large, or larger. */
static double chi_square(double value, size_t pairs)
{
	double half = value / 2, term = exp(-half), sum = term;
	for (size_t i = 1; i < pairs; i++) {
		term *= half / (double)i;
		sum += term;
	}
	return sum < 1 ? sum : 1;
}

static double combine(const struct strong *all, size_t count)
{
	double log_spam = 0, log_ham = 0;
	for (size_t i = 0; i < count; i++) {
		log_spam += log(1 - all[i].probability);
		log_ham += log(all[i].probability);
	}
	double spam = 1 - chi_square(-2 * log_spam, count);
	double ham = 1 - chi_square(-2 * log_ham, count);
	return (1 + spam - ham) / 2;
}

void bayes_judge(const struct bayes_tokens *tokens, const struct bayes_count *counts,
                 const struct bayes_count *totals, struct bayes_verdict *out)
{
	struct strong *all = mem_alloc((tokens->count + 1) * sizeof(*all));
	size_t count = 0;
	for (size_t i = 0; i < tokens->count; i++) {
		double p = bayes_token_probability(&counts[i], totals);
		if (fabs(p - 0.5) >= DEVIATION_MIN)
			all[count++] = (struct strong){ i, p };
	}
	qsort(all, count, sizeof(*all), compare);
	if (count > BAYES_STRONGEST)
		count = BAYES_STRONGEST;
	*out = (struct bayes_verdict){ .probability = count > 0 ? combine(all, count) : 0.5,
		                       .used = count };
	for (size_t i = 0; i < count && i < BAYES_SHOWN; i++)
		out->shown[out->shown_count++] = (struct bayes_shown){
			tokens->items[all[i].token].text, all[i].probability
		};
	free(all);
}

/* Nothing that would end a comment or begin another line of the table. */
static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c <= ' ' || c > '~' || c == ',' || c == '(' || c == ')' || c == '\\')
			return false;
	}
	return true;
}

const char *bayes_evidence(const struct bayes_verdict *verdict, struct arena *arena)
{
	struct buf out = buf_make(EVIDENCE_MAX);
	const char *between = ":";
	buf_printf(&out, "%.3f by %zu", verdict->probability, verdict->used);
	for (size_t i = 0; i < verdict->shown_count; i++) {
		const struct bayes_shown *s = &verdict->shown[i];
		if (!is_plain(s->text))
			continue;
		buf_printf(&out, "%s %.*s %.2f", between, SLICE_ARG(s->text), s->probability);
		between = ";";
	}
	const char *text = arena_str(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}
