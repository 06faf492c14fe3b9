/* LIST and LSUB: names of mailboxes (RFC 3501 section 6.3.8, RFC 5258, RFC 6154, RFC 5819). */
#include <errno.h>

#include "imap/imap_list.h"
#include "imap/imap_metadata.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "imap/imap_utf7.h"

/* --- collecting ---------------------------------------------------------------------- */

static struct imap_list_name *add_name(struct imap_list_names *l, struct slice name)
{
	if (l->count == l->capacity) {
		size_t capacity = l->capacity ? l->capacity * 2 : 16;
		struct imap_list_name *grown = ARENA_ARRAY(l->arena, capacity,
		                                           struct imap_list_name);
		if (l->count)
			memcpy(grown, l->names, l->count * sizeof(*grown));
		l->names = grown;
		l->capacity = capacity;
	}
	struct imap_list_name *n = &l->names[l->count++];
	*n = (struct imap_list_name){ .name = name };
	return n;
}

static int add_mailbox(const struct mailbox_info *info, void *arg)
{
	struct imap_list_names *l = arg;
	struct imap_list_name *n = add_name(l, arena_copy(l->arena, info->name));
	n->exists = true;
	n->rights = ACL_ALL;
	n->info = *info;
	n->info.name = n->name;
	return 0;
}

/* What it is for there is not what it is for here. An owner with "/" in the address, which has no
 * name of one level, is left out. */
static int add_shared(const struct acl_shared *shared, void *arg)
{
	struct imap_list_names *l = arg;
	if (slice_find_byte(shared->owner, '/') >= 0)
		return 0;
	struct imap_list_name *n = add_name(l,
	                                    share_name(l->arena, shared->owner, shared->info.name));
	n->exists = n->shared = true;
	n->rights = shared->rights;
	n->info = shared->info;
	n->info.name = n->name;
	n->info.use = USE_NONE;
	return 0;
}

static int add_subscription(struct slice name, void *arg)
{
	struct imap_list_names *l = arg;
	add_name(l, arena_copy(l->arena, name))->subscribed = true;
	return 0;
}

static int read_names(struct db *db, void *arg)
{
	struct imap_list_names *l = arg;
	int rc = mailbox_each(db, l->user.account_id, add_mailbox, l);
	if (rc == 0)
		rc = acl_each_shared(db, l->user.account_id, l->user.address, add_shared, l);
	return rc == 0 ? mailbox_each_subscription(db, l->user.account_id, add_subscription, l)
	               : rc;
}

static int compare_names(const void *a, const void *b)
{
	const struct imap_list_name *x = a, *y = b;
	return slice_compare(x->name, y->name);
}

/* Sorts, and makes one of those with the same name. */
static void merge_names(struct imap_list_names *l)
{
	size_t kept = 0;
	if (l->count == 0)
		return;
	qsort(l->names, l->count, sizeof(*l->names), compare_names);
	for (size_t i = 1; i < l->count; i++) {
		struct imap_list_name *a = &l->names[kept], *b = &l->names[i];
		if (!slice_equal(a->name, b->name)) {
			l->names[++kept] = *b;
			continue;
		}
		a->subscribed |= b->subscribed;
		/* One's own comes before another's of the same name. */
		if (b->exists && (!a->exists || a->shared)) {
			a->exists = true;
			a->shared = b->shared;
			a->rights = b->rights;
			a->info = b->info;
		}
	}
	l->count = kept + 1;
}

/* Levels above a name that are no name themselves; a row later they are found by merging. */
static void add_levels(struct imap_list_names *l)
{
	size_t count = l->count;
	for (size_t i = 0; i < count; i++) {
		struct slice name = l->names[i].name;
		ptrdiff_t at;
		while ((at = slice_find_last_byte(name, '/')) > 0) {
			name = slice_sub(name, 0, (size_t)at);
			/* Neighbours share most levels: one look back saves most copies. */
			if (i > 0 && (slice_equal(l->names[i - 1].name, name) ||
			              (slice_starts_with(l->names[i - 1].name, name) &&
			               l->names[i - 1].name.data[name.len] == '/')))
				break;
			add_name(l, name);
		}
	}
	merge_names(l);
}

struct imap_list_name *imap_list_find(const struct imap_list_names *l, struct slice name)
{
	struct imap_list_name key = { .name = name };
	return l->count ? bsearch(&key, l->names, l->count, sizeof(*l->names), compare_names)
	                : NULL;
}

/* Tells the levels above each name what is below them. */
static void mark_parents(struct imap_list_names *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct slice name = l->names[i].name;
		ptrdiff_t at;
		while ((at = slice_find_last_byte(name, '/')) > 0) {
			name = slice_sub(name, 0, (size_t)at);
			struct imap_list_name *parent = imap_list_find(l, name);
			if (!parent)
				continue;
			/* Only mailboxes make children; a mere level has some below it. */
			parent->has_children |= l->names[i].exists;
			parent->child_subscribed |= l->names[i].subscribed;
		}
	}
}

int imap_list_collect(struct imap_session *s, struct arena *arena, struct imap_list_names *l)
{
	*l = (struct imap_list_names){ .arena = arena, .user = imap_share_user(s) };
	int rc = store_read(imap_context(s)->store, read_names, l);
	if (rc < 0)
		return rc;
	merge_names(l);
	add_levels(l);
	mark_parents(l);
	return 0;
}

/* --- answering ----------------------------------------------------------------------- */

static const char *const use_names[] = {
	[USE_SENT] = "\\Sent", [USE_DRAFTS] = "\\Drafts",   [USE_TRASH] = "\\Trash",
	[USE_JUNK] = "\\Junk", [USE_ARCHIVE] = "\\Archive",
};

enum mailbox_use imap_use_of(struct slice attribute)
{
	for (size_t i = USE_SENT; i < sizeof(use_names) / sizeof(use_names[0]); i++) {
		if (slice_equal_nocase(attribute, slice_from_str(use_names[i] + 1)))
			return (enum mailbox_use)i;
	}
	return USE_NONE;
}

static const char *use_name(const struct imap_list_name *n)
{
	size_t use = (size_t)n->info.use;
	return n->exists && use < sizeof(use_names) / sizeof(use_names[0]) ? use_names[use] : NULL;
}

static void write_attribute(struct imap_session *s, bool *first, const char *name)
{
	imap_printf(s, "%s%s", *first ? "" : " ", name);
	*first = false;
}

/* Older clients of a large provider ask by XLIST, and know these uses by other names. */
static const char *xlist_name(const struct imap_list_name *n)
{
	if (slice_equal(n->name, SLICE("INBOX")))
		return "\\Inbox";
	if (n->exists && n->info.use == USE_JUNK)
		return "\\Spam";
	return use_name(n);
}

static void write_attributes(struct imap_session *s, const struct imap_list *list,
                             const struct imap_list_name *n)
{
	bool first = true;
	imap_write(s, SLICE("("));
	if (!n->exists)
		/* RFC 5258 section 3 would have \NonExistent, which older clients don't know. */
		write_attribute(s, &first, list->extended ? "\\NonExistent" : "\\Noselect");
	write_attribute(s, &first, n->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (n->subscribed && (list->options & (LIST_SUBSCRIBED | LIST_RETURN_SUBSCRIBED)))
		write_attribute(s, &first, "\\Subscribed");
	const char *use = list->xlist ? xlist_name(n) : use_name(n);
	if (use)
		write_attribute(s, &first, use);
	imap_write(s, SLICE(")"));
}

static bool matches_any(const struct imap_list *list, struct slice name)
{
	for (size_t i = 0; i < list->pattern_count; i++) {
		if (imap_name_matches(list->patterns[i], name))
			return true;
	}
	return false;
}

/* Names as such are listed if they exist or lead to one that does; with SUBSCRIBED, if they are
 * subscribed, existing or not. */
static bool is_selected(const struct imap_list *list, const struct imap_list_name *n)
{
	if ((list->options & LIST_SUBSCRIBED) && !n->subscribed)
		return false;
	if ((list->options & LIST_SPECIAL_USE) && !use_name(n))
		return false;
	if (!(list->options & LIST_SUBSCRIBED))
		return n->exists || n->has_children;
	return true;
}

/* RECURSIVEMATCH: a name that is not selected itself, for the sake of what is below it. */
static bool leads_to_selected(const struct imap_list *list, const struct imap_list_name *n)
{
	return (list->options & LIST_RECURSIVEMATCH) && (list->options & LIST_SUBSCRIBED) &&
	       n->child_subscribed;
}

static int write_list(struct imap_command *c, const struct imap_list *list,
                      const struct imap_list_name *n)
{
	struct imap_session *s = c->s;
	bool selected = is_selected(list, n), leads = leads_to_selected(list, n);
	if ((!selected && !leads) || !matches_any(list, n->name))
		return 0;
	imap_write(s, list->xlist ? SLICE("* XLIST ") : SLICE("* LIST "));
	write_attributes(s, list, n);
	imap_write(s, SLICE(" \"/\" "));
	imap_write_mailbox(s, c->arena, n->name);
	imap_write(s, leads ? SLICE(" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n") : SLICE("\r\n"));
	if (!n->exists || !selected)
		return 0;
	int rc = 0;
	if (list->options & LIST_RETURN_MYRIGHTS)
		imap_write_my_rights(c, n->name, n->rights);
	if (list->options & LIST_RETURN_METADATA)
		rc = imap_write_metadata(c, n->name, n->info.id, &list->metadata, NULL);
	if (rc == 0 && (list->options & LIST_RETURN_STATUS) && (n->rights & ACL_READ))
		rc = imap_write_status(s, c->arena, &n->info, imap_list_viewer(s, n),
		                       list->status_items);
	return rc;
}

void imap_list_tell(struct imap_session *s, struct arena *arena, const struct imap_list_name *n,
                    struct slice old_name)
{
	const struct imap_list list = { .options = LIST_RETURN_SUBSCRIBED, .extended = true };
	imap_write(s, SLICE("* LIST "));
	write_attributes(s, &list, n);
	imap_write(s, SLICE(" \"/\" "));
	imap_write_mailbox(s, arena, n->name);
	if (old_name.len > 0) {
		imap_write(s, SLICE(" (\"OLDNAME\" ("));
		imap_write_mailbox(s, arena, old_name);
		imap_write(s, SLICE("))"));
	}
	imap_write(s, SLICE("\r\n"));
}

/* The reference is what relative patterns are relative to: put before them. */
static bool prepare_patterns(struct imap_command *c, struct imap_list *list)
{
	for (size_t i = 0; i < list->pattern_count; i++) {
		struct slice parts[] = { list->reference, list->patterns[i] };
		if (!imap_decode_name(c, arena_concat(c->arena, parts, 2), &list->patterns[i]))
			return false;
	}
	return true;
}

/* LIST "" "" asks for the separator alone. */
static bool is_separator_query(const struct imap_list *list)
{
	return !list->extended && list->pattern_count == 1 && list->patterns[0].len == 0;
}

static void list_all(struct imap_command *c, bool xlist)
{
	struct imap_list list;
	struct imap_list_names names;

	if (!imap_take_space(&c->args) || !imap_take_list(&c->args, c->arena, &list)) {
		imap_bad(c, "LIST needs a reference and a pattern.");
		return;
	}
	list.xlist = xlist;
	if (!imap_at_end(c))
		return;
	if (is_separator_query(&list)) {
		imap_write(c->s, SLICE("* LIST (\\Noselect) \"/\" \"\"\r\n"));
		return;
	}
	if (!prepare_patterns(c, &list))
		return; /* no mailbox can have such a name */
	int rc = imap_list_collect(c->s, c->arena, &names);
	for (size_t i = 0; i < names.count && rc == 0; i++)
		rc = write_list(c, &list, &names.names[i]);
	if (rc < 0)
		imap_failed(c, rc);
}

void imap_list(struct imap_command *c) { list_all(c, false); }

void imap_xlist(struct imap_command *c) { list_all(c, true); }

/* --- LSUB ---------------------------------------------------------------------------- */

/* RFC 3501 section 6.3.9: "%" lists a level above a subscribed name, as \Noselect, if the name
 * itself does not match. */
static bool is_level_of_lsub(const struct imap_list *list, const struct imap_list_name *n)
{
	struct slice pattern = list->patterns[0];
	return !n->subscribed && n->child_subscribed && slice_ends_with(pattern, SLICE("%"));
}

static void write_lsub(struct imap_command *c, const struct imap_list *list,
                       const struct imap_list_name *n)
{
	struct imap_session *s = c->s;
	bool level = is_level_of_lsub(list, n);
	if ((!n->subscribed && !level) || !matches_any(list, n->name))
		return;
	imap_write(s, level ? SLICE("* LSUB (\\Noselect) \"/\" ") : SLICE("* LSUB () \"/\" "));
	imap_write_mailbox(s, c->arena, n->name);
	imap_write(s, SLICE("\r\n"));
}

void imap_lsub(struct imap_command *c)
{
	struct imap_list list;
	struct imap_list_names names;

	if (!imap_take_space(&c->args) || !imap_take_list(&c->args, c->arena, &list) ||
	    list.extended) {
		imap_bad(c, "LSUB needs a reference and a pattern.");
		return;
	}
	if (!imap_at_end(c) || !prepare_patterns(c, &list))
		return;
	int rc = imap_list_collect(c->s, c->arena, &names);
	for (size_t i = 0; i < names.count && rc == 0; i++)
		write_lsub(c, &list, &names.names[i]);
	if (rc < 0)
		imap_failed(c, rc);
}
