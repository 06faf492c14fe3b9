#include "queue/queue_source.h"

#include <errno.h>

#include "queue/queue_internal.h"

const struct config_sources *queue_source_pool(const struct config *config,
                                               const struct config_smarthost *way)
{
	if (way && way->sources.count > 0)
		return &way->sources;
	return config->queue.sources.count > 0 ? &config->queue.sources : NULL;
}

/* Where to begin this time. */
static size_t next_turn(struct queue *q, const struct config_smarthost *way,
                        const struct config_sources *pool)
{
	bool is_own = way && pool == &way->sources;
	size_t at = is_own ? (size_t)(way - q->config.config->smarthosts) + 1 : 0;
	return atomic_fetch_add(&q->source_turns[at], 1) % pool->count;
}

static int open_from_pool(const struct config_sources *pool, size_t first, const char *helo,
                          struct smtp_client_config *config, const struct client_hop *hop,
                          struct arena *arena, struct smtp_client **out,
                          struct smtp_outcome *outcome)
{
	int rc = -EAFNOSUPPORT;
	*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_CONNECT, rc, "4.4.3", hop->host);
	for (size_t i = 0; i < pool->count; i++) {
		const struct config_source *source = &pool->items[(first + i) % pool->count];
		if (source->address.any.sa_family != hop->address.any.sa_family)
			continue;
		config->source = &source->address;
		config->helo = source->helo ? source->helo : helo;
		rc = smtp_client_open(config, &hop->address, hop->host, arena, out, outcome);
		if (rc != -EADDRNOTAVAIL || outcome->stage != SMTP_STAGE_CONNECT)
			break;
	}
	return rc;
}

int queue_source_open(struct queue *q, const struct config_smarthost *way,
                      struct smtp_client_config *config, const struct client_hop *hop,
                      struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome)
{
	const struct config *c = q->config.config;
	const struct config_sources *pool = queue_source_pool(c, way);
	config->source = NULL;
	config->helo = way && way->helo ? way->helo : c->hostname;
	if (!pool || hop->address.any.sa_family == AF_UNIX)
		return smtp_client_open(config, &hop->address, hop->host, arena, out, outcome);
	return open_from_pool(pool, next_turn(q, way, pool), config->helo, config, hop, arena, out,
	                      outcome);
}
