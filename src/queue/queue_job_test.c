#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_job.h"
#include "queue/queue_schedule.h"

static const struct queue_schedule schedule = { .first_ms = 60000, .max_ms = 3600000 };

/* Whatever a sender forgets: mail that nobody took is not gone. */
static void what_was_not_tried_is_not_relayed(void **state)
{
	(void)state;
	struct queue_job *job = queue_job_new();
	job->expires_ms = 1000000;
	queue_job_add(job);
	queue_job_add(job);
	job->wire[0].outcome = (struct smtp_outcome){ .verdict = SMTP_OK };
	job->schedule = schedule;
	queue_job_judge(job, 1000, 0);
	assert_int_equal(job->targets[0].end, QUEUE_END_RELAYED);
	assert_int_equal(job->targets[1].end, QUEUE_END_DEFERRED);
	assert_true(job->targets[1].due_ms > 1000);
	assert_true(job->wire[1].outcome.text.len > 0);
	queue_job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_tried_is_not_relayed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
