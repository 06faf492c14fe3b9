#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "queue/queue_tls.h"

static void needs(void **state)
{
	(void)state;
	const struct envelope_options none = { 0 }, must = { .requiretls = true },
				      may = { .tls_optional = true };
	assert_int_equal(queue_tls_need(&none, SLICE("a@b")), QUEUE_TLS_USUAL);
	assert_int_equal(queue_tls_need(&must, SLICE("a@b")), QUEUE_TLS_NEEDED);
	assert_int_equal(queue_tls_need(&must, SLICE_EMPTY), QUEUE_TLS_USUAL);
	assert_int_equal(queue_tls_need(&may, SLICE("a@b")), QUEUE_TLS_OPTIONAL);
}

static void keys_differ(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct slice key = SLICE("far.test");
	assert_ptr_equal(queue_tls_key(a, key, QUEUE_TLS_USUAL).data, key.data);
	struct slice needed = queue_tls_key(a, key, QUEUE_TLS_NEEDED);
	struct slice optional = queue_tls_key(a, key, QUEUE_TLS_OPTIONAL);
	assert_false(slice_equal(key, needed) || slice_equal(key, optional) ||
	             slice_equal(needed, optional));
	arena_free(a);
}

static void what_is_final(void **state)
{
	(void)state;
	struct smtp_outcome o = {
		.verdict = SMTP_TEMPORARY, .stage = SMTP_STAGE_TLS, .error = -EPROTO, .host = true
	};
	queue_tls_judge(&o);
	assert_true(o.verdict == SMTP_PERMANENT && o.enhanced.detail == 10 && !o.host);
	o = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                   .stage = SMTP_STAGE_TLS,
		                   .error = -ECONNRESET };
	queue_tls_judge(&o);
	assert_int_equal(o.verdict, SMTP_TEMPORARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs),
		cmocka_unit_test(keys_differ),
		cmocka_unit_test(what_is_final),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
