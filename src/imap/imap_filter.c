#include "imap/imap_filter.h"

#include "base/cursor.h"
#include "mailbox/share.h"

/* --- parsing ------------------------------------------------------------------------- */

static bool take_kind(struct cursor *c, enum imap_filter_kind *out)
{
	static const struct {
		struct slice word;
		enum imap_filter_kind kind;
	} words[] = {
		{ { "SELECTED", 8 }, FILTER_SELECTED },
		{ { "SELECTED-DELAYED", 16 }, FILTER_SELECTED_DELAYED },
		{ { "INBOXES", 7 }, FILTER_INBOXES },
		{ { "PERSONAL", 8 }, FILTER_PERSONAL },
		{ { "SUBSCRIBED", 10 }, FILTER_SUBSCRIBED },
		{ { "SUBTREE", 7 }, FILTER_SUBTREE },
		{ { "SUBTREE-ONE", 11 }, FILTER_SUBTREE_ONE },
		{ { "MAILBOXES", 9 }, FILTER_MAILBOXES },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (imap_take_word(c, words[i].word)) {
			*out = words[i].kind;
			return true;
		}
	}
	return false;
}

/* one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" */
static bool take_names(struct cursor *c, struct arena *arena, struct imap_filter *out)
{
	bool many = take_byte(c, '(');
	out->names = ARENA_ARRAY(arena, many ? IMAP_FILTER_NAMES_MAX : 1, struct slice);
	do {
		if (out->count == (many ? IMAP_FILTER_NAMES_MAX : 1) ||
		    !imap_take_astring(c, arena, &out->names[out->count]))
			return false;
		out->count++;
	} while (many && imap_take_space(c));
	return !many || take_byte(c, ')');
}

bool imap_take_filter(struct cursor *c, struct arena *arena, struct imap_filter *out)
{
	*out = (struct imap_filter){ .count = 0 };
	if (!take_kind(c, &out->kind))
		return false;
	return out->kind < FILTER_SUBTREE || (imap_take_space(c) && take_names(c, arena, out));
}

/* --- meaning ------------------------------------------------------------------------- */

void imap_filter_decode(struct imap_command *c, struct arena *arena, struct imap_filter *filter)
{
	size_t kept = 0;
	for (size_t i = 0; i < filter->count; i++) {
		struct slice wire = filter->names[i], name;
		if (wire.len > 1 && slice_ends_with(wire, SLICE("/")))
			wire.len--;
		if (wire.len == 0 && filter->kind != FILTER_MAILBOXES)
			filter->names[kept++] = SLICE_EMPTY; /* above all */
		else if (imap_decode_name(c, wire, &name) &&
		         mailbox_name(c->arena, name, &name) == 0)
			filter->names[kept++] = arena_copy(arena, name);
	}
	filter->count = kept;
}

static bool is_below(struct slice name, struct slice root, bool one_level)
{
	struct slice rest = name;
	if (root.len > 0) {
		if (!slice_starts_with(name, root) || name.len == root.len ||
		    name.data[root.len] != '/')
			return false;
		rest = slice_from(name, root.len + 1);
	}
	return !one_level || slice_find_byte(rest, '/') < 0;
}

bool imap_filter_has(const struct imap_filter *filter, struct slice name, bool is_subscribed)
{
	switch (filter->kind) {
	case FILTER_INBOXES:
	case FILTER_PERSONAL:
		return !share_is_reserved(name);
	case FILTER_SUBSCRIBED:
		return is_subscribed;
	case FILTER_SELECTED:
	case FILTER_SELECTED_DELAYED:
		return false;
	default:
		break;
	}
	for (size_t i = 0; i < filter->count; i++) {
		if (slice_equal(name, filter->names[i]) ||
		    (filter->kind != FILTER_MAILBOXES &&
		     is_below(name, filter->names[i], filter->kind == FILTER_SUBTREE_ONE)))
			return true;
	}
	return false;
}
