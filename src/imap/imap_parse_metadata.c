#include "imap/imap_parse_metadata.h"

/* --- entries ------------------------------------------------------------------------- */

static void make_room(struct imap_metadata *m, struct arena *arena)
{
	m->names = ARENA_ARRAY(arena, IMAP_METADATA_ENTRIES_MAX, struct slice);
	m->values = ARENA_ARRAY(arena, IMAP_METADATA_ENTRIES_MAX, struct slice);
	m->is_nil = ARENA_ARRAY(arena, IMAP_METADATA_ENTRIES_MAX, bool);
}

static bool take_entry(struct cursor *c, struct arena *arena, struct imap_metadata *m)
{
	struct slice text;
	if (m->count == IMAP_METADATA_ENTRIES_MAX || !imap_take_astring(c, arena, &text) ||
	    !annotation_name(arena, text, &m->names[m->count]))
		return false;
	m->count++;
	return true;
}

bool imap_take_metadata_entries(struct cursor *c, struct arena *arena, struct imap_metadata *out)
{
	bool parens = take_byte(c, '(');
	make_room(out, arena);
	do {
		if (!take_entry(c, arena, out))
			return false;
	} while (parens && imap_take_space(c));
	return !parens || take_byte(c, ')');
}

/* --- GETMETADATA --------------------------------------------------------------------- */

/* getmetadata-option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity") */
static bool take_option(struct cursor *c, struct imap_metadata *m)
{
	if (imap_take_word(c, SLICE("MAXSIZE"))) {
		m->has_max_size = true;
		return imap_take_space(c) && imap_take_number(c, &m->max_size);
	}
	if (!imap_take_word(c, SLICE("DEPTH")) || !imap_take_space(c))
		return false;
	if (imap_take_word(c, SLICE("0")))
		m->depth = ANNOTATION_SELF;
	else if (imap_take_word(c, SLICE("1")))
		m->depth = ANNOTATION_CHILDREN;
	else if (imap_take_word(c, SLICE("infinity")))
		m->depth = ANNOTATION_ALL;
	else
		return false;
	return true;
}

/* Nothing is taken unless an option follows. */
static bool take_options(struct cursor *c, struct imap_metadata *m)
{
	struct cursor at = *c;
	if (!take_byte(&at, '('))
		return true;
	struct cursor look = at;
	if (!imap_take_word(&look, SLICE("MAXSIZE")) && !imap_take_word(&look, SLICE("DEPTH")))
		return true;
	do {
		if (!take_option(&at, m))
			return false;
	} while (imap_take_space(&at));
	*c = at;
	return take_byte(c, ')') && imap_take_space(c);
}

bool imap_take_getmetadata(struct cursor *c, struct arena *arena, struct imap_metadata *out)
{
	*out = (struct imap_metadata){ 0 };
	return imap_take_space(c) && take_options(c, out) &&
	       imap_take_astring(c, arena, &out->mailbox) && imap_take_space(c) &&
	       take_options(c, out) && imap_take_metadata_entries(c, arena, out);
}

/* --- SETMETADATA --------------------------------------------------------------------- */

/* value = nstring / literal8 */
static bool take_value(struct cursor *c, struct arena *arena, struct imap_metadata *m, size_t i)
{
	struct cursor at = *c;
	if (take_byte(&at, '~') && cursor_peek(&at) == '{')
		*c = at;
	return imap_take_nstring(c, arena, &m->values[i], &m->is_nil[i]);
}

bool imap_take_setmetadata(struct cursor *c, struct arena *arena, struct imap_metadata *out)
{
	*out = (struct imap_metadata){ 0 };
	make_room(out, arena);
	if (!imap_take_space(c) || !imap_take_astring(c, arena, &out->mailbox) ||
	    !imap_take_space(c) || !take_byte(c, '('))
		return false;
	do {
		size_t i = out->count;
		if (!take_entry(c, arena, out) || annotation_is_place(out->names[i]) ||
		    !imap_take_space(c) || !take_value(c, arena, out, i))
			return false;
	} while (imap_take_space(c));
	return take_byte(c, ')');
}
