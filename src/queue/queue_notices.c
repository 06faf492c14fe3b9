#include "queue/queue_notices.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/log.h"

#define WINDOW_MS (60 * 60 * 1000)
/* Whoever comes when there are so many is not counted: a storm from that many has no single target.
 */
#define SENDERS_MAX 20000

struct queue_notices {
	struct hash *counts;
	int64_t since_ms;
	uint64_t withheld;
};

struct queue_notices *queue_notices_new(void)
{
	struct queue_notices *n = mem_zero(1, sizeof(*n));
	n->counts = hash_new();
	return n;
}

void queue_notices_free(struct queue_notices *n)
{
	if (!n)
		return;
	hash_free(n->counts);
	free(n);
}

static void begin_window(struct queue_notices *n, int64_t now_ms)
{
	if (n->withheld > 0)
		log_warn("queue.dsn.withheld", kv_int("reports", (int64_t)n->withheld));
	n->withheld = 0;
	n->since_ms = now_ms;
	if (hash_count(n->counts) == 0)
		return;
	hash_free(n->counts);
	n->counts = hash_new();
}

bool queue_notices_allow(struct queue_notices *n, struct slice sender, unsigned max, int64_t now_ms)
{
	if (now_ms - n->since_ms >= WINDOW_MS)
		begin_window(n, now_ms);
	uintptr_t count = (uintptr_t)hash_find(n->counts, sender);
	if (max > 0 && count >= max) {
		if (n->withheld++ == 0)
			log_warn("queue.dsn.limited", kv_slice("to", sender), kv_int("limit", max));
		return false;
	}
	if (count > 0 || hash_count(n->counts) < SENDERS_MAX)
		hash_put(n->counts, sender, (void *)(count + 1));
	return true;
}
