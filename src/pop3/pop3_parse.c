#include "pop3/pop3_parse.h"

#include "base/cursor.h"

#define MECHANISM_MAX 20 /* RFC 4422 section 3.1 */

static bool is_control(char c) { return (unsigned char)c < ' ' || c == 0x7f; }

static bool is_not_space(char c) { return !byte_is_space(c); }

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_control(s.data[i]))
			return true;
	}
	return false;
}

bool pop3_parse_command(struct slice line, struct pop3_command *out)
{
	struct cursor c = cursor_of(line);
	struct slice keyword;
	if (has_control(line) || !take_while(&c, byte_is_alnum, 4, &keyword) || keyword.len < 3)
		return false;
	bool has_argument = take_byte(&c, ' ');
	if (!has_argument && !cursor_at_end(&c))
		return false;
	struct slice argument = cursor_rest(&c);
	*out = (struct pop3_command){
		.keyword = keyword,
		.argument = argument,
		/* Spaces behind a keyword are no argument, but for a password all counts. */
		.has_argument = slice_trim(argument).len > 0,
	};
	return true;
}

static bool take_message(struct cursor *c, uint32_t *number_out)
{
	struct cursor walk = *c;
	uint64_t number;
	skip_space(&walk);
	if (!take_number(&walk, UINT32_MAX, &number) || number == 0)
		return false;
	*number_out = (uint32_t)number;
	*c = walk;
	return true;
}

bool pop3_parse_message(struct slice argument, uint32_t *number_out)
{
	struct cursor c = cursor_of(argument);
	uint32_t number;
	if (!take_message(&c, &number))
		return false;
	skip_space(&c);
	if (!cursor_at_end(&c))
		return false;
	*number_out = number;
	return true;
}

bool pop3_parse_top(struct slice argument, uint32_t *number_out, uint64_t *lines_out)
{
	struct cursor c = cursor_of(argument);
	uint32_t number;
	uint64_t lines;
	if (!take_message(&c, &number) || !take_byte(&c, ' '))
		return false;
	skip_space(&c);
	if (!take_number(&c, UINT64_MAX, &lines))
		return false;
	skip_space(&c);
	if (!cursor_at_end(&c))
		return false;
	*number_out = number;
	*lines_out = lines;
	return true;
}

bool pop3_parse_auth(struct slice argument, struct pop3_auth *out)
{
	struct cursor c = cursor_of(slice_trim(argument));
	struct slice mechanism, initial = SLICE_EMPTY;
	if (!take_while(&c, is_not_space, MECHANISM_MAX, &mechanism))
		return false;
	skip_space(&c);
	bool has_initial = take_while(&c, is_not_space, SIZE_MAX, &initial);
	if (!cursor_at_end(&c))
		return false;
	*out = (struct pop3_auth){
		.mechanism = mechanism,
		.initial = initial,
		.has_initial = has_initial,
	};
	return true;
}

size_t pop3_top_length(struct slice message, uint64_t lines)
{
	struct slice rest = message;
	bool in_header = true;
	while (rest.len > 0 && (in_header || lines > 0)) {
		struct slice line = slice_split(&rest, '\n');
		if (!in_header)
			lines--;
		else if (line.len == 0 || slice_equal(line, SLICE("\r")))
			in_header = false;
	}
	return message.len - rest.len;
}
