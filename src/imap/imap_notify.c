#include "imap/imap_notify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "imap/imap_list.h"
#include "imap/imap_metadata.h"
#include "imap/imap_notify_metadata.h"
#include "imap/imap_parse_notify.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "imap/imap_update.h"
#include "mailbox/annotation.h"

struct imap_notify {
	struct arena *arena; /* of the request */
	struct imap_notify_request request;
	struct imap_list_names known; /* what the client has been told; in an arena of its own */
	int64_t *watched;             /* ids of mailboxes, in their order; made by malloc() */
	size_t watched_count;
	bool watches_names;
	bool watches_selected;
	unsigned all_events;     /* of groups that are about others than the selected mailbox */
	uint64_t metadata_known; /* imap_notify_metadata.h */
};

/* --- watching ------------------------------------------------------------------------ */

static struct mailboxes *mailboxes_of(const struct imap_session *s)
{
	return imap_context(s)->mailboxes;
}

/* What is wanted of a mailbox by those groups that are not about the selected one. */
static unsigned events_of(const struct imap_notify *n, const struct imap_list_name *name)
{
	unsigned events = 0;
	for (size_t i = 0; i < n->request.count; i++) {
		const struct imap_event_group *group = &n->request.groups[i];
		if (imap_filter_has(&group->filter, name->name, name->subscribed))
			events |= group->events;
	}
	return events;
}

static bool is_watched(const struct imap_notify *n, const struct imap_list_name *name)
{
	return name->exists && (name->rights & ACL_READ) && (events_of(n, name) & EVENTS_MESSAGE);
}

/* To hear of annotations it takes the rights of GETMETADATA. */
static bool wants_metadata(const void *arg, const struct imap_list_name *name)
{
	return name->exists && (name->rights & ACL_LOOKUP) &&
	       (name->rights & IMAP_METADATA_RIGHTS) &&
	       (events_of(arg, name) & EVENT_MAILBOX_METADATA);
}

static void unwatch_all(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	for (size_t i = 0; i < n->watched_count; i++)
		mailboxes_unwatch(mailboxes_of(s), n->watched[i], session_name(&s->session));
	free(n->watched);
	n->watched = NULL;
	n->watched_count = 0;
}

/* New before old, so that no change is missed between the two. True if they are others now. */
static bool watch_known(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	int64_t *ids = mem_alloc((n->known.count + 1) * sizeof(*ids));
	size_t count = 0;
	for (size_t i = 0; i < n->known.count; i++) {
		const struct imap_list_name *name = &n->known.names[i];
		if (is_watched(n, name) || wants_metadata(n, name))
			ids[count++] = n->known.names[i].info.id;
	}
	if (count == n->watched_count &&
	    (count == 0 || memcmp(ids, n->watched, count * sizeof(*ids)) == 0)) {
		free(ids);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		mailboxes_watch(mailboxes_of(s), ids[i], session_name(&s->session));
	unwatch_all(s);
	n->watched = ids;
	n->watched_count = count;
	return true;
}

void imap_notify_selected(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	if (!s->selected)
		return;
	s->selected->uid_told = s->selected->view->uid_next;
	if (!n || n->watches_selected || imap_notify_is_silent(s))
		return;
	n->watches_selected = true;
	mailboxes_watch(mailboxes_of(s), s->selected->view->mailbox_id, session_name(&s->session));
}

void imap_notify_leaving(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	if (!n || !n->watches_selected)
		return;
	n->watches_selected = false;
	mailboxes_unwatch(mailboxes_of(s), s->selected->view->mailbox_id,
	                  session_name(&s->session));
}

static unsigned events_of_others(const struct imap_notify_request *request)
{
	unsigned events = 0;
	for (size_t i = 0; i < request->count; i++) {
		if (&request->groups[i] != request->selected)
			events |= request->groups[i].events;
	}
	return events;
}

void imap_notify_drop(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	if (!n)
		return;
	if (s->selected)
		imap_notify_leaving(s);
	unwatch_all(s);
	if (n->all_events & EVENT_SERVER_METADATA)
		mailboxes_unwatch(mailboxes_of(s), ANNOTATION_SERVER, session_name(&s->session));
	if (n->watches_names)
		mailboxes_unwatch_names(mailboxes_of(s), s->account_id, session_name(&s->session));
	arena_free(n->known.arena);
	arena_free(n->arena);
	free(n);
	s->notify = NULL;
}

/* As if it had said NONE: section 5.8. */
static void tell_overflow(struct imap_session *s)
{
	imap_notify_drop(s);
	s->notify = mem_zero(1, sizeof(*s->notify));
	imap_write(s, SLICE("* OK [NOTIFICATIONOVERFLOW] That is too much to be told of.\r\n"));
}

/* --- the selected mailbox ------------------------------------------------------------ */

bool imap_notify_is_silent(const struct imap_session *s)
{
	return s->notify &&
	       (!s->notify->request.selected || s->notify->request.selected->events == 0);
}

static void fetch_new(struct imap_session *s, const struct uid_set *own)
{
	struct imap_selected *selected = s->selected;
	const struct imap_event_group *group = s->notify ? s->notify->request.selected : NULL;
	uint32_t first = selected->uid_told;
	selected->uid_told = selected->view->uid_next;
	if (!group || !group->fetch || first >= selected->view->uid_next)
		return;
	struct arena *arena = arena_new();
	struct uid_set uids = { 0 };
	uid_set_add(arena, &uids, first, UINT32_MAX);
	if (own)
		uids = uid_set_without(arena, &uids, own);
	imap_fetch_unasked(s, arena, group->fetch, &uids);
	arena_free(arena);
}

int imap_notify_sync(struct imap_session *s, bool hold_expunges, const struct uid_set *own)
{
	const struct imap_notify *n = s->notify;
	/* Who wants to hear of expunges at once uses no sequence numbers: section 5.3. */
	if (n && n->request.selected && n->request.selected->filter.kind == FILTER_SELECTED)
		hold_expunges = false;
	s->selected->flags_unwanted = n && n->request.selected &&
	                              !(n->request.selected->events & EVENT_FLAG_CHANGE);
	int rc = imap_sync(s, hold_expunges, NULL);
	s->selected->flags_unwanted = false;
	imap_updates_tell(s);
	imap_tell_keys(s);
	fetch_new(s, own);
	return rc;
}

/* --- other mailboxes ----------------------------------------------------------------- */

/* LIST responses that are to be sent, one a name. */
struct tell {
	struct slice name, old_name;
};

struct difference {
	struct imap_session *s;
	struct arena *arena;
	struct imap_list_names *old, *now;
	struct tell *list;
	size_t count, capacity;
	struct slice own; /* what the client has changed itself; empty: nothing */
};

static struct slice parent_of(struct slice name)
{
	ptrdiff_t at = slice_find_last_byte(name, '/');
	return at > 0 ? slice_sub(name, 0, (size_t)at) : SLICE_EMPTY;
}

static bool is_own(const struct difference *d, struct slice name)
{
	if (d->own.len == 0)
		return false;
	if (slice_equal(name, d->own) || slice_equal(name, parent_of(d->own)))
		return true;
	return slice_starts_with(name, d->own) && name.data[d->own.len] == '/';
}

static void add_tell(struct difference *d, struct slice name, struct slice old_name)
{
	if (is_own(d, name))
		return;
	for (size_t i = 0; i < d->count; i++) {
		if (slice_equal(d->list[i].name, name)) {
			if (old_name.len > 0)
				d->list[i].old_name = old_name;
			return;
		}
	}
	if (d->count == d->capacity) {
		size_t capacity = d->capacity ? d->capacity * 2 : 8;
		struct tell *grown = ARENA_ARRAY(d->arena, capacity, struct tell);
		if (d->count)
			memcpy(grown, d->list, d->count * sizeof(*grown));
		d->list = grown;
		d->capacity = capacity;
	}
	d->list[d->count++] = (struct tell){ name, old_name };
}

static unsigned events_of_name(const struct difference *d, struct slice name)
{
	struct imap_list_name *now = imap_list_find(d->now, name);
	struct imap_list_name none = { .name = name };
	return events_of(d->s->notify, now ? now : &none);
}

/* Section 5.4: a mailbox that comes or goes concerns what is right above it, too. */
static void add_affected(struct difference *d, struct slice name)
{
	struct slice parent = parent_of(name);
	if (events_of_name(d, name) & EVENT_MAILBOX_NAME)
		add_tell(d, name, SLICE_EMPTY);
	if (parent.len > 0 && (events_of_name(d, parent) & EVENT_MAILBOX_NAME))
		add_tell(d, parent, SLICE_EMPTY);
}

static int compare_ids(const void *a, const void *b)
{
	const struct imap_list_name *const *x = a, *const *y = b;
	return ((*x)->info.id > (*y)->info.id) - ((*x)->info.id < (*y)->info.id);
}

struct ids {
	struct imap_list_name **names;
	size_t count;
};

static struct ids ids_of(struct arena *arena, const struct imap_list_names *l)
{
	struct ids ids = { ARENA_ARRAY(arena, l->count + 1, struct imap_list_name *), 0 };
	for (size_t i = 0; i < l->count; i++) {
		if (l->names[i].exists)
			ids.names[ids.count++] = &l->names[i];
	}
	qsort(ids.names, ids.count, sizeof(*ids.names), compare_ids);
	return ids;
}

static struct imap_list_name *id_find(const struct ids *ids, int64_t id)
{
	struct imap_list_name key = { .info = { .id = id } }, *at = &key;
	struct imap_list_name **found = bsearch(&at, ids->names, ids->count, sizeof(*ids->names),
	                                        compare_ids);
	return found ? *found : NULL;
}

/* Does its name differ only because one above it was renamed? Then that is told. */
static bool moved_with_parent(const struct ids *old, const struct difference *d,
                              const struct imap_list_name *was, const struct imap_list_name *is)
{
	struct slice from = was->name, to = is->name;
	for (;;) {
		struct slice above_from = parent_of(from), above_to = parent_of(to);
		size_t tail = from.len - above_from.len;
		if (above_from.len == 0 || above_to.len == 0 || tail != to.len - above_to.len ||
		    !slice_equal(slice_from(from, above_from.len), slice_from(to, above_to.len)))
			return false;
		struct imap_list_name *now = imap_list_find(d->now, above_to), *before = NULL;
		if (now && now->exists)
			before = id_find(old, now->info.id);
		if (before && slice_equal(before->name, above_from) &&
		    !slice_equal(above_from, above_to))
			return true;
		from = above_from;
		to = above_to;
	}
}

/* Section 5.1 to 5.3, of a mailbox that is not selected. */
static int tell_status(struct difference *d, const struct imap_list_name *was,
                       const struct imap_list_name *is)
{
	struct imap_session *s = d->s;
	unsigned events = events_of(s->notify, is), items = 0;
	const struct mailbox_info *a = &was->info, *b = &is->info;
	/* What others have seen is not counted in the mailbox. */
	bool seen = is->shared ? a->mod_seq != b->mod_seq : a->unseen_count != b->unseen_count;
	if ((s->selected && s->selected->view->mailbox_id == b->id) || !(is->rights & ACL_READ))
		return 0;
	if (a->uid_next != b->uid_next || a->message_count != b->message_count)
		items |= events & EVENT_MESSAGE_NEW ? STATUS_MESSAGES | STATUS_UIDNEXT : 0;
	if ((events & EVENT_FLAG_CHANGE) && seen)
		items |= STATUS_UIDVALIDITY | STATUS_UNSEEN;
	if ((s->enabled & ENABLED_CONDSTORE) && a->mod_seq != b->mod_seq &&
	    (items || (events & EVENT_FLAG_CHANGE)))
		items |= STATUS_HIGHESTMODSEQ | (items ? 0 : STATUS_UIDVALIDITY);
	return items ? imap_write_status(s, d->arena, b, imap_list_viewer(s, is), items) : 0;
}

static int compare_now(struct difference *d, const struct ids *old)
{
	int rc = 0;
	for (size_t i = 0; i < d->now->count && rc == 0; i++) {
		struct imap_list_name *is = &d->now->names[i];
		struct imap_list_name *same = imap_list_find(d->old, is->name);
		struct imap_list_name *was = is->exists ? id_find(old, is->info.id) : NULL;
		struct imap_list_name fresh = { .name = is->name, .info = { .uid_next = 1 } };
		unsigned events = events_of(d->s->notify, is);
		fresh.info.mod_seq = is->info.mod_seq;
		if (is->exists && !was)
			add_affected(d, is->name);
		if (was && !slice_equal(was->name, is->name) &&
		    !moved_with_parent(old, d, was, is) &&
		    ((events | events_of(d->s->notify, was)) & EVENT_MAILBOX_NAME))
			add_tell(d, is->name, was->name);
		if (((same && same->subscribed) != is->subscribed) &&
		    (events & EVENT_SUBSCRIPTION_CHANGE))
			add_tell(d, is->name, SLICE_EMPTY);
		/* A mailbox may come with messages in it. */
		if (is->exists)
			rc = tell_status(d, was ? was : &fresh, is);
	}
	return rc;
}

static void compare_old(struct difference *d)
{
	struct ids now = ids_of(d->arena, d->now);
	for (size_t i = 0; i < d->old->count; i++) {
		struct imap_list_name *was = &d->old->names[i];
		struct imap_list_name *same = imap_list_find(d->now, was->name);
		if (was->exists && !id_find(&now, was->info.id))
			add_affected(d, was->name);
		if (was->subscribed && !same &&
		    (events_of(d->s->notify, was) & EVENT_SUBSCRIPTION_CHANGE))
			add_tell(d, was->name, SLICE_EMPTY);
	}
}

static void tell_names(struct difference *d)
{
	for (size_t i = 0; i < d->count && !d->s->write_error; i++) {
		struct imap_list_name none = { .name = d->list[i].name };
		struct imap_list_name *now = imap_list_find(d->now, d->list[i].name);
		imap_list_tell(d->s, d->arena, now ? now : &none, d->list[i].old_name);
	}
}

/* Reads all names and counters anew, tells what is other, and keeps them. */
static int tell_difference(struct imap_session *s, struct slice own_name)
{
	struct imap_notify *n = s->notify;
	struct arena *arena = arena_new();
	struct imap_list_names now;
	struct difference d = { .s = s, .old = &n->known, .now = &now, .own = own_name };
	int rc = imap_list_collect(s, arena, &now);
	if (rc < 0 || now.count > IMAP_NOTIFY_NAMES_MAX) {
		arena_free(arena);
		return rc < 0 ? rc : -E2BIG;
	}
	d.arena = arena_new();
	struct ids old = ids_of(d.arena, &n->known);
	rc = compare_now(&d, &old);
	compare_old(&d);
	tell_names(&d);
	arena_free(d.arena);
	arena_free(n->known.arena);
	n->known = now;
	return rc;
}

static int tell_metadata(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	const struct imap_metadata_listener listener = {
		.known = &n->known,
		.wants = wants_metadata,
		.arg = n,
		.wants_server = n->all_events & EVENT_SERVER_METADATA,
	};
	if (!(n->all_events & (EVENT_MAILBOX_METADATA | EVENT_SERVER_METADATA)))
		return 0;
	return imap_notify_metadata_tell(s, &listener, &n->metadata_known) ? 0 : -E2BIG;
}

/* What is read after a mailbox is watched misses nothing: a change that is not read yet has a
 * notice. So all is read once more as long as there was another mailbox to watch. */
static int renew(struct imap_session *s, struct slice own_name)
{
	int rc;
	do
		rc = tell_difference(s, own_name);
	while (rc == 0 && watch_known(s));
	return rc == 0 ? tell_metadata(s) : rc;
}

static void look_at_others(struct imap_session *s, struct slice own_name)
{
	struct imap_notify *n = s->notify;
	if (!n || !n->known.arena)
		return;
	int rc = renew(s, own_name);
	if (rc == -E2BIG)
		tell_overflow(s);
	else if (rc < 0)
		log_warn("imap.sync.failed", kv_str("account", s->address), kv_error(rc));
}

void imap_notify_own(struct imap_session *s, struct slice own_name) { look_at_others(s, own_name); }

void imap_notify_tell(struct imap_session *s)
{
	const struct imap_event_group *group = s->notify->request.selected;
	if (s->selected && !imap_notify_is_silent(s)) {
		bool hold = group->filter.kind == FILTER_SELECTED_DELAYED && !s->idle_tag;
		if (imap_end_if_lost(s, imap_notify_sync(s, hold, NULL)))
			return;
	}
	look_at_others(s, SLICE_EMPTY);
}

/* --- the command --------------------------------------------------------------------- */

/* Section 3.1: of each mailbox that is looked at, before the tagged OK. */
static int tell_first(struct imap_command *c)
{
	struct imap_session *s = c->s;
	const struct imap_notify *n = s->notify;
	unsigned enabled = s->enabled;
	int rc = 0;
	for (size_t i = 0; i < n->known.count && rc == 0 && !s->write_error; i++) {
		const struct imap_list_name *name = &n->known.names[i];
		unsigned items = STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY;
		if (!is_watched(n, name) ||
		    (s->selected && s->selected->view->mailbox_id == name->info.id))
			continue;
		if (events_of(n, name) & EVENT_FLAG_CHANGE)
			items |= STATUS_HIGHESTMODSEQ | STATUS_UNSEEN;
		rc = imap_write_status(s, c->arena, &name->info, imap_list_viewer(s, name), items);
	}
	/* That HIGHESTMODSEQ was told is not the client's asking for it. */
	s->enabled = enabled;
	return rc;
}

static int begin_others(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct imap_notify *n = s->notify;
	struct arena *arena = arena_new();
	n->watches_names = true;
	n->all_events = events_of_others(&n->request);
	n->metadata_known = imap_notify_metadata_now(s);
	if (n->all_events & EVENT_SERVER_METADATA)
		mailboxes_watch(mailboxes_of(s), ANNOTATION_SERVER, session_name(&s->session));
	mailboxes_watch_names(mailboxes_of(s), s->account_id, session_name(&s->session));
	int rc = imap_list_collect(s, arena, &n->known);
	if (rc == 0 && n->known.count > IMAP_NOTIFY_NAMES_MAX)
		rc = -E2BIG;
	if (rc < 0) {
		n->known = (struct imap_list_names){ .arena = NULL };
		arena_free(arena);
		return rc;
	}
	(void)watch_known(s);
	/* What came before they were watched has no notice: renew() reads it. */
	rc = n->request.status ? tell_first(c) : 0;
	return rc == 0 ? renew(s, SLICE_EMPTY) : rc;
}

static bool take_arguments(struct imap_command *c, struct arena *arena,
                           struct imap_notify_request *request)
{
	struct cursor at;
	(void)imap_take_space(&c->args);
	at = cursor_of(arena_copy(arena, cursor_rest(&c->args)));
	bool ok = imap_take_notify(&at, arena, request) && cursor_at_end(&at);
	if (!ok)
		imap_bad(c, "NOTIFY needs SET and groups of events, or NONE.");
	else if (request->unknown)
		imap_no(c, "BADEVENT (" IMAP_EVENT_NAMES ")", "Of other events nothing is known.");
	return ok && !request->unknown;
}

/* notify = "NOTIFY" SP ("SET" ["STATUS"] SP event-groups / "NONE") */
void imap_notify(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct imap_notify_request request;
	struct arena *arena = arena_new();
	int rc = 0;
	if (!take_arguments(c, arena, &request)) {
		arena_free(arena);
		return;
	}
	for (size_t i = 0; i < request.count; i++)
		imap_filter_decode(c, arena, &request.groups[i].filter);
	/* Section 3.1: all that has gathered is told now. */
	if (s->selected)
		(void)imap_notify_sync(s, false, NULL);
	imap_notify_drop(s);
	s->notify = mem_zero(1, sizeof(*s->notify));
	s->notify->arena = arena;
	s->notify->request = request;
	imap_notify_selected(s);
	if (events_of_others(&request))
		rc = begin_others(c);
	if (rc == 0)
		return;
	imap_notify_drop(s);
	if (rc == -E2BIG)
		imap_no(c, "NOTIFICATIONOVERFLOW", "That is too much to be told of.");
	else
		imap_failed(c, rc);
}
