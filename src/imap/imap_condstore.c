/* CONDSTORE and QRESYNC (RFC 7162): what happened while the client was away. */
#include <errno.h>

#include "imap/imap_reply.h"

/* Pairs of number and UID that are looked at in what a client says to know. */
enum { SEQ_MATCH_MAX = 10000 };

void imap_enable_condstore(struct imap_session *s) { s->enabled |= ENABLED_CONDSTORE; }

const char *imap_mod_seq_code(struct imap_command *c)
{
	struct imap_session *s = c->s;
	if (!(s->enabled & ENABLED_CONDSTORE) || !s->selected)
		return NULL;
	/* What the code says must have been told before. */
	if (imap_sync(s, c->hold_expunges, NULL) < 0)
		return NULL;
	return arena_printf(c->arena, "HIGHESTMODSEQ %llu",
	                    (unsigned long long)s->selected->view->mod_seq);
}

/* --- what vanished ------------------------------------------------------------------- */

struct vanished_step {
	struct arena *arena;
	int64_t mailbox_id;
	uint64_t mod_seq;
	struct uid_set gone;
};

static int vanished_step(struct db *db, void *arg)
{
	struct vanished_step *step = arg;
	return mailbox_expunged_since(db, step->arena, step->mailbox_id, step->mod_seq,
	                              &step->gone);
}

/* Where the history does not go back so far, it is every UID that has no message: RFC 7162
 * section 3.2.5.1 wants no message kept that is gone, and minds none that was gone before. */
int imap_find_vanished(struct imap_command *c, const struct uid_set *known, uint64_t mod_seq,
                       struct uid_set *out)
{
	const struct mailbox_view *view = c->s->selected->view;
	struct vanished_step step = { c->arena, view->mailbox_id, mod_seq, { 0 } };
	struct uid_set asked = *known;
	int rc = 0;
	if (mod_seq < view->mod_seq)
		rc = store_read(imap_context(c->s)->store, vanished_step, &step);
	if (rc == 0)
		asked = uid_set_common(c->arena, known, &step.gone);
	else if (rc != -ENODATA)
		return rc;
	*out = mailbox_view_missing(view, c->arena, &asked);
	return 0;
}

/* --- SELECT (QRESYNC ...) ------------------------------------------------------------ */

struct set_cursor {
	const struct imap_set *set;
	size_t range;
	uint32_t offset;
};

static bool set_next(struct set_cursor *c, uint32_t *out)
{
	if (c->range == c->set->count)
		return false;
	const struct uid_range *r = &c->set->ranges[c->range];
	*out = r->first + c->offset++;
	if (*out >= r->last) {
		c->range++;
		c->offset = 0;
	}
	return true;
}

/* The greatest UID that has the number still that the client says: up to it nothing has gone
 * (RFC 7162 section 3.2.5.2). */
static uint32_t matched_uid(const struct mailbox_view *view, const struct imap_select *select)
{
	struct set_cursor seqs = { .set = &select->match_seqs };
	struct set_cursor uids = { .set = &select->match_uids };
	struct mailbox_item item;
	uint32_t matched = 0, seq, uid;
	for (unsigned i = 0; i < SEQ_MATCH_MAX && set_next(&seqs, &seq) && set_next(&uids, &uid);
	     i++) {
		if (!mailbox_view_by_seq(view, seq, &item) || item.uid != uid)
			break;
		matched = uid;
	}
	return matched;
}

static int tell_vanished(struct imap_command *c, const struct imap_select *select,
                         const struct uid_set *known)
{
	uint32_t matched = matched_uid(c->s->selected->view, select);
	struct uid_set above = { 0 }, gone;
	uid_set_add(c->arena, &above, matched + 1, UINT32_MAX);
	above = uid_set_common(c->arena, &above, known);
	int rc = imap_find_vanished(c, &above, select->mod_seq, &gone);
	if (rc == 0)
		imap_tell_vanished(c->s, &gone, true);
	return rc;
}

static void tell_changed(struct imap_session *s, const struct uid_set *known, uint64_t mod_seq)
{
	struct mailbox_set_walk walk = { .uids = known };
	struct mailbox_item item;
	unsigned told = 0;
	while (mailbox_view_next_of(s->selected->view, &walk, &item) && !s->write_error) {
		if (item.mod_seq > mod_seq)
			imap_tell_flags(s, &item, true);
		if (++told % IMAP_SLICE_MESSAGES == 0) {
			imap_extend(s);
			fiber_yield();
		}
	}
}

/* Nothing if UIDs mean something else by now. */
int imap_resync(struct imap_command *c, const struct imap_select *select)
{
	struct mailbox_view *view = c->s->selected->view;
	struct uid_set known = UID_SET_ALL;
	if (select->uid_validity != view->uid_validity)
		return 0;
	if (select->has_known)
		known = imap_set_resolve(&select->known, c->arena, UINT32_MAX);
	int rc = tell_vanished(c, select, &known);
	if (rc == 0)
		tell_changed(c->s, &known, select->mod_seq);
	return rc;
}
