#include "cli/imap_answer.h"

#include "imap/imap_lexer.h"
#include "imap/imap_utf7.h"
#include "mailbox/mailbox.h"

enum { NESTING_MAX = 100 };

/* --- any value -------------------------------------------------------------------------- */

static bool is_bare(char c)
{
	return (unsigned char)c > ' ' && c != '(' && c != ')' && c != '"' && c != 0x7f;
}

/* value = string / atom / "(" *value ")"; nested ones are only counted. */
static bool skip_value(struct cursor *c, struct arena *arena)
{
	struct slice unused;
	int depth = 0;
	do {
		skip_space(c);
		if (take_byte(c, '(')) {
			if (++depth > NESTING_MAX)
				return false;
		} else if (depth > 0 && take_byte(c, ')')) {
			depth--;
		} else if (!imap_take_string(c, arena, &unused) &&
		           !take_while(c, is_bare, SIZE_MAX, &unused)) {
			return false;
		}
	} while (depth > 0);
	return true;
}

/* --- FETCH ------------------------------------------------------------------------------ */

static unsigned flag_of(struct slice name)
{
	static const struct {
		const char *name;
		unsigned flag;
	} flags[] = { { "\\Seen", FLAG_SEEN },
		      { "\\Answered", FLAG_ANSWERED },
		      { "\\Flagged", FLAG_FLAGGED },
		      { "\\Deleted", FLAG_DELETED },
		      { "\\Draft", FLAG_DRAFT } };
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(flags[i].name)))
			return flags[i].flag;
	}
	return 0;
}

static bool take_flags(struct cursor *c, struct imap_fetched *out)
{
	struct slice name;
	if (!take_byte(c, '('))
		return false;
	out->has_flags = true;
	while (!take_byte(c, ')')) {
		skip_space(c);
		if (!take_while(c, is_bare, IMAP_ATOM_MAX, &name))
			return false;
		skip_space(c);
		if (name.data[0] == '\\')
			out->flags |= flag_of(name);
		else if (out->keyword_count < IMAP_ANSWER_KEYWORDS_MAX)
			out->keywords[out->keyword_count++] = name;
	}
	return true;
}

static bool take_date(struct cursor *c, struct arena *arena, struct imap_fetched *out)
{
	struct slice text;
	if (!imap_take_string(c, arena, &text))
		return false;
	out->has_date = date_parse_imap(text, &out->date);
	return true;
}

static bool take_body(struct cursor *c, struct arena *arena, struct imap_fetched *out)
{
	bool is_nil;
	if (!imap_take_nstring(c, arena, &out->body, &is_nil))
		return false;
	out->has_body = !is_nil;
	return true;
}

static bool take_item(struct cursor *c, struct arena *arena, struct imap_fetched *out)
{
	uint64_t number;
	if (take_text_nocase(c, SLICE("UID "))) {
		if (!take_number(c, UINT32_MAX, &number))
			return false;
		out->uid = (uint32_t)number;
		return true;
	}
	if (take_text_nocase(c, SLICE("FLAGS ")))
		return take_flags(c, out);
	if (take_text_nocase(c, SLICE("INTERNALDATE ")))
		return take_date(c, arena, out);
	if (take_text_nocase(c, SLICE("RFC822.SIZE "))) {
		out->has_size = true;
		return take_number(c, UINT64_MAX, &out->size);
	}
	if (take_text_nocase(c, SLICE("MODSEQ (")))
		return take_number(c, UINT64_MAX, &out->mod_seq) && take_byte(c, ')');
	if (take_text_nocase(c, SLICE("BODY[] ")))
		return take_body(c, arena, out);
	struct slice name;
	if (take_text_nocase(c, SLICE("ENVELOPE ")))
		out->has_envelope = true;
	else if (!take_while(c, is_bare, IMAP_ATOM_MAX, &name))
		return false;
	return skip_value(c, arena);
}

bool imap_read_fetch(struct slice response, struct arena *arena, struct imap_fetched *out)
{
	struct cursor c = cursor_of(response);
	uint64_t seq;
	*out = (struct imap_fetched){ .body = SLICE_EMPTY };
	if (!take_number(&c, UINT32_MAX, &seq) || !take_text_nocase(&c, SLICE(" FETCH (")))
		return false;
	out->seq = (uint32_t)seq;
	while (!take_byte(&c, ')')) {
		if (!take_item(&c, arena, out))
			return false;
		skip_space(&c);
	}
	return true;
}

/* --- LIST ------------------------------------------------------------------------------- */

static const char *use_of(struct slice attribute)
{
	static const char *const uses[] = { "Sent", "Drafts", "Trash", "Junk", "Archive" };
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (slice_equal_nocase(slice_from(attribute, 1), slice_from_str(uses[i])))
			return uses[i];
	}
	return NULL;
}

static bool take_attributes(struct cursor *c, struct imap_listed *out)
{
	struct slice name;
	if (!take_byte(c, '('))
		return false;
	while (!take_byte(c, ')')) {
		skip_space(c);
		if (!take_while(c, is_bare, IMAP_ATOM_MAX, &name))
			return false;
		skip_space(c);
		if (slice_equal_nocase(name, SLICE("\\Noselect")) ||
		    slice_equal_nocase(name, SLICE("\\NonExistent")))
			out->cannot_be_selected = true;
		if (name.data[0] == '\\' && use_of(name))
			out->use = use_of(name);
	}
	return true;
}

/* A "/" within a level, where something else separates them, would be a level of its own here. */
static struct slice our_name(struct arena *arena, const struct imap_listed *l)
{
	struct slice utf8;
	if (imap_utf7_decode(arena, l->wire, &utf8) < 0)
		utf8 = l->wire;
	char *name = arena_str(arena, utf8);
	for (size_t i = 0; l->separator && l->separator != '/' && i < utf8.len; i++) {
		if (name[i] == '/')
			name[i] = '_';
		else if (name[i] == l->separator)
			name[i] = '/';
	}
	return slice_of(name, utf8.len);
}

bool imap_read_list(struct slice response, struct arena *arena, struct imap_listed *out)
{
	struct cursor c = cursor_of(response);
	struct slice separator;
	bool is_nil;
	*out = (struct imap_listed){ .wire = SLICE_EMPTY };
	if (!take_text_nocase(&c, SLICE("LIST ")) || !take_attributes(&c, out) ||
	    !imap_take_space(&c) || !imap_take_nstring(&c, arena, &separator, &is_nil) ||
	    !imap_take_space(&c) || !imap_take_list_mailbox(&c, arena, &out->wire))
		return false;
	out->separator = separator.len == 1 ? separator.data[0] : 0;
	out->name = our_name(arena, out);
	return true;
}

/* --- numbers ---------------------------------------------------------------------------- */

bool imap_read_code(struct slice response, struct slice code, uint64_t *out)
{
	struct cursor c = cursor_of(response);
	ptrdiff_t at = slice_find_byte(response, '[');
	if (at < 0)
		return false;
	c.at += at + 1;
	return take_text_nocase(&c, code) && take_byte(&c, ' ') && take_number(&c, UINT64_MAX, out);
}

bool imap_read_search(struct slice response, struct arena *arena, struct uid_set *set)
{
	struct cursor c = cursor_of(response);
	uint64_t number;
	if (!take_text_nocase(&c, SLICE("SEARCH")))
		return false;
	while (take_byte(&c, ' ') && take_number(&c, UINT32_MAX, &number)) {
		if (number > 0)
			uid_set_add(arena, set, (uint32_t)number, (uint32_t)number);
	}
	return true;
}

bool imap_read_count(struct slice response, struct slice word, uint32_t *out)
{
	struct cursor c = cursor_of(response);
	uint64_t number;
	if (!take_number(&c, UINT32_MAX, &number) || !take_byte(&c, ' ') ||
	    !take_text_nocase(&c, word) || !cursor_at_end(&c))
		return false;
	*out = (uint32_t)number;
	return true;
}
