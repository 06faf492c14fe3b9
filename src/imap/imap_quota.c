/* GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). Each account is one quota root, which is called as
 * the account; one without limits has none. */
#include "mailbox/quota.h"

#include <errno.h>

#include "directory/directory.h"
#include "imap/imap_handlers.h"
#include "imap/imap_parse_quota.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"

enum { QUOTA_UNIT = 1024 }; /* STORAGE is told in units of so many bytes (section 5.1) */

static const struct slice resource_names[QUOTA_RESOURCES] = {
	[QUOTA_STORAGE] = { "STORAGE", 7 },
	[QUOTA_MESSAGE] = { "MESSAGE", 7 },
	[QUOTA_MAILBOX] = { "MAILBOX", 7 },
};

struct quota_step {
	struct imap_command *c;
	int64_t account_id; /* whose */
	struct slice root;
	struct quota quota;
	uint64_t limit[QUOTA_RESOURCES]; /* SETQUOTA */
};

/* -EACCES: it is not the session's own, and that is no administrator's; whether there is one of
 * that name is then not told. */
static int find_root(struct db *db, struct quota_step *step)
{
	struct imap_session *s = step->c->s;
	struct account account;
	bool administrator;
	if (slice_equal_nocase(step->root, slice_from_str(s->address))) {
		step->account_id = s->account_id;
		return 0;
	}
	int rc = directory_is_administrator(db, s->account_id, &administrator);
	if (rc < 0 || !administrator)
		return rc < 0 ? rc : -EACCES;
	rc = directory_canonical_address(step->c->arena, step->root, &step->root);
	if (rc == 0)
		rc = directory_find_account(db, step->c->arena, step->root, &account);
	if (rc == 0)
		step->account_id = account.id;
	return rc == -EINVAL ? -ENOENT : rc;
}

static int get_step(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	int rc = find_root(db, step);
	return rc == 0 ? quota_get(db, step->account_id, &step->quota) : rc;
}

/* Of the owner of a mailbox; a public one has no limits. */
static int root_step(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	return step->account_id == MAILBOX_PUBLIC ? 0
	                                          : quota_get(db, step->account_id, &step->quota);
}

static int set_step(struct db *db, void *arg)
{
	struct quota_step *step = arg;
	bool administrator;
	int rc = directory_is_administrator(db, step->c->s->account_id, &administrator);
	if (rc == 0 && !administrator)
		rc = -EACCES;
	if (rc == 0)
		rc = find_root(db, step);
	if (rc == 0)
		rc = quota_set(db, step->account_id, step->limit);
	return rc == 0 ? quota_get(db, step->account_id, &step->quota) : rc;
}

static bool explain(struct imap_command *c, int rc)
{
	if (rc == -EACCES)
		imap_no(c, "NOPERM", "That is not for you.");
	else if (rc == -ENOENT)
		imap_no(c, "NONEXISTENT", "There is no such quota root.");
	else if (rc < 0)
		imap_failed(c, rc);
	return rc == 0;
}

/* "* QUOTA root (STORAGE 10 512 MESSAGE 20 100)": what is limited. */
static void write_quota(struct imap_session *s, struct slice root, const struct quota *q)
{
	bool first = true;
	imap_write(s, SLICE("* QUOTA "));
	imap_write_astring(s, root);
	imap_write(s, SLICE(" ("));
	for (int i = 0; i < QUOTA_RESOURCES; i++) {
		uint64_t unit = i == QUOTA_STORAGE ? QUOTA_UNIT : 1;
		if (q->limit[i] == 0)
			continue;
		imap_write(s, first ? SLICE_EMPTY : SLICE(" "));
		imap_write(s, resource_names[i]);
		imap_write_number(s, SLICE(" "), (q->used[i] + unit - 1) / unit);
		imap_write_number(s, SLICE(" "), (q->limit[i] + unit - 1) / unit);
		first = false;
	}
	imap_write(s, SLICE(")\r\n"));
}

/* getquota = "GETQUOTA" SP quota-root-name */
void imap_getquota(struct imap_command *c)
{
	struct quota_step step = { .c = c };
	if (!imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &step.root)) {
		imap_bad(c, "GETQUOTA needs a quota root.");
		return;
	}
	if (imap_at_end(c) && explain(c, store_read(imap_context(c->s)->store, get_step, &step)))
		write_quota(c->s, step.root, &step.quota);
}

/* getquotaroot = "GETQUOTAROOT" SP mailbox */
void imap_getquotaroot(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct quota_step step = { .c = c };
	struct share share;
	struct slice name;
	if (!imap_take_mailbox(c, &name) || !imap_at_end(c) ||
	    !imap_find_mailbox(c, name, "NONEXISTENT", ACL_READ, &share))
		return;
	step.root = share.owner;
	step.account_id = share.info.account_id;
	if (!explain(c, store_read(imap_context(s)->store, root_step, &step)))
		return;
	bool limited = quota_is_limited(&step.quota);
	imap_write(s, SLICE("* QUOTAROOT "));
	imap_write_mailbox(s, c->arena, name);
	if (limited) {
		imap_write(s, SLICE(" "));
		imap_write_astring(s, step.root);
	}
	imap_write(s, SLICE("\r\n"));
	if (limited)
		write_quota(s, step.root, &step.quota);
}

/* setquota = "SETQUOTA" SP quota-root-name SP setquota-list. What is not named has no limit from
 * then on. */
void imap_setquota(struct imap_command *c)
{
	struct quota_step step = { .c = c };
	if (!imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &step.root) ||
	    !imap_take_space(&c->args) || !imap_take_quota_list(&c->args, step.limit)) {
		imap_bad(c, "SETQUOTA needs a quota root and limits.");
		return;
	}
	if (!imap_at_end(c))
		return;
	step.limit[QUOTA_STORAGE] *= QUOTA_UNIT;
	if (explain(c, store_commit(imap_context(c->s)->store, NULL, 0, set_step, &step)))
		write_quota(c->s, step.root, &step.quota);
}
