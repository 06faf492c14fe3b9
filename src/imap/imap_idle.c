/* IDLE (RFC 2177): a state of the session. Nothing waits; a notice from the mailbox layer starts a
 * fiber that tells what has changed. */
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"

static void tell_changes(struct imap_session *s)
{
	if (!imap_notify_is_silent(s) && imap_notify_sync(s, false, NULL) < 0)
		imap_bye(s, "The mailbox can't be read any more.");
}

void imap_idle(struct imap_command *c)
{
	struct imap_session *s = c->s;
	imap_continue(s, SLICE("idling"));
	s->idle_tag = mem_str(c->tag);
	c->status = IMAP_ANSWERED;
	if (!s->selected)
		return;
	mailboxes_watch(imap_context(s)->mailboxes, s->selected->view->mailbox_id,
	                session_name(&s->session));
	/* What came before the watch has no notice. */
	tell_changes(s);
}

void imap_idle_line(struct imap_session *s, struct slice line)
{
	char *tag = s->idle_tag;
	bool done = slice_equal_nocase(line, SLICE("DONE"));

	if (s->selected) {
		mailboxes_unwatch(imap_context(s)->mailboxes, s->selected->view->mailbox_id,
		                  session_name(&s->session));
		tell_changes(s);
	}
	s->idle_tag = NULL;
	imap_write_tagged(s, slice_from_str(tag), done ? IMAP_OK : IMAP_BAD, NULL,
	                  done ? "Idle ended." : "Expected DONE.");
	s->bad_count = done ? 0 : s->bad_count + 1;
	free(tag);
}
