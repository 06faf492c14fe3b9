#include "auth/passdb.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "fiber/fiber.h"

enum { CLOSE_WAIT_MS = 1000 };

enum job_state { JOB_ASKED, JOB_ANSWERED, JOB_ABANDONED };

/* Belongs to who asks and to the thread: the last frees it. */
struct job {
	struct list link;
	struct passdb_question question;
	fiber_id asker;
	atomic_uint holders;
	_Atomic enum job_state state;
	enum passdb_verdict verdict;
	char address[PASSDB_ADDRESS_MAX];
	size_t text_bytes;
	char text[]; /* the strings of the question */
};

struct passdb {
	const struct config_passdb *config;
	const struct passdb_driver *driver;
	void *self;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list jobs; /* that no thread has taken */
	unsigned job_count, threads, idle;
	bool closing;
};

static const struct passdb_driver *driver_of(enum config_passdb_driver driver)
{
	switch (driver) {
	case PASSDB_FILE:
		return &passdb_file_driver;
	case PASSDB_PAM:
		return &passdb_pam_driver;
	case PASSDB_LDAP:
		return &passdb_ldap_driver;
	case PASSDB_INTERNAL:
		break;
	}
	return NULL;
}

int passdb_open(const struct config_passdb *config, struct passdb **out)
{
	struct passdb *p = mem_zero(1, sizeof(*p));
	p->config = config;
	p->driver = driver_of(config->driver);
	int rc = p->driver ? p->driver->open(config, &p->self) : -EINVAL;
	if (rc < 0) {
		free(p);
		return rc;
	}
	list_init(&p->jobs);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	*out = p;
	return 0;
}

const struct config_passdb *passdb_config(const struct passdb *p) { return p->config; }

/* --- questions ---------------------------------------------------------------------------- */

static const char *put(struct job *j, struct slice text)
{
	char *at = j->text + j->text_bytes;
	memcpy(at, text.data, text.len);
	at[text.len] = '\0';
	j->text_bytes += text.len + 1;
	return at;
}

static struct job *job_new(const struct passdb *p, struct slice address, struct slice password,
                           struct slice client, const char *service)
{
	size_t at = (size_t)slice_find_last_byte(address, '@');
	struct slice local = slice_sub(address, 0, at), domain = slice_from(address, at + 1);
	struct job *j = mem_zero(1, sizeof(*j) + 2 * address.len + password.len + client.len + 5);
	list_init(&j->link);
	j->question = (struct passdb_question){ .address = put(j, address),
		                                .local = put(j, local),
		                                .domain = put(j, domain),
		                                .password = put(j, password),
		                                .client = put(j, client),
		                                .service = service,
		                                .deadline = deadline_in(p->config->timeout_ms) };
	j->asker = fiber_self();
	j->holders = 1;
	j->verdict = PASSDB_UNAVAILABLE;
	return j;
}

static void job_drop(struct job *j)
{
	if (atomic_fetch_sub(&j->holders, 1) > 1)
		return;
	explicit_bzero(j->text, j->text_bytes);
	free(j);
}

/* --- threads ------------------------------------------------------------------------------ */

static struct job *take_job(struct passdb *p)
{
	p->idle++;
	while (list_is_empty(&p->jobs) && !p->closing)
		pthread_cond_wait(&p->changed, &p->lock);
	p->idle--;
	struct job *j = LIST_FIRST(&p->jobs, struct job, link);
	if (j) {
		list_remove(&j->link);
		p->job_count--;
	}
	return j;
}

static void answer(struct passdb *p, struct job *j)
{
	if (clock_monotonic_ms() < j->question.deadline)
		j->verdict = p->driver->check(p->self, &j->question, j->address);
	if (atomic_exchange(&j->state, JOB_ANSWERED) == JOB_ASKED)
		fiber_wake(j->asker);
	job_drop(j);
}

static void *work(void *arg)
{
	struct passdb *p = arg;
	struct job *j;
	pthread_mutex_lock(&p->lock);
	while ((j = take_job(p))) {
		pthread_mutex_unlock(&p->lock);
		answer(p, j);
		pthread_mutex_lock(&p->lock);
	}
	p->threads--;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under the lock. */
static void start_thread(struct passdb *p)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, work, p) == 0)
		p->threads++;
	pthread_attr_destroy(&attributes);
}

static bool hand_over(struct passdb *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	bool room = p->job_count < p->config->threads * PASSDB_QUEUE_FACTOR;
	if (room) {
		atomic_fetch_add(&j->holders, 1);
		list_append(&p->jobs, &j->link);
		p->job_count++;
		if (p->idle < p->job_count && p->threads < p->config->threads)
			start_thread(p);
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return room;
}

static enum passdb_verdict wait_for(struct passdb *p, struct job *j)
{
	int rc = 0;
	while (atomic_load(&j->state) == JOB_ASKED && rc == 0)
		rc = fiber_park("passdb", j->question.deadline);
	if (atomic_exchange(&j->state, JOB_ABANDONED) == JOB_ANSWERED)
		return j->verdict;
	if (rc == -ETIMEDOUT)
		log_error("auth.back_end_timeout", kv_str("passdb", p->config->name),
		          kv_int("ms", p->config->timeout_ms));
	return PASSDB_UNAVAILABLE;
}

enum passdb_verdict passdb_ask(struct passdb *p, struct arena *arena, struct slice address,
                               struct slice password, const char *client, const char *service,
                               const char **address_out)
{
	struct job *j = job_new(p, address, password, slice_from_str(client), service);
	enum passdb_verdict verdict = PASSDB_UNAVAILABLE;
	if (hand_over(p, j))
		verdict = wait_for(p, j);
	if (verdict == PASSDB_ACCEPTED)
		*address_out = arena_str(arena,
		                         j->address[0] ? slice_from_str(j->address) : address);
	job_drop(j);
	return verdict;
}

/* --- the end ------------------------------------------------------------------------------ */

static bool stop_threads(struct passdb *p)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_WAIT_MS / 1000;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	LIST_EACH (&p->jobs, link, following) {
		struct job *j = LIST_ENTRY(link, struct job, link);
		list_remove(link);
		job_drop(j);
	}
	pthread_cond_broadcast(&p->changed);
	int rc = 0;
	while (p->threads > 0 && rc == 0)
		rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	bool ended = p->threads == 0;
	pthread_mutex_unlock(&p->lock);
	return ended;
}

void passdb_close(struct passdb *p)
{
	if (!p)
		return;
	if (!stop_threads(p)) {
		log_warn("auth.back_end_hangs", kv_str("passdb", p->config->name));
		return;
	}
	p->driver->close(p->self);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
