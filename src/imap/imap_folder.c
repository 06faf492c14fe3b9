/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include <errno.h>

#include "imap/imap_reply.h"
#include "imap/imap_share.h"

struct folder_step {
	struct arena *arena;
	struct share_user user;
	int64_t owner_id;
	struct slice name, to;
	enum mailbox_use use;
	bool subscribed;
	int64_t mailbox_id;
};

static int has_use(const struct mailbox_info *info, void *arg)
{
	const struct folder_step *step = arg;
	return info->use == step->use;
}

/* Whose mailbox of that name would be, and that the session may make it there: the right is that of
 * the mailbox above, whose list it gets. -EACCES. */
static int take_place(struct db *db, struct folder_step *step, struct slice name,
                      struct share_place *place, int64_t *above_id)
{
	struct mailbox_info above = { 0 };
	unsigned rights;
	int rc = share_place(db, step->arena, &step->user, name, place);
	if (rc < 0)
		return rc == -ENOENT ? -EACCES : rc;
	struct share_place parent = *place;
	ptrdiff_t at = slice_find_last_byte(place->name, '/');
	if (at > 0) {
		parent.name = slice_sub(place->name, 0, (size_t)at);
		rc = share_find_above(db, step->arena, &parent, &above);
	}
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*above_id = rc == 0 ? above.id : 0;
	rc = acl_rights(db, place->owner_id, *above_id, step->user.account_id, step->user.address,
	                &rights);
	return rc == 0 && !(rights & ACL_CREATE) ? -EACCES : rc;
}

/* -EADDRINUSE: another mailbox has that use (RFC 6154 section 3: one of each is enough). */
static int create_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	struct share_place place;
	int64_t above_id;
	int rc = take_place(db, step, step->name, &place, &above_id);
	if (rc == 0)
		step->owner_id = place.owner_id;
	if (rc == 0 && step->use != USE_NONE) {
		rc = mailbox_each(db, place.owner_id, has_use, step);
		if (rc > 0 || place.owner_id != step->user.account_id)
			rc = -EADDRINUSE;
	}
	if (rc == 0)
		rc = mailbox_create(db, place.owner_id, place.name, step->use, &step->mailbox_id);
	if (rc == 0 && above_id)
		rc = acl_inherit(db, place.owner_id, above_id, step->mailbox_id);
	return rc;
}

/* One that the session may remove. -EACCES, or -ENOENT where it may not know of it. */
static int find_removable(struct db *db, struct folder_step *step, struct share *out)
{
	int rc = share_find(db, step->arena, &step->user, step->name, out);
	if (rc < 0 || (out->rights & ACL_REMOVE))
		return rc;
	return out->rights & ACL_LOOKUP ? -EACCES : -ENOENT;
}

static int visit_below(const struct mailbox_info *info, void *arg)
{
	const struct slice *name = arg;
	return slice_starts_with(info->name, *name) && info->name.len > name->len &&
	       info->name.data[name->len] == '/';
}

/* A level above mailboxes of one's own is no mailbox, but it is in LIST: RFC 9051 section 6.3.5. */
static int explain_missing(struct db *db, const struct folder_step *step)
{
	struct slice name = step->name;
	int rc = mailbox_each(db, step->user.account_id, visit_below, &name);
	if (rc > 0)
		return -ENOTEMPTY;
	return rc < 0 ? rc : -ENOENT;
}

/* So that sessions which have it selected learn of it, its id is found first. */
static int delete_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	struct share share;
	int rc = find_removable(db, step, &share);
	if (rc == -ENOENT && !share_is_reserved(step->name))
		return explain_missing(db, step);
	if (rc < 0)
		return rc;
	step->mailbox_id = share.info.id;
	step->owner_id = share.info.account_id;
	return mailbox_delete(db, share.info.account_id, share.own_name);
}

/* Mailboxes stay with their owner: -EXDEV. One's own may be a mere level above others. */
static int rename_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	struct share_place from = { .owner_id = step->user.account_id, .name = step->name }, to;
	struct mailbox_info inbox;
	struct share share;
	int64_t above_id;
	int rc = find_removable(db, step, &share);
	if (rc < 0 && (rc != -ENOENT || share_is_reserved(step->name)))
		return rc;
	if (rc == 0)
		from = (struct share_place){ share.info.account_id, share.owner, share.own_name };
	step->owner_id = from.owner_id;
	rc = take_place(db, step, step->to, &to, &above_id);
	if (rc == 0 && to.owner_id != from.owner_id)
		rc = -EXDEV;
	if (rc == 0 && mailbox_find(db, step->arena, from.owner_id, SLICE("INBOX"), &inbox) == 0)
		step->mailbox_id = inbox.id;
	return rc == 0 ? mailbox_rename(db, from.owner_id, from.name, to.name) : rc;
}

static int subscribe_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	return mailbox_subscribe(db, step->user.account_id, step->name, step->subscribed);
}

/* Sessions of others that see the same hear of it when they look. */
static void tell_names(struct imap_command *c, const struct folder_step *step)
{
	struct mailboxes *mailboxes = imap_context(c->s)->mailboxes;
	mailboxes_names_changed(mailboxes, step->user.account_id);
	if (step->owner_id > 0 && step->owner_id != step->user.account_id)
		mailboxes_names_changed(mailboxes, step->owner_id);
}

static bool commit(struct imap_command *c, store_fn fn, struct folder_step *step)
{
	step->arena = c->arena;
	step->user = imap_share_user(c->s);
	int rc = store_commit(imap_context(c->s)->store, NULL, 0, fn, step);
	if (rc == -EADDRINUSE)
		imap_no(c, "USEATTR", "Another mailbox is for that.");
	else if (rc == -EACCES)
		imap_no(c, "NOPERM", "You may not do that there.");
	else if (rc == -ENOTEMPTY)
		imap_no(c, "HASCHILDREN", "There are mailboxes below it, and it is none itself.");
	else if (rc == -EXDEV)
		imap_no(c, "CANNOT", "A mailbox stays with its owner: copy the messages.");
	else if (rc < 0)
		imap_failed(c, rc);
	if (rc == 0) {
		c->own_name = step->to.len ? step->to : step->name;
		tell_names(c, step);
	}
	return rc == 0;
}

/* [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"] (RFC 6154 section 3) */
static bool take_use(struct imap_command *c, enum mailbox_use *out)
{
	struct slice name;
	if (!imap_take_space(&c->args))
		return true;
	if (!take_byte(&c->args, '(') || !imap_take_word(&c->args, SLICE("USE")) ||
	    !imap_take_space(&c->args) || !take_byte(&c->args, '(')) {
		imap_bad(c, "These parameters are not known.");
		return false;
	}
	while (take_byte(&c->args, '\\') && imap_take_atom(&c->args, &name)) {
		enum mailbox_use use = imap_use_of(name);
		if (use == USE_NONE || *out != USE_NONE) {
			imap_no(c, "USEATTR", "A mailbox can't be for that here.");
			return false;
		}
		*out = use;
		(void)imap_take_space(&c->args);
	}
	if (!take_text(&c->args, SLICE("))"))) {
		imap_bad(c, "These parameters are not known.");
		return false;
	}
	return true;
}

/* create = "CREATE" SP mailbox [SP create-params] */
void imap_create(struct imap_command *c)
{
	struct folder_step step = { .mailbox_id = 0 };
	if (!imap_take_mailbox(c, &step.name) || !take_use(c, &step.use) || !imap_at_end(c) ||
	    !commit(c, create_step, &step))
		return;
	imap_ok(c, arena_printf(c->arena, "MAILBOXID (F%lld)", (long long)step.mailbox_id),
	        "Done.");
}

void imap_delete(struct imap_command *c)
{
	const struct imap_context *context = imap_context(c->s);
	struct folder_step step = { .mailbox_id = 0 };
	if (!imap_take_mailbox(c, &step.name) || !imap_at_end(c) || !commit(c, delete_step, &step))
		return;
	if (c->s->selected && c->s->selected->view->mailbox_id == step.mailbox_id)
		imap_deselect(c->s);
	mailboxes_changed(context->mailboxes, step.mailbox_id);
	/* What is left after a failure goes with the next deletion, or at the next start. */
	(void)mailboxes_purge(context->mailboxes);
}

/* rename = "RENAME" SP mailbox SP mailbox */
void imap_rename(struct imap_command *c)
{
	struct folder_step step = { .mailbox_id = 0 };
	if (!imap_take_mailbox(c, &step.name) || !imap_take_mailbox(c, &step.to) ||
	    !imap_at_end(c) || !commit(c, rename_step, &step))
		return;
	/* RFC 3501 section 6.3.5: renaming INBOX empties it. */
	mailboxes_changed(imap_context(c->s)->mailboxes, step.mailbox_id);
}

static void subscribe(struct imap_command *c, bool subscribed)
{
	struct folder_step step = { .subscribed = subscribed };
	if (imap_take_mailbox(c, &step.name) && imap_at_end(c))
		(void)commit(c, subscribe_step, &step);
}

void imap_subscribe(struct imap_command *c) { subscribe(c, true); }

void imap_unsubscribe(struct imap_command *c) { subscribe(c, false); }
