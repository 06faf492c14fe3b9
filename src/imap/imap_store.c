/* STORE (RFC 3501 section 6.4.6). */
#include <errno.h>

#include "imap/imap_limit.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/learner.h"
#include "mailbox/lesson.h"
#include "mailbox/mailbox_seen.h"
#include "route/post_event.h"

enum { MODIFIED_BYTES_MAX = 1 << 20 };

int imap_flag_bits(struct db *db, int64_t mailbox_id, const struct imap_flags *flags,
                   uint64_t *bits_out)
{
	uint64_t bits = flags->system, bit;
	for (size_t i = 0; i < flags->keyword_count; i++) {
		int rc = mailbox_get_keyword(db, mailbox_id, flags->keywords[i], &bit);
		if (rc == 0)
			bits |= bit;
		else if (rc != -ENFILE && rc != -EINVAL)
			return rc;
	}
	*bits_out = bits;
	return 0;
}

struct store_step {
	struct arena *arena;
	const struct mailbox_view *view;
	const struct uid_set *uids;
	const struct imap_store *request;
	uint64_t flags, mask;
	struct uid_set newer; /* left alone, as they were changed since */
	int64_t account_id;   /* whose mailbox it is, if it is that of who does it; else 0 */
	uint64_t lesson_room;
	struct lesson_noted lesson;
	struct mail_event_flags changed; /* for scripts */
	struct mail_event_noted event;
};

/* $Junk and $NotJunk tell the classifier. */
static int note_lesson(struct db *db, struct store_step *step)
{
	const struct imap_store *r = step->request;
	int kind = lesson_keyword_kind(r->flags.keywords, r->flags.keyword_count);
	struct lesson lesson = { .account_id = step->account_id,
		                 .mailbox_id = step->view->mailbox_id,
		                 .is_spam = kind == 1 };
	if (kind < 0 || r->how == FLAGS_REMOVE || step->account_id == 0 || step->lesson_room == 0)
		return 0;
	lesson.uids = uid_set_without(step->arena, step->uids, &step->newer);
	return lesson_put(db, &lesson, step->lesson_room, &step->lesson);
}

static int store_step(struct db *db, void *arg)
{
	struct store_step *step = arg;
	const struct imap_store *r = step->request;
	int64_t mailbox_id = step->view->mailbox_id;
	int rc = imap_flag_bits(db, mailbox_id, &r->flags, &step->flags);
	if (rc != 0)
		return rc;
	const struct flag_request request = {
		.mailbox_id = mailbox_id,
		.viewer = step->view->viewer,
		.uids = step->uids,
		.how = r->how,
		.flags = step->flags,
		.mask = step->mask,
		.arena = r->has_unchanged_since ? step->arena : NULL,
		.unchanged_since = r->unchanged_since,
	};
	step->event = (struct mail_event_noted){ .noted = false };
	rc = mail_event_flags_before(db, &step->changed, step->uids);
	if (rc == 0)
		rc = mailbox_request_flags(db, &request, &step->newer, NULL);
	if (rc == 0)
		rc = mail_event_flags_after(db, &step->changed, &step->event);
	return rc == 0 ? note_lesson(db, step) : rc;
}

/* RFC 4314 section 4: of the flags that are named those are changed that may be, but one there must
 * be. */
static bool may_store(struct imap_command *c, struct imap_store *request, uint64_t allowed)
{
	const struct imap_flags *flags = &request->flags;
	bool any = (flags->system & allowed) ||
	           (flags->keyword_count && (allowed & FLAG_KEYWORD(0)));
	if (request->how == FLAGS_SET || (flags->system == 0 && flags->keyword_count == 0))
		any = allowed != 0;
	if (!any)
		imap_no(c, "NOPERM", "You may not change these flags.");
	if (!(allowed & FLAG_KEYWORD(0)))
		request->flags.keyword_count = 0;
	return any;
}

/* "* 3 FETCH (UID 7 MODSEQ (12))" */
static void tell_mod_seq(struct imap_command *c, const struct mailbox_item *item)
{
	bool with_uid = c->by_uid && !(c->s->enabled & ENABLED_UIDONLY);
	imap_begin_fetch(c->s, item);
	if (with_uid)
		imap_write_number(c->s, SLICE("UID "), item->uid);
	imap_write(c->s, with_uid ? SLICE(" ") : SLICE_EMPTY);
	imap_write_mod_seq(c->s, item);
	imap_write(c->s, SLICE(")\r\n"));
}

/* The flags of each message, changed or not; if they are not wanted the MODSEQ alone. */
static void tell_stored(struct imap_command *c, const struct uid_set *uids, bool silent)
{
	struct imap_session *s = c->s;
	struct mailbox_set_walk walk = { .uids = uids };
	struct mailbox_item item;
	unsigned told = 0;

	while (mailbox_view_next_of(s->selected->view, &walk, &item) && !s->write_error) {
		if (silent)
			tell_mod_seq(c, &item);
		else
			imap_tell_flags(s, &item, c->by_uid);
		if (++told % IMAP_SLICE_MESSAGES == 0) {
			imap_extend(s);
			fiber_yield();
		}
	}
}

/* store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags */
static bool take_arguments(struct imap_command *c, struct imap_store *request, struct uid_set *uids)
{
	struct imap_set set;
	if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, &set) ||
	    !imap_take_space(&c->args) || !imap_take_store(&c->args, c->arena, request)) {
		imap_bad(c, "STORE needs messages and flags.");
		return false;
	}
	return imap_at_end(c) && imap_resolve(c, &set, uids);
}

/* "[MODIFIED 7,9]": which messages were left alone, in the numbers of the command. */
static const char *modified_code(struct imap_command *c, const struct uid_set *newer)
{
	const struct mailbox_view *view = c->s->selected->view;
	struct mailbox_set_walk walk = { .uids = newer };
	struct mailbox_item item;
	struct uid_set numbers = { 0 };
	struct buf text = buf_make(MODIFIED_BYTES_MAX);
	const char *code = NULL;

	if (newer->count == 0)
		return NULL;
	while (!c->by_uid && mailbox_view_next_of(view, &walk, &item))
		uid_set_add(c->arena, &numbers, item.seq, item.seq);
	buf_append(&text, SLICE("MODIFIED "));
	if (uid_set_write(c->by_uid ? newer : &numbers, &text) == 0)
		code = arena_str(c->arena, buf_slice(&text));
	buf_free(&text);
	return code;
}

void imap_store(struct imap_command *c)
{
	const struct imap_context *context = imap_context(c->s);
	struct imap_store request;
	struct uid_set uids;

	uint64_t allowed = imap_flags_allowed(c->s->selected->rights);
	if (!take_arguments(c, &request, &uids) || !may_store(c, &request, allowed))
		return;
	(void)imap_limit(c, &uids, 0, imap_message_limit(c->s));
	if (request.has_unchanged_since)
		imap_enable_condstore(c->s);
	struct store_step step = { .arena = c->arena,
		                   .view = c->s->selected->view,
		                   .mask = allowed,
		                   .uids = &uids,
		                   .request = &request,
		                   .lesson_room = learner_room(context->learner),
		                   .changed = {
					   .arena = c->arena,
					   .actor_id = c->s->account_id,
					   .mailbox_id = c->s->selected->view->mailbox_id,
					   .max_waiting = post_events_room(context->events) } };
	if (c->s->selected->owner_id == c->s->account_id)
		step.account_id = c->s->account_id;
	int rc = store_commit(context->store, NULL, 0, store_step, &step);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	mailboxes_changed(context->mailboxes, step.view->mailbox_id);
	learner_tell(context->learner, &step.lesson);
	post_events_tell(context->events, &step.event);
	if (!request.silent && imap_are_gone(c->s, &uids)) {
		imap_no(c, "EXPUNGEISSUED", "The messages are there no more.");
		return;
	}
	const char *code = modified_code(c, &step.newer);
	uids = uid_set_without(c->arena, &uids, &step.newer);
	struct imap_expected expected = { &uids, request.how, step.flags & allowed, allowed };
	(void)imap_sync(c->s, c->hold_expunges, &expected);
	if (!request.silent || (c->s->enabled & ENABLED_CONDSTORE))
		tell_stored(c, &uids, request.silent);
	imap_ok(c, code, step.newer.count ? "Some were changed since." : "Done.");
}
