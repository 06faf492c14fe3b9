#include "imap/imap_lexer.h"

#include "mailbox/mailbox.h"

/* --- characters ---------------------------------------------------------------------- */

/* Any CHAR but atom-specials: ( ) { SP CTL % * " \ ] */
bool imap_is_atom_char(char c) { return c > ' ' && c < 0x7f && !strchr("(){%*\"\\]", c); }

/* Bytes above 0x7F stand in no grammar, but clients send raw UTF-8 in names. */
static bool imap_is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']' || (unsigned char)c >= 0x80;
}

static bool is_list_char(char c) { return imap_is_astring_char(c) || c == '%' || c == '*'; }

static bool is_tag_char(char c) { return c != '+' && (imap_is_atom_char(c) || c == ']'); }

/* --- literals ------------------------------------------------------------------------ */

/* literal's beginning = "{" number64 ["+"] "}"; a number beyond all is the greatest, so that what
 * follows is taken for a literal, too. */
static bool take_literal_size(struct cursor *c, uint64_t *size_out, bool *at_once_out)
{
	struct cursor at = *c;
	struct slice digits;
	if (!take_byte(&at, '{') || !take_while(&at, byte_is_digit, SIZE_MAX, &digits))
		return false;
	if (!slice_to_u64(digits, size_out) || *size_out > INT64_MAX)
		*size_out = INT64_MAX;
	*at_once_out = take_byte(&at, '+');
	if (!take_byte(&at, '}'))
		return false;
	*c = at;
	return true;
}

bool imap_line_literal(struct slice line, uint64_t *size_out, bool *at_once_out,
                       struct slice *prefix_out)
{
	ptrdiff_t brace = slice_find_last_byte(line, '{');
	if (brace < 0)
		return false;
	struct cursor c = cursor_of(slice_from(line, (size_t)brace));
	if (!take_literal_size(&c, size_out, at_once_out) || !cursor_at_end(&c))
		return false;
	*prefix_out = slice_sub(line, 0, (size_t)brace);
	return true;
}

static bool take_literal(struct cursor *c, struct slice *out)
{
	struct cursor at = *c;
	uint64_t size;
	bool at_once;
	if (!take_literal_size(&at, &size, &at_once) || !take_text(&at, SLICE("\r\n")) ||
	    size > cursor_left(&at) || !take_bytes(&at, (size_t)size, out))
		return false;
	*c = at;
	return true;
}

/* --- strings ------------------------------------------------------------------------- */

static struct slice unescape(struct arena *arena, struct slice s)
{
	char *copy = arena_alloc(arena, s.len ? s.len : 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\\')
			i++;
		copy[len++] = s.data[i];
	}
	return slice_of(copy, len);
}

/* What no quoted string has as it is, and its end. */
static bool is_quoted_special(char c)
{
	return c == '"' || c == '\\' || c == '\r' || c == '\n' || c == '\0';
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; a backslash stands before DQUOTE and backslash only. */
static bool take_quoted(struct cursor *c, struct arena *arena, struct slice *out)
{
	const char *at = c->at, *end = c->end;
	bool escaped = false;
	if (at == end || *at++ != '"')
		return false;
	const char *start = at;
	for (;; at++) {
		while (at < end && !is_quoted_special(*at))
			at++;
		if (at == end)
			return false;
		if (*at == '"')
			break;
		if (*at != '\\' || ++at == end || (*at != '"' && *at != '\\'))
			return false;
		escaped = true;
	}
	*out = slice_of(start, (size_t)(at - start));
	if (escaped)
		*out = unescape(arena, *out);
	c->at = at + 1;
	return true;
}

bool imap_take_string(struct cursor *c, struct arena *arena, struct slice *out)
{
	return take_quoted(c, arena, out) || take_literal(c, out);
}

bool imap_take_astring(struct cursor *c, struct arena *arena, struct slice *out)
{
	return take_while(c, imap_is_astring_char, IMAP_ATOM_MAX, out) ||
	       imap_take_string(c, arena, out);
}

bool imap_take_nstring(struct cursor *c, struct arena *arena, struct slice *out, bool *is_nil)
{
	*is_nil = imap_take_word(c, SLICE("NIL"));
	if (*is_nil) {
		*out = SLICE_EMPTY;
		return true;
	}
	return imap_take_string(c, arena, out);
}

bool imap_take_list_mailbox(struct cursor *c, struct arena *arena, struct slice *out)
{
	return take_while(c, is_list_char, IMAP_ATOM_MAX, out) || imap_take_string(c, arena, out);
}

/* --- small things -------------------------------------------------------------------- */

bool imap_take_space(struct cursor *c)
{
	if (!take_byte(c, ' '))
		return false;
	while (take_byte(c, ' '))
		;
	return true;
}

bool imap_take_tag(struct cursor *c, struct slice *out)
{
	struct cursor at = *c;
	if (!take_while(&at, is_tag_char, IMAP_TAG_MAX, out) ||
	    (!cursor_at_end(&at) && cursor_peek(&at) != ' '))
		return false;
	*c = at;
	return true;
}

bool imap_take_atom(struct cursor *c, struct slice *out)
{
	return take_while(c, imap_is_atom_char, IMAP_ATOM_MAX, out);
}

bool imap_take_word(struct cursor *c, struct slice word)
{
	struct cursor at = *c;
	if (!take_text_nocase(&at, word))
		return false;
	if (!cursor_at_end(&at) && imap_is_atom_char((char)cursor_peek(&at)) &&
	    cursor_peek(&at) < 0x80 && cursor_peek(&at) != '[')
		return false;
	*c = at;
	return true;
}

bool imap_take_number(struct cursor *c, uint32_t *out)
{
	uint64_t value;
	if (!take_number(c, UINT32_MAX, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

/* --- sets ---------------------------------------------------------------------------- */

/* seq-number = nz-number / "*" */
static bool take_seq_number(struct cursor *c, uint32_t *out)
{
	struct cursor at = *c;
	if (take_byte(c, '*')) {
		*out = IMAP_STAR;
		return true;
	}
	if (!imap_take_number(&at, out) || *out == 0)
		return false;
	*c = at;
	return true;
}

static void set_push(struct imap_set *set, struct arena *arena, struct uid_range range)
{
	if (set->count == set->capacity) {
		size_t capacity = set->capacity ? set->capacity * 2 : 4;
		struct uid_range *grown = ARENA_ARRAY(arena, capacity, struct uid_range);
		if (set->ranges)
			memcpy(grown, set->ranges, set->count * sizeof(*grown));
		set->ranges = grown;
		set->capacity = capacity;
	}
	set->ranges[set->count++] = range;
}

/* sequence-set = (seq-number / seq-range / "$") *("," sequence-set) */
bool imap_take_set(struct cursor *c, struct arena *arena, struct imap_set *out)
{
	struct imap_set set = { 0 };
	struct cursor at = *c;
	do {
		struct uid_range range;
		if (take_byte(&at, '$')) {
			set.saved = true;
			continue;
		}
		if (set.count == IMAP_SET_RANGES_MAX || !take_seq_number(&at, &range.first))
			return false;
		range.last = range.first;
		if (take_byte(&at, ':') && !take_seq_number(&at, &range.last))
			return false;
		set_push(&set, arena, range);
	} while (take_byte(&at, ','));
	*c = at;
	*out = set;
	return true;
}

struct uid_set imap_set_resolve(const struct imap_set *set, struct arena *arena, uint32_t max)
{
	struct uid_set out = { 0 };
	for (size_t i = 0; i < set->count; i++) {
		struct uid_range r = set->ranges[i];
		if (max == 0 && (r.first == IMAP_STAR || r.last == IMAP_STAR))
			continue;
		uid_set_add(arena, &out, r.first == IMAP_STAR ? max : r.first,
		            r.last == IMAP_STAR ? max : r.last);
	}
	uid_set_sort(&out);
	return out;
}

uint32_t imap_set_greatest(const struct imap_set *set)
{
	uint32_t greatest = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct uid_range *r = &set->ranges[i];
		uint32_t end = r->first > r->last ? r->first : r->last;
		if (r->first != IMAP_STAR && r->last != IMAP_STAR && end > greatest)
			greatest = end;
	}
	return greatest;
}

/* --- flags --------------------------------------------------------------------------- */

static uint64_t system_flag(struct slice name)
{
	static const struct {
		struct slice name;
		uint64_t flag;
	} flags[] = {
		{ { "Answered", 8 }, FLAG_ANSWERED }, { { "Flagged", 7 }, FLAG_FLAGGED },
		{ { "Deleted", 7 }, FLAG_DELETED },   { { "Seen", 4 }, FLAG_SEEN },
		{ { "Draft", 5 }, FLAG_DRAFT },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (slice_equal_nocase(flags[i].name, name))
			return flags[i].flag;
	}
	return 0;
}

static bool take_flag(struct cursor *c, struct imap_flags *flags)
{
	struct cursor at = *c;
	struct slice name;
	bool system = take_byte(&at, '\\');
	if (!imap_take_atom(&at, &name))
		return false;
	if (system) {
		uint64_t flag = system_flag(name);
		if (!flag)
			return false;
		flags->system |= flag;
	} else {
		if (flags->keyword_count == IMAP_FLAGS_MAX || name.len > MAILBOX_KEYWORD_LENGTH)
			return false;
		flags->keywords[flags->keyword_count++] = name;
	}
	*c = at;
	return true;
}

bool imap_take_flags(struct cursor *c, struct arena *arena, bool without_parens,
                     struct imap_flags *out)
{
	struct imap_flags flags = { .keywords = ARENA_ARRAY(arena, IMAP_FLAGS_MAX, struct slice) };
	struct cursor at = *c;
	bool parens = take_byte(&at, '(');
	if (!parens && !without_parens)
		return false;
	if (!parens || cursor_peek(&at) != ')') {
		do {
			if (!take_flag(&at, &flags))
				return false;
		} while (imap_take_space(&at));
	}
	if (parens && !take_byte(&at, ')'))
		return false;
	*c = at;
	*out = flags;
	return true;
}
