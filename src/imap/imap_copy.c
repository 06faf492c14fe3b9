/* COPY (RFC 3501 section 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315). */
#include <errno.h>

#include "imap/imap_limit.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/learner.h"
#include "mailbox/lesson.h"
#include "mailbox/mailbox_seen.h"
#include "route/post_event.h"

/* A longer COPYUID is left out: no client needs it, and the line would be too long for some. */
enum { COPYUID_BYTES_MAX = 32 << 10 };

struct copy_step {
	struct arena *arena;
	int64_t from_id, to_id;
	const struct uid_set *uids;
	struct mailbox_copier by;
	struct mailbox_copied copied;
	int64_t account_id; /* who does it */
	uint64_t lesson_room;
	struct lesson_noted lesson;
	uint64_t event_room;
	struct mail_event_noted event;
};

/* The scripts of the mailbox that has the copies. */
static int note_event(struct db *db, struct copy_step *step)
{
	struct mail_event event = { .actor_id = step->account_id,
		                    .mailbox_id = step->to_id,
		                    .cause = MAIL_EVENT_COPY };
	step->event = (struct mail_event_noted){ .noted = false };
	if (step->event_room == 0 || step->copied.count == 0)
		return 0;
	uid_set_add(step->arena, &event.uids, step->copied.first_uid,
	            step->copied.first_uid + (uint32_t)step->copied.count - 1);
	return mail_event_note(db, step->arena, &event, step->event_room, &step->event);
}

static int copy_step(struct db *db, void *arg)
{
	struct copy_step *step = arg;
	int rc = mailbox_copy_by(db, step->arena, &step->by, step->from_id, step->uids, step->to_id,
	                         &step->copied);
	if (rc == 0)
		rc = note_event(db, step);
	if (rc < 0 || step->lesson_room == 0)
		return rc;
	return lesson_of_copy(db, step->arena, step->account_id, step->from_id, step->to_id,
	                      &step->copied, step->lesson_room, &step->lesson);
}

/* "COPYUID 38505 304,319:320 3956:3958", or NULL. */
static const char *copied_code(struct arena *arena, const struct mailbox_copied *copied)
{
	struct buf text = buf_make(COPYUID_BYTES_MAX);
	uint32_t last = copied->first_uid + (uint32_t)copied->count - 1;
	const char *code = NULL;

	if (copied->count == 0)
		return NULL;
	buf_printf(&text, "COPYUID %u ", copied->uid_validity);
	uid_set_write(&copied->from, &text);
	buf_printf(&text, " %u", copied->first_uid);
	if (last != copied->first_uid)
		buf_printf(&text, ":%u", last);
	if (!buf_failed(&text))
		code = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return code;
}

/* "COPY" / "MOVE" SP sequence-set SP mailbox */
static bool take_arguments(struct imap_command *c, struct uid_set *uids, struct share *to)
{
	struct imap_set set;
	struct slice name;
	if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, &set)) {
		imap_bad(c, "Messages and a mailbox are missing.");
		return false;
	}
	return imap_take_mailbox(c, &name) && imap_at_end(c) && imap_resolve(c, &set, uids) &&
	       imap_find_mailbox(c, name, "TRYCREATE", ACL_INSERT, to);
}

static void copy(struct imap_command *c, bool move)
{
	const struct imap_context *context = imap_context(c->s);
	struct share to;
	struct uid_set uids;

	/* RFC 6851 section 3.3: the right to delete there. */
	if ((move && !imap_needs(c, ACL_DELETED | ACL_EXPUNGE)) || !take_arguments(c, &uids, &to))
		return;
	struct copy_step step = { .arena = c->arena,
		                  .from_id = c->s->selected->view->mailbox_id,
		                  .to_id = to.info.id,
		                  .uids = &uids,
		                  .account_id = c->s->account_id,
		                  .lesson_room = learner_room(context->learner),
		                  .event_room = post_events_room(context->events),
		                  .by = { .from_viewer = c->s->selected->view->viewer,
		                          .to_viewer = to.viewer,
		                          .allowed = imap_flags_allowed(to.rights),
		                          .move = move } };
	if (move && step.from_id == step.to_id) {
		imap_no(c, "CANNOT", "The messages are there already.");
		return;
	}
	/* RFC 9738 section 3.1: COPY is all or nothing, MOVE need not be. */
	bool limited = imap_limit(c, &uids, 0,
	                          move ? imap_message_limit(c->s) : imap_save_limit(c->s));
	if (limited && !move) {
		imap_no(c, c->limit_code, "So many messages at once are too many.");
		return;
	}
	int rc = store_commit(context->store, NULL, 0, copy_step, &step);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	mailboxes_changed(context->mailboxes, step.to_id);
	learner_tell(context->learner, &step.lesson);
	post_events_tell(context->events, &step.event);
	if (step.copied.count > 0 && step.from_id == step.to_id)
		uid_set_add(c->arena, &c->own, step.copied.first_uid,
		            step.copied.first_uid + (uint32_t)step.copied.count - 1);
	if (step.copied.count == 0 && imap_are_gone(c->s, &uids)) {
		imap_no(c, "EXPUNGEISSUED", "The messages are there no more.");
		return;
	}
	const char *code = copied_code(c->arena, &step.copied);
	if (move)
		mailboxes_changed(context->mailboxes, step.from_id);
	/* RFC 6851 section 4.3: before the EXPUNGEs, as the numbers in it are still those. */
	if (move && code) {
		imap_write(c->s, SLICE("* OK ["));
		imap_write(c->s, slice_from_str(code));
		imap_write(c->s, SLICE("] Moved.\r\n"));
		code = NULL;
	}
	if (move)
		code = imap_mod_seq_code(c);
	imap_ok(c, code, "Done.");
}

void imap_copy(struct imap_command *c) { copy(c, false); }

void imap_move(struct imap_command *c) { copy(c, true); }
