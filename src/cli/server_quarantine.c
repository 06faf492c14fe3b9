/* The quarantine's upkeep: users are told what is held, and what is held too long goes. */
#include "admin/quarantine_digest.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/server.h"
#include "fiber/fiber.h"
#include "route/quarantine.h"
#include "store/store.h"

enum {
	LOOK_MS = 60000,
	TRUST_DATE_MS = 3600000, /* once the clock has run evenly for so long */
};

struct expiry {
	int64_t now_ms, count;
};

static int expire(struct db *db, void *arg)
{
	struct expiry *e = arg;
	return quarantine_expire(db, e->now_ms, &e->count);
}

/* Not while the date may be wrong: what went does not come back with the right one. */
static void expire_all(struct server *s, struct clock_watch *clock)
{
	struct expiry e = { .now_ms = clock_wall_ms(), .count = 1 };
	int64_t total = 0;
	int rc = 0;
	clock_watch_look(clock);
	if (clock_watch_even_ms(clock) < TRUST_DATE_MS)
		return;
	while (rc == 0 && e.count > 0) {
		rc = store_commit(s->store, NULL, 0, expire, &e);
		total += rc == 0 ? e.count : 0;
	}
	if (rc < 0)
		log_warn("quarantine.expire_failed", kv_error(rc));
	if (total > 0)
		log_info("quarantine.expired", kv_int("messages", total));
}

void server_watch_quarantine(void *arg)
{
	struct server *s = arg;
	struct clock_watch clock = { 0 };
	clock_watch_look(&clock);
	while (fiber_sleep(deadline_in(LOOK_MS)) == 0) {
		expire_all(s, &clock);
		quarantine_digest_due(&s->admin);
	}
}
