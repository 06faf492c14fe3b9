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

static int connect_from_pool(const struct config_sources *pool, size_t first,
                             const struct client_hop *hop, int64_t deadline,
                             struct queue_source *source, struct conn **out)
{
	const char *helo = source->helo;
	int rc = -EAFNOSUPPORT;
	for (size_t i = 0; i < pool->count; i++) {
		const struct config_source *item = &pool->items[(first + i) % pool->count];
		if (item->address.any.sa_family != hop->address.any.sa_family)
			continue;
		source->address = &item->address;
		source->helo = item->helo ? item->helo : helo;
		rc = conn_connect(&hop->address, source->address, deadline, out);
		if (rc != -EADDRNOTAVAIL)
			break;
	}
	return rc;
}

int queue_source_connect(struct queue *q, const struct config_smarthost *way,
                         const struct client_hop *hop, int64_t deadline,
                         struct queue_source *source_out, struct conn **out)
{
	const struct config *c = q->config.config;
	const struct config_sources *pool = queue_source_pool(c, way);
	*source_out = (struct queue_source){ NULL, way && way->helo ? way->helo : c->hostname };
	if (!pool || hop->address.any.sa_family == AF_UNIX)
		return conn_connect(&hop->address, NULL, deadline, out);
	return connect_from_pool(pool, next_turn(q, way, pool), hop, deadline, source_out, out);
}
