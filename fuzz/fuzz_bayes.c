/* Tokens of a message: within bounds, each once, and a verdict is a probability. */
#include "fuzz.h"

#include "guard/bayes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	const struct bayes_count totals = { 100, 300 };
	struct arena *arena = arena_new();
	struct bayes_tokens tokens;
	struct bayes_verdict verdict;
	bayes_tokens_of(arena, fuzz_input(data, size), &limits, &tokens);
	FUZZ_CHECK(tokens.count <= BAYES_TOKENS_MAX);
	struct bayes_count *counts = ARENA_ARRAY(arena, tokens.count, struct bayes_count);
	for (size_t i = 0; i < tokens.count; i++) {
		FUZZ_CHECK(i == 0 || tokens.items[i - 1].hash < tokens.items[i].hash);
		counts[i] = (struct bayes_count){ (int64_t)(tokens.items[i].hash % 90),
			                          (int64_t)(tokens.items[i].hash >> 32) % 50 };
	}
	bayes_judge(&tokens, counts, &totals, &verdict);
	FUZZ_CHECK(verdict.probability >= 0 && verdict.probability <= 1);
	FUZZ_CHECK(verdict.used <= BAYES_STRONGEST);
	FUZZ_CHECK(strlen(bayes_evidence(&verdict, arena)) > 0);
	arena_free(arena);
	return 0;
}
