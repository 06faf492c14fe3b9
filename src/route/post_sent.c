#include "route/post_sent.h"

#include <errno.h>

#include "base/log.h"
#include "directory/directory.h"
#include "mailbox/note.h"
#include "mailbox/sent.h"

struct wish {
	struct arena *arena;
	int64_t account_id;
	bool wanted;
	struct slice name;
};

static int read_wish(struct db *db, void *arg)
{
	struct wish *w = arg;
	struct mailbox_info info;
	int rc = directory_wants_sent_copy(db, w->account_id, &w->wanted);
	if (rc < 0 || !w->wanted)
		return rc;
	rc = sent_find(db, w->arena, w->account_id, &info);
	w->name = rc == 0 ? info.name : SLICE("Sent");
	return rc == -ENOENT ? 0 : rc;
}

/* ENVELOPE with the Bcc fields; the structure is that of the message. */
static struct slice envelope_of(struct post_sent *sent, const struct message_limits *limits,
                                const struct message_summary *summary)
{
	const struct slice header[] = { sent->parts[0],
		                        slice_sub(sent->parts[1], 0, summary->header_size) };
	struct message_summary with_bcc;
	message_summarise(arena_concat(sent->arena, header, 2), limits, sent->arena, &with_bcc);
	return with_bcc.envelope;
}

struct post_sent *post_sent_new(struct post *p, struct arena *arena,
                                const struct post_client *client,
                                const struct post_envelope *envelope,
                                const struct message_summary *summary, struct slice message,
                                uint64_t size_bytes, int64_t now_ms)
{
	struct wish wish = { .arena = arena, .account_id = client->account_id };
	/* What is binary lies in no mailbox as it is; post_binary.c comes again with a form that
	 * may. */
	if (!envelope->file_sent || !client->account || envelope->body_binary)
		return NULL;
	int rc = store_read(p->config.store, read_wish, &wish);
	if (rc < 0)
		log_error("route.sent.failed", kv_error(rc));
	if (rc < 0 || !wish.wanted)
		return NULL;
	struct post_sent *sent = ARENA_NEW(arena, struct post_sent);
	*sent = (struct post_sent){
		.account_id = client->account_id,
		.address = slice_from_str(client->account),
		.name = wish.name,
		.message_id = summary->message_id,
		.own_blob = envelope->bcc.len > 0,
		.parts = { envelope->bcc, message },
		.note = buf_make(STORE_NOTE_MAX),
		.row = { .size_bytes = size_bytes,
		         .internal_ms = now_ms,
		         .flags = FLAG_SEEN,
		         .envelope = summary->envelope,
		         .bodystructure = summary->body_structure,
		         .references = summary->references },
		.arena = arena,
	};
	if (sent->own_blob) {
		sent->row.size_bytes = envelope->bcc.len + message.len;
		sent->row.envelope = envelope_of(sent, &p->config.config->message, summary);
		note_add_at(&sent->note, now_ms);
		note_add_to(&sent->note, sent->address, sent->name);
	}
	return sent;
}

struct store_blob post_sent_blob(const struct post_sent *sent)
{
	return (struct store_blob){ .parts = sent->parts,
		                    .part_count = 2,
		                    .note = buf_slice(&sent->note) };
}

static int file_copy(struct db *db, struct post_sent *sent, int64_t mailbox_id, int64_t blob_id)
{
	struct mailbox_new_message row = sent->row;
	uint32_t uid;
	row.blob_id = blob_id;
	int rc = mailbox_append(db, mailbox_id, &row, &uid);
	if (rc == 0)
		rc = sent_note(db, mailbox_id, sent->message_id, uid, SENT_BY_SERVER,
		               row.internal_ms);
	if (rc == 0)
		sent->mailbox_id = mailbox_id;
	return rc;
}

int post_sent_commit(struct db *db, struct post_sent *sent, int64_t blob_id)
{
	struct mailbox_info to = { 0 };
	uint32_t uid;
	sent->mailbox_id = 0;
	int rc = mailbox_check_quota(db, sent->account_id, sent->row.size_bytes);
	if (rc == -EDQUOT) {
		log_info("route.sent.full", kv_slice("account", sent->address));
		return 0;
	}
	if (rc == 0)
		rc = sent_get(db, sent->arena, sent->account_id, &to);
	if (rc < 0)
		return rc;
	rc = sent_take(db, to.id, sent->message_id, SENT_BY_CLIENT, sent->row.internal_ms, &uid);
	return rc == -ENOENT ? file_copy(db, sent, to.id, blob_id) : rc;
}

void post_sent_end(struct post_sent *sent)
{
	if (sent)
		buf_free(&sent->note);
}
