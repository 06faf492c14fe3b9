/* STORE (RFC 3501 section 6.4.6). */
#include <errno.h>

#include "imap/imap_reply.h"

int imap_flag_bits(struct db *db, int64_t mailbox_id, const struct imap_flags *flags,
                   uint64_t *bits_out)
{
	uint64_t bits = flags->system, bit;
	for (size_t i = 0; i < flags->keyword_count; i++) {
		int rc = mailbox_get_keyword(db, mailbox_id, flags->keywords[i], &bit);
		if (rc == 0)
			bits |= bit;
		else if (rc != -ENFILE && rc != -EINVAL)
			return rc;
	}
	*bits_out = bits;
	return 0;
}

struct store_step {
	int64_t mailbox_id;
	const struct uid_set *uids;
	const struct imap_store *request;
	uint64_t flags;
	uint64_t changed;
};

static int store_step(struct db *db, void *arg)
{
	struct store_step *step = arg;
	int rc = imap_flag_bits(db, step->mailbox_id, &step->request->flags, &step->flags);
	if (rc != 0)
		return rc;
	return mailbox_change_flags(db, step->mailbox_id, step->uids, step->request->how,
	                            step->flags, &step->changed);
}

/* The flags of each message, changed or not. */
static void tell_flags(struct imap_command *c, const struct uid_set *uids)
{
	struct imap_session *s = c->s;
	struct mailbox_set_walk walk = { .uids = uids };
	struct mailbox_item item;
	unsigned told = 0;

	while (mailbox_view_next_of(s->selected->view, &walk, &item) && !s->write_error) {
		imap_tell_flags(s, &item, c->by_uid);
		if (++told % IMAP_SLICE_MESSAGES == 0) {
			imap_extend(s);
			fiber_yield();
		}
	}
}

/* store = "STORE" SP sequence-set SP store-att-flags */
static bool take_arguments(struct imap_command *c, struct imap_store *request, struct uid_set *uids)
{
	struct imap_set set;
	if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, &set) ||
	    !imap_take_space(&c->args) || !imap_take_store(&c->args, c->arena, request)) {
		imap_bad(c, "STORE needs messages and flags.");
		return false;
	}
	return imap_at_end(c) && imap_resolve(c, &set, uids);
}

void imap_store(struct imap_command *c)
{
	const struct imap_context *context = imap_context(c->s);
	struct imap_store request;
	struct uid_set uids;

	if (!take_arguments(c, &request, &uids))
		return;
	struct store_step step = { .mailbox_id = c->s->selected->view->mailbox_id,
		                   .uids = &uids,
		                   .request = &request };
	int rc = store_commit(context->store, NULL, 0, store_step, &step);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	mailboxes_changed(context->mailboxes, step.mailbox_id);
	struct imap_expected expected = { &uids, request.how, step.flags };
	(void)imap_sync(c->s, c->hold_expunges, &expected);
	if (!request.silent)
		tell_flags(c, &uids);
}
