/* APPEND (RFC 3501 section 6.3.11) with APPENDUID (RFC 4315). The message is spooled as one that
 * comes by SMTP. */
#include <errno.h>

#include "base/log.h"
#include "directory/directory.h"
#include "imap/imap_input.h"
#include "imap/imap_reply.h"
#include "mailbox/note.h"
#include "mailbox/sent.h"
#include "store/spool.h"

struct append_step {
	int64_t account_id;
	struct mailbox_info to;
	const struct imap_flags *flags;
	struct store_blob blob;
	struct mailbox_new_message message;
	struct slice message_id;
	int64_t now_ms;
	struct arena *arena;
	uint32_t uid;
};

/* The copy that the server filed itself when the message was submitted gives way to the client's,
 * which may hold what the client sent to nobody: Bcc, above all. -ENOENT: there is none. */
static int take_sent_copy(struct db *db, struct append_step *step)
{
	struct uid_set uids = { 0 };
	uint32_t uid;
	bool wanted;
	int rc = directory_wants_sent_copy(db, step->account_id, &wanted);
	if (rc < 0 || !wanted)
		return rc < 0 ? rc : -ENOENT;
	rc = sent_take(db, step->to.id, step->message_id, SENT_BY_SERVER, step->now_ms, &uid);
	if (rc < 0)
		return rc;
	uid_set_add(step->arena, &uids, uid, uid);
	return mailbox_expunge(db, step->to.id, &uids, false, NULL);
}

static int append_to_sent(struct db *db, struct append_step *step)
{
	int rc = take_sent_copy(db, step);
	bool taken = rc == 0;
	if (rc == 0 || rc == -ENOENT)
		rc = mailbox_check_quota(db, step->account_id, step->message.size_bytes);
	if (rc == 0)
		rc = mailbox_append(db, step->to.id, &step->message, &step->uid);
	if (rc == 0 && !taken)
		rc = sent_note(db, step->to.id, step->message_id, step->uid, SENT_BY_CLIENT,
		               step->now_ms);
	return rc;
}

static int append_step(struct db *db, void *arg)
{
	struct append_step *step = arg;
	step->message.blob_id = step->blob.id;
	int rc = imap_flag_bits(db, step->to.id, step->flags, &step->message.flags);
	if (rc == 0 && step->to.use == USE_SENT)
		return append_to_sent(db, step);
	if (rc == 0)
		rc = mailbox_check_quota(db, step->account_id, step->message.size_bytes);
	if (rc == 0)
		rc = mailbox_append(db, step->to.id, &step->message, &step->uid);
	return rc;
}

struct summary_job {
	const struct message_limits *limits;
	struct slice bytes;
	struct arena *arena;
	struct message_summary summary;
};

static void summarise(void *arg)
{
	struct summary_job *job = arg;
	message_summarise(job->bytes, job->limits, job->arena, &job->summary);
}

static void commit(struct imap_command *c, struct append_step *step)
{
	const struct imap_context *context = imap_context(c->s);
	struct buf note = buf_make(STORE_NOTE_MAX);

	note_add_at(&note, step->message.internal_ms);
	note_add_to(&note, slice_from_str(c->s->address), step->to.name);
	step->blob.note = buf_slice(&note);
	int rc = store_commit(context->store, &step->blob, 1, append_step, step);
	buf_free(&note);
	if (rc == -ENOENT) {
		imap_no(c, "TRYCREATE", "There is no such mailbox.");
	} else if (rc < 0) {
		imap_failed(c, rc);
	} else {
		mailboxes_changed(context->mailboxes, step->to.id);
		imap_ok(c,
		        arena_printf(c->arena, "APPENDUID %u %u", step->to.uid_validity, step->uid),
		        "Kept.");
	}
}

static void append_message(struct imap_command *c, const struct imap_append *args,
                           const struct mailbox_info *to, struct slice bytes)
{
	struct summary_job job = { .limits = &imap_context(c->s)->config->message,
		                   .bytes = bytes,
		                   .arena = c->arena };
	fiber_offload(summarise, &job);
	struct append_step step = {
		.account_id = c->s->account_id,
		.to = *to,
		.flags = &args->flags,
		.message_id = job.summary.message_id,
		.now_ms = clock_wall_ms(),
		.arena = c->arena,
		.blob = { .parts = &bytes, .part_count = 1 },
		.message = {
			.size_bytes = bytes.len,
			.internal_ms = args->has_date ? args->date.unix_s * 1000 : clock_wall_ms(),
			.envelope = job.summary.envelope,
			.bodystructure = job.summary.body_structure,
			.references = job.summary.references,
		},
	};
	commit(c, &step);
}

/* Reads the message and the rest of the line. False: the session must end. */
static bool read_message(struct imap_command *c, struct spool *spool)
{
	struct slice rest;
	c->literal_taken = true;
	if (!c->literal_at_once)
		imap_continue(c->s, SLICE("OK"));
	if (c->s->write_error || imap_input_literal(c->s, c->literal_bytes, spool_add, spool) < 0 ||
	    !imap_input_line(c->s, c->arena, &rest))
		return false;
	if (rest.len > 0)
		imap_bad(c, "Only one message at a time.");
	return true;
}

static void spool_and_append(struct imap_command *c, const struct imap_append *args,
                             const struct mailbox_info *to)
{
	const struct config *config = imap_context(c->s)->config;
	struct spool spool;
	struct slice bytes;

	spool_create(&spool, config->dir, (size_t)config->smtp.memory_bytes,
	             config->smtp.max_message_bytes, 0);
	if (!read_message(c, &spool)) {
		c->s->ending = true;
	} else if (c->status == IMAP_OK) {
		int rc = spool_view(&spool, &bytes);
		if (rc == 0)
			append_message(c, args, to, bytes);
		else
			imap_failed(c, rc);
	}
	spool_destroy(&spool);
}

/* append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal
 *
 * Whatever can be refused is refused before the message is sent. */
void imap_append(struct imap_command *c)
{
	uint64_t max = imap_context(c->s)->config->smtp.max_message_bytes;
	struct imap_append args;
	struct mailbox_info to;
	struct slice name;

	if (!c->is_literal_next || !imap_take_mailbox(c, &name) ||
	    !imap_take_append(&c->args, c->arena, &args) || !cursor_at_end(&c->args)) {
		if (c->status != IMAP_NO)
			imap_bad(c, "APPEND needs a mailbox and a message.");
		return;
	}
	if (!imap_find_mailbox(c, name, "TRYCREATE", &to))
		return;
	if (c->literal_bytes > max)
		imap_no(c, "TOOBIG", "The message is too large.");
	else if (c->literal_bytes == 0)
		imap_no(c, "CANNOT", "The message is empty.");
	else
		spool_and_append(c, &args, &to);
}
