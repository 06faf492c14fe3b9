/* The signed messages of RFC 6376 appendix A and RFC 8463 appendix A, and what happens to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/buf.h"
#include "trust/dkim_verify.h"
#include "trust/key_cache.h"

#define BRISBANE                                                                                   \
	"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/"                 \
	"DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/"                       \
	"RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQ"  \
	"AB"
#define TEST                                                                                       \
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a"  \
	"5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3"  \
	"rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519 "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

#define HEADER                                                                                     \
	"From: Joe SixPack <joe@football.example.com>\r\n"                                         \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                                             \
	"Subject: Is dinner ready?\r\n"                                                            \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                                          \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
#define BODY(spaces) "\r\nHi.\r\n\r\nWe lost the game." spaces "Are you hungry yet?\r\n\r\nJoe.\r\n"

#define RFC6376                                                                                    \
	"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"                        \
	"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"                        \
	"      h=Received : From : To : Subject : Date : Message-ID;\r\n"                          \
	"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                               \
	"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"                         \
	"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"                           \
	"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"                           \
	"      4bmp/YzhwvcubU4=;\r\n"                                                              \
	"Received: from client1.football.example.com  [192.0.2.1]\r\n"                             \
	"      by submitserver.example.com with SUBMISSION;\r\n"                                   \
	"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"

#define RFC8463                                                                                    \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"                            \
	" d=football.example.com; i=@football.example.com;\r\n"                                    \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"                                  \
	" subject : date : message-id : from : subject : date;\r\n"                                \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                                    \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"                          \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"                                                    \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"                                \
	" d=football.example.com; i=@football.example.com;\r\n"                                    \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"                            \
	" date : message-id : from : subject : date;\r\n"                                          \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                                    \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"                          \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"                          \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"

static const struct {
	const char *name, *record;
} zone[] = {
	{ "brisbane._domainkey.example.com", BRISBANE },
	{ "brisbane._domainkey.football.example.com", ED25519 },
	{ "test._domainkey.football.example.com", TEST },
};

static int ask(const char *name, struct slice *out)
{
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (slice_equal(slice_from_str(zone[i].name), slice_from_str(name))) {
			*out = slice_from_str(zone[i].record);
			return 0;
		}
	}
	return -ENOENT;
}

struct fixture {
	struct arena *arena;
	struct dkim_header header;
	struct dkim_bodies bodies;
	struct dkim_rules rules;
	struct dkim_check check;
	struct dkim_keys *keys;
};

static void run(struct fixture *f, struct slice message)
{
	memset(&f->bodies, 0, sizeof(f->bodies));
	dkim_header_index(f->arena, message, 512 * 1024, &f->header);
	dkim_check_begin(&f->check, f->arena, &f->header, &f->rules, &f->bodies);
	dkim_bodies_begin(&f->bodies, f->arena);
	dkim_bodies_add(&f->bodies, f->header.body);
	dkim_bodies_end(&f->bodies);
	dkim_check_compare(&f->check, &f->bodies);
	for (size_t i = 0; i < f->check.count; i++) {
		struct dkim_verdict *v = &f->check.verdicts[i];
		struct slice record;
		if (v->is_open) {
			int rc = ask(v->key_name, &record);
			dkim_check_answer(&f->check, f->keys, i, rc, &record, 1);
		}
		assert_false(v->is_open);
	}
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	f->keys = dkim_keys_new();
	f->rules = (struct dkim_rules){ .max_signatures = 10, .now_s = 1600000000 };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	dkim_keys_free(f->keys);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void rfc6376(void **state)
{
	struct fixture *f = *state;
	run(f, SLICE(RFC6376 HEADER BODY(" ")));
	assert_int_equal(f->check.count, 1);
	const struct dkim_verdict *v = &f->check.verdicts[0];
	assert_int_equal(v->result, TRUST_PASS);
	assert_int_equal(v->key_bits, 1024);
	assert_true(slice_equal(v->body_hash, v->signature.body_hash));
	/* "simple" sees every space; the RFC prints two, which is an erratum. */
	run(f, SLICE(RFC6376 HEADER BODY("  ")));
	assert_int_equal(f->check.verdicts[0].result, TRUST_FAIL);
	assert_false(slice_equal(f->check.verdicts[0].body_hash,
	                         f->check.verdicts[0].signature.body_hash));
	assert_non_null(f->check.verdicts[0].changed);
}

static void rfc8463(void **state)
{
	struct fixture *f = *state;
	for (int again = 0; again < 2; again++) {
		run(f, SLICE(RFC8463 HEADER BODY("  ")));
		assert_int_equal(f->check.count, 2);
		assert_int_equal(f->check.verdicts[0].result, TRUST_PASS);
		assert_int_equal(f->check.verdicts[1].result, TRUST_PASS);
		assert_int_equal(f->bodies.count, 1);
	}
	run(f, SLICE(RFC8463 "X-More: is not signed\r\n" HEADER BODY(" \t ") "\r\n\r\n"));
	assert_int_equal(f->check.verdicts[0].result, TRUST_PASS);
	assert_int_equal(f->check.verdicts[1].result, TRUST_PASS);
}

/* A second From above or below: the names that are there twice in h= say that there is one. */
static void fields_added(void **state)
{
	struct fixture *f = *state;
	static const char *const messages[] = {
		RFC8463 "From: Mallory <m@example.org>\r\n" HEADER BODY("  "),
		RFC8463 HEADER "From: Mallory <m@example.org>\r\n" BODY("  "),
		RFC8463 HEADER "Subject: No dinner\r\n" BODY("  "),
	};
	for (size_t i = 0; i < 3; i++) {
		run(f, slice_from_str(messages[i]));
		assert_int_equal(f->check.verdicts[0].result, TRUST_FAIL);
		assert_int_equal(f->check.verdicts[1].result, TRUST_FAIL);
	}
	/* There is no second To in h=; the lowest is the one that was signed. */
	run(f, SLICE(RFC8463 "To: another\r\n" HEADER BODY("  ")));
	assert_int_equal(f->check.verdicts[0].result, TRUST_PASS);
}

static void many_signatures(void **state)
{
	struct fixture *f = *state;
	struct buf message = buf_make(8 << 20);
	for (int i = 0; i < 1000; i++)
		buf_append(&message, SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; "
		                           "bh=YWJj; b=YWJj\r\n"));
	buf_append(&message, SLICE(HEADER BODY("  ")));
	run(f, buf_slice(&message));
	assert_int_equal(f->check.count, 10);
	assert_int_equal(f->check.found, 1000);
	for (size_t i = 0; i < f->check.count; i++)
		assert_int_equal(f->check.verdicts[i].result, TRUST_FAIL);
	assert_int_equal(f->bodies.count, 1);
	buf_clear(&message);
	for (int i = 0; i < 3000; i++)
		buf_append(&message, SLICE("X: y\r\n"));
	buf_append(&message, SLICE(RFC8463 HEADER BODY("  ")));
	run(f, buf_slice(&message));
	assert_int_equal(f->check.count, 0);
	buf_free(&message);
}

static void many_names(void **state)
{
	struct fixture *f = *state;
	struct buf message = buf_make(8 << 20);
	buf_append(&message,
	           SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; bh=YWJj; b=YWJj; h=from"));
	for (int i = 0; i < 10000; i++)
		buf_append(&message, SLICE(":a"));
	buf_append(&message, SLICE("\r\n" HEADER BODY("  ")));
	run(f, buf_slice(&message));
	assert_int_equal(f->check.verdicts[0].result, TRUST_NEUTRAL);
	assert_string_equal(f->check.verdicts[0].reason, "it names too many fields (h=)");
	buf_free(&message);
}

static void old_and_late(void **state)
{
	struct fixture *f = *state;
	run(f,
	    SLICE("DKIM-Signature: v=1; a=rsa-sha1; d=a.b; s=c; h=from; bh=YWJj; b=YWJj\r\n"
	          "DKIM-Signature: v=1; a=rsa-sha256; x=1500000000; d=a.b; s=c; h=from; bh=YWJj; "
	          "b=YWJj\r\n" HEADER BODY("  ")));
	assert_int_equal(f->check.verdicts[0].result, TRUST_PERMERROR);
	assert_int_equal(f->check.verdicts[1].result, TRUST_FAIL);
	assert_string_equal(f->check.verdicts[1].reason, "the signature has expired (x=)");
}

/* l= that covers a part; and one that claims more than there is. */
static void partial_bodies(void **state)
{
	struct fixture *f = *state;
	run(f, SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=YWJj; l=0;\r\n"
	             " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n"
	             "DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=YWJj; l=50;\r\n"
	             " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n"
	             "From: a@a.b\r\n\r\nHi.\r\n"));
	assert_int_equal(f->check.verdicts[0].result, TRUST_POLICY);
	assert_int_equal(f->check.verdicts[1].result, TRUST_FAIL);
	assert_int_equal(f->check.verdicts[0].body_bytes, 5);
	f->rules.partial_body = true;
	run(f, SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=a.b; s=c; h=from; b=YWJj; l=0;\r\n"
	             " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n"
	             "From: a@a.b\r\n\r\nHi.\r\n"));
	assert_int_equal(f->check.verdicts[0].result, TRUST_PERMERROR); /* no key */
}

static void records(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int result;
		const char *texts[3];
		enum trust_result wanted;
	} cases[] = {
		{ 0, { "v=spf1 -all", BRISBANE }, TRUST_PASS },
		{ 0, { BRISBANE, TEST }, TRUST_PERMERROR },
		{ 0, { "nothing" }, TRUST_PERMERROR },
		{ 0, { "v=DKIM1; p=" }, TRUST_PERMERROR },
		{ 0, { ED25519 }, TRUST_PERMERROR },
		{ 0, { TEST }, TRUST_FAIL },
		{ 0,
		  { "t=y; "
		    "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALRiMLAh9iimur8VA7qVvdqxevEuUkW4"
		    "K+2KdMXmnQbG9Aa7k7eBjK1S+0LYmVjPKlJGNXHDGuy5Fw/d7rjVJ0BLB+ubPK8iA/Tw3hL"
		    "gQgXMRRLtMr8CAwEAAQ==" },
		  TRUST_PERMERROR },
		{ -ENOENT, { NULL }, TRUST_PERMERROR },
		{ -ENODATA, { NULL }, TRUST_PERMERROR },
		{ -EAGAIN, { NULL }, TRUST_TEMPERROR },
		{ -ETIMEDOUT, { NULL }, TRUST_TEMPERROR },
		{ -EBADMSG, { NULL }, TRUST_TEMPERROR },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice texts[3];
		size_t count = 0;
		for (; count < 3 && cases[i].texts[count]; count++)
			texts[count] = slice_from_str(cases[i].texts[count]);
		memset(&f->bodies, 0, sizeof(f->bodies));
		dkim_header_index(f->arena, SLICE(RFC6376 HEADER BODY(" ")), 65536, &f->header);
		dkim_check_begin(&f->check, f->arena, &f->header, &f->rules, &f->bodies);
		dkim_bodies_begin(&f->bodies, f->arena);
		dkim_bodies_add(&f->bodies, f->header.body);
		dkim_bodies_end(&f->bodies);
		dkim_check_compare(&f->check, &f->bodies);
		dkim_check_answer(&f->check, f->keys, 0, cases[i].result, texts, count);
		assert_int_equal(f->check.verdicts[0].result, cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rfc6376, setup, teardown),
		cmocka_unit_test_setup_teardown(rfc8463, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_added, setup, teardown),
		cmocka_unit_test_setup_teardown(many_signatures, setup, teardown),
		cmocka_unit_test_setup_teardown(many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(old_and_late, setup, teardown),
		cmocka_unit_test_setup_teardown(partial_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(records, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
