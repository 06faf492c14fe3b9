/* What is signed verifies, and what is done to it afterwards does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "trust/dkim_private.h"
#include "trust/dkim_sign.h"
#include "trust/dkim_verify.h"

#define MESSAGE                                                                                    \
	"From: a@example.org\r\nSubject: one\r\nTo: b@example.net\r\n\r\nText  of \r\nit\r\n\r\n"

struct fixture {
	struct arena *arena;
	struct dkim_signer signer;
};

static void add_key(struct fixture *f, enum dkim_algorithm algorithm, const char *selector)
{
	struct slice der = dkim_private_make(f->arena, algorithm, DKIM_OUR_BITS);
	EVP_PKEY *key = dkim_private_read(algorithm, der);
	assert_non_null(key);
	assert_null(dkim_private_read(DKIM_RSA_SHA256 + DKIM_ED25519_SHA256 - algorithm, der));
	f->signer.keys[f->signer.count++] = (struct dkim_signer_key){ slice_from_str(selector),
		                                                      algorithm, key };
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	f->signer.domain = SLICE("example.org");
	add_key(f, DKIM_RSA_SHA256, "r");
	add_key(f, DKIM_ED25519_SHA256, "e");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < f->signer.count; i++)
		EVP_PKEY_free(f->signer.keys[i].key);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* How many signatures pass. */
static int passes(struct fixture *f, struct slice message)
{
	const struct dkim_rules rules = { .max_signatures = 10, .now_s = 1000 };
	struct dkim_header header;
	struct dkim_bodies bodies = { .count = 0 };
	struct dkim_check check;
	int count = 0;
	dkim_header_index(f->arena, message, SIZE_MAX, &header);
	dkim_check_begin(&check, f->arena, &header, &rules, &bodies);
	dkim_bodies_begin(&bodies, f->arena);
	dkim_bodies_add(&bodies, header.body);
	dkim_bodies_end(&bodies);
	dkim_check_compare(&check, &bodies);
	for (size_t i = 0; i < check.count; i++) {
		const struct dkim_signer_key *key = &f->signer.keys[i];
		struct slice record = dkim_private_record(f->arena, key->algorithm, key->key);
		dkim_check_answer(&check, NULL, i, 0, &record, 1);
		assert_true(slice_equal(check.verdicts[i].signature.selector, key->selector));
		count += check.verdicts[i].result == TRUST_PASS;
	}
	return count;
}

static struct slice join(struct fixture *f, struct slice a, struct slice b)
{
	return arena_concat(f->arena, (struct slice[]){ a, b }, 2);
}

static void signed_message(void **state)
{
	struct fixture *f = *state;
	struct slice message = SLICE(MESSAGE);
	struct slice fields = dkim_sign(f->arena, &f->signer, message, 65536, 1000);
	struct slice whole = join(f, fields, message);
	for (size_t at = 0, line = 0; at < fields.len; at++) {
		line = fields.data[at] == '\n' ? 0 : line + 1;
		assert_true(line <= 78);
	}
	assert_int_equal(passes(f, whole), 2);
	assert_int_equal(passes(f, join(f, SLICE("Received: x\r\n"), whole)), 2);
	assert_int_equal(passes(f, join(f, SLICE("subject: two\r\n"), whole)), 0);
	assert_int_equal(passes(f, join(f, SLICE("Cc: c@example.net\r\n"), whole)), 0);
	assert_int_equal(passes(f, join(f, whole, SLICE("\r\n \r\n"))), 2);
	assert_int_equal(passes(f, join(f, whole, SLICE("x"))), 0);
}

static void odd_messages(void **state)
{
	struct fixture *f = *state;
	static const char *const messages[] = { "", "\r\n", "From: a\r\n", "no header\r\n\r\nx",
		                                "From: a\r\n\r\n\r\n\r\n" };
	for (size_t i = 0; i < 5; i++) {
		struct slice message = slice_from_str(messages[i]);
		struct slice fields = dkim_sign(f->arena, &f->signer, message, 65536, 1000);
		assert_true(fields.len > 0);
		assert_int_equal(passes(f, join(f, fields, message)), 2);
	}
	/* More than is read is not signed: it would not be verified either. */
	struct buf many = buf_make(1 << 20);
	for (int i = 0; i < DKIM_FIELDS_MAX + 1; i++)
		buf_append(&many, SLICE("From: a\r\n"));
	assert_int_equal(dkim_sign(f->arena, &f->signer, buf_slice(&many), 65536, 1000).len, 0);
	buf_truncate(&many, 500 * strlen("From: a\r\n"));
	assert_true(dkim_sign(f->arena, &f->signer, buf_slice(&many), 65536, 1000).len > 0);
	buf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signed_message, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_messages, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
