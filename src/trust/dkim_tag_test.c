/* Tag lists, signatures and key records: what is one and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "trust/dkim_key.h"
#include "trust/dkim_tag.h"

static bool parses(const char *text)
{
	struct dkim_tags tags;
	return dkim_tags_parse(slice_from_str(text), &tags);
}

static void tag_lists(void **state)
{
	struct dkim_tags tags;
	(void)state;
	assert_true(dkim_tags_parse(SLICE(" a = 1 ;\r\n\tb=x y\r\n z;c=; "), &tags));
	assert_int_equal(tags.count, 3);
	assert_true(slice_equal(dkim_tags_value(&tags, "a"), SLICE("1")));
	assert_true(slice_equal(dkim_tags_value(&tags, "b"), SLICE("x y\r\n z")));
	assert_non_null(dkim_tags_find(&tags, "c"));
	assert_null(dkim_tags_find(&tags, "A"));
	assert_true(slice_equal(tags.items[0].raw, SLICE(" 1 ")));
	assert_true(parses(""));
	assert_true(parses("a=1;;b=2"));
	assert_true(parses("d=b\xC3\xBC"
	                   "cher.example"));
	assert_false(parses("a=1; a=2"));
	assert_false(parses("a"));
	assert_false(parses("=1"));
	assert_false(parses("1a=1"));
	assert_false(parses("a=\x01"));
}

static void too_many_tags(void **state)
{
	struct buf text = buf_make(4096);
	(void)state;
	for (int i = 0; i < DKIM_TAGS_MAX; i++)
		buf_printf(&text, "t%d=;", i);
	struct dkim_tags tags;
	assert_true(dkim_tags_parse(buf_slice(&text), &tags));
	buf_printf(&text, "more=;");
	assert_false(dkim_tags_parse(buf_slice(&text), &tags));
	buf_free(&text);
}

#define WHOLE "v=1; a=rsa-sha256; d=Example.ORG; s=sel; h=From:to; bh=YWJj; b=YWJj"

static const char *wrong(const char *value)
{
	struct arena *arena = arena_new();
	struct dkim_signature s;
	const char *field = arena_printf(arena, "DKIM-Signature: %s\r\n", value);
	const char *reason = dkim_signature_parse(arena, DKIM_KIND_SIGNATURE, slice_from_str(field),
	                                          &s);
	arena_free(arena);
	return reason;
}

static void signatures(void **state)
{
	struct arena *arena = arena_new();
	struct dkim_signature s;
	(void)state;
	struct slice field = SLICE("DKIM-Signature: " WHOLE
	                           "; i=joe@sub.example.org; t=5; x=6; l=7\r\n");
	assert_null(dkim_signature_parse(arena, DKIM_KIND_SIGNATURE, field, &s));
	assert_true(slice_equal(s.domain, SLICE("example.org")));
	assert_true(slice_equal(s.bytes, SLICE("abc")));
	assert_int_equal(s.name_count, 2);
	assert_true(s.identity_below && s.has_length);
	assert_int_equal(s.length, 7);
	assert_int_equal(s.expires_s, 6);
	assert_string_equal(dkim_key_name(arena, &s), "sel._domainkey.example.org");
	arena_free(arena);

	assert_null(wrong(WHOLE));
	assert_null(wrong(WHOLE ";future=tag"));
	assert_null(wrong(WHOLE ";c=relaxed"));
	assert_null(wrong(WHOLE ";q=dns/txt:x"));
	assert_non_null(wrong(WHOLE ";c=relaxed/odd"));
	assert_non_null(wrong(WHOLE ";q=http"));
	assert_non_null(wrong(WHOLE ";i=@example.com"));
	assert_non_null(wrong(WHOLE ";i=@notexample.org"));
	assert_non_null(wrong(WHOLE ";l=-1"));
	assert_non_null(wrong(WHOLE ";l=99999999999999999999"));
	assert_non_null(wrong(WHOLE ";t=6;x=5"));
	assert_non_null(wrong("v=2; a=rsa-sha256; d=a.b; s=s; h=From; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("a=rsa-sha256; d=a.b; s=s; h=From; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("v=1; a=rsa-md5; d=a.b; s=s; h=From; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("v=1; a=rsa-sha256; d=a.b; s=s; h=To; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("v=1; a=rsa-sha256; d=a.b; s=s; h=From::To; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("v=1; a=rsa-sha256; d=a..b; s=s; h=From; bh=YWJj; b=YWJj"));
	assert_non_null(wrong("v=1; a=rsa-sha256; d=a.b; s=s; h=From; bh=YWJj; b=*"));
	assert_non_null(wrong("v=1; a=rsa-sha256; d=a.b; s=s; h=From; bh=; b=YWJj"));
}

/* RFC 8616: domains and selectors may be U-labels. */
static void signatures_in_utf8(void **state)
{
	struct arena *arena = arena_new();
	struct dkim_signature s;
	(void)state;
	struct slice field = SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=b\xC3\xBC"
	                           "cher.example; s=\xC3\xA4"
	                           "; h=From; bh=YWJj; b=YWJj; i=\xC3\xA9@b\xC3\xBC"
	                           "cher.example");
	assert_null(dkim_signature_parse(arena, DKIM_KIND_SIGNATURE, field, &s));
	assert_string_equal(dkim_key_name(arena, &s), "xn--4ca._domainkey.xn--bcher-kva.example");
	assert_false(s.identity_below);
	arena_free(arena);
}

#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const char *wrong_key(const char *record, struct dkim_key *out)
{
	struct arena *arena = arena_new();
	struct dkim_key key;
	const char *reason = dkim_key_parse(arena, slice_from_str(record), &key);
	arena_free(arena);
	if (!reason)
		dkim_key_end(&key);
	if (out)
		*out = key;
	return reason;
}

static void keys(void **state)
{
	struct dkim_key key;
	(void)state;
	assert_null(wrong_key("v=DKIM1; k=ed25519; h=sha256; s=email; t=y:s; n=note; p=" ED25519,
	                      &key));
	assert_true(key.ed25519 && key.testing && key.exact && !key.for_sha1 && key.for_sha256);
	assert_null(
		wrong_key("k=ed25519; s=*; p=11qYAYKxCrfVS/7TyWQHOg7hc vPapiMlrwIaaPcHURo=", &key));
	assert_false(key.testing || key.exact);
	assert_non_null(wrong_key("v=DKIM2; k=ed25519; p=" ED25519, NULL));
	assert_non_null(wrong_key("k=ed25519; v=DKIM1; p=" ED25519, NULL));
	assert_null(wrong_key("k=ed25519; s=tlsrpt; p=" ED25519, &key));
	assert_false(key.for_mail);
	assert_null(wrong_key("k=ed25519; s=tlsrpt:email; p=" ED25519, &key));
	assert_true(key.for_mail);
	assert_non_null(wrong_key("k=ed25519; s=other; p=" ED25519, NULL));
	assert_non_null(wrong_key("k=elgamal; p=" ED25519, NULL));
	assert_non_null(wrong_key("k=rsa; p=" ED25519, NULL));
	assert_non_null(wrong_key("k=ed25519; p=YWJj", NULL));
	assert_non_null(wrong_key("k=ed25519; p=!!!!", NULL));
	assert_non_null(wrong_key("v=DKIM1; k=rsa", NULL));
	assert_string_equal(wrong_key("v=DKIM1; p=", NULL), "the key was revoked (p= is empty)");
	assert_true(dkim_key_is_record(SLICE("p=")));
	assert_true(dkim_key_is_record(SLICE("v=DKIM1; p")));
	assert_false(dkim_key_is_record(SLICE("v=spf1 -all")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tag_lists),  cmocka_unit_test(too_many_tags),
		cmocka_unit_test(signatures), cmocka_unit_test(signatures_in_utf8),
		cmocka_unit_test(keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
