/* Work on a fiber of its own that asks the DNS one name after another, while its owner does
 * something else, or goes away. What it reads and writes lies in its own arena, which lives as long
 * as either needs it. */
#ifndef VEREDUS_TRUST_TRUST_JOB_H
#define VEREDUS_TRUST_TRUST_JOB_H

#include "base/arena.h"

struct trust_job;

/* The arena becomes the job's. name: a literal. The work must end by itself soon after its
 * deadline. */
struct trust_job *trust_job_begin(const char *name, struct arena *arena, void (*run)(void *arg),
                                  void *arg);
/* True when the work is done; false if it is not by the deadline. On the worker of the begin. */
bool trust_job_wait(struct trust_job *job, int64_t deadline);
/* The owner needs it no more. NULL is allowed. */
void trust_job_end(struct trust_job *job);

#endif
