/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include <errno.h>

#include "imap/imap_reply.h"

struct folder_step {
	struct arena *arena;
	int64_t account_id;
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

/* -EADDRINUSE: another mailbox has that use (RFC 6154 section 3: one of each is enough). */
static int create_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	int rc = step->use == USE_NONE ? 0 : mailbox_each(db, step->account_id, has_use, step);
	if (rc != 0)
		return rc > 0 ? -EADDRINUSE : rc;
	return mailbox_create(db, step->account_id, step->name, step->use, &step->mailbox_id);
}

/* So that sessions which have it selected learn of it, its id is found first. */
static int delete_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	struct mailbox_info info;
	int rc = mailbox_find(db, step->arena, step->account_id, step->name, &info);
	step->mailbox_id = info.id;
	return rc == 0 ? mailbox_delete(db, step->account_id, step->name) : rc;
}

static int rename_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	struct mailbox_info inbox;
	int rc = mailbox_find(db, step->arena, step->account_id, SLICE("INBOX"), &inbox);
	if (rc == 0)
		step->mailbox_id = inbox.id;
	return mailbox_rename(db, step->account_id, step->name, step->to);
}

static int subscribe_step(struct db *db, void *arg)
{
	struct folder_step *step = arg;
	return mailbox_subscribe(db, step->account_id, step->name, step->subscribed);
}

static bool commit(struct imap_command *c, store_fn fn, struct folder_step *step)
{
	step->arena = c->arena;
	step->account_id = c->s->account_id;
	int rc = store_commit(imap_context(c->s)->store, NULL, 0, fn, step);
	if (rc == -EADDRINUSE)
		imap_no(c, "USEATTR", "Another mailbox is for that.");
	else if (rc < 0)
		imap_failed(c, rc);
	if (rc == 0) {
		c->own_name = step->to.len ? step->to : step->name;
		mailboxes_names_changed(imap_context(c->s)->mailboxes, step->account_id);
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
