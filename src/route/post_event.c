#include "route/post_event.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "route/post_internal.h"

enum { RETRY_MS = 30000, LOOK_MS = 600000 };

struct post_events {
	struct post *post;
	_Atomic(fiber_id) fiber;
};

/* As long as a message took others have the server. */
static int run_one(struct post_events *e, int64_t *account)
{
	int64_t began_ms = clock_monotonic_ms();
	int rc = post_event_run(e->post, account);
	if (rc < 0)
		return rc;
	return fiber_sleep(deadline_in(clock_monotonic_ms() - began_ms));
}

static void run(void *arg)
{
	struct post_events *e = arg;
	int64_t account = 0;
	int rc = 0;
	while (rc != -ECANCELED) {
		rc = run_one(e, &account);
		if (rc == 0 || rc == -ECANCELED)
			continue;
		if (rc == -ENODATA && account != 0) {
			account = 0;
			continue;
		}
		if (rc == -ENODATA) {
			rc = fiber_park("event", deadline_in(LOOK_MS));
			continue;
		}
		log_warn("sieve.event.failed", kv_int("account", account), kv_error(rc));
		rc = fiber_sleep(deadline_in(RETRY_MS));
	}
}

void post_events_start(struct post_events *e)
{
	if (e)
		atomic_store(&e->fiber, fiber_start(-1, "post.events", run, e));
}

void post_events_tell(struct post_events *e, const struct mail_event_noted *noted)
{
	if (!e)
		return;
	e->post->events_lost += noted->lost;
	if (noted->lost > 0)
		log_warn("sieve.event.full", kv_int("messages", (int64_t)noted->lost));
	if (noted->noted)
		fiber_wake(atomic_load(&e->fiber));
}

uint64_t post_events_room(const struct post_events *e)
{
	return e ? e->post->config.config->sieve.max_imap_events : 0;
}

struct post_events *post_events_new(struct post *p)
{
	if (!p->sieve || !p->config.config->sieve.imap_events)
		return NULL;
	struct post_events *e = mem_zero(1, sizeof(*e));
	e->post = p;
	return e;
}

void post_events_free(struct post_events *e) { free(e); }
