#include "sieve/sieve_config.h"

struct sieve_limits sieve_limits_of(const struct config_sieve *c)
{
	struct sieve_limits limits = SIEVE_LIMITS_DEFAULT;
	limits.script_bytes = c->max_script_bytes;
	limits.nesting = c->max_nesting;
	limits.instructions = c->max_instructions;
	limits.memory_bytes = c->max_memory_bytes;
	limits.actions = c->max_actions;
	limits.redirects = c->max_redirects;
	limits.includes = c->max_includes;
	limits.vacation_min_s = c->vacation_min_ms / 1000;
	limits.vacation_max_s = c->vacation_max_ms / 1000;
	limits.vacation_default_s = c->vacation_default_ms / 1000;
	return limits;
}
