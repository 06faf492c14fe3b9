#include <errno.h>

#include "base/log.h"
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "imap/imap_update.h"

/* --- flags --------------------------------------------------------------------------- */

/* Room for all system flags and every keyword at its longest. */
enum { FLAGS_TEXT_MAX = 128 + MAILBOX_KEYWORD_MAX * (MAILBOX_KEYWORD_LENGTH + 1) };

/* Ranges in a line of VANISHED, and bytes of one. */
enum { VANISHED_RANGES = 300, VANISHED_RANGE_BYTES = 22 };

struct flag_text {
	char bytes[FLAGS_TEXT_MAX];
	size_t len;
};

static void text_add(struct flag_text *t, struct slice word)
{
	if (t->len + word.len + 1 > sizeof(t->bytes))
		return;
	if (t->len > 1)
		t->bytes[t->len++] = ' ';
	memcpy(t->bytes + t->len, word.data, word.len);
	t->len += word.len;
}

static void text_add_system(struct flag_text *t, uint64_t flags)
{
	static const struct {
		uint64_t flag;
		struct slice name;
	} names[] = {
		{ FLAG_ANSWERED, { "\\Answered", 9 } }, { FLAG_FLAGGED, { "\\Flagged", 8 } },
		{ FLAG_DELETED, { "\\Deleted", 8 } },   { FLAG_SEEN, { "\\Seen", 5 } },
		{ FLAG_DRAFT, { "\\Draft", 6 } },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].flag)
			text_add(t, names[i].name);
	}
}

static void text_add_keywords(struct flag_text *t, const struct mailbox_keywords *k, uint64_t flags)
{
	for (size_t i = 0; k && i < k->count; i++) {
		if ((flags & FLAG_KEYWORD(i)) && k->names[i].len > 0)
			text_add(t, k->names[i]);
	}
}

void imap_write_flags(struct imap_session *s, const struct mailbox_item *item)
{
	struct flag_text t = { .bytes = "(", .len = 1 };
	text_add_system(&t, item->flags);
	if (item->uid >= s->selected->recent_uid && !(s->enabled & ENABLED_REV2))
		text_add(&t, SLICE("\\Recent"));
	if (item->flags >> FLAG_KEYWORD_SHIFT)
		text_add_keywords(&t, s->selected->view->keywords, item->flags);
	t.bytes[t.len++] = ')';
	imap_write(s, slice_of(t.bytes, t.len));
}

void imap_write_mod_seq(struct imap_session *s, const struct mailbox_item *item)
{
	imap_write_number(s, SLICE("MODSEQ ("), item->mod_seq);
	imap_write(s, SLICE(")"));
}

void imap_begin_fetch(struct imap_session *s, const struct mailbox_item *item)
{
	bool uid_only = s->enabled & ENABLED_UIDONLY;
	imap_write_number(s, SLICE("* "), uid_only ? item->uid : item->seq);
	imap_write(s, uid_only ? SLICE(" UIDFETCH (") : SLICE(" FETCH ("));
}

void imap_tell_flags(struct imap_session *s, const struct mailbox_item *item, bool with_uid)
{
	imap_begin_fetch(s, item);
	if (with_uid && !(s->enabled & ENABLED_UIDONLY)) {
		imap_write_number(s, SLICE("UID "), item->uid);
		imap_write(s, SLICE(" "));
	}
	imap_write(s, SLICE("FLAGS "));
	imap_write_flags(s, item);
	if (s->enabled & ENABLED_CONDSTORE) {
		imap_write(s, SLICE(" "));
		imap_write_mod_seq(s, item);
	}
	imap_write(s, SLICE(")\r\n"));
}

void imap_write_flag_names(struct imap_session *s)
{
	const struct mailbox_keywords *k = s->selected->view->keywords;
	struct flag_text t = { .bytes = "(", .len = 1 };
	uint64_t allowed = imap_flags_allowed(s->selected->rights);
	text_add_system(&t, ~UINT64_C(0));
	text_add_keywords(&t, k, ~UINT64_C(0));
	imap_write(s, SLICE("* FLAGS "));
	imap_write(s, slice_of(t.bytes, t.len));
	if (s->selected->read_only) {
		imap_write(s, SLICE(")\r\n* OK [PERMANENTFLAGS ()] Open for reading only.\r\n"));
		return;
	}
	imap_write(s, SLICE(")\r\n* OK [PERMANENTFLAGS "));
	t.len = 1;
	text_add_system(&t, allowed);
	text_add_keywords(&t, k, allowed);
	if ((!k || k->count < MAILBOX_KEYWORD_MAX) && (s->selected->rights & ACL_WRITE))
		text_add(&t, SLICE("\\*"));
	imap_write(s, slice_of(t.bytes, t.len));
	imap_write(s, SLICE(")] Flags that are kept.\r\n"));
}

uint32_t imap_recent_count(const struct mailbox_view *view, uint32_t recent_uid)
{
	struct mailbox_walk walk = mailbox_view_walk_from(view, recent_uid);
	struct mailbox_item item;
	return mailbox_view_next(view, &walk, &item) ? view->count - item.seq + 1 : 0;
}

/* --- telling ------------------------------------------------------------------------- */

struct sync {
	struct imap_session *s;
	const struct imap_expected *expected;
	struct arena *arena;     /* of vanished; with QRESYNC */
	struct uid_set vanished; /* from the last to the first */
	unsigned told;
};

/* Long answers let other sessions have a turn. */
static int sync_pace(struct sync *sync)
{
	if (++sync->told % IMAP_SLICE_MESSAGES == 0) {
		imap_extend(sync->s);
		fiber_yield();
	}
	return sync->s->write_error;
}

static int tell_expunged(const struct mailbox_item *item, void *arg)
{
	struct sync *sync = arg;
	if (sync->arena) {
		uid_set_add(sync->arena, &sync->vanished, item->uid, item->uid);
		return 0;
	}
	imap_write_number(sync->s, SLICE("* "), item->seq);
	imap_write(sync->s, SLICE(" EXPUNGE\r\n"));
	return sync_pace(sync);
}

void imap_tell_vanished(struct imap_session *s, const struct uid_set *uids, bool earlier)
{
	for (size_t i = 0; i < uids->count; i += VANISHED_RANGES) {
		struct buf text = buf_make(VANISHED_RANGES * VANISHED_RANGE_BYTES);
		size_t left = uids->count - i;
		struct uid_set some = { .ranges = uids->ranges + i,
			                .count = left < VANISHED_RANGES ? left : VANISHED_RANGES };
		(void)uid_set_write(&some, &text);
		imap_write(s, earlier ? SLICE("* VANISHED (EARLIER) ") : SLICE("* VANISHED "));
		imap_write(s, buf_slice(&text));
		imap_write(s, SLICE("\r\n"));
		buf_free(&text);
	}
}

/* Before what is told with the numbers that are left. */
static void end_expunged(struct sync *sync)
{
	uid_set_sort(&sync->vanished);
	imap_tell_vanished(sync->s, &sync->vanished, false);
	sync->vanished.count = 0;
}

static int tell_exists(uint32_t count, void *arg)
{
	struct sync *sync = arg;
	struct imap_selected *selected = sync->s->selected;
	end_expunged(sync);
	imap_printf(sync->s, "* %u EXISTS\r\n", count);
	if (!(sync->s->enabled & ENABLED_REV2))
		imap_printf(sync->s, "* %u RECENT\r\n",
		            imap_recent_count(selected->view, selected->recent_uid));
	return sync->s->write_error;
}

/* Whether the client takes the message for what it is. What it has just changed itself is not what
 * it was told before: another session may have undone it meanwhile. */
static bool is_expected(const struct imap_expected *e, const struct mailbox_item *item,
                        uint64_t old_flags)
{
	if (!e || !uid_set_has(e->uids, item->uid))
		return item->flags == old_flags;
	switch (e->how) {
	case FLAGS_ADD:
		return item->flags == (old_flags | e->flags);
	case FLAGS_REMOVE:
		return item->flags == (old_flags & ~e->flags);
	case FLAGS_SET:
		break;
	}
	return item->flags == ((old_flags & ~e->mask) | (e->flags & e->mask));
}

static int tell_flags(const struct mailbox_item *item, uint64_t old_flags, void *arg)
{
	struct sync *sync = arg;
	end_expunged(sync);
	if (sync->s->selected->flags_unwanted || is_expected(sync->expected, item, old_flags))
		return 0;
	imap_tell_flags(sync->s, item, true);
	return sync_pace(sync);
}

/* The session's view becomes `view`, which is told to the client. */
static int sync_to(struct imap_session *s, struct mailbox_view *view,
                   const struct imap_expected *expected)
{
	struct sync sync = { .s = s, .expected = expected };
	struct mailbox_diff diff = { tell_expunged, tell_exists, tell_flags, &sync };
	struct mailbox_view *old = s->selected->view;

	if (s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY))
		sync.arena = arena_new();
	imap_updates_gone(s, old, view);
	s->selected->view = view;
	/* A keyword must be known before a message is said to have it. */
	if (old->keywords != view->keywords)
		imap_write_flag_names(s);
	int rc = mailbox_view_diff(old, view, &diff);
	end_expunged(&sync);
	arena_free(sync.arena);
	mailbox_view_release(old);
	return rc;
}

int imap_sync(struct imap_session *s, bool hold_expunges, const struct imap_expected *expected)
{
	struct mailbox_view *now = NULL, *old = s->selected->view;
	int rc = imap_refresh_rights(s);
	if (rc == 0)
		rc = mailbox_view_get_for(imap_context(s)->mailboxes, old->mailbox_id, old->viewer,
		                          &now);
	if (rc != 0)
		return rc;
	if (now == old || now->mod_seq < old->mod_seq) {
		mailbox_view_release(now);
		return 0;
	}
	if (hold_expunges) {
		struct mailbox_view *kept = mailbox_view_keep(old, now);
		mailbox_view_release(now);
		now = kept;
	}
	(void)sync_to(s, now, expected);
	return 0;
}

static bool has_some(const struct mailbox_view *view, const struct uid_set *uids)
{
	struct mailbox_set_walk walk = { .uids = uids };
	struct mailbox_item item;
	return mailbox_view_next_of(view, &walk, &item);
}

bool imap_are_gone(struct imap_session *s, const struct uid_set *uids)
{
	const struct mailbox_view *view = s->selected->view;
	struct mailbox_view *now;
	if (!has_some(view, uids) || mailbox_view_get_for(imap_context(s)->mailboxes,
	                                                  view->mailbox_id, view->viewer, &now) < 0)
		return false;
	bool gone = !has_some(now, uids);
	mailbox_view_release(now);
	return gone;
}

/* --- leaving ------------------------------------------------------------------------- */

struct recent_step {
	int64_t mailbox_id;
	uint32_t uid;
};

static int keep_recent(struct db *db, void *arg)
{
	const struct recent_step *step = arg;
	return mailbox_set_recent(db, step->mailbox_id, step->uid);
}

/* Not worth more than a try: who can't be told that messages are not new takes them for new. */
void imap_claim_recent(struct imap_session *s)
{
	const struct imap_context *context = imap_context(s);
	const struct mailbox_view *view = s->selected->view;
	struct recent_step step = { view->mailbox_id, view->uid_next };

	if (s->selected->read_only || imap_recent_count(view, view->recent_uid) == 0)
		return;
	int rc = store_commit(context->store, NULL, 0, keep_recent, &step);
	if (rc < 0)
		log_debug("imap.recent.failed", kv_error(rc));
	else
		mailboxes_changed(context->mailboxes, step.mailbox_id);
}

void imap_deselect(struct imap_session *s)
{
	if (!s->selected)
		return;
	imap_notify_leaving(s);
	imap_claim_recent(s);
	imap_updates_drop(s->selected);
	mailbox_view_release(s->selected->view);
	free(s->selected->saved.ranges);
	free(s->selected);
	s->selected = NULL;
	s->state = IMAP_USER;
}
