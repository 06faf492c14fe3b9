/* SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314). The owner of a mailbox stands in its
 * list with all rights, which can't be taken away. */
#include "mailbox/acl.h"

#include <errno.h>

#include "imap/imap_handlers.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"

struct acl_step {
	struct imap_command *c;
	struct share share;
	struct slice identifier;
	char how; /* '+', '-', or 0 to replace */
	unsigned rights;
	int64_t reader_id; /* the account that is named; 0: anyone */
};

static bool is_owner(const struct acl_step *step)
{
	return step->share.owner.len > 0 && slice_equal(step->identifier, step->share.owner);
}

/* --- arguments ----------------------------------------------------------------------- */

static bool take_identifier(struct imap_command *c, struct slice *out)
{
	if (imap_take_space(&c->args) && imap_take_astring(&c->args, c->arena, out) && out->len > 0)
		return true;
	imap_bad(c, "An identifier is missing.");
	return false;
}

/* mod-rights = astring: ["+" / "-"] *right */
static bool take_rights(struct imap_command *c, struct acl_step *step)
{
	struct slice text;
	if (!imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &text)) {
		imap_bad(c, "Rights are missing.");
		return false;
	}
	if (slice_starts_with(text, SLICE("+")) || slice_starts_with(text, SLICE("-"))) {
		step->how = text.data[0];
		text = slice_from(text, 1);
	}
	if (acl_parse(text, &step->rights))
		return true;
	imap_bad(c, "Rights are some of " ACL_LETTERS ".");
	return false;
}

/* The mailbox, and then its list is for the session to see and change. */
static bool find(struct imap_command *c, struct slice name, struct share *out)
{
	return imap_find_mailbox(c, name, "NONEXISTENT", ACL_ADMIN, out);
}

static bool explain(struct imap_command *c, int rc)
{
	if (rc == -ENOENT || rc == -EINVAL)
		imap_no(c, "CANNOT", "There is no such account; \"anyone\" is all of them.");
	else if (rc == -EPERM)
		imap_no(c, "CANNOT", "The owner may do everything.");
	else if (rc == -ENOSPC)
		imap_no(c, "LIMIT", "The list is too long.");
	else if (rc < 0)
		imap_failed(c, rc);
	return rc == 0;
}

/* --- changing ------------------------------------------------------------------------ */

struct own_entry {
	struct slice identifier;
	unsigned rights;
};

static int own_visit(struct slice identifier, unsigned rights, void *arg)
{
	struct own_entry *own = arg;
	if (slice_equal(identifier, own->identifier))
		own->rights = rights;
	return 0;
}

/* -EPERM: the owner's rights would become fewer. */
static int set_owner(const struct acl_step *step)
{
	bool takes = step->how == '-' ? step->rights != 0
	                              : step->how == 0 && step->rights != ACL_ALL;
	return takes ? -EPERM : 0;
}

static int set_step(struct db *db, void *arg)
{
	struct acl_step *step = arg;
	const struct mailbox_info *info = &step->share.info;
	struct own_entry own = { 0 };
	unsigned rights = step->rights;
	int rc = acl_identifier(db, step->c->arena, step->identifier, &step->identifier,
	                        &step->reader_id);
	if (rc < 0)
		return rc;
	if (is_owner(step))
		return set_owner(step);
	own.identifier = step->identifier;
	if (step->how)
		rc = acl_each(db, info->account_id, info->id, own_visit, &own);
	if (step->how == '+')
		rights = own.rights | rights;
	else if (step->how == '-')
		rights = own.rights & ~rights;
	return rc == 0 ? acl_set(db, info->account_id, info->id, step->identifier, rights) : rc;
}

static void change(struct imap_command *c, struct acl_step *step)
{
	const struct imap_context *context = imap_context(c->s);
	if (!explain(c, store_commit(context->store, NULL, 0, set_step, step)))
		return;
	mailboxes_changed(context->mailboxes, step->share.info.id);
	if (step->reader_id)
		mailboxes_names_changed(context->mailboxes, step->reader_id);
}

/* setacl = "SETACL" SP mailbox SP identifier SP mod-rights */
void imap_setacl(struct imap_command *c)
{
	struct acl_step step = { .c = c };
	struct slice name;
	if (imap_take_mailbox(c, &name) && take_identifier(c, &step.identifier) &&
	    take_rights(c, &step) && imap_at_end(c) && find(c, name, &step.share))
		change(c, &step);
}

/* deleteacl = "DELETEACL" SP mailbox SP identifier */
void imap_deleteacl(struct imap_command *c)
{
	struct acl_step step = { .c = c };
	struct slice name;
	if (imap_take_mailbox(c, &name) && take_identifier(c, &step.identifier) && imap_at_end(c) &&
	    find(c, name, &step.share))
		change(c, &step);
}

/* --- telling ------------------------------------------------------------------------- */

static void write_entry(struct imap_session *s, struct slice identifier, unsigned rights)
{
	char letters[ACL_TEXT_MAX];
	imap_write(s, SLICE(" "));
	imap_write_astring(s, identifier);
	imap_write(s, SLICE(" "));
	imap_write_astring(s, slice_from_str(acl_text(rights, true, letters)));
}

struct acl_entry {
	struct own_entry entry;
	struct acl_entry *next;
};

struct acl_list {
	struct arena *arena;
	const struct mailbox_info *info;
	struct acl_entry *first, **tail;
};

static int list_visit(struct slice identifier, unsigned rights, void *arg)
{
	struct acl_list *list = arg;
	struct acl_entry *e = ARENA_NEW(list->arena, struct acl_entry);
	*e = (struct acl_entry){ .entry = { arena_copy(list->arena, identifier), rights } };
	*list->tail = e;
	list->tail = &e->next;
	return 0;
}

static int list_step(struct db *db, void *arg)
{
	struct acl_list *list = arg;
	return acl_each(db, list->info->account_id, list->info->id, list_visit, list);
}

/* getacl = "GETACL" SP mailbox */
void imap_getacl(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct acl_list list = { .arena = c->arena };
	struct share share;
	struct slice name;
	if (!imap_take_mailbox(c, &name) || !imap_at_end(c) || !find(c, name, &share))
		return;
	list.info = &share.info;
	list.tail = &list.first;
	if (!explain(c, store_read(imap_context(s)->store, list_step, &list)))
		return;
	imap_write(s, SLICE("* ACL "));
	imap_write_mailbox(s, c->arena, name);
	if (share.owner.len > 0)
		write_entry(s, share.owner, ACL_ALL);
	for (const struct acl_entry *e = list.first; e; e = e->next)
		write_entry(s, e->entry.identifier, e->entry.rights);
	imap_write(s, SLICE("\r\n"));
}

/* What stands in the list of the owner can't be taken away for one mailbox. */
static int required_step(struct db *db, void *arg)
{
	struct acl_step *step = arg;
	struct own_entry own = { 0 };
	int rc = acl_identifier(db, step->c->arena, step->identifier, &step->identifier, NULL);
	own.identifier = step->identifier;
	if (rc == 0)
		rc = acl_each(db, step->share.info.account_id, 0, own_visit, &own);
	step->rights = is_owner(step) ? ACL_ALL : own.rights;
	return rc;
}

/* listrights = "LISTRIGHTS" SP mailbox SP identifier: each other right may be given alone. */
void imap_listrights(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct acl_step step = { .c = c };
	char letters[ACL_TEXT_MAX];
	struct slice name;
	if (!imap_take_mailbox(c, &name) || !take_identifier(c, &step.identifier) ||
	    !imap_at_end(c) || !find(c, name, &step.share) ||
	    !explain(c, store_read(imap_context(s)->store, required_step, &step)))
		return;
	imap_write(s, SLICE("* LISTRIGHTS "));
	imap_write_mailbox(s, c->arena, name);
	imap_write(s, SLICE(" "));
	imap_write_astring(s, step.identifier);
	imap_write(s, SLICE(" "));
	imap_write_astring(s, slice_from_str(acl_text(step.rights, false, letters)));
	for (unsigned right = ACL_LOOKUP; right < ACL_ALL; right <<= 1) {
		if (!(step.rights & right))
			imap_printf(s, " %s", acl_text(right, false, letters));
	}
	imap_write(s, SLICE("\r\n"));
}

void imap_write_my_rights(struct imap_command *c, struct slice name, unsigned rights)
{
	char letters[ACL_TEXT_MAX];
	imap_write(c->s, SLICE("* MYRIGHTS "));
	imap_write_mailbox(c->s, c->arena, name);
	imap_write(c->s, SLICE(" "));
	imap_write_astring(c->s, slice_from_str(acl_text(rights, true, letters)));
	imap_write(c->s, SLICE("\r\n"));
}

/* myrights = "MYRIGHTS" SP mailbox */
void imap_myrights(struct imap_command *c)
{
	enum { ANY = ACL_LOOKUP | ACL_READ | ACL_INSERT | ACL_CREATE | ACL_REMOVE | ACL_ADMIN };
	struct share share;
	struct slice name;
	if (!imap_take_mailbox(c, &name) || !imap_at_end(c) ||
	    !imap_find_mailbox(c, name, "NONEXISTENT", 0, &share))
		return;
	if (share.rights & ANY)
		imap_write_my_rights(c, name, share.rights);
	else
		imap_no(c, "NONEXISTENT", "There is no such mailbox.");
}
