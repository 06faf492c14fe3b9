/* A message with a signature of DomainKeys, verified with a key and a policy that are in the DNS:
 * there is a verdict, it is not for a key that did not sign, and a body without white space is the
 * same in whatever pieces it comes. */
#include "fuzz.h"

#include "trust/domainkeys.h"

#define RECORD                                                                                     \
	"g=a*; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCxEbsP/JSUcrlpooRZ1T6KW3S1zOOAI/"           \
	"IUwmxZYK71g3xkJMCGYspiM7/yFm1y/LVbeUMH73evUWDQ3PP/"                                       \
	"D3gbh7Bksz5QIFMtXav7Ju2MueVGBYcZng8Jmwotl7BxX6ZVkzlVpX+"                                  \
	"JdlLO8WORFU1FTe15WXd77z85NvAJR+lYqQIDAQAB"

static void hash_body(struct slice body, size_t step, struct dkim_digest *out)
{
	struct dkim_body *form = mem_alloc(sizeof(*form));
	struct dkim_hash hash;
	dkim_hash_begin(&hash, DKIM_RSA_SHA1);
	dkim_body_begin(form, DKIM_NOFWS, dkim_hash_add, &hash);
	for (size_t at = 0; at < body.len; at += step)
		dkim_body_add(form, slice_sub(body, at, step));
	dkim_body_end(form);
	dkim_hash_end(&hash, out);
	free(form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), record = SLICE(RECORD);
	struct arena *arena = arena_new();
	struct dkim_header *header = ARENA_NEW(arena, struct dkim_header);
	struct domainkeys_check *check = ARENA_NEW(arena, struct domainkeys_check);
	struct dkim_digest whole, pieces;
	dkim_header_index(arena, input, 65536, header);
	domainkeys_begin(check, arena, header);
	domainkeys_hash(check);
	FUZZ_CHECK(!check->verdict.is_open || check->verdict.key_name);
	if (check->verdict.is_open) {
		domainkeys_answer(check, NULL, 0, &record, 1);
		domainkeys_policy(check, &input, 1);
	}
	FUZZ_CHECK(!check->verdict.is_open);
	FUZZ_CHECK(!check->present || check->verdict.result != TRUST_NONE);
	hash_body(input, input.len + 1, &whole);
	hash_body(input, 3, &pieces);
	FUZZ_CHECK(slice_equal(dkim_digest_slice(&whole), dkim_digest_slice(&pieces)));
	arena_free(arena);
	return 0;
}
