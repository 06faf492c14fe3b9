#include "managesieve/managesieve_parse.h"

#include <errno.h>

#include "base/cursor.h"

/* quoted = <"> *QUOTED-CHAR <">; "\" stands before what would end it */
static bool take_quoted(struct cursor *c, struct arena *arena, struct slice *out)
{
	struct slice rest = cursor_rest(c);
	char *text = arena_alloc(arena, rest.len + 1);
	size_t len = 0;
	for (size_t i = 1; i < rest.len; i++) {
		char byte = rest.data[i];
		if (byte == '"') {
			*out = slice_of(text, len);
			return take_bytes(c, i + 1, &rest);
		}
		if (byte == '\\' && ++i < rest.len)
			byte = rest.data[i];
		if (byte == '\0' || byte == '\r')
			return false;
		text[len++] = byte;
	}
	return false;
}

/* A number too large for 64 bits is too large for whoever asked. */
static bool to_number(struct slice digits, uint64_t *out)
{
	for (size_t i = 0; i < digits.len; i++) {
		if (!byte_is_digit(digits.data[i]))
			return false;
	}
	if (!slice_to_u64(digits, out))
		*out = UINT64_MAX;
	return digits.len > 0;
}

/* literal-c2s = "{" number "+}" CRLF *OCTET; without "+" it would wait for nothing */
static bool take_literal(struct cursor *c, uint64_t *bytes_out)
{
	struct slice rest = cursor_rest(c);
	if (rest.len < 3 || rest.data[rest.len - 1] != '}')
		return false;
	struct slice number = slice_sub(rest, 1, rest.len - 2);
	if (slice_ends_with(number, SLICE("+")))
		number = slice_sub(number, 0, number.len - 1);
	return to_number(number, bytes_out) && take_bytes(c, rest.len, &rest);
}

static struct managesieve_argument *add(struct managesieve_command *c)
{
	if (c->count == MANAGESIEVE_ARGUMENTS_MAX)
		return NULL;
	return &c->arguments[c->count++];
}

void managesieve_add_text(struct managesieve_command *c, struct slice text)
{
	struct managesieve_argument *a = add(c);
	*a = (struct managesieve_argument){ .text = text };
}

/* 0, 1 for a literal, -EINVAL. */
static int take_argument(struct managesieve_command *command, struct arena *arena, struct cursor *c,
                         uint64_t *bytes_out)
{
	struct slice rest = cursor_rest(c);
	if (rest.len == 0 || command->count == MANAGESIEVE_ARGUMENTS_MAX)
		return -EINVAL;
	if (rest.data[0] == '{')
		return take_literal(c, bytes_out) ? 1 : -EINVAL;
	struct managesieve_argument *a = add(command);
	*a = (struct managesieve_argument){ .text = SLICE_EMPTY };
	if (rest.data[0] == '"')
		return take_quoted(c, arena, &a->text) ? 0 : -EINVAL;
	a->is_number = true;
	return take_while(c, byte_is_digit, rest.len, &rest) && to_number(rest, &a->number)
	               ? 0
	               : -EINVAL;
}

bool managesieve_announces(struct slice line)
{
	ptrdiff_t at = slice_find_last_byte(line, '{');
	struct cursor c = cursor_of(slice_from(line, at < 0 ? line.len : (size_t)at));
	uint64_t bytes;
	return take_literal(&c, &bytes);
}

int managesieve_scan(struct managesieve_command *command, struct arena *arena, struct slice line,
                     uint64_t *bytes_out)
{
	if (command->keyword.len == 0) {
		command->keyword = arena_copy(arena, slice_split(&line, ' '));
		if (command->keyword.len == 0)
			return -EINVAL;
	} else if (line.len > 0 && line.data[0] != ' ') {
		return -EINVAL;
	}
	struct cursor c = cursor_of(slice_trim(line));
	int rc = 0;
	while (rc == 0 && cursor_rest(&c).len > 0) {
		rc = take_argument(command, arena, &c, bytes_out);
		while (take_byte(&c, ' '))
			continue;
	}
	return rc;
}

int managesieve_scan_string(struct arena *arena, struct slice line, struct slice *text_out,
                            uint64_t *bytes_out)
{
	struct managesieve_command command = { .keyword = SLICE("x") };
	struct slice parts[] = { SLICE(" "), line };
	int rc = managesieve_scan(&command, arena, arena_concat(arena, parts, 2), bytes_out);
	if (rc < 0 || rc == 1)
		return rc == 1 && command.count > 0 ? -EINVAL : rc;
	if (command.count != 1 || command.arguments[0].is_number)
		return -EINVAL;
	*text_out = command.arguments[0].text;
	return 0;
}
