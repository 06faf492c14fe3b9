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

static void add(struct queue_job *job, const char *path, enum smtp_verdict verdict, unsigned notify)
{
	size_t i = queue_job_add(job);
	job->wire[i].path = slice_from_str(path);
	job->wire[i].notify = notify;
	job->wire[i].outcome = (struct smtp_outcome){ .verdict = verdict, .text = SLICE("said") };
	job->targets[i].position = (int64_t)i;
}

static void who_has_it_leaves_the_rest(void **state)
{
	(void)state;
	struct queue_job *job = queue_job_new();
	job->lease = "me";
	add(job, "refused@x", SMTP_PERMANENT, 0);
	add(job, "first@x", SMTP_OK, 0);
	add(job, "told@x", SMTP_OK, NOTIFY_SUCCESS);
	add(job, "second@x", SMTP_OK, NOTIFY_FAILURE);
	add(job, "behind@x", SMTP_OK, 0);
	assert_null(queue_job_take_relayed(job, 1));
	struct queue_job *out = queue_job_take_relayed(job, 4);
	assert_int_equal(job->count, 3);
	assert_int_equal(job->targets[0].position, 0);
	assert_int_equal(job->targets[1].position, 2);
	assert_int_equal(job->targets[2].position, 4);
	/* It lives on without the other. */
	queue_job_free(job);
	assert_int_equal(out->count, 2);
	assert_true(slice_equal(out->wire[0].path, SLICE("first@x")));
	assert_true(slice_equal(out->wire[1].path, SLICE("second@x")));
	assert_true(slice_equal(out->wire[1].outcome.text, SLICE("said")));
	assert_int_equal(out->targets[1].position, 3);
	assert_string_equal(out->lease, "me");
	queue_job_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_tried_is_not_relayed),
		cmocka_unit_test(who_has_it_leaves_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
