/* MTA-STS: the TXT record and the policy of another domain. */
#include "fuzz.h"

#include "client/sts_policy.h"

static void check_policy(struct arena *arena, struct slice text)
{
	struct sts_policy policy;
	const char *why = NULL;
	if (sts_policy_parse(arena, text, &policy, &why) < 0) {
		FUZZ_CHECK(why);
		return;
	}
	FUZZ_CHECK(policy.mx_count <= STS_POLICY_MX_MAX);
	FUZZ_CHECK(policy.mx_count > 0 || policy.mode == STS_MODE_NONE);
	FUZZ_CHECK(policy.max_age_s >= 0 && policy.max_age_s <= STS_MAX_AGE_MAX_S);
	for (size_t i = 0; i < policy.mx_count; i++) {
		const char *host = arena_str(arena, policy.mx[i]);
		if (host[0] != '*')
			FUZZ_CHECK(sts_policy_has_host(&policy, host));
		else
			FUZZ_CHECK(
				sts_policy_has_host(&policy, arena_printf(arena, "a%s", host + 1)));
	}
	FUZZ_CHECK(!sts_policy_has_host(&policy, ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), id;
	struct arena *arena = arena_new();
	if (sts_record_parse(input, &id))
		FUZZ_CHECK(sts_record_is(input) && id.len > 0 && id.len <= STS_ID_MAX);
	check_policy(arena, input);
	arena_free(arena);
	return 0;
}
