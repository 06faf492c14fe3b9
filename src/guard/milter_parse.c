#include "guard/milter_parse.h"

#include <errno.h>

#include "base/cursor.h"

enum { REPLY_LINES_TEXT_MAX = 400, NAME_MAX_BYTES = 998 };

/* --- reading ------------------------------------------------------------------------------ */

static bool take_u32(struct cursor *c, uint32_t *out)
{
	struct slice bytes;
	if (!take_bytes(c, 4, &bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < 4; i++)
		*out = *out << 8 | (unsigned char)bytes.data[i];
	return true;
}

int milter_take_packet(struct slice *input, struct slice *packet_out)
{
	struct cursor c = cursor_of(*input);
	uint32_t len;
	if (!take_u32(&c, &len))
		return 0;
	if (len == 0 || len > MILTER_PACKET_MAX)
		return -EPROTO;
	if (!take_bytes(&c, len, packet_out))
		return 0;
	*input = cursor_rest(&c);
	return 1;
}

static bool take_string(struct cursor *c, struct slice *out)
{
	return take_until(c, '\0', MILTER_PACKET_MAX, out) && take_byte(c, '\0');
}

bool milter_is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == ':')
			return false;
	return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

static bool take_field(struct cursor *c, struct milter_message *out)
{
	return take_string(c, &out->name) && take_string(c, &out->value) &&
	       milter_is_field_name(out->name);
}

static bool take_options(struct cursor *c, struct milter_options *out)
{
	/* Which macros it wants may follow: it gets all that there are. */
	return take_u32(c, &out->version) && take_u32(c, &out->actions) &&
	       take_u32(c, &out->protocol) && out->version >= MILTER_VERSION_MIN &&
	       out->version <= MILTER_VERSION;
}

static bool take_rest(struct cursor *c, struct milter_message *out)
{
	switch (out->answer) {
	case MILTER_OPTIONS:
		return take_options(c, &out->options);
	case MILTER_ADD_HEADER:
		return take_field(c, out);
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
		return take_u32(c, &out->index) && take_field(c, out);
	case MILTER_CHANGE_FROM:
	case MILTER_ADD_RCPT:
	case MILTER_ADD_RCPT_ARGS:
	case MILTER_DELETE_RCPT:
	case MILTER_QUARANTINE:
	case MILTER_REPLY:
		return take_string(c, &out->value);
	case MILTER_REPLACE_BODY:
		out->value = cursor_rest(c);
		return true;
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_CONNFAIL:
	case MILTER_SHUTDOWN:
	case MILTER_SKIPPED:
	case MILTER_PROGRESS:
		return true;
	}
	return false;
}

int milter_parse(struct slice packet, struct milter_message *out)
{
	struct cursor c = cursor_of(packet);
	char answer;
	*out = (struct milter_message){ .name = SLICE_EMPTY, .value = SLICE_EMPTY };
	if (!take_any(&c, &answer))
		return -EPROTO;
	out->answer = (enum milter_answer)answer;
	return take_rest(&c, out) ? 0 : -EPROTO;
}

/* --- replies ------------------------------------------------------------------------------ */

/* Behind "550 " or "550-": without the enhanced code, whose copy in *enhanced is the first.
 * libmilter wants a percent sign to be written twice. */
static void append_reply_line(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '%' && i + 1 < text.len && text.data[i + 1] == '%')
			i++;
		(void)buf_append_byte(out, c >= ' ' && c <= '~' ? c : '?');
	}
}

static struct slice skip_enhanced(struct slice text)
{
	struct cursor c = cursor_of(text);
	struct slice word;
	uint64_t n;
	bool found = take_number(&c, 5, &n) && n >= 4 && take_byte(&c, '.') &&
	             take_number(&c, 999, &n) && take_byte(&c, '.') && take_number(&c, 999, &n) &&
	             (cursor_at_end(&c) || take_while(&c, byte_is_space, 1, &word));
	return found ? cursor_rest(&c) : text;
}

bool milter_parse_reply(struct arena *arena, struct slice value, struct config_reply *out)
{
	struct buf line = buf_make(REPLY_LINES_TEXT_MAX);
	bool first = true;
	struct slice rest = value;
	while (rest.len > 0) {
		struct slice text = slice_trim(slice_split(&rest, '\n'));
		if (text.len < 3)
			continue;
		if (first) {
			append_reply_line(&line, slice_sub(text, 0, 3));
			(void)buf_append_byte(&line, ' ');
			append_reply_line(&line, slice_from(text, 4));
		} else {
			(void)buf_append(&line, SLICE("; "));
			append_reply_line(&line, skip_enhanced(slice_from(text, 4)));
		}
		first = false;
	}
	struct slice made = slice_trim(buf_slice(&line));
	/* Nothing but a code is a reply, too. */
	bool bare = made.len == 3 || skip_enhanced(slice_from(made, 4)).len == 0;
	if (bare)
		made = arena_concat(arena, (struct slice[]){ made, SLICE(" Refused by a filter") },
		                    2);
	bool ok = config_parse_reply(arena, made, out);
	buf_free(&line);
	return ok;
}

/* --- writing ------------------------------------------------------------------------------ */

void milter_put_number(struct buf *out, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		(void)buf_append_byte(out, (char)(number >> shift & 0xFF));
}

void milter_put_begin(struct buf *out, char command, size_t *at_out)
{
	*at_out = out->len;
	milter_put_number(out, 0);
	(void)buf_append_byte(out, command);
}

void milter_put_end(struct buf *out, size_t at)
{
	if (buf_failed(out))
		return;
	uint32_t len = (uint32_t)(out->len - at - 4);
	for (size_t i = 0; i < 4; i++)
		out->data[at + i] = (char)(len >> (24 - 8 * i) & 0xFF);
}

static void put_without_nul(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		(void)buf_append_byte(out, text.data[i] == '\0' ? ' ' : text.data[i]);
}

void milter_put_string(struct buf *out, struct slice text)
{
	put_without_nul(out, text);
	(void)buf_append_byte(out, '\0');
}

void milter_put_value(struct buf *out, struct slice value, bool leading_space)
{
	size_t from = 0, room = MILTER_CHUNK_MAX - NAME_MAX_BYTES - 8;
	while (!leading_space && from < value.len && byte_is_space(value.data[from]))
		from++;
	struct slice rest = slice_sub(value, from, room);
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.data[i];
		if (c == '\r' && i + 1 < rest.len && rest.data[i + 1] == '\n')
			continue;
		(void)buf_append_byte(out, c == '\0' ? ' ' : c);
	}
	(void)buf_append_byte(out, '\0');
}

void milter_field_text(struct buf *out, struct slice name, struct slice value, bool leading_space)
{
	(void)buf_append(out, name);
	(void)buf_append(out, leading_space ? SLICE(":") : SLICE(": "));
	bool first = true;
	while (value.len > 0) {
		struct slice line = slice_split(&value, '\n');
		while (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		/* A line of spaces alone would be read as the end by some (RFC 5322 section 3.2.2).
		 */
		if (!first && slice_trim(line).len == 0)
			continue;
		if (!first)
			(void)buf_append(out, byte_is_space(line.data[0]) ? SLICE("\r\n")
			                                                  : SLICE("\r\n\t"));
		for (size_t i = 0; i < line.len; i++)
			(void)buf_append_byte(out, line.data[i] == '\r' || line.data[i] == '\0'
			                                   ? ' '
			                                   : line.data[i]);
		first = false;
	}
	(void)buf_append(out, SLICE("\r\n"));
}
