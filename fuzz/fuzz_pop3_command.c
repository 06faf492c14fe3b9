/* Command lines of POP3: every parser gets every line, and TOP every message. */
#include "fuzz.h"

#include "pop3/pop3_parse.h"

static bool is_inside(struct slice whole, struct slice part)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check_arguments(struct slice argument)
{
	uint32_t number = 0;
	uint64_t lines;
	struct pop3_auth auth;
	FUZZ_CHECK(!pop3_parse_message(argument, &number) || number > 0);
	FUZZ_CHECK(!pop3_parse_top(argument, &number, &lines) || number > 0);
	if (!pop3_parse_auth(argument, &auth))
		return;
	FUZZ_CHECK(auth.mechanism.len > 0 && is_inside(argument, auth.mechanism));
	FUZZ_CHECK(is_inside(argument, auth.initial));
}

static void check_top(struct slice message, uint64_t lines)
{
	size_t len = pop3_top_length(message, lines);
	FUZZ_CHECK(len <= message.len && len <= pop3_top_length(message, lines + 1));
	FUZZ_CHECK(len == message.len || message.data[len - 1] == '\n');
	FUZZ_CHECK(pop3_top_length(message, UINT64_MAX) == message.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct pop3_command command;
	if (pop3_parse_command(input, &command)) {
		FUZZ_CHECK(command.keyword.len >= 3 && is_inside(input, command.keyword));
		FUZZ_CHECK(is_inside(input, command.argument));
		check_arguments(command.argument);
	}
	check_top(input, size % 4);
	return 0;
}
