#include "base/base_testing.h"

#include <stdlib.h>

#include "smtp/smtp_trace.h"

static struct slice trace_of(struct arena *arena, const char *helo, const char *peer,
                             const char *tls, const char *for_path)
{
	struct net_address address;
	assert_int_equal(net_address_parse(slice_from_str(peer), 0, &address), 0);
	const struct smtp_trace trace = {
		.helo = slice_from_str(helo),
		.peer = &address,
		.hostname = "mx.example.test",
		.protocol = smtp_trace_protocol(true, tls, false),
		.tls_protocol = tls,
		.tls_cipher = tls ? "TLS_AES_256_GCM_SHA384" : NULL,
		.queue_id = "01KC9Z6X3R0G2M5A",
		.for_path = slice_from_str(for_path),
		.at_s = 1767171600,
	};
	return smtp_trace_field(arena, &trace);
}

static void test_fields(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_text(trace_of(arena, "client.test", "192.0.2.1", NULL, "<bob@example.test>"),
	            "Received: from client.test ([192.0.2.1])\r\n"
	            "\tby mx.example.test (Veredus) with ESMTP\r\n"
	            "\tid 01KC9Z6X3R0G2M5A for <bob@example.test>; "
	            "Wed, 31 Dec 2025 09:00:00 +0000\r\n");
	assert_text(trace_of(arena, "[IPv6:2001:db8::9]", "2001:db8::1", "TLSv1.3", ""),
	            "Received: from [IPv6:2001:db8::9] ([IPv6:2001:db8::1])\r\n"
	            "\tby mx.example.test (Veredus) with ESMTPS "
	            "(TLSv1.3 cipher TLS_AES_256_GCM_SHA384)\r\n"
	            "\tid 01KC9Z6X3R0G2M5A; Wed, 31 Dec 2025 09:00:00 +0000\r\n");
	/* What is no domain must not stand where a domain has to. */
	assert_text(trace_of(arena, "x(;by\\evil)", "192.0.2.1", NULL, ""),
	            "Received: from [192.0.2.1] ([192.0.2.1]) (said x\\(;by\\\\evil\\))\r\n"
	            "\tby mx.example.test (Veredus) with ESMTP\r\n"
	            "\tid 01KC9Z6X3R0G2M5A; Wed, 31 Dec 2025 09:00:00 +0000\r\n");
	arena_free(arena);
}

/* RFC 3848. */
static void test_protocol_names(void **state)
{
	(void)state;
	assert_string_equal(smtp_trace_protocol(false, false, false), "SMTP");
	assert_string_equal(smtp_trace_protocol(true, false, false), "ESMTP");
	assert_string_equal(smtp_trace_protocol(true, true, false), "ESMTPS");
	assert_string_equal(smtp_trace_protocol(true, false, true), "ESMTPA");
	assert_string_equal(smtp_trace_protocol(true, true, true), "ESMTPSA");
	assert_string_equal(smtp_trace_protocol_utf8(false, false), "UTF8SMTP");
	assert_string_equal(smtp_trace_protocol_utf8(true, false), "UTF8SMTPS");
	assert_string_equal(smtp_trace_protocol_utf8(false, true), "UTF8SMTPA");
	assert_string_equal(smtp_trace_protocol_utf8(true, true), "UTF8SMTPSA");
	assert_string_equal(smtp_trace_protocol_lmtp(false, false, false), "LMTP");
	assert_string_equal(smtp_trace_protocol_lmtp(false, true, true), "LMTPSA");
	assert_string_equal(smtp_trace_protocol_lmtp(true, true, false), "UTF8LMTPS");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_protocol_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
