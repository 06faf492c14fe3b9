#include "trust/trust_result.h"

const char *trust_result_name(enum trust_result result)
{
	static const char *const names[TRUST_RESULTS] = {
		[TRUST_NONE] = "none",           [TRUST_PASS] = "pass",
		[TRUST_FAIL] = "fail",           [TRUST_SOFTFAIL] = "softfail",
		[TRUST_POLICY] = "policy",       [TRUST_NEUTRAL] = "neutral",
		[TRUST_TEMPERROR] = "temperror", [TRUST_PERMERROR] = "permerror",
	};
	return names[result];
}
