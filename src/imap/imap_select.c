/* SELECT, EXAMINE, CLOSE, UNSELECT, STATUS, EXPUNGE. */
#include <errno.h>

#include "imap/imap_limit.h"
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/quota.h"
#include "mailbox/url_auth.h"

/* --- SELECT -------------------------------------------------------------------------- */

/* The number of the first message that is not seen; 0: none. */
static uint32_t first_unseen(const struct mailbox_view *view)
{
	struct mailbox_walk walk = { 0 };
	struct mailbox_item item;
	if (view->unseen_count == 0)
		return 0;
	while (mailbox_view_next(view, &walk, &item)) {
		if (!(item.flags & FLAG_SEEN))
			return item.seq;
	}
	return 0;
}

/* What IMAP4rev2 has no more. */
static void tell_recent(struct imap_session *s)
{
	const struct mailbox_view *view = s->selected->view;
	uint32_t unseen = first_unseen(view);
	imap_printf(s, "* %u RECENT\r\n", imap_recent_count(view, s->selected->recent_uid));
	/* It is a sequence number. */
	if (unseen && !(s->enabled & ENABLED_UIDONLY))
		imap_printf(s, "* OK [UNSEEN %u] First unseen message.\r\n", unseen);
}

static void tell_selected(struct imap_command *c, const struct mailbox_info *info)
{
	struct imap_session *s = c->s;
	const struct mailbox_view *view = s->selected->view;
	imap_write_flag_names(s);
	imap_printf(s, "* %u EXISTS\r\n", view->count);
	if (s->enabled & ENABLED_REV2) {
		/* RFC 9051 section 6.3.2 */
		imap_write(s, SLICE("* LIST () \"/\" "));
		imap_write_mailbox(s, c->arena, info->name);
		imap_write(s, SLICE("\r\n"));
	} else {
		tell_recent(s);
	}
	imap_printf(s, "* OK [UIDVALIDITY %u] UIDs are valid.\r\n", view->uid_validity);
	imap_printf(s, "* OK [UIDNEXT %u] Next UID.\r\n", view->uid_next);
	imap_write(s, SLICE("* OK [MAILBOXID ("));
	imap_write_mailbox_id(s, view->mailbox_id);
	imap_write(s, SLICE(")] Whatever its name.\r\n"));
	imap_printf(s, "* OK [HIGHESTMODSEQ %llu] The latest change.\r\n",
	            (unsigned long long)view->mod_seq);
	if (conn_is_tls(s->session.conn))
		imap_write(s,
		           SLICE("* OK [URLMECH " URL_MECHANISM "] URLs can be authorized.\r\n"));
}

/* select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"] */
static bool take_select(struct imap_command *c, struct slice *name, struct imap_select *select)
{
	if (!imap_take_mailbox(c, name))
		return false;
	if (!imap_take_select(&c->args, c->arena, select)) {
		imap_bad(c, "These parameters are not known.");
		return false;
	}
	if (select->qresync && !(c->s->enabled & ENABLED_QRESYNC)) {
		imap_bad(c, "QRESYNC must be enabled first.");
		return false;
	}
	if (select->match_seqs.count > 0 && (c->s->enabled & ENABLED_UIDONLY)) {
		imap_uid_required(c);
		return false;
	}
	return imap_at_end(c);
}

/* RFC 3501 section 6.3.1: also a SELECT that fails leaves the mailbox selected before. RFC 7162
 * section 3.2.11: what is told from here on is of the other. */
static void leave_mailbox(struct imap_session *s)
{
	if (!s->selected)
		return;
	imap_deselect(s);
	imap_write(s, SLICE("* OK [CLOSED] The mailbox that was selected is left.\r\n"));
}

static void open_mailbox(struct imap_command *c, bool examine)
{
	struct imap_session *s = c->s;
	struct imap_select select;
	struct share share;
	struct mailbox_view *view;
	struct slice name;

	if (!take_select(c, &name, &select))
		return;
	leave_mailbox(s);
	if (!imap_find_mailbox(c, name, "NONEXISTENT", ACL_READ, &share))
		return;
	bool read_only = examine || !imap_may_change(share.rights);
	int rc = mailbox_view_get_for(imap_context(s)->mailboxes, share.info.id, share.viewer,
	                              &view);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	s->selected = mem_zero(1, sizeof(*s->selected));
	s->selected->view = view;
	s->selected->recent_uid = view->recent_uid;
	s->selected->owner_id = share.info.account_id;
	s->selected->rights = share.rights;
	s->selected->read_only = read_only;
	s->selected->keys_known = imap_keys_now(s);
	s->state = IMAP_SELECTED;
	imap_notify_selected(s);
	imap_claim_recent(s);
	if (select.condstore || select.qresync)
		imap_enable_condstore(s);
	tell_selected(c, &share.info);
	rc = select.qresync ? imap_resync(c, &select) : 0;
	if (rc < 0) {
		imap_deselect(s);
		imap_failed(c, rc);
		return;
	}
	imap_ok(c, read_only ? "READ-ONLY" : "READ-WRITE", "Selected.");
}

void imap_select(struct imap_command *c) { open_mailbox(c, false); }

void imap_examine(struct imap_command *c) { open_mailbox(c, true); }

/* --- EXPUNGE and leaving ------------------------------------------------------------- */

struct expunge_step {
	int64_t mailbox_id;
	const struct uid_set *uids;
	uint64_t count;
};

static int expunge_step(struct db *db, void *arg)
{
	struct expunge_step *step = arg;
	return mailbox_expunge(db, step->mailbox_id, step->uids, true, &step->count);
}

static int expunge(struct imap_session *s, const struct uid_set *uids)
{
	const struct imap_context *context = imap_context(s);
	struct expunge_step step = { s->selected->view->mailbox_id, uids, 0 };
	int rc = store_commit(context->store, NULL, 0, expunge_step, &step);
	if (rc == 0 && step.count > 0)
		mailboxes_changed(context->mailboxes, step.mailbox_id);
	return rc;
}

/* expunge = "EXPUNGE"; uid-expunge = "UID" SP "EXPUNGE" SP sequence-set (RFC 4315). What is
 * expunged is told by the sync that follows each command. */
void imap_expunge(struct imap_command *c)
{
	struct uid_set uids = UID_SET_ALL;
	struct imap_set set;
	if (!imap_needs(c, ACL_EXPUNGE))
		return;
	if (c->by_uid) {
		if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, &set)) {
			imap_bad(c, "UID EXPUNGE needs UIDs.");
			return;
		}
		if (!imap_resolve(c, &set, &uids))
			return;
		(void)imap_limit(c, &uids, FLAG_DELETED, imap_message_limit(c->s));
	}
	if (!imap_at_end(c))
		return;
	int rc = expunge(c->s, &uids);
	if (rc < 0)
		imap_failed(c, rc);
	else
		imap_ok(c, imap_mod_seq_code(c), "Done.");
}

/* RFC 3501 section 6.4.2: expunges without telling. */
void imap_close(struct imap_command *c)
{
	const struct imap_selected *selected = c->s->selected;
	bool expunges = !selected->read_only && (selected->rights & ACL_EXPUNGE);
	int rc = expunges ? expunge(c->s, &UID_SET_ALL) : 0;
	imap_deselect(c->s);
	if (rc < 0)
		imap_failed(c, rc);
}

/* RFC 3691 */
void imap_unselect(struct imap_command *c) { imap_deselect(c->s); }

/* --- STATUS -------------------------------------------------------------------------- */

static void write_count(struct imap_session *s, bool *first, const char *name, uint64_t value)
{
	imap_printf(s, "%s%s %llu", *first ? "" : " ", name, (unsigned long long)value);
	*first = false;
}

struct deleted_step {
	int64_t mailbox_id;
	uint64_t bytes;
};

static int deleted_step(struct db *db, void *arg)
{
	struct deleted_step *step = arg;
	return quota_deleted_bytes(db, step->mailbox_id, &step->bytes);
}

/* What is in no column: recent messages, and what somebody else has not seen. */
static int read_view(struct imap_session *s, const struct mailbox_info *info, int64_t viewer,
                     uint32_t *recent, uint64_t *unseen)
{
	struct mailbox_view *view;
	int rc = mailbox_view_get_for(imap_context(s)->mailboxes, info->id, viewer, &view);
	if (rc < 0)
		return rc;
	*recent = imap_recent_count(view, info->recent_uid);
	*unseen = view->unseen_count;
	mailbox_view_release(view);
	return 0;
}

int imap_write_status(struct imap_session *s, struct arena *arena, const struct mailbox_info *info,
                      int64_t viewer, unsigned items)
{
	uint64_t unseen = info->unseen_count;
	uint32_t recent = 0;
	bool first = true;
	if (((items & STATUS_RECENT) && info->recent_uid < info->uid_next) ||
	    ((items & STATUS_UNSEEN) && viewer)) {
		int rc = read_view(s, info, viewer, &recent, &unseen);
		if (rc < 0)
			return rc;
	}
	uint64_t deleted_bytes = 0;
	if ((items & STATUS_DELETED_STORAGE) && info->deleted_count > 0) {
		struct deleted_step step = { .mailbox_id = info->id };
		int rc = store_read(imap_context(s)->store, deleted_step, &step);
		if (rc < 0)
			return rc;
		deleted_bytes = step.bytes;
	}
	imap_write(s, SLICE("* STATUS "));
	imap_write_mailbox(s, arena, info->name);
	imap_write(s, SLICE(" ("));
	if (items & STATUS_MESSAGES)
		write_count(s, &first, "MESSAGES", info->message_count);
	if (items & STATUS_RECENT)
		write_count(s, &first, "RECENT", recent);
	if (items & STATUS_UIDNEXT)
		write_count(s, &first, "UIDNEXT", info->uid_next);
	if (items & STATUS_UIDVALIDITY)
		write_count(s, &first, "UIDVALIDITY", info->uid_validity);
	if (items & STATUS_UNSEEN)
		write_count(s, &first, "UNSEEN", unseen);
	if (items & STATUS_SIZE)
		write_count(s, &first, "SIZE", info->size_bytes);
	if (items & STATUS_DELETED)
		write_count(s, &first, "DELETED", info->deleted_count);
	if (items & STATUS_DELETED_STORAGE)
		write_count(s, &first, "DELETED-STORAGE", deleted_bytes);
	if (items & STATUS_APPENDLIMIT)
		write_count(s, &first, "APPENDLIMIT",
		            imap_context(s)->config->smtp.max_message_bytes);
	if (items & STATUS_MAILBOXID) {
		imap_printf(s, "%sMAILBOXID (", first ? "" : " ");
		imap_write_mailbox_id(s, info->id);
		imap_write(s, SLICE(")"));
		first = false;
	}
	if (items & STATUS_HIGHESTMODSEQ) {
		imap_enable_condstore(s);
		write_count(s, &first, "HIGHESTMODSEQ", info->mod_seq);
	}
	imap_write(s, SLICE(")\r\n"));
	return 0;
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
void imap_status(struct imap_command *c)
{
	struct share share;
	struct slice name;
	unsigned items;

	if (!imap_take_mailbox(c, &name))
		return;
	if (!imap_take_space(&c->args) || !imap_take_status_items(&c->args, &items)) {
		imap_bad(c, "STATUS needs the items that are asked for.");
		return;
	}
	if (!imap_at_end(c) || !imap_find_mailbox(c, name, "NONEXISTENT", ACL_READ, &share))
		return;
	int rc = imap_write_status(c->s, c->arena, &share.info, share.viewer, items);
	if (rc < 0)
		imap_failed(c, rc);
}
