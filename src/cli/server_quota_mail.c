#include "cli/server_quota_mail.h"

#include <errno.h>

#include "base/clock.h"
#include "mailbox/note.h"
#include "message/build.h"

enum { MAIL_MAX = 64 * 1024 };

static int put_piece(void *out, struct slice piece) { return buf_append(out, piece); }

/* "820.5 MiB" */
static const char *size_text(struct arena *arena, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double number = (double)bytes / 1024;
	size_t unit = 0;
	for (; number >= 1024 && unit < 3; unit++)
		number /= 1024;
	return arena_printf(arena, "%.1f %s", number, units[unit]);
}

static const char *body_text(struct arena *arena, const struct quota_crossing *c)
{
	const struct quota *q = &c->quota;
	const char *text = arena_printf(arena, "The mailbox %.*s is %u %% full.\n\nIt holds:\n",
	                                SLICE_ARG(c->address), c->percent);
	if (q->limit[QUOTA_STORAGE] > 0)
		text = arena_printf(arena, "%s  %s, of %s that it may\n", text,
		                    size_text(arena, q->used[QUOTA_STORAGE]),
		                    size_text(arena, q->limit[QUOTA_STORAGE]));
	if (q->limit[QUOTA_MESSAGE] > 0)
		text = arena_printf(arena, "%s  %llu messages, of %llu\n", text,
		                    (unsigned long long)q->used[QUOTA_MESSAGE],
		                    (unsigned long long)q->limit[QUOTA_MESSAGE]);
	if (q->limit[QUOTA_MAILBOX] > 0)
		text = arena_printf(arena, "%s  %llu folders, of %llu\n", text,
		                    (unsigned long long)q->used[QUOTA_MAILBOX],
		                    (unsigned long long)q->limit[QUOTA_MAILBOX]);
	return arena_printf(arena,
	                    "%s\nWhen it is full, mail to you is refused. Please delete what you do"
	                    " not need, in the\nfolders Trash and Junk too.\n",
	                    text);
}

static int write_message(const struct server *s, struct arena *arena,
                         const struct quota_crossing *c, int64_t now_ms, struct buf *out)
{
	const struct draft_header automatic = { "Auto-Submitted", SLICE("auto-generated") };
	struct slice host = slice_from_str(s->config->hostname);
	struct slice domain = slice_from(c->address,
	                                 (size_t)slice_find_last_byte(c->address, '@') + 1);
	const struct draft draft = {
		.from = slice_from_str(arena_printf(arena, "postmaster@%.*s", SLICE_ARG(domain))),
		.to = c->address,
		.subject = slice_from_str(
			arena_printf(arena, "Your mailbox is %u %% full", c->percent)),
		.text = slice_from_str(body_text(arena, c)),
		.date = date_local(now_ms / 1000),
		.message_id = draft_message_id(arena, host),
		.headers = &automatic,
		.header_count = 1,
	};
	buf_append(out, SLICE("Return-Path: <>\r\n"));
	int rc = draft_write(&draft, arena, put_piece, out);
	return rc < 0 ? rc : buf_failed(out) ? -ENOBUFS : 0;
}

int quota_mail_write(const struct server *s, struct arena *arena, const struct quota_crossing *c,
                     struct quota_mail *mail, struct store_blob *blob)
{
	struct buf bytes = buf_make(MAIL_MAX);
	*mail = (struct quota_mail){ .account_id = c->account_id,
		                     .now_ms = clock_wall_ms(),
		                     .note = buf_make(STORE_NOTE_MAX) };
	int rc = write_message(s, arena, c, mail->now_ms, &bytes);
	mail->bytes = arena_copy(arena, buf_slice(&bytes));
	buf_free(&bytes);
	if (rc < 0)
		return rc;
	message_summarise(mail->bytes, &s->config->message, arena, &mail->summary);
	note_add_at(&mail->note, mail->now_ms);
	note_add_to(&mail->note, c->address, SLICE("INBOX"));
	*blob = (struct store_blob){ .parts = &mail->bytes,
		                     .part_count = 1,
		                     .note = buf_slice(&mail->note) };
	return 0;
}

int quota_mail_commit(struct db *db, struct quota_mail *mail, int64_t blob_id)
{
	const struct mailbox_new_message message = {
		.blob_id = blob_id,
		.size_bytes = mail->bytes.len,
		.internal_ms = mail->now_ms,
		.envelope = mail->summary.envelope,
		.bodystructure = mail->summary.body_structure,
		.references = mail->summary.references,
	};
	uint32_t uid;
	mail->mailbox_id = 0;
	int rc = mailbox_check_quota(db, mail->account_id, mail->bytes.len);
	/* Full, or gone meanwhile. */
	if (rc == -EDQUOT || rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = mailbox_get_inbox(db, mail->account_id, &mail->mailbox_id);
	return rc == 0 ? mailbox_append(db, mail->mailbox_id, &message, &uid) : rc;
}

void quota_mail_free(struct quota_mail *mail) { buf_free(&mail->note); }
