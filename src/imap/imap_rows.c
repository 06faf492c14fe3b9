#include "imap/imap_reply.h"
#include "imap/imap_search.h"

enum { ROWS_BATCH = 512 };

struct rows {
	struct mailbox_item items[ROWS_BATCH];
	size_t count, next;
	int64_t mailbox_id;
	unsigned what;
	struct arena *arena; /* of a batch */
	int (*visit)(const struct mailbox_item *item, const struct mailbox_message *row, void *arg);
	void *arg;
};

static int rows_visit(const struct mailbox_message *row, void *arg)
{
	struct rows *r = arg;
	while (r->next < r->count && r->items[r->next].uid < row->uid)
		r->next++;
	if (r->next == r->count || r->items[r->next].uid != row->uid)
		return 0;
	return r->visit(&r->items[r->next], row, r->arg);
}

static int rows_read(struct db *db, void *arg)
{
	struct rows *r = arg;
	struct uid_set uids = { 0 };
	r->next = 0;
	for (size_t i = 0; i < r->count; i++)
		uid_set_add(r->arena, &uids, r->items[i].uid, r->items[i].uid);
	return mailbox_each_message(db, r->mailbox_id, &uids, r->what, rows_visit, r);
}

int imap_each_row(struct imap_command *c, const struct uid_set *uids, unsigned what,
                  int (*visit)(const struct mailbox_item *item, const struct mailbox_message *row,
                               void *arg),
                  void *arg)
{
	const struct mailbox_view *view = c->s->selected->view;
	struct mailbox_set_walk walk = { .uids = uids };
	struct rows *r = arena_alloc(c->arena, sizeof(*r));
	int rc = 0;
	r->mailbox_id = view->mailbox_id;
	r->what = what;
	r->visit = visit;
	r->arg = arg;
	r->arena = arena_new();
	do {
		r->count = 0;
		while (r->count < ROWS_BATCH &&
		       mailbox_view_next_of(view, &walk, &r->items[r->count]))
			r->count++;
		if (r->count > 0)
			rc = store_read(imap_context(c->s)->store, rows_read, r);
		arena_reset(r->arena);
		imap_extend(c->s);
		fiber_yield();
	} while (rc == 0 && r->count == ROWS_BATCH);
	arena_free(r->arena);
	return rc;
}
