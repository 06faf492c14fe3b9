/* APPEND (RFC 3501 section 6.3.11) of one message or several (RFC 3502), and REPLACE (RFC 8508),
 * with APPENDUID (RFC 4315). Messages are spooled as those that come by SMTP, one behind the other
 * (imap_append_read.c), and committed together. */
#include "imap/imap_append.h"

#include <errno.h>

#include "base/log.h"
#include "directory/directory.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/mailbox_seen.h"
#include "mailbox/note.h"
#include "mailbox/sent.h"
#include "message/recode.h"
#include "route/post_event.h"

enum { OFFLOAD_BYTES = 64 << 10 }; /* more is taken apart by another thread */

/* --- the commit ---------------------------------------------------------------------- */

/* The copy that the server filed itself when the message was submitted gives way to the client's,
 * which may hold what the client sent to nobody: Bcc, above all. -ENOENT: there is none. */
static int take_sent_copy(struct db *db, struct append *a, const struct append_item *item)
{
	struct uid_set uids = { 0 };
	uint32_t uid;
	bool wanted;
	int rc = directory_wants_sent_copy(db, a->to.account_id, &wanted);
	if (rc < 0 || !wanted)
		return rc < 0 ? rc : -ENOENT;
	rc = sent_take(db, a->to.id, item->message_id, SENT_BY_SERVER, a->now_ms, &uid);
	if (rc < 0)
		return rc;
	uid_set_add(a->arena, &uids, uid, uid);
	return mailbox_expunge(db, a->to.id, &uids, false, NULL);
}

/* What was seen by somebody who is not the owner. */
static int append_seen(struct db *db, struct append *a, uint32_t uid)
{
	struct uid_set uids = { 0 };
	uid_set_add(a->arena, &uids, uid, uid);
	const struct flag_request request = { .mailbox_id = a->to.id,
		                              .viewer = a->share.viewer,
		                              .uids = &uids,
		                              .how = FLAGS_ADD,
		                              .flags = FLAG_SEEN,
		                              .mask = FLAG_SEEN };
	return mailbox_request_flags(db, &request, NULL, NULL);
}

static int append_item(struct db *db, struct append *a, struct append_item *item)
{
	bool sent = a->to.use == USE_SENT && a->share.viewer == 0;
	int taken = sent ? take_sent_copy(db, a, item) : -ENOENT;
	if (taken < 0 && taken != -ENOENT)
		return taken;
	uint64_t flags, own = a->share.viewer ? FLAG_SEEN : 0;
	if (!(a->share.rights & ACL_WRITE))
		item->args.flags.keyword_count = 0;
	int rc = imap_flag_bits(db, a->to.id, &item->args.flags, &flags);
	flags &= imap_flags_allowed(a->share.rights);
	item->message.flags = flags & ~own;
	if (rc == 0)
		rc = mailbox_check_quota(db, a->to.account_id, item->message.size_bytes);
	if (rc == 0)
		rc = mailbox_append(db, a->to.id, &item->message, &item->uid);
	if (rc == 0 && (flags & own))
		rc = append_seen(db, a, item->uid);
	if (rc == 0 && sent && taken == -ENOENT)
		rc = sent_note(db, a->to.id, item->message_id, item->uid, SENT_BY_CLIENT,
		               a->now_ms);
	return rc;
}

/* -ESTALE: what is to be replaced is there no more. */
static int remove_replaced(struct db *db, struct append *a)
{
	struct uid_set uids = { 0 };
	uint64_t count;
	uid_set_add(a->arena, &uids, a->replaced_uid, a->replaced_uid);
	int rc = mailbox_expunge(db, a->replaced_in, &uids, false, &count);
	return rc == 0 && count == 0 ? -ESTALE : rc;
}

/* The scripts of the mailbox. */
static int note_event(struct db *db, struct append *a)
{
	const struct imap_session *s = a->c->s;
	struct mail_event event = { .actor_id = s->account_id,
		                    .mailbox_id = a->to.id,
		                    .cause = MAIL_EVENT_APPEND };
	a->event = (struct mail_event_noted){ .noted = false };
	for (size_t i = 0; i < a->count; i++)
		uid_set_add(a->arena, &event.uids, a->items[i].uid, a->items[i].uid);
	return mail_event_note(db, a->arena, &event, post_events_room(imap_context(s)->events),
	                       &a->event);
}

static int append_step(struct db *db, void *arg)
{
	struct append *a = arg;
	int rc = a->replaced_uid ? remove_replaced(db, a) : 0;
	for (size_t i = 0; i < a->count && rc == 0; i++) {
		a->items[i].message.blob_id = a->blobs[i].id;
		rc = append_item(db, a, &a->items[i]);
	}
	return rc == 0 ? note_event(db, a) : rc;
}

static void answer(struct append *a)
{
	struct imap_command *c = a->c;
	uint32_t first = a->items[0].uid, last = a->items[a->count - 1].uid;
	if (c->s->selected && c->s->selected->view->mailbox_id == a->to.id)
		uid_set_add(c->arena, &c->own, first, last);
	const char *code = arena_printf(c->arena, "APPENDUID %u %u", a->to.uid_validity, first);
	if (last != first)
		code = arena_printf(c->arena, "%s:%u", code, last);
	if (!a->replaced_uid) {
		imap_ok(c, code, "Kept.");
		return;
	}
	/* RFC 8508 section 4.3: before what was replaced is told to be gone. */
	imap_printf(c->s, "* OK [%s] Kept.\r\n", code);
	imap_ok(c, imap_mod_seq_code(c), "Replaced.");
}

static void commit(struct append *a)
{
	struct imap_command *c = a->c;
	const struct imap_context *context = imap_context(c->s);
	for (size_t i = 0; i < a->count; i++) {
		struct append_item *item = &a->items[i];
		item->note = buf_make(STORE_NOTE_MAX);
		note_add_at(&item->note, item->message.internal_ms);
		note_add_to(&item->note, a->share.owner.len ? a->share.owner : SLICE(NOTE_PUBLIC),
		            a->share.own_name);
		a->blobs[i] = (struct store_blob){ .parts = &item->bytes,
			                           .part_count = 1,
			                           .note = buf_slice(&item->note) };
	}
	int rc = store_commit(context->store, a->blobs, a->count, append_step, a);
	for (size_t i = 0; i < a->count; i++)
		buf_free(&a->items[i].note);
	if (rc == -ESTALE) {
		imap_no(c, "EXPUNGEISSUED", "What is to be replaced is there no more.");
	} else if (rc == -ENOENT) {
		imap_no(c, "TRYCREATE", "There is no such mailbox.");
	} else if (rc < 0) {
		imap_failed(c, rc);
	} else {
		mailboxes_changed(context->mailboxes, a->to.id);
		post_events_tell(context->events, &a->event);
		if (a->replaced_uid && a->replaced_in != a->to.id)
			mailboxes_changed(context->mailboxes, a->replaced_in);
		answer(a);
	}
}

/* --- what was sent ------------------------------------------------------------------- */

static int add_recoded(void *arg, struct slice piece)
{
	struct append *a = arg;
	a->recoded_length += piece.len;
	return spool_add(&a->recoded, piece);
}

/* Binary mail is kept encoded, as that of SMTP is; what was signed, as it is. */
static int recode_item(struct append *a, struct append_item *item)
{
	const struct message_limits *limits = &imap_context(a->c->s)->config->message;
	struct recode *plan;
	uint64_t before = a->recoded_length;
	int rc = recode_plan(a->arena, item->bytes, limits, RECODE_BINARY, &plan);
	if (rc <= 0)
		return rc == -EOPNOTSUPP ? 0 : rc;
	rc = recode_write(plan, NULL, NULL, add_recoded, a);
	item->offset = before;
	item->length = a->recoded_length - before;
	return rc < 0 ? rc : 1;
}

struct prepare_job {
	struct append *a;
	int rc;
};

static void summarise(struct append *a, struct append_item *item)
{
	struct message_summary summary;
	message_summarise(item->bytes, &imap_context(a->c->s)->config->message, a->arena, &summary);
	item->message_id = summary.message_id;
	item->message = (struct mailbox_new_message){
		.size_bytes = item->bytes.len,
		.internal_ms = item->args.has_date ? item->args.date.unix_s * 1000 : a->now_ms,
		.envelope = summary.envelope,
		.bodystructure = summary.body_structure,
		.references = summary.references,
	};
}

static int recode_all(struct append *a)
{
	struct slice whole = SLICE_EMPTY;
	bool *recoded = ARENA_ARRAY(a->arena, a->count, bool);
	for (size_t i = 0; i < a->count; i++) {
		int rc = a->items[i].binary ? recode_item(a, &a->items[i]) : 0;
		if (rc < 0)
			return rc;
		recoded[i] = rc > 0;
	}
	int rc = a->recoded_length ? spool_view(&a->recoded, &whole) : 0;
	for (size_t i = 0; i < a->count && rc == 0; i++) {
		if (recoded[i])
			a->items[i].bytes = slice_sub(whole, a->items[i].offset,
			                              a->items[i].length);
	}
	return rc;
}

/* Takes the messages apart: here if they are small, else on the thread pool. */
static void prepare(void *arg)
{
	struct prepare_job *job = arg;
	struct append *a = job->a;
	struct slice whole;
	job->rc = spool_view(&a->spool, &whole);
	for (size_t i = 0; i < a->count && job->rc == 0; i++)
		a->items[i].bytes = slice_sub(whole, a->items[i].offset, a->items[i].length);
	if (job->rc == 0)
		job->rc = recode_all(a);
	for (size_t i = 0; i < a->count && job->rc == 0; i++)
		summarise(a, &a->items[i]);
}

/* --- the whole ----------------------------------------------------------------------- */

static void spool_and_append(struct append *a)
{
	struct imap_command *c = a->c;
	const struct config *config = imap_context(c->s)->config;
	uint64_t max = config->smtp.max_message_bytes * APPEND_TOTAL_TIMES;
	struct prepare_job job = { .a = a };

	a->arena = c->arena;
	a->now_ms = clock_wall_ms();
	a->items = ARENA_ARRAY(c->arena, APPEND_MESSAGES_MAX, struct append_item);
	a->blobs = ARENA_ARRAY(c->arena, APPEND_MESSAGES_MAX, struct store_blob);
	spool_create(&a->spool, config->dir, (size_t)config->smtp.memory_bytes, max, 0);
	/* Quoted-printable at its worst is three times as long. */
	spool_create(&a->recoded, config->dir, (size_t)config->smtp.memory_bytes, max * 4, 0);
	if (append_read(a)) {
		if (a->spool.size_bytes > OFFLOAD_BYTES)
			fiber_offload(prepare, &job);
		else
			prepare(&job);
		if (job.rc < 0)
			imap_failed(c, job.rc);
		else
			commit(a);
	}
	spool_destroy(&a->recoded);
	spool_destroy(&a->spool);
}

/* --- the commands -------------------------------------------------------------------- */

static bool find_target(struct append *a, struct slice name)
{
	if (!imap_find_mailbox(a->c, name, "TRYCREATE", ACL_INSERT, &a->share))
		return false;
	a->to = a->share.info;
	return true;
}

static bool needs_message(struct imap_command *c)
{
	if (append_is_next(c, cursor_rest(&c->args)))
		return true;
	imap_bad(c, "A mailbox and a message are needed.");
	return false;
}

/* append = "APPEND" SP mailbox 1*append-message */
void imap_append(struct imap_command *c)
{
	struct append a = { .c = c };
	struct slice name;
	if (needs_message(c) && imap_take_mailbox(c, &name) && find_target(&a, name))
		spool_and_append(&a);
}

/* replace = "REPLACE" SP seq-number SP mailbox append-message (RFC 8508) */
void imap_replace(struct imap_command *c)
{
	const struct mailbox_view *view = c->s->selected->view;
	struct append a = { .c = c, .replaced_in = view->mailbox_id };
	struct mailbox_item item;
	struct uid_set uids;
	struct imap_set set;
	struct slice name;
	if (!needs_message(c) || !imap_needs(c, ACL_DELETED | ACL_EXPUNGE))
		return;
	if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, &set) ||
	    set.count != 1 || set.saved || set.ranges[0].first != set.ranges[0].last) {
		imap_bad(c, "REPLACE needs a message.");
		return;
	}
	if (!imap_resolve(c, &set, &uids) || !imap_take_mailbox(c, &name))
		return;
	if (uids.count == 0 || !mailbox_view_by_uid(view, uids.ranges[0].first, &item)) {
		imap_no(c, "EXPUNGEISSUED", "What is to be replaced is there no more.");
		return;
	}
	a.replaced_uid = item.uid;
	if (find_target(&a, name))
		spool_and_append(&a);
}
