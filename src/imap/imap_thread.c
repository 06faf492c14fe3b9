/* THREAD (RFC 5256): ORDEREDSUBJECT, REFERENCES, and REFS, which is REFERENCES without looking at
 * subjects and with threads in the order of their latest message. From stored keys; only a row that
 * was made before they had References costs a look into the message, once. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "imap/imap_keys.h"
#include "imap/imap_orders.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "imap/imap_thread_tree.h"

enum { THREAD_BYTES_MAX = 256 << 20, UNKNOWN_BATCH = 500 };

/* A message whose row has no references. */
struct unknown {
	size_t index;
	uint32_t uid;
	int64_t blob_id;
	struct slice references;
};

struct thread {
	struct imap_command *c;
	bool wants_references;
	struct thread_message *messages;
	size_t count;
	struct unknown unknown[UNKNOWN_BATCH];
	size_t unknown_count;
};

/* --- reading ------------------------------------------------------------------------- */

static int add_message(const struct mailbox_item *item, const struct imap_keys *keys, void *arg)
{
	struct thread *t = arg;
	t->messages[t->count] = (struct thread_message){
		.uid = item->uid,
		.date = keys->sent_s,
		.is_reply = keys->is_reply,
		.id = keys->id,
		.subject = keys->subject,
		.ancestors = keys->ancestors,
		.ancestor_count = keys->ancestor_count,
	};
	if (t->wants_references && keys->unknown_in && t->unknown_count < UNKNOWN_BATCH)
		t->unknown[t->unknown_count++] = (struct unknown){ .index = t->count,
			                                           .uid = item->uid,
			                                           .blob_id = keys->unknown_in };
	t->count++;
	return arena_used(t->c->arena) > THREAD_BYTES_MAX ? -E2BIG : 0;
}

/* --- older rows ---------------------------------------------------------------------- */

/* On the thread pool. */
static void look_up_references(void *arg)
{
	struct thread *t = arg;
	for (size_t i = 0; i < t->unknown_count; i++) {
		struct unknown *u = &t->unknown[i];
		struct thread_message *m = &t->messages[u->index];
		struct imap_keys keys;
		u->references = imap_keys_references(imap_context(t->c->s)->store, t->c->arena,
		                                     u->blob_id);
		if (u->references.len == 0)
			continue;
		imap_keys_ancestors(t->c->arena, u->references, &keys);
		m->ancestors = keys.ancestors;
		m->ancestor_count = keys.ancestor_count;
	}
}

static int keep_references(struct db *db, void *arg)
{
	struct thread *t = arg;
	int64_t mailbox_id = t->c->s->selected->view->mailbox_id;
	int rc = 0;
	for (size_t i = 0; i < t->unknown_count && rc == 0; i++)
		rc = mailbox_set_references(db, mailbox_id, t->unknown[i].uid,
		                            t->unknown[i].references);
	return rc;
}

/* The next time the row knows. Nobody is told when that fails: it will be looked up again. */
static void learn_references(struct thread *t)
{
	if (t->unknown_count == 0)
		return;
	fiber_offload(look_up_references, t);
	int rc = store_commit(imap_context(t->c->s)->store, NULL, 0, keep_references, t);
	if (rc < 0)
		log_debug("imap.references.failed", kv_error(rc));
}

/* All rows, as many unknown ones at a time as there is room for. */
static int read_rows(struct thread *t, const struct uid_set *uids)
{
	struct imap_command *c = t->c;
	t->messages = ARENA_ARRAY(c->arena, c->s->selected->view->count + 1, struct thread_message);
	int rc;
	do {
		t->count = 0;
		t->unknown_count = 0;
		rc = imap_each_keys(c, uids, KEYS_THREADS, add_message, t);
		if (rc == 0)
			learn_references(t);
	} while (rc == 0 && t->unknown_count == UNKNOWN_BATCH);
	return rc;
}

/* --- the command --------------------------------------------------------------------- */

struct build_job {
	enum imap_thread_kind kind;
	const struct thread *t;
	uint32_t *list; /* of thread_tree_list() */
	size_t count;
	int rc;
};

static void build(void *arg)
{
	struct build_job *job = arg;
	struct thread_tree tree;
	job->rc = thread_tree_build(&tree, job->kind, job->t->messages, job->t->count);
	if (job->rc == 0)
		job->count = thread_tree_list(&tree, &job->list);
	thread_tree_destroy(&tree);
}

static uint32_t number_of(const struct imap_command *c, uint32_t uid)
{
	struct mailbox_item item = { 0 };
	if (c->by_uid)
		return uid;
	(void)mailbox_view_by_uid(c->s->selected->view, uid, &item);
	return item.seq;
}

/* A space follows a number unless the list ends with it. */
static void answer(const struct imap_command *c, const uint32_t *list, size_t count)
{
	struct slice before = count ? SLICE(" ") : SLICE_EMPTY;
	imap_write(c->s, SLICE("* THREAD"));
	for (size_t i = 0; i < count && !c->s->write_error; i++) {
		bool is_number = list[i] != THREAD_OPEN && list[i] != THREAD_CLOSE;
		if (is_number) {
			imap_write_number(c->s, before, number_of(c, list[i]));
		} else if (list[i] == THREAD_CLOSE) {
			imap_write(c->s, SLICE(")"));
		} else {
			imap_write(c->s, before);
			imap_write(c->s, SLICE("("));
		}
		before = is_number ? SLICE(" ") : SLICE_EMPTY;
	}
	imap_write(c->s, SLICE("\r\n"));
}

static int find_threads(struct thread *t, enum imap_thread_kind kind, const struct uid_set *uids)
{
	struct imap_orders *orders = imap_context(t->c->s)->orders;
	const struct mailbox_view *view = t->c->s->selected->view;
	const char request[] = { 'T', (char)kind };
	const struct imap_order_key key = { .mailbox_id = view->mailbox_id,
		                            .uid_validity = view->uid_validity,
		                            .request = slice_of(request, sizeof(request)),
		                            .exact = true };
	struct build_job job = { .kind = kind, .t = t };
	struct imap_order kept;
	if (imap_orders_find(orders, &key, uids, t->c->arena, &kept)) {
		answer(t->c, kept.numbers, kept.count);
		return 0;
	}
	int rc = read_rows(t, uids);
	if (rc < 0)
		return rc;
	fiber_offload(build, &job);
	if (job.rc == 0)
		answer(t->c, job.list, job.count);
	/* Not without those that somebody has removed meanwhile. */
	if (job.rc == 0 && t->count == uid_set_size(uids))
		imap_orders_keep(orders, &key, uids, job.list, job.count);
	free(job.list);
	return job.rc;
}

void imap_thread(struct imap_command *c)
{
	struct thread *t = ARENA_NEW(c->arena, struct thread);
	enum imap_thread_kind kind;
	struct imap_search search;
	struct uid_set uids;
	unsigned unreadable;
	if (!imap_take_space(&c->args) || !imap_take_thread(&c->args, c->arena, &kind, &search)) {
		imap_bad(c, "THREAD needs an algorithm, a charset and keys.");
		return;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, &search))
		return;
	t->c = c;
	t->wants_references = kind != THREAD_ORDEREDSUBJECT;
	int rc = imap_search_run(c, &search, &uids, &unreadable);
	if (rc == 0)
		rc = find_threads(t, kind, &uids);
	if (rc == -E2BIG)
		imap_no(c, "LIMIT", "Too many messages for that.");
	else if (rc < 0)
		imap_failed(c, rc);
	else if (unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
}
