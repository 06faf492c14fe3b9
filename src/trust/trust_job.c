#include "trust/trust_job.h"

#include "fiber/fiber.h"

struct trust_job {
	struct arena *arena;
	void (*run)(void *arg);
	void *arg;
	int holders; /* the owner, and the fiber until it has ended */
	bool done;
	fiber_id waiter;
};

void trust_job_end(struct trust_job *job)
{
	if (!job || --job->holders > 0)
		return;
	arena_free(job->arena);
	free(job);
}

static void work(void *arg)
{
	struct trust_job *job = arg;
	job->run(job->arg);
	job->done = true;
	if (job->waiter)
		fiber_wake(job->waiter);
	trust_job_end(job);
}

struct trust_job *trust_job_begin(const char *name, struct arena *arena, void (*run)(void *arg),
                                  void *arg)
{
	struct trust_job *job = mem_zero(1, sizeof(*job));
	*job = (struct trust_job){ .arena = arena, .run = run, .arg = arg, .holders = 2 };
	if (fiber_start(-1, name, work, job) == 0)
		job->holders--;
	return job;
}

bool trust_job_wait(struct trust_job *job, int64_t deadline)
{
	int rc = job->holders > 1 || job->done ? 0 : -1;
	job->waiter = fiber_self();
	while (!job->done && rc == 0)
		rc = fiber_park("trust", deadline);
	job->waiter = 0;
	return job->done;
}
