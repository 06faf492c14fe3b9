#include "imap/imap_share.h"

#include <errno.h>

#include "imap/imap_reply.h"

struct share_user imap_share_user(const struct imap_session *s)
{
	return (struct share_user){ s->account_id, slice_from_str(s->address) };
}

/* --- finding ------------------------------------------------------------------------- */

struct find_step {
	struct arena *arena;
	struct share_user user;
	struct slice name;
	struct share *out;
};

static int find_step(struct db *db, void *arg)
{
	struct find_step *step = arg;
	return share_find(db, step->arena, &step->user, step->name, step->out);
}

void imap_refuse_share(struct imap_command *c, unsigned rights, const char *code_if_none)
{
	if (rights & ACL_LOOKUP)
		imap_no(c, "NOPERM", "You may not do that there.");
	else
		imap_no(c, code_if_none, "There is no such mailbox.");
}

bool imap_find_mailbox(struct imap_command *c, struct slice name, const char *code_if_none,
                       unsigned needs, struct share *out)
{
	struct find_step step = { c->arena, imap_share_user(c->s), name, out };
	int rc = store_read(imap_context(c->s)->store, find_step, &step);
	if (rc == -ENOENT)
		imap_no(c, code_if_none, "There is no such mailbox.");
	else if (rc < 0)
		imap_failed(c, rc);
	else if ((out->rights & needs) != needs)
		imap_refuse_share(c, out->rights, code_if_none);
	return c->status == IMAP_OK;
}

/* --- rights -------------------------------------------------------------------------- */

uint64_t imap_flags_allowed(unsigned rights)
{
	uint64_t flags = 0;
	if (rights & ACL_SEEN)
		flags |= FLAG_SEEN;
	if (rights & ACL_DELETED)
		flags |= FLAG_DELETED;
	if (rights & ACL_WRITE)
		flags |= ~(uint64_t)(FLAG_SEEN | FLAG_DELETED);
	return flags;
}

/* RFC 4314 section 5.2: what SELECT calls READ-WRITE. */
bool imap_may_change(unsigned rights)
{
	return rights & (ACL_INSERT | ACL_EXPUNGE | ACL_SEEN | ACL_DELETED | ACL_WRITE);
}

struct rights_step {
	const struct imap_session *s;
	unsigned rights;
};

static int rights_step(struct db *db, void *arg)
{
	struct rights_step *step = arg;
	const struct imap_selected *selected = step->s->selected;
	return acl_rights(db, selected->owner_id, selected->view->mailbox_id, step->s->account_id,
	                  slice_from_str(step->s->address), &step->rights);
}

int imap_refresh_rights(struct imap_session *s)
{
	struct rights_step step = { .s = s };
	if (s->selected->owner_id == s->account_id)
		return 0;
	int rc = store_read(imap_context(s)->store, rights_step, &step);
	if (rc < 0)
		return rc;
	s->selected->rights = step.rights;
	return step.rights & ACL_READ ? 0 : -EACCES;
}

bool imap_end_if_lost(struct imap_session *s, int sync_result)
{
	if (sync_result != -ENOENT && sync_result != -EACCES)
		return false;
	imap_bye(s, sync_result == -ENOENT ? "The mailbox has been deleted."
	                                   : "The mailbox is not for you any more.");
	return true;
}

bool imap_needs(struct imap_command *c, unsigned rights)
{
	if ((c->s->selected->rights & rights) == rights)
		return true;
	imap_no(c, "NOPERM", "You may not do that there.");
	return false;
}
