#include "imap/imap_update.h"

#include <errno.h>

#include "imap/imap_named.h"
#include "imap/imap_reply.h"
#include "imap/imap_seek.h"
#include "imap/imap_sort.h"

struct imap_update {
	struct imap_update *next;
	struct arena *arena; /* of tag and keys */
	struct slice tag;
	bool by_uid;
	struct imap_search *request; /* its keys are prepared */
	struct imap_sort *sort;      /* NULL: it was a SEARCH */
	struct uid_set found;        /* UIDs; made by malloc() */
	uint32_t *order;             /* of a SORT: they in order; made by malloc() */
	size_t count;
};

/* --- life ---------------------------------------------------------------------------- */

static void update_free(struct imap_update *u)
{
	free(u->found.ranges);
	free(u->order);
	arena_free(u->arena);
	free(u);
}

void imap_updates_drop(struct imap_selected *selected)
{
	while (selected->updates) {
		struct imap_update *u = selected->updates;
		selected->updates = u->next;
		update_free(u);
	}
	mailbox_view_release(selected->updated);
	selected->updated = NULL;
}

static struct imap_update **find(struct imap_session *s, struct slice tag)
{
	struct imap_update **at = &s->selected->updates;
	while (*at && !slice_equal((*at)->tag, tag))
		at = &(*at)->next;
	return at;
}

static void cancel(struct imap_session *s, struct slice tag)
{
	struct imap_update **at = find(s, tag), *u = *at;
	if (!u)
		return;
	*at = u->next;
	update_free(u);
}

bool imap_update_is_taken(struct imap_command *c)
{
	if (!*find(c->s, c->tag))
		return false;
	imap_bad(c, "A result of that tag is kept up to date.");
	return true;
}

static void tell_refused(struct imap_session *s, struct slice tag, const char *why)
{
	imap_write(s, SLICE("* NO [NOUPDATE \""));
	imap_write(s, tag);
	imap_printf(s, "\"] %s\r\n", why);
}

/* False if that is too much to be kept. */
static bool keep_found(struct imap_update *u, const struct uid_set *found)
{
	if (found->count > IMAP_UPDATE_RANGES_MAX)
		return false;
	struct uid_range *ranges = mem_alloc((found->count + 1) * sizeof(*ranges));
	if (found->count > 0)
		memcpy(ranges, found->ranges, found->count * sizeof(*ranges));
	free(u->found.ranges);
	u->found = (struct uid_set){ .ranges = ranges, .count = found->count };
	return true;
}

/* --- beginning ----------------------------------------------------------------------- */

/* What a client asked for is read a second time, for memory of its own. */
static bool read_again(struct imap_update *u, struct cursor args, bool sorts)
{
	struct cursor again = cursor_of(arena_copy(u->arena, cursor_rest(&args)));
	if (sorts) {
		u->sort = ARENA_NEW(u->arena, struct imap_sort);
		u->request = &u->sort->search;
		return imap_take_sort(&again, u->arena, u->sort);
	}
	u->request = ARENA_NEW(u->arena, struct imap_search);
	return imap_take_search(&again, u->arena, u->request);
}

static struct imap_seek seek_of(struct imap_session *s, struct imap_update *u, struct arena *arena)
{
	return (struct imap_seek){
		.s = s,
		.arena = arena,
		.view = s->selected->view,
		.recent_uid = s->selected->recent_uid,
		.saved = &s->selected->saved,
		.root = u->request->root,
		.by_uid = true,
	};
}

static bool has_room(struct imap_session *s)
{
	unsigned count = 0;
	for (const struct imap_update *u = s->selected->updates; u; u = u->next)
		count++;
	return count < imap_context(s)->config->imap.contexts;
}

/* NULL, after NOUPDATE, if that can't be done. MODSEQs and relevancies change without a flag that
 * does. */
static struct imap_update *begin(struct imap_command *c, struct cursor args, bool sorts)
{
	if (!has_room(c->s)) {
		tell_refused(c->s, c->tag, "Too many results are kept up to date.");
		return NULL;
	}
	struct imap_update *u = mem_zero(1, sizeof(*u));
	u->arena = arena_new();
	u->tag = arena_copy(u->arena, c->tag);
	u->by_uid = c->by_uid;
	if (!read_again(u, args, sorts) || !imap_named_resolve(c, u->arena, u->request) ||
	    u->request->mod_seq || u->request->fuzzy) {
		tell_refused(c->s, c->tag, "That can't be kept up to date.");
		update_free(u);
		return NULL;
	}
	struct imap_seek seek = seek_of(c->s, u, u->arena);
	imap_seek_prepare(&seek);
	if (arena_used(u->arena) <= IMAP_UPDATE_KEYS_MAX)
		return u;
	tell_refused(c->s, c->tag, "So many keys can't be kept.");
	update_free(u);
	return NULL;
}

static void end_begin(struct imap_command *c, struct imap_update *u, bool kept)
{
	if (kept) {
		u->next = c->s->selected->updates;
		c->s->selected->updates = u;
		if (!c->s->selected->updated)
			c->s->selected->updated = mailbox_view_retain(c->s->selected->view);
		return;
	}
	tell_refused(c->s, c->tag, "The result is too large to be kept.");
	update_free(u);
}

void imap_update_search(struct imap_command *c, struct cursor args, const struct uid_set *found)
{
	struct imap_update *u = begin(c, args, false);
	if (u)
		end_begin(c, u, keep_found(u, found));
}

void imap_update_sort(struct imap_command *c, struct cursor args, const struct uid_set *found,
                      const uint32_t *order, size_t count)
{
	struct imap_update *u = begin(c, args, true);
	if (!u)
		return;
	if (keep_found(u, found) && count <= IMAP_UPDATE_SORTED_MAX) {
		u->order = mem_alloc((count + 1) * sizeof(*u->order));
		if (count > 0)
			memcpy(u->order, order, count * sizeof(*u->order));
		u->count = count;
	}
	end_begin(c, u, u->order != NULL);
}

/* cancelupdate = "CANCELUPDATE" 1*(SP quoted) */
void imap_cancelupdate(struct imap_command *c)
{
	struct cursor at = c->args;
	struct slice tag;
	unsigned count = 0;
	while (imap_take_space(&at) && imap_take_astring(&at, c->arena, &tag))
		count++;
	if (count == 0 || !cursor_at_end(&at)) {
		imap_bad(c, "CANCELUPDATE needs the tags of commands.");
		return;
	}
	while (imap_take_space(&c->args) && imap_take_astring(&c->args, c->arena, &tag))
		cancel(c->s, tag);
	imap_ok(c, NULL, "No more of these.");
}

/* --- telling ------------------------------------------------------------------------- */

/* A UID at its place in the order, from 1; 0: in a SEARCH places mean nothing. */
struct place {
	uint32_t position, uid;
};

struct places {
	struct place *list;
	size_t count, capacity;
};

static void add_place(struct arena *arena, struct places *p, uint32_t position, uint32_t uid)
{
	if (p->count == p->capacity) {
		size_t capacity = p->capacity ? p->capacity * 2 : 16;
		struct place *grown = ARENA_ARRAY(arena, capacity, struct place);
		if (p->count)
			memcpy(grown, p->list, p->count * sizeof(*grown));
		p->list = grown;
		p->capacity = capacity;
	}
	p->list[p->count++] = (struct place){ position, uid };
}

static uint32_t number_of(const struct imap_update *u, const struct mailbox_view *view,
                          uint32_t uid)
{
	struct mailbox_item item = { .seq = 0 };
	if (u->by_uid)
		return uid;
	(void)mailbox_view_by_uid(view, uid, &item);
	return item.seq;
}

static void begin_line(struct imap_session *s, const struct imap_update *u, struct slice verb)
{
	imap_write(s, SLICE("* ESEARCH (TAG \""));
	imap_write(s, u->tag);
	imap_write(s, u->by_uid ? SLICE("\") UID ") : SLICE("\") "));
	imap_write(s, verb);
}

static void tell_places(struct imap_session *s, const struct imap_update *u,
                        const struct mailbox_view *view, struct slice verb, const struct places *p)
{
	if (p->count == 0)
		return;
	begin_line(s, u, verb);
	for (size_t i = 0; i < p->count && !s->write_error; i++) {
		imap_write_number(s, i ? SLICE(" ") : SLICE(" ("), p->list[i].position);
		imap_write_number(s, SLICE(" "), number_of(u, view, p->list[i].uid));
	}
	imap_write(s, SLICE(")\r\n"));
}

/* All at place 0: the client keeps them in the mailbox's order (section 4.3.3). */
static void tell_set(struct imap_session *s, struct arena *arena, const struct imap_update *u,
                     const struct mailbox_view *view, struct slice verb, const struct uid_set *uids)
{
	struct mailbox_set_walk walk = { .uids = uids };
	struct mailbox_item item;
	struct uid_set numbers = { 0 };
	if (uids->count == 0)
		return;
	while (!u->by_uid && mailbox_view_next_of(view, &walk, &item))
		uid_set_add(arena, &numbers, item.seq, item.seq);
	begin_line(s, u, verb);
	imap_write(s, SLICE(" (0 "));
	imap_write_set(s, u->by_uid ? uids : &numbers);
	imap_write(s, SLICE(")\r\n"));
}

/* --- what has gone ------------------------------------------------------------------- */

struct uids {
	struct arena *arena;
	struct uid_set set;
};

static int add_uid(const struct mailbox_item *item, void *arg)
{
	struct uids *uids = arg;
	uid_set_add(uids->arena, &uids->set, item->uid, item->uid);
	return 0;
}

static int ignore_gone(const struct mailbox_item *item, void *arg)
{
	(void)item;
	(void)arg;
	return 0;
}

static int ignore_exists(uint32_t count, void *arg)
{
	(void)count;
	(void)arg;
	return 0;
}

static int ignore_flags(const struct mailbox_item *item, uint64_t old_flags, void *arg)
{
	(void)item;
	(void)old_flags;
	(void)arg;
	return 0;
}

/* Takes those of a set out of the order, and notes where they stood, one after another. */
static void leave_order(struct imap_update *u, struct arena *arena, const struct uid_set *leaving,
                        struct places *left)
{
	size_t kept = 0;
	for (size_t i = 0; i < u->count; i++) {
		if (uid_set_has(leaving, u->order[i]))
			add_place(arena, left, (uint32_t)kept + 1, u->order[i]);
		else
			u->order[kept++] = u->order[i];
	}
	u->count = kept;
}

static void leave(struct imap_session *s, struct imap_update *u, struct arena *arena,
                  const struct mailbox_view *view, const struct uid_set *leaving)
{
	struct uid_set members = uid_set_common(arena, &u->found, leaving);
	struct places left = { 0 };
	if (members.count == 0)
		return;
	if (u->sort) {
		leave_order(u, arena, &members, &left);
		tell_places(s, u, view, SLICE("REMOVEFROM"), &left);
	} else {
		tell_set(s, arena, u, view, SLICE("REMOVEFROM"), &members);
	}
	struct uid_set rest = uid_set_without(arena, &u->found, leaving);
	if (!keep_found(u, &rest)) {
		tell_refused(s, u->tag, "The result has become too large to be kept.");
		cancel(s, u->tag);
	}
}

void imap_updates_gone(struct imap_session *s, const struct mailbox_view *old,
                       const struct mailbox_view *now)
{
	struct uids gone = { .arena = NULL };
	struct mailbox_diff diff = { add_uid, ignore_exists, ignore_flags, &gone };
	if (!s->selected->updates)
		return;
	gone.arena = arena_new();
	(void)mailbox_view_diff(old, now, &diff);
	uid_set_sort(&gone.set);
	for (struct imap_update *u = s->selected->updates, *next; u && gone.set.count; u = next) {
		next = u->next;
		leave(s, u, gone.arena, old, &gone.set);
	}
	arena_free(gone.arena);
}

/* --- what has changed ---------------------------------------------------------------- */

static int enter_order(struct imap_session *s, struct imap_update *u, struct arena *arena,
                       const struct uid_set *coming, struct places *entered)
{
	const struct mailbox_view *view = s->selected->view;
	struct mailbox_set_walk walk = { .uids = coming };
	struct mailbox_item item;
	while (mailbox_view_next_of(view, &walk, &item)) {
		size_t place;
		if (u->count == IMAP_UPDATE_SORTED_MAX)
			return -E2BIG;
		int rc = imap_sort_place(s, u->sort, u->order, u->count, item.uid, &place);
		if (rc == -ENOENT)
			continue; /* it has gone since, which will be told */
		if (rc < 0)
			return rc;
		u->order = mem_grow(u->order, (u->count + 1) * sizeof(*u->order));
		memmove(u->order + place + 1, u->order + place,
		        (u->count - place) * sizeof(*u->order));
		u->order[place] = item.uid;
		u->count++;
		add_place(arena, entered, (uint32_t)place + 1, item.uid);
	}
	return 0;
}

static int enter(struct imap_session *s, struct imap_update *u, struct arena *arena,
                 const struct uid_set *coming)
{
	const struct mailbox_view *view = s->selected->view;
	struct places entered = { 0 };
	struct uid_set all = { 0 };
	int rc = 0;
	if (u->sort) {
		rc = enter_order(s, u, arena, coming, &entered);
		tell_places(s, u, view, SLICE("ADDTO"), &entered);
	} else {
		tell_set(s, arena, u, view, SLICE("ADDTO"), coming);
	}
	for (size_t i = 0; i < u->found.count; i++)
		uid_set_add(arena, &all, u->found.ranges[i].first, u->found.ranges[i].last);
	for (size_t i = 0; i < coming->count; i++)
		uid_set_add(arena, &all, coming->ranges[i].first, coming->ranges[i].last);
	uid_set_sort(&all);
	return rc == 0 && !keep_found(u, &all) ? -E2BIG : rc;
}

/* RFC 5465 section 7: of messages that have come, before ADDTO tells of them. */
static void fetch_new(struct imap_session *s, const struct imap_update *u, struct arena *arena,
                      const struct uid_set *coming, uint32_t first_new)
{
	struct uid_set is_new = { 0 };
	uid_set_add(arena, &is_new, first_new, UINT32_MAX);
	is_new = uid_set_common(arena, &is_new, coming);
	if (is_new.count > 0)
		imap_fetch_unasked(s, arena, u->request->update_fetch, &is_new);
}

/* Looks at the messages again that have changed. */
static int renew(struct imap_session *s, struct imap_update *u, struct arena *arena,
                 const struct uid_set *uids, uint32_t first_new)
{
	struct mailbox_set_walk walk = { .uids = uids };
	struct uid_set coming = { 0 }, leaving = { 0 };
	struct imap_seek seek = seek_of(s, u, arena);
	struct mailbox_item item;
	seek.among = uids;
	imap_seek_keywords(&seek);
	int rc = imap_seek_run(&seek);
	if (rc < 0)
		return rc;
	while (mailbox_view_next_of(s->selected->view, &walk, &item)) {
		bool matches = uid_set_has(&seek.numbers, item.uid);
		bool is_member = uid_set_has(&u->found, item.uid);
		if (matches && !is_member)
			uid_set_add(arena, &coming, item.uid, item.uid);
		if (!matches && is_member)
			uid_set_add(arena, &leaving, item.uid, item.uid);
	}
	if (coming.count > 0 && u->request->update_fetch)
		fetch_new(s, u, arena, &coming, first_new);
	if (coming.count > 0)
		rc = enter(s, u, arena, &coming);
	if (leaving.count > 0 && rc == 0)
		leave(s, u, arena, s->selected->view, &leaving);
	return rc;
}

static int add_changed(const struct mailbox_item *item, uint64_t old_flags, void *arg)
{
	return item->flags == old_flags ? 0 : add_uid(item, arg);
}

/* Those whose flags have changed, and all that have come. */
static struct uid_set changed(const struct imap_selected *selected, struct arena *arena)
{
	struct uids uids = { .arena = arena };
	struct mailbox_diff diff = { ignore_gone, ignore_exists, add_changed, &uids };
	(void)mailbox_view_diff(selected->updated, selected->view, &diff);
	uid_set_add(arena, &uids.set, selected->updated->uid_next, UINT32_MAX);
	uid_set_sort(&uids.set);
	return uids.set;
}

void imap_updates_tell(struct imap_session *s)
{
	struct imap_selected *selected = s->selected;
	struct imap_update *next;
	if (!selected->updates || selected->updated == selected->view)
		return;
	struct arena *arena = arena_new(), *each = arena_new();
	struct uid_set uids = changed(selected, arena);
	uint32_t first_new = selected->updated->uid_next;
	mailbox_view_release(selected->updated);
	selected->updated = mailbox_view_retain(selected->view);
	for (struct imap_update *u = selected->updates; u && !s->write_error; u = next) {
		next = u->next;
		int rc = renew(s, u, each, &uids, first_new);
		arena_reset(each);
		if (rc == 0)
			continue;
		tell_refused(s, u->tag,
		             rc == -E2BIG ? "The result has become too large to be kept."
		                          : "The messages can't be looked at.");
		cancel(s, u->tag);
	}
	arena_free(each);
	arena_free(arena);
}
