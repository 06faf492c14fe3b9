/* The life of the server: ready, signals, the end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/server.h"
#include "fiber/fiber.h"
#include "imap/imap_index.h"
#include "mailbox/learner.h"
#include "route/bounce_rows.h"
#include "route/journey_sketch.h"
#include "route/post_event.h"
#include "route/suppression.h"
#include "store/store.h"
#include "trust/trust_keys.h"

enum {
	GRACE_MS = 10000,
	UPKEEP_MS = 600000,
	SKETCH_MS = 20000,
	EXPIRE_MS = 86400000,    /* POP3's EXPIRE is in days */
	TRUST_DATE_MS = 3600000, /* once the clock has run evenly for so long */
	PORTS_MAX = 128,
	NAMES_MAX = 24,
};

void server_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	if (len == 0 || len >= sizeof(name.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(name.sun_path, path, len);
	if (path[0] == '@') /* the abstract namespace */
		name.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&name,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* --- ready ------------------------------------------------------------------------------ */

/* The ports of all services of one name, once each: "2025 4525". */
static const char *ports_of(const struct server *s, size_t first)
{
	const char *name = service_config(s->services[first])->name, *text = "";
	uint16_t seen[PORTS_MAX];
	size_t count = 0;
	for (size_t i = first; i < s->service_count && count < PORTS_MAX; i++) {
		uint16_t port = service_port(s->services[i]);
		bool again = !slice_equal(slice_from_str(service_config(s->services[i])->name),
		                          slice_from_str(name));
		for (size_t j = 0; j < count && !again; j++)
			again = seen[j] == port;
		if (again)
			continue;
		seen[count++] = port;
		text = arena_printf(s->arena, "%s%s%u", text, text[0] ? " " : "", (unsigned)port);
	}
	return text;
}

static bool is_first_of_name(const struct server *s, size_t index)
{
	struct slice name = slice_from_str(service_config(s->services[index])->name);
	for (size_t i = 0; i < index; i++) {
		if (slice_equal(slice_from_str(service_config(s->services[i])->name), name))
			return false;
	}
	return true;
}

/* server.ready hostname=... smtp="2025 4525" imap=2143 ... */
static void tell_ready(const struct server *s)
{
	struct log_kv kv[NAMES_MAX] = { kv_str("version", VEREDUS_VERSION),
		                        kv_str("dir", s->config->dir),
		                        kv_str("hostname", s->config->hostname),
		                        kv_int("ms", clock_monotonic_ms() - s->began_ms) };
	size_t count = 4;
	for (size_t i = 0; i < s->service_count && count < NAMES_MAX; i++) {
		const struct service_config *config = service_config(s->services[i]);
		if (config->address.any.sa_family != AF_UNIX && is_first_of_name(s, i))
			kv[count++] = kv_str(config->name, ports_of(s, i));
	}
	log_write(LOG_INFO, "server.ready", kv, count);
	server_notify("READY=1");
}

/* --- signals ---------------------------------------------------------------------------- */

static void reload(struct server *s)
{
	json_t *result;
	int rc = server_reload(s, &result);
	if (rc < 0)
		log_error("server.reload", kv_error(rc));
	else
		json_decref(result);
}

static void stop(struct server *s, int signal)
{
	log_info("server.stopping", kv_int("signal", signal));
	server_notify("STOPPING=1");
	for (size_t i = 0; i < s->service_count; i++)
		service_stop(s->services[i]);
	/* Whoever presses Ctrl-C again ends the process at once, by the default action in this
	 * thread: nothing that was accepted is lost. */
	sigset_t again;
	sigemptyset(&again);
	sigaddset(&again, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &again, NULL);
	runtime_stop(GRACE_MS);
}

static void watch_signals(struct server *s)
{
	struct signalfd_siginfo info;
	while (fiber_wait_fd(s->signal_fd, FIBER_READ, DEADLINE_NEVER) == 0) {
		if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo == SIGHUP) {
			reload(s);
			continue;
		}
		stop(s, (int)info.ssi_signo);
		return;
	}
}

/* --- upkeep ----------------------------------------------------------------------------- */

struct expiry {
	int64_t before_ms, count;
};

static int expire_journeys(struct db *db, void *arg)
{
	struct expiry *e = arg;
	int64_t bounces = 0;
	int rc = journey_expire(db, e->before_ms, &e->count);
	if (rc == 0)
		rc = bounce_row_expire(db, e->before_ms, &bounces);
	if (rc == 0)
		rc = suppression_expire(db, clock_wall_ms());
	e->count += bounces;
	return rc;
}

static void forget_journeys(struct server *s)
{
	struct expiry e = { .before_ms = clock_wall_ms() - s->config->log.journey_ms };
	int rc = s->config->log.journey_ms > 0 ? 0 : -ENODATA;
	do {
		if (rc == 0)
			rc = store_commit(s->store, NULL, 0, expire_journeys, &e);
	} while (rc == 0 && e.count > 0);
}

static void expire_mail(struct server *s, int64_t *next_ms)
{
	if (clock_monotonic_ms() < *next_ms)
		return;
	*next_ms = clock_monotonic_ms() + EXPIRE_MS;
	int rc = pop3_expire(&s->pop3);
	if (rc < 0)
		log_warn("server.expire", kv_error(rc));
}

/* What need not be done at once: space given back, old journeys and mail forgotten. */
static void keep_up(void *arg)
{
	struct server *s = arg;
	struct clock_watch clock = { 0 };
	int64_t expire_ms = 0;
	clock_watch_look(&clock);
	while (fiber_sleep(deadline_in(UPKEEP_MS)) == 0) {
		uint64_t freed = 0;
		clock_watch_look(&clock);
		/* Not while the date may be wrong: what is forgotten does not come back with the
		 * right one. */
		if (clock_watch_even_ms(&clock) >= TRUST_DATE_MS) {
			forget_journeys(s);
			expire_mail(s, &expire_ms);
		}
		int rc = mailboxes_limit_kept(s->mailboxes);
		if (rc < 0)
			log_warn("server.kept", kv_error(rc));
		if (store_collect(s->store, &freed) == 0 && freed > 0)
			log_info("server.collected", kv_int("bytes", (int64_t)freed));
	}
}

/* So that journeys can be searched: soon, as what has no sketch is read by each search. */
static void sketch_journeys(void *arg)
{
	struct server *s = arg;
	uint64_t count;
	while (fiber_sleep(deadline_in(SKETCH_MS)) == 0) {
		int rc = journey_sketch_all(s->store, clock_wall_ms(), &count);
		if (rc < 0)
			log_warn("server.journeys.sketch", kv_error(rc));
	}
}

/* The first fiber. */
static void begin(void *arg)
{
	struct server *s = arg;
	int rc = queue_start(s->queue);
	if (rc < 0) {
		log_error("server.queue", kv_error(rc));
		runtime_stop(0);
		return;
	}
	guard_start(s->guard);
	trust_start(s->trust);
	if (s->index)
		imap_index_start(s->index);
	learner_start(s->learner);
	post_events_start(s->events);
	for (size_t i = 0; i < s->service_count; i++)
		service_start(s->services[i]);
	fiber_start(-1, "server.upkeep", keep_up, s);
	fiber_start(-1, "server.quotas", server_watch_quotas, s);
	fiber_start(-1, "server.quarantine", server_watch_quarantine, s);
	fiber_start(-1, "server.sketches", sketch_journeys, s);
	tell_ready(s);
	watch_signals(s);
}

int server_run(struct server *s)
{
	const struct runtime_config config = { .workers = s->config->workers };
	int rc = runtime_run(&config, begin, s);
	if (rc < 0)
		log_error("server.runtime", kv_error(rc));
	else
		log_info("server.stopped", kv_int("ms", clock_monotonic_ms() - s->began_ms));
	return rc;
}
