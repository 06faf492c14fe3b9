/* A script and, behind a NUL, a message: it compiles or says where it does not, and what it comes
 * to stays within its limits. */
#include "fuzz.h"

#include "sieve/sieve.h"

static int ask(void *arg, struct slice key)
{
	(void)arg;
	return key.len % 2;
}

static int has_mailbox(void *arg, enum sieve_mailbox_test by, struct slice key, struct slice name)
{
	(void)by;
	(void)name;
	return ask(arg, key);
}

/* The script itself: what includes that loops. */
static int get_script(void *arg, enum sieve_location where, struct slice name, struct arena *arena,
                      struct slice *out)
{
	(void)where;
	(void)name;
	(void)arena;
	*out = *(const struct slice *)arg;
	return 1;
}

/* The script as a list. */
static int get_list(void *arg, struct slice list, struct arena *arena, struct slice *out)
{
	(void)arena;
	*out = *(const struct slice *)arg;
	return ask(arg, list);
}

static void count_step(void *arg, const struct sieve_step *step)
{
	(void)arg;
	FUZZ_CHECK(slice_find_byte(step->text, '\n') < 0);
}

static void run(const struct sieve_program *program, struct slice script, struct slice message,
                const struct sieve_limits *limits)
{
	const struct sieve_script scripts[] = { { "first", program }, { "second", program } };
	struct arena *arena = arena_new();
	struct sieve_result result;
	const struct sieve_job job = {
		.scripts = scripts,
		.script_count = 2,
		.limits = limits,
		.outside = { .arg = &script,
		             .mailbox = has_mailbox,
		             .seen = ask,
		             .script = get_script,
		             .list = get_list,
		             .trace = count_step },
		.message = message,
		.trace = SLICE("Received: from x by y; Tue, 1 Apr 1997 09:06:31 -0800\r\n"),
		.envelope = { .from = SLICE("a@example.test"), .to = SLICE("b+c@example.test") },
		.now_ms = 1700000000000,
		.detail_mark = '+',
		.owner = SLICE("b@example.test"),
	};
	int rc = sieve_run(&job, arena, &result);
	FUZZ_CHECK((rc < 0) == result.failed);
	FUZZ_CHECK(result.action_count > 0 && result.action_count <= limits->actions + 1);
	FUZZ_CHECK(!result.failed || result.actions[result.action_count - 1].kind == SIEVE_KEEP);
	FUZZ_CHECK(result.instructions <= limits->instructions);
	for (size_t i = 0; i < result.action_count; i++)
		FUZZ_CHECK(sieve_action_text(arena, &result.actions[i]).len > 0);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = fuzz_input(data, size);
	struct slice script = slice_split(&message, '\0');
	struct arena *arena = arena_new();
	struct sieve_limits limits = SIEVE_LIMITS_DEFAULT;
	struct sieve_program *program;
	struct sieve_errors errors;
	limits.instructions = 20000;
	limits.memory_bytes = 1 << 20;
	limits.value_bytes = 4096;
	int rc = sieve_compile(script, &limits, arena, &program, &errors);
	FUZZ_CHECK(rc == 0 || errors.count > 0);
	for (size_t i = 0; i < errors.count; i++)
		FUZZ_CHECK(errors.items[i].line > 0 && errors.items[i].column > 0);
	if (rc == 0)
		run(program, script, message, &limits);
	arena_free(arena);
	return 0;
}
