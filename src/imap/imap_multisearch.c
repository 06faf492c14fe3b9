/* ESEARCH: searching several mailboxes (RFC 7377). */
#include <errno.h>

#include "imap/imap_filter.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "imap/imap_share.h"

enum { FILTERS_MAX = 100 };

struct multisearch {
	struct imap_command *c;
	struct imap_filter filters[FILTERS_MAX];
	size_t filter_count;
	bool selected; /* the selected mailbox is among what is meant */
	struct imap_search request;
	struct mailbox_info *mailboxes;
	size_t count, capacity;
	struct slice *subscribed;
	size_t subscribed_count, subscribed_capacity;
	unsigned unreadable;
};

/* --- arguments ----------------------------------------------------------------------- */

/* esearch-source-opts = "IN" SP "(" filter *(SP filter) ")"; there are no scope-options yet */
static bool take_source(struct multisearch *m)
{
	struct imap_command *c = m->c;
	if (!imap_take_space(&c->args) || !take_byte(&c->args, '('))
		return false;
	do {
		struct imap_filter *filter = &m->filters[m->filter_count];
		if (m->filter_count == FILTERS_MAX || !imap_take_filter(&c->args, c->arena, filter))
			return false;
		imap_filter_decode(c, c->arena, filter);
		m->selected |= filter->kind == FILTER_SELECTED;
		if (filter->kind == FILTER_SELECTED_DELAYED)
			return false; /* that is for NOTIFY */
		m->filter_count++;
	} while (imap_take_space(&c->args));
	return take_byte(&c->args, ')') && imap_take_space(&c->args);
}

static bool take_arguments(struct multisearch *m)
{
	struct imap_command *c = m->c;
	bool ok = imap_take_space(&c->args);
	if (ok && imap_take_word(&c->args, SLICE("IN")))
		ok = take_source(m);
	else
		m->selected = true;
	if (!ok || !imap_take_search(&c->args, c->arena, &m->request)) {
		imap_bad(c, "ESEARCH needs mailboxes and keys.");
		return false;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, &m->request))
		return false;
	if (!m->request.extended)
		m->request.returns = RETURN_ALL;
	m->request.extended = true;
	return true;
}

/* Section 2.1 and 2.2: numbers mean nothing, and results are kept of the selected mailbox alone. */
static bool may_run(struct multisearch *m)
{
	struct imap_command *c = m->c;
	bool alone = m->selected && m->filter_count <= 1;
	if (m->selected && !c->s->selected && m->filter_count <= 1)
		imap_bad(c, "Please select a mailbox first.");
	else if (m->request.has_seqs)
		imap_bad(c, "Numbers of messages mean nothing in several mailboxes.");
	else if ((m->request.returns & (RETURN_SAVE | RETURN_UPDATE)) && !alone)
		imap_bad(c, "SAVE and UPDATE are for the selected mailbox alone.");
	return c->status == IMAP_OK;
}

/* --- mailboxes ----------------------------------------------------------------------- */

static int add_subscribed(struct slice name, void *arg)
{
	struct multisearch *m = arg;
	if (m->subscribed_count == m->subscribed_capacity) {
		size_t capacity = m->subscribed_capacity ? m->subscribed_capacity * 2 : 16;
		struct slice *grown = ARENA_ARRAY(m->c->arena, capacity, struct slice);
		if (m->subscribed_count)
			memcpy(grown, m->subscribed, m->subscribed_count * sizeof(*grown));
		m->subscribed = grown;
		m->subscribed_capacity = capacity;
	}
	m->subscribed[m->subscribed_count++] = arena_copy(m->c->arena, name);
	return 0;
}

static bool is_subscribed(const struct multisearch *m, struct slice name)
{
	for (size_t i = 0; i < m->subscribed_count; i++) {
		if (slice_equal(m->subscribed[i], name))
			return true;
	}
	return false;
}

static bool is_meant(const struct multisearch *m, const struct mailbox_info *info)
{
	const struct imap_selected *selected = m->c->s->selected;
	if (m->selected && selected && selected->view->mailbox_id == info->id)
		return true;
	for (size_t i = 0; i < m->filter_count; i++) {
		const struct imap_filter *f = &m->filters[i];
		bool subscribed = f->kind == FILTER_SUBSCRIBED && is_subscribed(m, info->name);
		if (imap_filter_has(f, info->name, subscribed))
			return true;
	}
	return false;
}

static int add_mailbox(const struct mailbox_info *info, void *arg)
{
	struct multisearch *m = arg;
	if (!is_meant(m, info))
		return 0;
	if (m->count == m->capacity) {
		size_t capacity = m->capacity ? m->capacity * 2 : 16;
		struct mailbox_info *grown = ARENA_ARRAY(m->c->arena, capacity,
		                                         struct mailbox_info);
		if (m->count)
			memcpy(grown, m->mailboxes, m->count * sizeof(*grown));
		m->mailboxes = grown;
		m->capacity = capacity;
	}
	m->mailboxes[m->count] = *info;
	m->mailboxes[m->count++].name = arena_copy(m->c->arena, info->name);
	return 0;
}

static int add_shared(const struct acl_shared *shared, void *arg)
{
	struct multisearch *m = arg;
	struct mailbox_info info = shared->info;
	info.name = share_name(m->c->arena, shared->owner, info.name);
	return shared->rights & ACL_READ ? add_mailbox(&info, m) : 0;
}

static int read_mailboxes(struct db *db, void *arg)
{
	struct multisearch *m = arg;
	const struct share_user user = imap_share_user(m->c->s);
	int rc = mailbox_each_subscription(db, user.account_id, add_subscribed, m);
	if (rc == 0)
		rc = mailbox_each(db, user.account_id, add_mailbox, m);
	return rc == 0 ? acl_each_shared(db, user.account_id, user.address, add_shared, m) : rc;
}

/* --- searching ----------------------------------------------------------------------- */

static int search_view(struct multisearch *m, struct imap_seek *seek,
                       const struct mailbox_info *info)
{
	imap_seek_prepare(seek);
	int rc = imap_seek_run(seek);
	m->unreadable += seek->unreadable;
	if (rc < 0)
		return rc;
	imap_search_save_found(m->c, &m->request, &seek->numbers);
	/* Section 2: nothing of a mailbox that has no such message. */
	if (seek->numbers.count > 0 && m->request.returns != RETURN_SAVE)
		imap_esearch_tell(m->c, &m->request, seek, info);
	return 0;
}

static int search_mailbox(struct multisearch *m, struct arena *arena,
                          const struct mailbox_info *info)
{
	struct imap_session *s = m->c->s;
	bool selected = s->selected && s->selected->view->mailbox_id == info->id;
	struct imap_seek seek = { .s = s,
		                  .c = m->c,
		                  .arena = arena,
		                  .root = m->request.root,
		                  .by_uid = true,
		                  .scores_wanted = m->request.returns & RETURN_RELEVANCY };
	struct mailbox_view *view;
	int rc = 0;
	if (selected)
		view = mailbox_view_retain(s->selected->view);
	else
		rc = mailbox_view_get_for(imap_context(s)->mailboxes, info->id,
		                          info->account_id == s->account_id ? 0 : s->account_id,
		                          &view);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	seek.view = view;
	seek.recent_uid = selected ? s->selected->recent_uid : view->recent_uid;
	seek.saved = selected ? &s->selected->saved : NULL;
	rc = search_view(m, &seek, info);
	mailbox_view_release(view);
	return rc;
}

static int search_all(struct multisearch *m)
{
	struct arena *arena = arena_new();
	int rc = store_read(imap_context(m->c->s)->store, read_mailboxes, m);
	for (size_t i = 0; i < m->count && rc == 0 && !m->c->s->write_error; i++) {
		rc = search_mailbox(m, arena, &m->mailboxes[i]);
		arena_reset(arena);
		imap_extend(m->c->s);
	}
	arena_free(arena);
	return rc;
}

static void search(struct multisearch *m)
{
	struct imap_command *c = m->c;
	if (!take_arguments(m) || !may_run(m))
		return;
	if (m->request.mod_seq)
		imap_enable_condstore(c->s);
	int rc = search_all(m);
	if (rc < 0)
		imap_failed(c, rc);
	else if (m->unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
	if (m->request.returns & RETURN_UPDATE) {
		imap_write(c->s, SLICE("* NO [NOUPDATE \""));
		imap_write(c->s, c->tag);
		imap_write(c->s, SLICE("\"] Please use UID SEARCH for that.\r\n"));
	}
}

/* esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program */
void imap_esearch(struct imap_command *c)
{
	struct multisearch m = { .c = c };
	search(&m);
	imap_search_end(c, &m.request);
}
