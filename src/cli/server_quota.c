/* Accounts that are nearly full are told in the log: once past a mark, once below it again. */
#include "base/log.h"
#include "cli/server.h"
#include "fiber/fiber.h"
#include "mailbox/quota.h"
#include "store/store.h"

struct look {
	const unsigned *marks;
	size_t mark_count, count;
	int64_t after;
	struct arena *arena;
	struct quota_crossing *found;
};

static int look_step(struct db *db, void *arg)
{
	struct look *look = arg;
	return quota_find_crossings(db, look->arena, look->marks, look->mark_count, &look->after,
	                            look->found, &look->count);
}

static int note_step(struct db *db, void *arg)
{
	const struct look *look = arg;
	int rc = 0;
	for (size_t i = 0; i < look->count && rc == 0; i++)
		rc = quota_note_told(db, look->found[i].account_id, look->found[i].mark);
	return rc;
}

static void tell(const struct quota_crossing *c)
{
	const struct log_kv kv[] = {
		kv_slice("account", c->address),
		kv_int("percent", c->percent),
		kv_int("mark", c->mark > c->told ? c->mark : c->told),
		kv_int("bytes", (int64_t)c->quota.used[QUOTA_STORAGE]),
		kv_int("messages", (int64_t)c->quota.used[QUOTA_MESSAGE]),
		kv_int("mailboxes", (int64_t)c->quota.used[QUOTA_MAILBOX]),
	};
	bool more = c->mark > c->told;
	if (more)
		log_write(LOG_WARN, "mailbox.quota.nearly", kv, sizeof(kv) / sizeof(kv[0]));
	else
		log_write(LOG_INFO, "mailbox.quota.below", kv, sizeof(kv) / sizeof(kv[0]));
}

/* Told behind the commit: a crash between loses a line, but none comes twice. */
static int look_page(struct server *s, struct look *look)
{
	look->arena = arena_new();
	look->found = ARENA_ARRAY(look->arena, QUOTA_LOOK, struct quota_crossing);
	look->count = 0;
	int more = store_read(s->store, look_step, look), rc = more;
	if (rc >= 0 && look->count > 0)
		rc = store_commit(s->store, NULL, 0, note_step, look);
	for (size_t i = 0; i < look->count && rc >= 0; i++)
		tell(&look->found[i]);
	arena_free(look->arena);
	return rc < 0 ? rc : more;
}

static void look_through(struct server *s, struct look *look)
{
	int rc;
	look->after = 0;
	while ((rc = look_page(s, look)) > 0)
		fiber_yield();
	if (rc < 0)
		log_warn("server.quotas", kv_error(rc));
}

void server_watch_quotas(void *arg)
{
	struct server *s = arg;
	unsigned marks[3], low = s->config->quota.warn_percent;
	unsigned high = s->config->quota.warn_again_percent;
	struct look look = { .marks = marks };
	if (low > 0)
		marks[look.mark_count++] = low;
	if (high > low)
		marks[look.mark_count++] = high;
	if (low > 0 && low < 100 && high < 100)
		marks[look.mark_count++] = 100;
	while (fiber_sleep(deadline_in(s->config->quota.check_ms)) == 0)
		look_through(s, &look);
}
