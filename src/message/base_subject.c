#include "message/base_subject.h"

#include "base/cursor.h"

/* Step 1: runs of white space become one space. */
static struct slice collapse(struct arena *arena, struct slice s)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		bool space = s.data[i] == ' ' || s.data[i] == '\t' || s.data[i] == '\r' ||
		             s.data[i] == '\n';
		if (!space)
			out[len++] = s.data[i];
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	return slice_of(out, len);
}

/* Step 2: subj-trailer = "(fwd)" / WSP */
static struct slice without_trailers(struct slice s, bool *is_reply)
{
	for (;;) {
		if (slice_ends_with(s, SLICE(" "))) {
			s.len--;
		} else if (slice_ends_with_nocase(s, SLICE("(fwd)"))) {
			s.len -= 5;
			*is_reply = true;
		} else {
			return s;
		}
	}
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool take_blob(struct cursor *c)
{
	struct cursor at = *c;
	if (!take_byte(&at, '['))
		return false;
	while (!cursor_at_end(&at) && cursor_peek(&at) != '[' && cursor_peek(&at) != ']')
		at.at++;
	if (!take_byte(&at, ']'))
		return false;
	skip_space(&at);
	*c = at;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool take_refwd(struct cursor *c)
{
	struct cursor at = *c;
	if (!take_text_nocase(&at, SLICE("re"))) {
		if (!take_text_nocase(&at, SLICE("fw")))
			return false;
		(void)take_byte_nocase(&at, 'd');
	}
	skip_space(&at);
	(void)take_blob(&at);
	if (!take_byte(&at, ':'))
		return false;
	*c = at;
	return true;
}

/* Step 3: subj-leader = (*subj-blob subj-refwd) / WSP */
static bool take_leader(struct cursor *c, bool *is_reply)
{
	struct cursor at = *c;
	if (take_byte(c, ' '))
		return true;
	while (take_blob(&at))
		;
	if (!take_refwd(&at))
		return false;
	*is_reply = true;
	*c = at;
	return true;
}

/* Step 4: a blob goes if something is left behind it. */
static bool take_leading_blob(struct cursor *c)
{
	struct cursor at = *c;
	if (!take_blob(&at) || cursor_at_end(&at))
		return false;
	*c = at;
	return true;
}

static struct slice without_leaders(struct slice s, bool *is_reply)
{
	struct cursor c = cursor_of(s);
	bool changed = true;
	while (changed) {
		changed = false;
		while (take_leader(&c, is_reply))
			changed = true;
		while (take_leading_blob(&c))
			changed = true;
	}
	return cursor_rest(&c);
}

struct slice message_base_subject(struct arena *arena, struct slice subject, bool *is_reply_out)
{
	struct slice s = collapse(arena, subject);
	bool is_reply = false;
	for (;;) {
		s = without_leaders(without_trailers(s, &is_reply), &is_reply);
		/* Step 6: "[fwd:" ... "]" */
		if (!slice_starts_with_nocase(s, SLICE("[fwd:")) || !slice_ends_with(s, SLICE("]")))
			break;
		s = slice_sub(s, 5, s.len - 6);
		is_reply = true;
	}
	if (is_reply_out)
		*is_reply_out = is_reply;
	return s;
}
