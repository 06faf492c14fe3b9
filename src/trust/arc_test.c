/* Chains: sealed hop by hop, and what breaks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/evp.h>

#include "trust/arc.h"
#include "trust/dkim_private.h"

#define MESSAGE                                                                                    \
	"From: a@example.org\r\nSubject: one\r\nTo: b@example.net\r\n\r\nText  of \r\nit\r\n\r\n"

struct fixture {
	struct arena *arena;
	struct dkim_signer_key key;
	struct slice record;
	struct arc_check check;
	int result; /* of asking for keys */
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	struct slice der = dkim_private_make(f->arena, DKIM_ED25519_SHA256, 0);
	f->key = (struct dkim_signer_key){ SLICE("s"), DKIM_ED25519_SHA256,
		                           dkim_private_read(DKIM_ED25519_SHA256, der) };
	f->record = dkim_private_record(f->arena, DKIM_ED25519_SHA256, f->key.key);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY_free(f->key.key);
	arena_free(f->arena);
	free(f);
	return 0;
}

static enum trust_result check(struct fixture *f, struct slice message)
{
	const struct dkim_rules rules = { .max_signatures = 10, .now_s = 1000 };
	struct dkim_header *header = ARENA_NEW(f->arena, struct dkim_header);
	struct dkim_bodies *bodies = ARENA_NEW(f->arena, struct dkim_bodies);
	dkim_header_index(f->arena, message, SIZE_MAX, header);
	arc_check_begin(&f->check, f->arena, header, &rules, bodies);
	dkim_bodies_begin(bodies, f->arena);
	dkim_bodies_add(bodies, header->body);
	dkim_bodies_end(bodies);
	arc_check_compare(&f->check, bodies);
	for (size_t i = 0; i < arc_check_keys(&f->check); i++) {
		assert_string_equal(arc_check_key(&f->check, i), "s._domainkey.sealer.test");
		arc_check_answer(&f->check, NULL, i, f->result, &f->record, 1);
	}
	arc_check_end(&f->check);
	return f->check.result;
}

/* With what was found of the chain before. */
static struct slice seal_as_checked(struct fixture *f, struct slice message)
{
	const struct arc_sealing how = { .domain = SLICE("sealer.test"),
		                         .key = &f->key,
		                         .chain = &f->check,
		                         .results = SLICE("mx.sealer.test; dkim=pass header.d=a.b"),
		                         .message = message,
		                         .max_header_bytes = SIZE_MAX,
		                         .now_s = 1000 };
	return arena_concat(f->arena, (struct slice[]){ arc_seal(f->arena, &how), message }, 2);
}

static struct slice seal(struct fixture *f, struct slice message)
{
	check(f, message);
	return seal_as_checked(f, message);
}

static struct slice change(struct fixture *f, struct slice s, const char *from, const char *to)
{
	ptrdiff_t at = slice_find(s, slice_from_str(from));
	assert_true(at >= 0);
	const struct slice parts[] = { slice_sub(s, 0, (size_t)at), slice_from_str(to),
		                       slice_from(s, (size_t)at + strlen(from)) };
	return arena_concat(f->arena, parts, 3);
}

static void chains(void **state)
{
	struct fixture *f = *state;
	struct slice message = SLICE(MESSAGE);
	struct authres results;
	assert_int_equal(check(f, message), TRUST_NONE);
	for (unsigned i = 1; i <= ARC_INSTANCE_MAX; i++) {
		message = seal(f, message);
		assert_int_equal(check(f, message), TRUST_PASS);
		assert_int_equal(f->check.count, i);
	}
	assert_true(arc_results(f->arena, &f->check.sets[0], &results));
	assert_true(slice_equal(results.id, SLICE("mx.sealer.test")) && results.count == 1);
	assert_true(slice_equal(arc_sealer(&f->check, 49), SLICE("sealer.test")));
	assert_int_equal(f->check.oldest_pass, 0);
	/* There is no 51st. */
	assert_int_equal(seal(f, message).len, message.len);
}

static void broken(void **state)
{
	struct fixture *f = *state;
	struct slice one = seal(f, SLICE(MESSAGE));
	/* A list changes the message and seals what it found. */
	struct slice list = seal(f, change(f, one, "Subject: one", "Subject: [list] one"));
	assert_int_equal(check(f, list), TRUST_FAIL);
	assert_true(f->check.newest_failed);
	assert_true(slice_find(list, SLICE("cv=fail")) >= 0);
	assert_int_equal(seal(f, list).len, list.len);

	struct slice two = seal(f, one);
	assert_int_equal(check(f, two), TRUST_PASS);
	static const char *const changes[][2] = {
		{ "Text  of", "Another" },
		{ "From: a@", "From: b@" },
		{ "i=1; mx.sealer", "i=1; mx.seller" },
		{ "i=2; mx.sealer", "i=2; mx.seller" },
		{ "cv=pass", "cv=none" },
		{ "cv=none", "cv=pass" },
		{ "ARC-Seal: i=2", "ARC-Seal: i=3" },
		{ "ARC-Seal: i=1", "X-Seal: i=1" },
		{ "ARC-Seal: i=1", "ARC-Seal: i=51" },
		{ "ARC-Seal: i=1", "ARC-Seal: i=2" },
		{ "ARC-Seal: i=1;", "ARC-Seal: h=from; i=1;" },
		{ "ARC-Message-Signature: i=1; a=ed", "ARC-Message-Signature: i=1; a=rd" },
		{ "ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: i=2; x;" },
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(check(f, change(f, two, changes[i][0], changes[i][1])),
		                 TRUST_FAIL);
	/* The first message signature alone need not hold. */
	assert_int_equal(
		check(f, arena_concat(f->arena, (struct slice[]){ SLICE("X: y\r\n"), two }, 2)),
		TRUST_PASS);
	/* A list checks the message, changes it, and seals it: section 5.2, step 4. */
	assert_int_equal(f->check.oldest_pass, 0);
	check(f, one);
	two = seal_as_checked(f, change(f, one, "Subject: one", "Subject: [list] one"));
	assert_int_equal(check(f, two), TRUST_PASS);
	assert_int_equal(f->check.oldest_pass, 2);
	assert_int_equal(check(f, seal(f, two)), TRUST_PASS);
	assert_int_equal(f->check.oldest_pass, 2);
	f->result = -EAGAIN;
	assert_int_equal(check(f, two), TRUST_TEMPERROR);
	assert_int_equal(seal(f, two).len, two.len);
	f->result = -ENOENT;
	assert_int_equal(check(f, two), TRUST_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chains, setup, teardown),
		cmocka_unit_test_setup_teardown(broken, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
