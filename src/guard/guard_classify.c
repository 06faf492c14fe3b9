#include "guard/guard_classify.h"

#include <errno.h>

#include "base/log.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "guard/bayes_rows.h"
#include "guard/guard_internal.h"
#include "store/store.h"

/* What a user learned about the own mail counts for as many messages of everybody's. */
enum { OWN_WEIGHT = 4 };

/* From here on it is sure; up to half way from the middle it can't tell. */
#define SURE   0.99
#define LIKELY 0.90

struct question {
	const struct config *config;
	struct arena *arena;
	struct slice message, recipient;
	struct bayes_tokens tokens;
	struct bayes_verdict verdict;
	bool enough;
};

/* On the thread pool. */
static void tokenise(void *arg)
{
	struct question *q = arg;
	bayes_tokens_of(q->arena, q->message, &q->config->message, &q->tokens);
}

/* BAYES_SHARED if it is nobody's mailbox. */
static int find_own(struct db *db, const struct question *q, int64_t *id_out)
{
	struct account account;
	*id_out = BAYES_SHARED;
	if (q->recipient.len == 0)
		return 0;
	int rc = directory_find_account(db, q->arena, q->recipient, &account);
	if (rc == 0)
		*id_out = account.id;
	return rc == -ENOENT ? 0 : rc;
}

static int is_enough(struct db *db, struct question *q, int64_t own_id)
{
	struct bayes_status shared, own = { .tokens = 0 };
	int64_t min = q->config->classifier.min_messages;
	int rc = bayes_get_status(db, BAYES_SHARED, &shared);
	if (rc == 0 && own_id != BAYES_SHARED)
		rc = bayes_get_status(db, own_id, &own);
	q->enough = shared.messages.spam + own.messages.spam >= min &&
	            shared.messages.ham + own.messages.ham >= min;
	return rc;
}

static int judge(struct db *db, void *arg)
{
	struct question *q = arg;
	struct bayes_count totals = { 0, 0 };
	struct bayes_count *counts = ARENA_ARRAY(q->arena, q->tokens.count, struct bayes_count);
	int64_t own_id;
	int rc = find_own(db, q, &own_id);
	if (rc == 0)
		rc = is_enough(db, q, own_id);
	if (rc < 0 || !q->enough)
		return rc;
	rc = bayes_add_counts(db, BAYES_SHARED, &q->tokens, 1, counts, &totals);
	if (rc == 0 && own_id != BAYES_SHARED)
		rc = bayes_add_counts(db, own_id, &q->tokens, OWN_WEIGHT, counts, &totals);
	if (rc == 0)
		bayes_judge(&q->tokens, counts, &totals, &q->verdict);
	return rc;
}

static int weight_of(double probability, const struct config_classifier *c)
{
	if (probability >= LIKELY)
		return probability >= SURE ? c->spam : c->spam / 2;
	if (probability <= 1 - LIKELY)
		return probability <= 1 - SURE ? c->ham : c->ham / 2;
	return 0;
}

struct guard_opinion guard_classify(struct store *store, const struct config *config,
                                    struct arena *arena, struct slice message,
                                    struct slice recipient)
{
	struct question q = {
		.config = config, .arena = arena, .message = message, .recipient = recipient
	};
	if (!config->classifier.enabled)
		return (struct guard_opinion){ .given = false };
	fiber_offload(tokenise, &q);
	int rc = store_read(store, judge, &q);
	if (rc < 0)
		log_warn("guard.classify.failed", kv_error(rc));
	if (rc < 0 || !q.enough)
		return (struct guard_opinion){ .given = false };
	return (struct guard_opinion){ .given = true,
		                       .weight = weight_of(q.verdict.probability,
		                                           &config->classifier),
		                       .evidence = bayes_evidence(&q.verdict, arena) };
}

struct guard_opinion guard_opinion_of(struct guard *g, struct arena *arena, struct slice message,
                                      struct slice recipient)
{
	if (!g || !g->store)
		return (struct guard_opinion){ .given = false };
	return guard_classify(g->store, g->config, arena, message, recipient);
}

void guard_score_opinion(struct guard_score *score, const struct guard_opinion *opinion)
{
	if (opinion->given)
		guard_score_add(score, GUARD_CLASSIFY_LINE, opinion->evidence, opinion->weight);
}
